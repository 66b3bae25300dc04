"""By meaning, by words, or by both: what each mode finds, which one is taken, and what it says of its hits."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeEmbedder

from semsearch import Collection, Document
from semsearch.errors import ConflictError
from semsearch.search import ranking
from semsearch.types import Hit

TEXTS = {
    "cats": "the cat sat on the mat and purred",
    "dogs": "a dog barked at the cat next door",
    "rates": "the bank raised interest rates again",
    "part": "order number SKU-48213-B of the spare part",
    "chinese": "他们使用数据库系统",
}


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", model=FakeEmbedder()) as made:
        made.add([Document(name, text, {"pet": name in {"cats", "dogs"}}) for name, text in TEXTS.items()])
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Collection]:
    """Without a model: all are alike to the eye, and told apart by their words."""
    with Collection.create(tmp_path / "own", dim=2) as made:
        made.add(
            [Document(f"n{number}", f"note {number}", {"n": number}, vector=[1, number / 1e3]) for number in range(300)]
        )
        made.add([Document("key", "the ERR_1234 note", vector=[0.6, -0.8])])
        yield made


def ids(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.document_id for hit in hits]


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        ({"query": "cat"}, "hybrid"),
        ({"vector": [1.0] * 32}, "semantic"),
        ({"query": "cat", "vector": [1.0] * 32}, "hybrid"),
        ({"query": "cat", "mode": "keyword"}, "keyword"),
        ({"query": "cat", "mode": "semantic"}, "semantic"),
    ],
)
def test_the_mode_is_the_one_that_uses_all_that_is_given(
    collection: Collection, options: dict[str, object], mode: str
) -> None:
    assert collection.search(**options).mode == mode


def test_with_a_keyword_index_of_other_terms_only_meaning_is_searched(collection: Collection) -> None:
    with contextlib.closing(sqlite3.connect(collection.info().path + "/collection.db")) as connection:
        connection.execute("UPDATE collection SET terms = '1 other'")
        connection.commit()
    for mode in ("keyword", "hybrid"):
        with pytest.raises(ConflictError, match="open it anew"):
            collection.search("cat", mode=mode)
    assert len(collection.search("cat", mode="semantic", explain=True).hits) == len(TEXTS)


def test_without_a_model_a_text_is_searched_by_its_words(own: Collection) -> None:
    result = own.search("err_1234")
    assert (result.mode, ids(result.hits)) == ("keyword", ["key"])
    both = own.search("err_1234", vector=[1, 0], k=2)
    assert (both.mode, ids(both.hits)) == ("hybrid", ["key", "n0"])


def test_by_words_only_chunks_with_one_of_them_are_found(collection: Collection) -> None:
    assert sorted(ids(collection.search("cats purr", mode="keyword").hits)) == ["cats", "dogs"]
    assert ids(collection.search("48213", mode="keyword").hits) == ["part"]
    assert ids(collection.search("数据库", mode="keyword").hits) == ["chinese"]
    assert ids(collection.search("unknown", mode="keyword").hits) == []
    assert ids(collection.search("… !", mode="keyword").hits) == []


def test_a_filter_holds_for_words_as_for_meaning(collection: Collection) -> None:
    for mode in ("keyword", "hybrid", "semantic"):
        found = ids(collection.search("cat bank", mode=mode, filter={"pet": True}).hits)
        assert sorted(found) == ["cats", "dogs"]
        assert collection.search("cat bank", mode=mode, filter={"pet": "?"}).hits == ()


def test_what_is_removed_or_replaced_is_not_found_by_its_old_words(collection: Collection) -> None:
    collection.remove(["cats"])
    collection.add([Document("dogs", "a fox barked")])
    assert ids(collection.search("cat", mode="keyword").hits) == []
    assert ids(collection.search("fox", mode="keyword").hits) == ["dogs"]
    assert "cats" not in ids(collection.search("the cat sat on the mat and purred").hits)


def test_hybrid_finds_as_many_as_meaning_does(collection: Collection) -> None:
    assert sorted(ids(collection.search("cat", k=99).hits)) == sorted(TEXTS)
    assert sorted(ids(collection.search("…", k=99).hits)) == sorted(TEXTS)
    assert len(collection.search("cat", k=3).hits) == 3


def test_what_words_alone_find_becomes_a_hit_of_a_hybrid_search(own: Collection) -> None:
    """And the first one here, though it is the last of 301 by meaning, far beyond the depth that is fused."""
    first = own.search("ERR_1234", vector=[1, 0], k=3).hits[0]
    told = first.explanation
    assert (first.document_id, told.keyword.rank) == ("key", 1)
    assert (told.semantic.rank, told.semantic.score) == (None, pytest.approx(0.6, abs=1e-3))
    assert told.fused == first.score == pytest.approx(0.75 * 1.6 / 2 + 0.25, abs=1e-3)
    every = own.search("ERR_1234", vector=[1, 0], k=301).hits
    assert (len(every), every[0]) == (301, first)


def test_each_hit_tells_its_ranks_and_scores(collection: Collection) -> None:
    by_meaning = {hit.document_id: hit for hit in collection.search("cat sat", mode="semantic").hits}
    by_words = {hit.document_id: hit for hit in collection.search("cat sat", mode="keyword").hits}
    hits = collection.search("cat sat").hits
    for hit in hits:
        name, told = hit.document_id, hit.explanation
        assert (told.semantic.rank, told.semantic.score) == (by_meaning[name].rank, by_meaning[name].score)
        if name in by_words:
            assert (told.keyword.rank, told.keyword.score) == (by_words[name].rank, by_words[name].score)
        else:
            assert told.keyword is None
        assert told.fused == hit.score
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert by_meaning["cats"].explanation.keyword is None
    assert by_words["cats"].explanation.semantic is None


def test_fusion_by_ranks_gives_reciprocal_ranks(collection: Collection) -> None:
    hits = collection.search("cat sat", fusion="rrf").hits
    for hit in hits:
        ranks = [leg.rank for leg in (hit.explanation.semantic, hit.explanation.keyword) if leg is not None]
        assert hit.score == pytest.approx(sum(1 / (60 + rank) for rank in ranks), abs=1e-9)
    assert hits[0].document_id == "cats"


def test_fewer_hits_are_the_first_of_more(own: Collection) -> None:
    every = own.search("note 7", vector=[1, 0.1], k=999).hits
    assert len({hit.chunk_id for hit in every}) == len(every) == 301
    for k in (1, 30, ranking.FUSED_DEPTH, ranking.FUSED_DEPTH + 20, 300):
        assert own.search("note 7", vector=[1, 0.1], k=k).hits == every[:k]


def test_a_context_is_made_in_any_mode(collection: Collection) -> None:
    assert [each.document_id for each in collection.context("48213", mode="keyword").citations] == ["part"]
    assert len(collection.context("48213", token_budget=1_000).citations) == len(TEXTS)
