"""An index whose files are replaced, damaged or half written: readers go on, damage is noticed, nothing is lost."""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numbered
import numpy as np
import pytest
from numbered import DIM, PARTS, QUERIES, ROWS, VECTORS, KilledError

from semsearch import Collection, files
from semsearch.errors import StoreError
from semsearch.index import sizing
from semsearch.index.collection_index import Measured
from semsearch.index.payload import Payload
from semsearch.index.sizing import Codec

pytestmark = pytest.mark.usefixtures("small_is_large")


def loaded_payload(collection: Collection) -> Payload:
    """What the collection searches, loaded."""
    collection.search(vector=VECTORS[0])
    loaded = collection._snapshots._loaded
    assert loaded is not None
    assert loaded.measured is not None
    return loaded.measured.payload


def replace_payload(collection: Collection, payload: Payload) -> None:
    loaded = collection._snapshots._loaded
    assert loaded is not None
    assert loaded.measured is not None
    measured = Measured(payload, loaded.measured.curve, loaded.measured.exact_milliseconds)
    collection._snapshots._loaded = replace(loaded, measured=measured)


# --- readers


def test_a_reader_keeps_up_with_a_writer(indexed: Collection) -> None:
    with Collection.open(numbered.root(indexed)) as reader:
        assert numbered.found(reader, VECTORS[3])[0] == 3
        indexed.remove(["3"])
        assert numbered.found(reader, VECTORS[3])[0] != 3
        indexed.add([numbered.document(ROWS)])
        assert numbered.found(reader, VECTORS[ROWS])[0] == ROWS
        for end in (ROWS + 300, ROWS + 900):  # a delta, and then a new base
            indexed.add(numbered.documents(ROWS + 1, end))
            assert numbered.found(reader, VECTORS[end - 1])[0] == end - 1
            assert numbered.by_index(reader, VECTORS[end - 1])
            assert reader.info().degraded is None


def grown_by_a_delta(collection: Collection) -> None:
    collection.add(numbered.documents(ROWS, ROWS + 250))


def grown_by_a_base(collection: Collection) -> None:
    collection.add(numbered.documents(ROWS, ROWS + 900))


def rewritten(collection: Collection) -> None:
    collection.remove(str(number) for number in range(1_000, 1_300))
    numbered.compact_beside_readers(collection)


@pytest.mark.parametrize("change", [grown_by_a_delta, grown_by_a_base, rewritten])
@pytest.mark.parametrize("searched", [True, False], ids=["searched-before", "not-searched-before"])
def test_a_reader_with_the_old_index_open_goes_on_while_its_files_vanish(
    indexed: Collection, change: Callable[[Collection], None], searched: bool
) -> None:
    with Collection.open(numbered.root(indexed)) as reader, reader._snapshots.current() as snapshot:
        if searched:
            snapshot.index.search(VECTORS[:1], 10)
        change(indexed)
        answer = snapshot.index.search(VECTORS[:5], 10)
        assert answer.path == "ivf"
        assert answer.ids[:, 0].tolist() == [1, 2, 3, 4, 5]
        assert answer.ids.max() <= ROWS
        chunks = set(answer.ids.ravel().tolist())
        assert len(snapshot.reader.chunks(chunks)) == len(chunks)
        assert reader.info().degraded is None


# --- damage


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 10)


def overwrite(path: Path) -> None:
    path.write_bytes(b"\x5a" * path.stat().st_size)


def overwrite_the_end(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3] + b"\x5a" * (len(data) - len(data) * 2 // 3))


def damaged(collection: Collection, kind: str, damage: Callable[[Path], None]) -> Path:
    """The path of the collection, closed, with a delta and one file of its index damaged."""
    collection.add(numbered.documents(ROWS, ROWS + 200))
    at = numbered.root(collection)
    [file] = numbered.manifest(collection, kind)
    collection.close()
    damage(at / file.name)
    return at


@pytest.mark.parametrize("damage", [cut_short, overwrite, Path.unlink])
@pytest.mark.parametrize("kind", sorted(PARTS))
def test_a_damaged_index_is_noticed_and_every_search_is_exact_until_it_is_rebuilt(
    indexed: Collection, kind: str, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    at = damaged(indexed, kind, damage)
    with caplog.at_level(logging.WARNING), Collection.open(at) as again:
        assert numbered.found(again, VECTORS[3])[0] == 3
        assert not numbered.by_index(again, VECTORS[3])
        assert again.info().degraded is not None
        assert "cannot be used" in caplog.text
        assert numbered.recall(again, QUERIES[:20], range(ROWS + 200)) == 1.0
        again.add([])
        assert again.info().degraded is None
        assert numbered.by_index(again, VECTORS[3])
        assert numbered.recall(again, QUERIES[:20], range(ROWS + 200)) >= 0.9


@pytest.mark.parametrize("kind", sorted(PARTS))
def test_documents_are_added_to_a_collection_with_a_damaged_index_and_it_is_rebuilt_with_them(
    indexed: Collection, kind: str
) -> None:
    at = damaged(indexed, kind, overwrite)
    with Collection.open(at) as again:
        report = again.add(numbered.documents(ROWS + 200, ROWS + 900))  # enough to seal while it is added
        assert (report.added, report.maintenance) == (700, None)
        assert (numbered.index_of(again).rows, again.info().tail) == (ROWS + 900, 0)
        assert numbered.recall(again, QUERIES[:20], range(ROWS + 900)) >= 0.9


@pytest.mark.parametrize("kind", sorted(PARTS))
def test_an_index_that_is_damaged_while_it_is_open_keeps_no_document_from_being_added(
    indexed: Collection, kind: str
) -> None:
    indexed.add(numbered.documents(ROWS, ROWS + 200))
    assert numbered.by_index(indexed, VECTORS[3])
    at = numbered.root(indexed)
    overwrite(at / numbered.manifest(indexed, kind)[0].name)
    with pytest.raises(StoreError, match="damaged.*open the collection again, and compact it"):
        indexed.tune()
    report = indexed.add(numbered.documents(ROWS + 200, ROWS + 900))
    assert report.added == 700
    # a segment sealed meanwhile has the collection look again, and the damage mended at once
    assert ("is damaged" in str(report.maintenance)) is kind.endswith("_ids")
    with Collection.open(at) as reader:
        assert numbered.found(reader, VECTORS[ROWS + 899], k=1) == [ROWS + 899]
    indexed.close()
    with Collection.open(at) as again:
        again.compact()
        assert (numbered.index_of(again).rows, again.info().tail) == (ROWS + 900, 0)


@pytest.mark.parametrize("codec", list(Codec))
def test_an_index_whose_lists_are_overwritten_never_shows_what_is_not_so(tmp_path: Path, codec: Codec) -> None:
    with Collection.create(tmp_path / "c", dim=DIM, codec=str(codec)) as made:
        made.add(numbered.documents(1_000))
        [base] = numbered.manifest(made, "base")
    overwrite_the_end(tmp_path / "c" / base.name)
    with Collection.open(tmp_path / "c") as again:
        for query in QUERIES[:20]:
            hits = again.search(vector=query).hits
            assert len(hits) == 10
            for hit in hits:
                assert hit.text == f"text {hit.document_id}"
                assert hit.score == pytest.approx(float(query @ VECTORS[int(hit.document_id)]), abs=1e-3)
        again.add([])
        again.compact()


def test_what_a_damaged_index_proposes_never_becomes_a_hit_against_the_filter(indexed: Collection) -> None:
    payload = loaded_payload(indexed)
    replace_payload(indexed, replace(payload, ids=np.append(payload.ids[7:], payload.ids[-1] + np.arange(1, 8))))
    hits = indexed.search(vector=VECTORS[3], filter={"tenth": 3}).hits
    assert [hit.metadata["tenth"] for hit in hits] == [3] * 10
    assert [int(hit.document_id) for hit in hits] == numbered.expected(VECTORS[3], range(3, ROWS, 10))


def test_an_index_that_proposes_what_is_not_there_is_given_up_at_once(
    indexed: Collection, caplog: pytest.LogCaptureFixture
) -> None:
    payload = loaded_payload(indexed)
    replace_payload(indexed, replace(payload, ids=payload.ids + 1_000_000))
    with caplog.at_level(logging.WARNING):
        assert numbered.found(indexed, VECTORS[3]) == numbered.expected(VECTORS[3], range(ROWS))
    assert "is damaged" in caplog.text
    assert "no segment has" in str(indexed.info().degraded)
    indexed.add([])
    assert indexed.info().degraded is None
    assert numbered.by_index(indexed, VECTORS[3])


# --- interruption


POINTS = ["publish.written", "publish.fsynced", "publish.renamed", "publish.dirsynced", "store.precommit"]


@pytest.mark.parametrize("point", POINTS)
def test_an_interrupted_first_index_leaves_nothing_that_counts(tmp_path: Path, point: str) -> None:
    with Collection.create(tmp_path / "c", dim=DIM) as made:
        made.add(numbered.documents(499))
    with Collection.open(tmp_path / "c") as again, files.armed(point, numbered.die_at(1)), pytest.raises(KilledError):
        again.add([numbered.document(499)])
    with Collection.open(tmp_path / "c") as again:
        assert again.count() == (499 if point == "store.precommit" else 500)
        assert again.info().degraded is None
        again.add([numbered.document(499)])
        assert numbered.index_of(again).rows == 500
        assert numbered.names_on_disk(again) == {file.name for file in numbered.manifest(again)}
        assert list((tmp_path / "c" / "tmp").iterdir()) == []


@pytest.mark.parametrize(("rows", "kinds"), [(200, PARTS), (700, {"base", "base_ids"})], ids=["delta", "base"])
def test_an_interrupted_extension_leaves_the_index_as_it_was_whatever_file_it_was_at(
    indexed: Collection, tmp_path: Path, rows: int, kinds: set[str]
) -> None:
    before, at = numbered.index_of(indexed), numbered.root(indexed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sizing, "SEAL_FROM", 10**9)
        indexed.add(numbered.documents(ROWS, ROWS + rows))
    indexed.close()
    for turn in count(1):
        with Collection.open(at) as again, files.armed("publish.renamed", numbered.die_at(turn)):
            try:
                again.add([])
                break
            except KilledError:
                pass
        with Collection.open(at) as again:
            assert numbered.index_of(again) == before
            assert again.info().tail == rows
            assert numbered.found(again, VECTORS[ROWS + 5], k=1) == [ROWS + 5]
    assert turn == 5  # a segment with its ids, a part with its ids, and nothing more to interrupt
    with Collection.open(at) as again:
        assert (numbered.parts(again), numbered.index_of(again).rows) == (kinds, ROWS + rows)
        assert numbered.names_on_disk(again) == {file.name for file in numbered.manifest(again)}


def test_damage_found_on_an_old_snapshot_leaves_the_index_that_came_after_it_alone(indexed: Collection) -> None:
    payload = loaded_payload(indexed)
    replace_payload(indexed, replace(payload, ids=payload.ids + 1_000_000))
    with indexed._snapshots.current() as old:
        numbered.compact_beside_readers(indexed)
        indexed.add(numbered.documents(ROWS, ROWS + 200))  # a delta: the files are other ones now
        assert numbered.by_index(indexed, VECTORS[3])
        assert old.index.search(VECTORS[:1], 10).path == "exact"
    assert indexed.info().degraded is None
    assert numbered.by_index(indexed, VECTORS[3])
