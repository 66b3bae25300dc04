"""A collection against a model of it in plain Python, through random sequences of everything that can be done to it."""

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from numbered import cost_by_size
from synthetic import clustered, oracle

from semsearch import Collection, Document
from semsearch.index import measuring, sizing
from semsearch.index.collection_index import Measured
from semsearch.index.ids import IdSet
from semsearch.index.sizing import Codec
from semsearch.index.vectors import as_stored, as_vectors
from semsearch.types import OperatingPoint, Vectors

DIM = 6
POOL = clustered(400, DIM, centres=20)
STORED = as_stored(as_vectors(POOL, DIM)).astype(np.float32)  # normalised and rounded once more, at the gate
IDS = st.integers(0, 30)
ROWS = st.integers(0, len(POOL) - 1)


class CollectionMachine(RuleBasedStateMachine):
    """The model: document id -> (row of POOL, year), in the order of the chunks' ids."""

    sizes: ClassVar[dict[str, int]] = {}

    @initialize(codec=st.sampled_from(list(Codec)))
    def create(self, codec: Codec) -> None:
        self.patch = pytest.MonkeyPatch()
        for name, value in self.sizes.items():
            self.patch.setattr(sizing, name, value)
        cost_by_size(self.patch)
        self.patch.setattr(measuring, "SAMPLE", 20)
        self.root = Path(tempfile.mkdtemp()) / "c"
        self.collection = Collection.create(self.root, dim=DIM, codec=str(codec))
        self.model: dict[str, tuple[int, int]] = {}

    def teardown(self) -> None:
        if hasattr(self, "collection"):
            self.collection.close()
            shutil.rmtree(self.root.parent)
            self.patch.undo()

    @rule(
        items=st.lists(st.tuples(IDS, ROWS, st.integers(0, 3)), min_size=1, max_size=12, unique_by=lambda item: item[0])
    )
    def add(self, items: list[tuple[int, int, int]]) -> None:
        documents = [Document(str(id), f"row {row}", {"year": year}, vector=POOL[row]) for id, row, year in items]
        old = dict(self.model)
        for id, row, year in items:
            if str(id) in old and old[str(id)][0] == row:
                self.model[str(id)] = (row, year)  # metadata alone: the chunk stays what it is
            else:
                self.model.pop(str(id), None)
                self.model[str(id)] = (row, year)
        report = self.collection.add(documents)
        assert report.failed == ()
        assert report.added == sum(str(id) not in old for id, _, _ in items)
        assert report.skipped == sum(old.get(str(id)) == (row, year) for id, row, year in items)
        assert report.added + report.updated + report.skipped == len(items)

    @rule(ids=st.lists(IDS, max_size=6))
    def remove(self, ids: list[int]) -> None:
        names = {str(id) for id in ids}
        report = self.collection.remove([str(id) for id in ids])
        assert report.removed == len(names & set(self.model))
        assert set(report.missing) == names - set(self.model)
        for name in names:
            self.model.pop(name, None)

    @rule(year=st.integers(0, 4))
    def remove_by_filter(self, year: int) -> None:
        doomed = [name for name, (_, its) in self.model.items() if its > year]
        assert self.collection.remove(filter={"year": {"$gt": year}}).removed == len(doomed)
        for name in doomed:
            del self.model[name]

    @rule()
    def reopen(self) -> None:
        self.collection.close()
        self.collection = Collection.open(self.root)

    @rule(row=ROWS, k=st.integers(1, 40), exact=st.booleans())
    def search(self, row: int, k: int, exact: bool) -> None:
        self.check(POOL[row], k, self.model, exact=exact)

    @rule(row=ROWS, k=st.integers(1, 10), years=st.sets(st.integers(0, 4)))
    def search_filtered(self, row: int, k: int, years: set[int]) -> None:
        matching = {name: value for name, value in self.model.items() if value[1] in years}
        self.check(POOL[row], k, matching, filter={"year": {"$in": sorted(years)}})

    def check(self, query: Vectors, k: int, live: dict[str, tuple[int, int]], **options: object) -> None:
        names = list(live)
        rows = STORED[[row for row, _ in live.values()]] if live else np.empty((0, DIM), dtype=np.float32)
        [scores], [order] = oracle(as_vectors(query, DIM), k, np.arange(len(names)), rows)
        hits = self.collection.search(vector=query, k=k, **options).hits
        assert [hit.score for hit in hits] == scores
        assert [hit.document_id for hit in hits] == [names[at] for at in order]
        assert all(hit.text == f"row {live[hit.document_id][0]}" for hit in hits)

    @invariant()
    def counts_agree(self) -> None:
        if hasattr(self, "collection"):
            info = self.collection.info()
            assert info.documents == info.chunks == len(self.model) == self.collection.count()
            assert info.degraded is None
            assert {summary.id for summary in self.collection.list(page_size=1_000).documents} == set(self.model)


class IndexedCollectionMachine(CollectionMachine):
    """The same with tiny sizes, so that segments, their rewriting, the index and the tail all take part."""

    sizes: ClassVar[dict[str, int]] = {"INDEX_FROM": 20, "SEAL_FROM": 4, "SEGMENT_ROWS": 40}

    @rule()
    def compact(self) -> None:
        self.collection.compact()
        info = self.collection.info()
        assert info.tombstones == 0 or info.index is None
        assert info.index is None or info.index.rows == len(self.model)

    @initialize(codec=st.sampled_from(list(Codec)), rows=st.lists(ROWS, min_size=30, max_size=60))
    def create(self, codec: Codec, rows: list[int]) -> None:
        super().create(codec)
        self.grow(rows)

    @rule(rows=st.lists(ROWS, min_size=5, max_size=30))
    def grow(self, rows: list[int]) -> None:
        """Documents that removal by filter leaves alone."""
        first = 100 + len(self.model)
        self.add([(first + number, row, 0) for number, row in enumerate(rows)])

    @rule(row=ROWS, k=st.integers(1, 40))
    def search_the_index(self, row: int, k: int) -> None:
        self.check(POOL[row], k, self.model)

    def check(self, query: Vectors, k: int, live: dict[str, tuple[int, int]], **options: object) -> None:
        # every row is a candidate, so that the answer is known: even a measured recall of 1.0 is one of other queries
        with mock.patch.object(Measured, "point_for", all_of_it):
            super().check(query, k, live, **options)


def all_of_it(measured: Measured, k: int, target_recall: float, allowed: IdSet | None) -> OperatingPoint:
    return OperatingPoint(measured.payload.nlist, 2 * len(measured.payload.ids), 1.0, 1.0, 0.0)


_profile = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
TestCollection = CollectionMachine.TestCase
TestCollection.settings = _profile
TestIndexedCollection = IndexedCollectionMachine.TestCase
TestIndexedCollection.settings = _profile
