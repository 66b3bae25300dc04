"""Pages of hits: together they are one search, of one state of the collection."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEmbedder
from few_words import WORDS, documents_of_few_words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numbered import QUERIES

from semsearch import Collection, Document
from semsearch.errors import ConflictError, InvalidRequestError
from semsearch.search import paging
from semsearch.types import Hit


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    with Collection.create(tmp_path_factory.mktemp("paging") / "c", model=FakeEmbedder(max_tokens=8)) as made:
        made.add(documents_of_few_words(36))
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "own", dim=2) as made:
        made.add(Document(str(number), f"note {number}", vector=[1, number]) for number in range(10))
        yield made


def pages(collection: Collection, query: str | None = None, **options: Any) -> list[tuple[Hit, ...]]:  # noqa: ANN401
    found, cursor = [], None
    while True:
        page = collection.search(query, **options, cursor=cursor)
        found.append(page.hits)
        cursor = page.cursor
        if cursor is None:
            return found


OPTIONS = st.fixed_dictionaries(
    {"mode": st.sampled_from(["semantic", "hybrid", "keyword"]), "k": st.sampled_from([7, 30, 100])},
    optional={
        "group_by": st.just("document"),
        "collapse": st.sampled_from([0.8, 0.95]),
        "diversity": st.sampled_from([0.2, 0.7]),
        "filter": st.just({"third": {"$lt": 2}}),
    },
)


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=2).map(" ".join), OPTIONS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_are_the_parts_of_one_larger_search(collection: Collection, query: str, options: dict[str, Any]) -> None:
    found = pages(collection, query, **options)
    whole = collection.search(query, **{**options, "k": 1_000}).hits
    parts = [hit for page in found for hit in page]
    assert [(hit.rank, hit.chunk_id, hit.score) for hit in parts] == [
        (hit.rank, hit.chunk_id, hit.score) for hit in whole
    ]
    assert [len(page) for page in found[:-1]] == [options["k"]] * (len(found) - 1)


def test_pages_of_an_approximate_search_miss_no_chunk_and_repeat_none(indexed: Collection) -> None:
    found = pages(indexed, vector=QUERIES[0], k=300)
    assert indexed.search(vector=QUERIES[0], k=10).profile.path == "ivf"
    ids = [hit.chunk_id for page in found for hit in page]
    assert len(ids) == len(set(ids)) == indexed.count()


def test_there_is_a_cursor_as_long_as_there_may_be_more(own: Collection) -> None:
    assert [len(page) for page in pages(own, vector=[1, 0], k=5)] == [5, 5]
    assert [len(page) for page in pages(own, vector=[1, 0], k=4)] == [4, 4, 2]
    assert own.search(vector=[1, 0], k=10).cursor is None
    assert own.search(vector=[1, 0], k=11).cursor is None
    assert own.search("unknown").cursor is None


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.add([Document("new", "text", vector=[1, 1])]),
        lambda made: made.add([Document("3", "note 3", {"new": "metadata"}, vector=[1, 3])]),
        lambda made: made.remove(["3"]),
    ],
)
def test_a_cursor_is_refused_when_the_collection_has_changed(own: Collection, change: Any) -> None:  # noqa: ANN401
    cursor = own.search(vector=[1, 0], k=3).cursor
    change(own)
    with pytest.raises(ConflictError, match="has changed since .* start again without a cursor"):
        own.search(vector=[1, 0], k=3, cursor=cursor)
    assert own.search(vector=[1, 0], k=3).cursor is not None


def test_a_cursor_holds_in_another_process_as_long_as_nothing_changes(own: Collection, tmp_path: Path) -> None:
    first = own.search(vector=[1, 0], k=3)
    with Collection.open(tmp_path / "own") as again:
        second = again.search(vector=[1, 0], k=3, cursor=first.cursor)
    assert [hit.rank for hit in second.hits] == [4, 5, 6]


@pytest.mark.parametrize(
    "other",
    [
        {"vector": [1, 0.001]},
        {"query": "note", "vector": None},
        {"k": 4},
        {"filter": {}},
        {"exact": True},
        {"group_by": "document"},
        {"diversity": 0.1},
        {"min_score": -1.0},
    ],
)
def test_a_cursor_is_refused_for_another_search(own: Collection, other: dict[str, Any]) -> None:
    said = {"vector": [1, 0], "k": 3}
    cursor = own.search(**said).cursor
    with pytest.raises(InvalidRequestError, match="the cursor is of another search"):
        own.search(**{**said, **other}, cursor=cursor)


def test_what_only_adds_to_hits_may_change_between_pages(own: Collection) -> None:
    cursor = own.search("note", vector=[1, 0], k=3).cursor
    assert len(own.search("note", vector=[1, 0], k=3, explain=True, cursor=cursor).hits) == 3


@given(
    st.text(max_size=40)
    | st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda each: st.lists(each, max_size=4)).map(
        lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
    )
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_no_cursor_of_this_search_is_refused(collection: Collection, text: str) -> None:
    with pytest.raises(InvalidRequestError, match="cursor"):
        collection.search("cat", cursor=text)


def test_pages_end_where_they_would_become_slow(own: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MAX_PAGED", 7)
    second = own.search(vector=[1, 0], k=3, cursor=own.search(vector=[1, 0], k=3).cursor)
    with pytest.raises(InvalidRequestError, match="pages have 7 hits in all"):
        own.search(vector=[1, 0], k=3, cursor=second.cursor)
