"""Hits by document, unlike one another, near enough: what a literal reading of the ranking allows, to the k-th."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEmbedder
from few_words import WORDS, documents_of_few_words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmr_oracle import chosen_by_mmr

from semsearch import Collection, Document
from semsearch.errors import InvalidRequestError
from semsearch.search.diversity import nearness
from semsearch.types import Hit, SearchMode, SearchResult

POOL = 100


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    with Collection.create(tmp_path_factory.mktemp("shaping") / "c", model=FakeEmbedder(max_tokens=8)) as made:
        assert made.add(documents_of_few_words()).chunks > 3 * POOL
        yield made


def literal(collection: Collection, ranking: SearchResult, options: dict[str, Any]) -> list[Hit]:
    """What the documentation says of a whole ranking, one hit after the other."""
    hits = [hit for hit in ranking.hits if "min_score" not in options or cosine(hit) >= options["min_score"]]
    if not hits:
        return []
    with collection._snapshots.current() as snapshot:
        vectors = snapshot.vectors([hit.chunk_id for hit in hits])
    near = nearness(vectors, vectors).tolist()
    best = hits[0].score if ranking.mode is not SearchMode.SEMANTIC else 1.0
    relevance = [hit.score / best for hit in hits]
    kept: list[int] = []
    order: list[int] = []
    for start in range(0, len(hits), POOL):
        block = []
        for number in range(start, min(start + POOL, len(hits))):
            if "group_by" in options and hits[number].document_id in {hits[each].document_id for each in kept}:
                continue
            if "collapse" in options and any(near[number][each] >= options["collapse"] for each in kept):
                continue
            kept.append(number)
            block.append(number)
        diversity = options.get("diversity", 0.0)
        order += chosen_by_mmr(block, relevance, near, diversity, order) if diversity else block
    return [hits[number] for number in order]


def cosine(hit: Hit) -> float:
    assert hit.explanation.semantic is not None
    return hit.explanation.semantic.score


def ids(hits: tuple[Hit, ...] | list[Hit]) -> list[int]:
    return [hit.chunk_id for hit in hits]


OPTIONS = st.fixed_dictionaries(
    {"mode": st.sampled_from(["semantic", "hybrid"])},
    optional={
        "group_by": st.just("document"),
        "collapse": st.sampled_from([0.5, 0.8, 0.95, 1.0]),
        "diversity": st.sampled_from([0.0, 0.2, 0.5, 1.0]),
        "min_score": st.sampled_from([-1.0, 0.0, 0.3, 0.7, 1.0]),
        "filter": st.sampled_from([{"third": 1}, {"third": {"$lt": 2}}, {"third": 9}]),
        "fusion": st.sampled_from(["convex", "rrf"]),
    },
)
QUERIES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)


def check_literal(collection: Collection, query: str, options: dict[str, Any], k: int) -> None:
    plain = {name: options[name] for name in ("mode", "filter", "fusion") if name in options}
    if "min_score" in options and options.get("fusion") == "rrf":
        plain["min_score"] = -1.0  # by which all of them tell their cosines
    ranking = collection.search(query, k=10_000, **plain)
    expected = literal(collection, ranking, options)
    found = collection.search(query, k=k, **options)
    assert ids(found.hits) == ids(expected)[:k]
    assert [hit.score for hit in found.hits] == [hit.score for hit in expected[:k]]
    assert [hit.rank for hit in found.hits] == list(range(1, len(found.hits) + 1))


@given(QUERIES, OPTIONS, st.sampled_from([1, 3, 10, 55, 150, 1_000]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hits_are_those_that_a_literal_reading_allows(
    collection: Collection, query: str, options: dict[str, Any], k: int
) -> None:
    check_literal(collection, query, options, k)


@pytest.mark.slow
@given(QUERIES, OPTIONS, st.integers(1, 500))
@settings(max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hits_of_two_thousand_searches_are_those_that_a_literal_reading_allows(
    collection: Collection, query: str, options: dict[str, Any], k: int
) -> None:
    check_literal(collection, query, options, k)


@pytest.mark.parametrize("options", [{"group_by": "document"}, {"collapse": 0.9}, {"diversity": 0.4}])
def test_by_words_hits_are_those_that_a_literal_reading_allows(collection: Collection, options: dict[str, Any]) -> None:
    check_literal(collection, "cat moon", {"mode": "keyword", **options}, 25)


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
def test_as_many_documents_are_found_as_there_are(collection: Collection, mode: str) -> None:
    for k in (7, 60, 61):
        hits = collection.search("cat", k=k, mode=mode, group_by="document").hits
        assert len({hit.document_id for hit in hits}) == len(hits) == min(k, 60)
    few = collection.search("cat", k=99, mode=mode, group_by="document", filter={"third": 2}).hits
    assert len(few) == 20


def test_a_search_for_documents_ends_when_all_are_found(tmp_path: Path) -> None:
    """Of two documents, whose first chunks are the best ones, and not of their other thousand."""
    with Collection.create(tmp_path / "c", model=FakeEmbedder(max_tokens=3)) as made:
        made.add([Document("a", "cat " * 1_000), Document("b", "cat " * 1_000)])
        found = made.search("cat", k=3, mode="semantic", group_by="document")
    assert [hit.document_id for hit in found.hits] == ["a", "b"]


def test_a_hit_tells_which_chunks_were_nearly_the_same(tmp_path: Path) -> None:
    angles = {"first": [1, 0], "same": [2, 0], "near": [1, 0.1], "far": [1, 1], "also far": [1, 1.05]}
    with Collection.create(tmp_path / "c", dim=2) as made:
        made.add(Document(name, name, vector=vector) for name, vector in angles.items())
        hits = made.search(vector=[1, 0], k=5, collapse=0.99).hits
        assert [(hit.document_id, hit.duplicates) for hit in hits] == [("first", (2, 3)), ("far", (5,))]
        exact = made.search(vector=[1, 0], k=5, collapse=1.0).hits
        assert [(hit.document_id, hit.duplicates) for hit in exact[:2]] == [("first", (2,)), ("near", ())]
        assert [hit.duplicates for hit in made.search(vector=[1, 0], k=5).hits] == [()] * 5


def test_hits_of_equal_worth_give_way_to_different_ones(tmp_path: Path) -> None:
    angles = {"a": [1, 0.2, 0], "a again": [1, 0.21, 0], "b": [1, 0, 0.3], "off": [0, 1, 1]}
    with Collection.create(tmp_path / "c", dim=3) as made:
        made.add(Document(name, name, vector=vector) for name, vector in angles.items())
        plain = made.search(vector=[1, 0, 0], k=2).hits
        diverse = made.search(vector=[1, 0, 0], k=2, diversity=0.5).hits
    assert [hit.document_id for hit in plain] == ["a", "a again"]
    assert [hit.document_id for hit in diverse] == ["a", "b"]


def test_no_hit_is_farther_than_the_least_cosine_in_either_mode(collection: Collection) -> None:
    for mode in ("semantic", "hybrid"):
        hits = collection.search("cat sun", k=1_000, mode=mode, min_score=0.6).hits
        every = collection.search("cat sun", k=1_000, mode="semantic").hits
        assert 0 < len(hits) < len(every)
        assert set(ids(hits)) == {hit.chunk_id for hit in every if hit.score >= 0.6}


def test_looking_for_near_chunks_stops_at_the_first_that_is_too_far(collection: Collection) -> None:
    profile = collection.search("cat", k=5, mode="hybrid", min_score=0.999).profile
    assert profile.scanned <= 2 * len(collection.search("cat", k=1_000, mode="semantic").hits)


def test_the_time_of_shaping_is_told_where_there_is_some(collection: Collection) -> None:
    assert "shape" not in collection.search("cat").profile.milliseconds
    assert "shape" in collection.search("cat", group_by="document").profile.milliseconds


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group_by": "section"}, "group_by is 'section'"),
        ({"diversity": 1.5}, "diversity is 1.5; it has to be a number from 0 to 1"),
        ({"diversity": "much"}, "diversity is 'much'"),
        ({"diversity": float("nan")}, "diversity is nan"),
        ({"collapse": -0.1}, "collapse is -0.1"),
        ({"min_score": True}, "min_score is True"),
        ({"min_score": 0.5, "mode": "keyword"}, "in mode keyword there are none"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(collection: Collection, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        collection.search("cat", **options)


@pytest.mark.parametrize(
    "shaping", [{"group_by": "document"}, {"collapse": 0.9}, {"diversity": 0.3}, {"min_score": 0.2}]
)
def test_what_an_expression_names_is_no_hit_however_hits_are_shaped(
    collection: Collection, shaping: dict[str, Any]
) -> None:
    hits, cursor = [], None
    while True:
        page = collection.search(expression="doc:d3 + doc:d7", k=20, cursor=cursor, **shaping)
        hits += page.hits
        cursor = page.cursor
        if cursor is None:
            break
    plain = collection.search(expression="doc:d3 + doc:d7", k=1_000)
    assert ids(hits) == ids(literal(collection, plain, shaping))
    assert {"d3", "d7"}.isdisjoint(hit.document_id for hit in hits)
