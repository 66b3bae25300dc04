"""Indexes over metadata keys: filters find the same with them as without, whatever was changed, and find it there."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from unittest import mock

import numpy as np
import pytest
from filter_oracle import SCALARS, VALUES, Object, filters, holds, scalars_in
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from semsearch.errors import ConflictError, InvalidRequestError
from semsearch.store import matching
from semsearch.store.documents import DocumentStore
from semsearch.store.reader import StoreReader
from semsearch.store.records import CollectionSpec, Entry
from semsearch.store.writer import MAX_INDEXED_KEYS
from semsearch.types import Document, Span

METADATA = st.dictionaries(st.sampled_from("ab"), VALUES | SCALARS | SCALARS)
IDS = st.sampled_from("abcde")


def entry(document_id: str, metadata: Object, chunks: int = 1) -> Entry:
    vectors = np.ones((chunks, 2), dtype=np.float16)
    return Entry(Document(document_id, "some text", metadata), b"content", b"", (Span(0, 4),) * chunks, vectors)


def answers(reader: StoreReader, filter_: Object) -> tuple[list[int], int, list[str]]:
    """What a filter matches, by all three ways of asking."""
    listed = [summary.id for _, summary in reader.summaries(filter_, 0, 1_000)]
    return reader.chunk_ids(filter_).tolist(), reader.count(filter_), listed


def looked_up_in(few: int, share: float) -> Any:  # noqa: ANN401 - mock's context managers have no public type
    """How many documents an index may leave for the other terms to be looked up in these alone."""
    return mock.patch.multiple(matching, FEW=few, SHARE=share)


BOUNDS = [(0, 0.0), (0, 0.5), (3, 0.2), (10_000, 1_000.0)]  # from never to always


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DocumentStore, DocumentStore]]:
    """One to have indexes, one to have none; nothing here is about durability, and each sync takes milliseconds."""
    root = tmp_path_factory.mktemp("stores")
    pair = (
        DocumentStore.create(root / "indexed", CollectionSpec(2)),
        DocumentStore.create(root / "plain", CollectionSpec(2)),
    )
    for store in pair:
        with contextlib.closing(store._writer.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA synchronous = OFF")
    yield pair
    for store in pair:
        store.close()


def emptied(stores: tuple[DocumentStore, DocumentStore]) -> None:
    for store in stores:
        with store.write() as writer:
            writer.remove_matching({})
            for key in writer.indexed_keys():
                writer.drop_key_index(key)


Change: TypeAlias = tuple[str, str, Object, int]  # kind, document id, its metadata, its chunks
CHANGES = st.lists(
    st.tuples(st.sampled_from(["put", "put", "update", "remove"]), IDS, METADATA, st.integers(1, 3)),
    min_size=5,
    max_size=9,
)


def change(stores: tuple[DocumentStore, DocumentStore], model: dict[str, Object], changes: list[Change]) -> None:
    """Do the same to both stores, in one transaction each, and to the model: document id -> metadata."""
    with stores[0].write() as first, stores[1].write() as second:
        for kind, id, metadata, chunks in changes:
            for writer in (first, second):
                if kind == "put":
                    writer.put([entry(id, metadata, chunks)])
                elif kind == "update" and id in model:
                    writer.update_details([(Document(id, "some text", metadata), b"", None)])
                elif kind == "remove":
                    writer.remove([id])
            if kind == "put" or (kind == "update" and id in model):
                model[id] = metadata
            elif kind == "remove":
                model.pop(id, None)


def indexed(store: DocumentStore, model: dict[str, Object], data: st.DataObject) -> None:
    """Index some of the keys that documents have, and now and then one that none has."""
    keys = sorted({key for key, _ in scalars_in(list(model.values()))})
    chosen = (
        keys[:MAX_INDEXED_KEYS] if data.draw(st.booleans()) else data.draw(st.lists(st.sampled_from([*keys, "a.b"])))
    )
    with store.write() as writer:
        for key in chosen[:MAX_INDEXED_KEYS]:
            writer.index_key(key)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(st.data(), CHANGES, CHANGES)
def test_filters_find_the_same_with_indexes_as_without_whatever_was_changed_since(
    stores: tuple[DocumentStore, DocumentStore], data: st.DataObject, before: list[Change], after: list[Change]
) -> None:
    model: dict[str, Object] = {}
    emptied(stores)
    change(stores, model, before)
    indexed(stores[0], model, data)
    for changes in ([], after):
        change(stores, model, changes)
        check_answers(stores, model, data)


def check_answers(stores: tuple[DocumentStore, DocumentStore], model: dict[str, Object], data: st.DataObject) -> None:
    """Some filters, with indexes used or not for as many documents as there may be."""
    for _ in range(4):
        filter_ = data.draw(filters([*model.values(), {}]))
        bounds = data.draw(st.sampled_from(BOUNDS))
        matching_ids = {id for id, metadata in model.items() if holds(filter_, metadata)}
        with stores[0].read() as reader, stores[1].read() as plain, looked_up_in(*bounds):
            found = answers(reader, filter_)
            assert set(found[2]) == matching_ids, (filter_, reader.indexed_keys())
            assert found == answers(plain, filter_), (filter_, reader.indexed_keys())


# Every operator on every kind of value, alone and joined: `a` and `b` are indexed, `c` is not.

VALUES_OF_A = [1, 2, 2.5, -1, True, False, "1", "abc", "", None, ["abc", 1], {"x": 1}]
ROWS_OF_ABC: list[Object] = [
    {**row, "b": number % 3, "c": "odd" if number % 2 else ["even", number], "n": {"a": number % 5}}
    for number, row in enumerate([*({"a": value} for value in VALUES_OF_A), {}, {"a": 3}, {"a": 3}] * 3)
]
TERMS: list[Object] = [
    {"a": operand}
    for operand in [
        *(1, 2.0, True, False, "1", "", None),
        *({"$ne": 1}, {"$ne": None}, {"$in": [1, "1", True, None]}, {"$nin": [2, "abc"]}, {"$in": []}, {"$nin": []}),
        *({"$gt": 1}, {"$gte": 2}, {"$lt": 2.5}, {"$lte": "abc"}, {"$gte": 1, "$lt": 3}, {"$gte": 5, "$ne": 7}),
        *({"$exists": True}, {"$exists": False}, {"$contains": "a"}, {"$gte": "a", "$contains": "b"}),
    ]
]


def mixtures(term: Object) -> list[Object]:
    """The term with another index, with what is not indexed, and with both, in AND, OR and NOT."""
    by_index, by_document = {"b": 1}, {"c": {"$contains": "even"}}
    pairs = [[term, by_index], [term, by_document], [term, {"a": {"$lt": 3}}], [term, by_document, {"b": 0}]]
    joined = [{name: pair} for name in ("$and", "$or") for pair in pairs]
    nested = [{"$and": [{"$or": [term, by_document]}, by_index]}, {"$or": [{"$and": [term, by_document]}, by_index]}]
    negated = {"$not": {"$or": [term, {"$not": {"$and": [by_index, by_document]}}]}}
    return [{}, term, {"$not": term}, *joined, *nested, negated]


@pytest.fixture(scope="module")
def abc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentStore]:
    store = DocumentStore.create(tmp_path_factory.mktemp("abc") / "c", CollectionSpec(2))
    with store.write() as writer:
        writer.put([entry(str(number), row, 1 + number % 2) for number, row in enumerate(ROWS_OF_ABC)])
        for key in ("a", "b", "n.a"):
            writer.index_key(key)
    yield store
    store.close()


@pytest.mark.parametrize("term", TERMS, ids=json.dumps)
def test_a_term_alone_and_in_every_mixture_matches_what_the_oracle_says(abc: DocumentStore, term: Object) -> None:
    with abc.read() as reader:
        chunks = reader.chunks(range(1, 200))
        for filter_ in mixtures(term):
            expected = [str(number) for number, row in enumerate(ROWS_OF_ABC) if holds(filter_, row)]
            for bounds in (BOUNDS[0], BOUNDS[-1]):
                with looked_up_in(*bounds):
                    ids, count, listed = answers(reader, filter_)
                assert listed == expected, (filter_, bounds)
                assert count == len(expected), (filter_, bounds)
                assert ids == [id for id, each in chunks.items() if each.chunk.document_id in expected], (
                    filter_,
                    bounds,
                )


# What is kept up to date, made, refused and dropped; and that it is asked.


@pytest.fixture
def store(tmp_path: Path) -> DocumentStore:
    """Five documents of two chunks each, with the years 2020 to 2024; `year` is indexed."""
    store = DocumentStore.create(tmp_path / "c", CollectionSpec(2))
    with store.write() as writer:
        writer.put([entry(f"d{year}", {"year": year, "n": {"x": str(year)}}, 2) for year in range(2020, 2025)])
        assert writer.index_key("year")
    return store


def index_rows(store: DocumentStore) -> list[tuple[object, ...]]:
    """(key, document's seq, type, value, first chunk, last chunk) of all indexes."""
    with store.read() as reader:
        return [tuple(row) for row in reader._connection.exec_driver_sql("SELECT * FROM indexed_values ORDER BY 1, 2")]


def test_an_index_has_one_row_a_document_with_type_value_and_chunks(store: DocumentStore) -> None:
    values = [True, None, 1.5, "x", [1], {"y": 2}]
    with store.write() as writer:
        writer.remove_matching({})
        writer.put([entry(str(number), {"year": value}) for number, value in enumerate(values)])
        writer.put([entry("absent", {})])
    places = [("true", 1), ("null", None), ("real", 1.5), ("text", "x"), ("array", None), ("object", None), ("", None)]
    expected = [(1, 6 + at, *place, 11 + at, 11 + at) for at, place in enumerate(places)]
    assert index_rows(store) == expected


def test_an_update_a_replacement_and_a_removal_are_in_the_index_with_their_commit(store: DocumentStore) -> None:
    with store.write() as writer:
        writer.update_details([(Document("d2020", "", {"year": 1}), b"", None), (Document("d2021", "", {}), b"", None)])
        writer.put([entry("d2022", {"year": 2}), entry("new", {"year": 3})])
        writer.remove(["d2023"])
        writer.remove_matching({"year": 2024})
        inside = index_rows_of(writer)
    expected = [(1, "integer", 1, 1), (2, "", None, 3), (3, "integer", 2, 11), (6, "integer", 3, 12)]
    assert inside == expected
    with store.read() as reader:
        assert index_rows_of(reader) == expected


def index_rows_of(reader: StoreReader) -> list[tuple[object, ...]]:
    """(document's seq, type, value, first chunk)."""
    rows = reader._connection.exec_driver_sql(
        "SELECT document, type, value, first_chunk FROM indexed_values ORDER BY 1"
    )
    return [tuple(row) for row in rows]


def test_a_write_that_fails_leaves_the_index_as_it_was(store: DocumentStore) -> None:
    before = index_rows(store)
    with pytest.raises(RuntimeError, match="half way"), store.write() as writer:
        writer.put([entry("new", {"year": 1})])
        writer.remove(["d2020"])
        raise RuntimeError("half way")
    assert index_rows(store) == before


def test_a_key_is_indexed_once_and_the_index_is_there_when_the_store_is_opened_again(store: DocumentStore) -> None:
    with store.write() as writer:
        assert not writer.index_key("year")
        assert writer.index_key("n.x")
    store.close()
    with DocumentStore.open(store.root).read() as reader:
        assert reader.indexed_keys() == {"n.x": 2, "year": 1}
        assert reader.chunk_ids({"n.x": "2021"}).tolist() == [3, 4]


def test_an_index_that_is_dropped_leaves_nothing_and_its_key_can_be_indexed_again(store: DocumentStore) -> None:
    with store.write() as writer:
        assert writer.index_key("n.x")
        assert writer.drop_key_index("year")
        assert not writer.drop_key_index("year")
        assert list(writer.indexed_keys()) == ["n.x"]
    assert {row[0] for row in index_rows(store)} == {2}
    with store.write() as writer:
        assert writer.index_key("year")
        assert writer.chunk_ids({"year": {"$lt": 2022}, "n.x": {"$ne": "2020"}}).tolist() == [3, 4]


def test_one_key_too_many_is_refused_with_the_keys_that_are_indexed(store: DocumentStore) -> None:
    with store.write() as writer:
        for number in range(1, MAX_INDEXED_KEYS):
            writer.index_key(f"k{number}")
        with pytest.raises(ConflictError, match=rf"^other cannot be indexed: {MAX_INDEXED_KEYS} keys .*k1, .*year"):
            writer.index_key("other")
        assert not writer.index_key("k1")
        writer.drop_key_index("k1")
        assert writer.index_key("other")


@pytest.mark.parametrize("key", ["", ".a", "a..b", "$eq", "a b", "a" * 65, 'a"b', None])
def test_what_no_filter_has_as_its_key_is_not_indexed(store: DocumentStore, key: str) -> None:
    with store.write() as writer, pytest.raises(InvalidRequestError, match=r"is not a key|an empty part"):
        writer.index_key(key)


def test_progress_is_told_documents_up_to_all_of_them(store: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semsearch.store.writer._INDEXED_AT_ONCE", 2)
    told: list[int] = []
    with store.write() as writer:
        writer.remove(["d2021"])
        writer.index_key("n.x", told.append)
    assert told == [1, 3, 4]


def asking(store: DocumentStore, ask: Callable[[StoreReader], object]) -> tuple[list[str], list[str]]:
    """The statements that a question runs, and SQLite's plan for the last one."""
    seen: list[tuple[str, Any]] = []

    def record(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(store._reading.engine, "before_cursor_execute", record)
    with store.read() as reader:
        ask(reader)
        event.remove(store._reading.engine, "before_cursor_execute", record)
        plan = reader._connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {seen[-1][0]}", seen[-1][1]).all()
    return [statement for statement, _ in seen], [row.detail for row in plan]


@pytest.mark.parametrize(
    ("operand", "range_"),
    [
        (2020, "key=? AND type=? AND value=?"),
        ({"$in": [2020, 2021]}, "key=? AND type=? AND value=?"),
        ({"$gte": 2020}, "key=? AND type=? AND value>?"),
        ({"$gt": 2020, "$lte": 2022}, "key=? AND type=? AND value>? AND value<?"),
        ({"$lt": "2020"}, "key=? AND type=? AND value<?"),
        (None, "key=? AND type=?"),
        ({"$exists": False}, "key=? AND type<?"),
        ({"$ne": 2020}, "key=?"),
    ],
    ids=json.dumps,
)
def test_a_filter_on_one_indexed_key_searches_this_range_of_the_index_and_no_document(
    store: DocumentStore, operand: object, range_: str
) -> None:
    statements, plan = asking(store, lambda reader: reader.chunk_ids({"year": operand}))
    assert plan == [f"SEARCH indexed_values USING COVERING INDEX ix_indexed_values ({range_})"]
    assert [statement for statement in statements if "documents" in statement] == []


@pytest.mark.parametrize("ask", ["chunk_ids", "count"])
@pytest.mark.parametrize(
    "filter_",
    [
        {"$or": [{"year": 2020}, {"n.x": "2024"}]},
        {"$not": {"$and": [{"year": 2020}, {"n.x": "2020"}]}},
        {"year": {"$gte": 2021}, "n.x": {"$lt": "2023"}},
    ],
    ids=json.dumps,
)
def test_a_filter_on_indexed_keys_alone_reads_no_document(store: DocumentStore, filter_: Object, ask: str) -> None:
    with store.write() as writer:
        writer.index_key("n.x")
    with looked_up_in(0, 0.0):
        statements, _ = asking(store, lambda reader: getattr(reader, ask)(filter_))
    assert "FROM indexed_values" in statements[-1]
    assert [statement for statement in statements if "documents" in statement] == []


@pytest.mark.parametrize("ask", [lambda reader, f: reader.chunk_ids(f), lambda reader, f: reader.summaries(f, 0, 9)])
def test_where_an_index_leaves_few_documents_only_these_are_looked_at(
    store: DocumentStore, ask: Callable[[StoreReader, Object], object]
) -> None:
    filter_ = {"n.x": {"$contains": "2"}, "year": {"$lt": 2023}}
    for bounds, narrowed in (((3, 0.6), True), ((2, 0.4), False)):
        with looked_up_in(*bounds):
            statements, _ = asking(store, lambda reader: ask(reader, filter_))
        assert ["documents.seq IN" in each for each in statements if "documents.metadata" in each] == [narrowed]


def test_where_an_index_leaves_few_documents_another_index_is_not_read(store: DocumentStore) -> None:
    with store.write() as writer:
        writer.index_key("n.x")
    for few, looked_up in ((2, True), (1, False)):
        with looked_up_in(few, 0.0):
            statements, _ = asking(store, lambda reader: reader.chunk_ids({"year": {"$lt": 2022}, "n.x": {"$gt": ""}}))
        assert ("documents.metadata" in statements[-1]) == looked_up


# Interrupted.


def test_an_interrupted_index_key_leaves_no_index_and_can_be_run_again(store: DocumentStore) -> None:
    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    before = index_rows(store)
    with pytest.raises(KeyboardInterrupt), store.write() as writer:
        writer.index_key("n.x", interrupt)
    with store.write() as writer:
        assert list(writer.indexed_keys()) == ["year"]
    assert index_rows(store) == before
    with store.write() as writer:
        assert writer.index_key("n.x")
    assert len(index_rows(store)) == 10


INDEXING = """
import os, signal, sys
from pathlib import Path
from semsearch import files
from semsearch.store import writer
from semsearch.store.documents import DocumentStore

writer._INDEXED_AT_ONCE = 2
kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
moment = sys.argv[2]
with files.armed(moment, kill), DocumentStore.open(Path(sys.argv[1])).write() as writer:
    writer.index_key("n.x", lambda done: kill() if moment == str(done) else None)
"""


@pytest.mark.parametrize(
    ("moment", "keys"),
    [("2", ["year"]), ("5", ["year"]), ("store.precommit", ["year"]), ("store.postcommit", ["n.x", "year"])],
)
def test_a_killed_index_key_leaves_none_or_a_complete_one(store: DocumentStore, moment: str, keys: list[str]) -> None:
    store.close()
    command = [sys.executable, "-c", INDEXING, str(store.root), moment]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    opened = DocumentStore.open(store.root)
    assert len(index_rows(opened)) == 5 * len(keys)
    with opened.read() as reader:
        assert list(reader.indexed_keys()) == keys
        assert reader.chunk_ids({"n.x": {"$gte": "2022"}, "year": {"$lt": 2024}}).tolist() == [5, 6, 7, 8]


def test_a_filter_asked_while_its_key_is_being_indexed_is_answered(store: DocumentStore) -> None:
    found: list[list[int]] = []

    def ask(done: int) -> None:
        with store.read() as reader:
            found.append(reader.chunk_ids({"n.x": {"$lte": "2020"}}).tolist())

    with store.write() as writer:
        writer.index_key("n.x", ask)
    assert found == [[1, 2]]
