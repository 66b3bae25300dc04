"""Searches whose first candidates a cross-encoder puts into its order."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder
from model_copies import make_cross_encoder

from semsearch import Collection, Document
from semsearch.errors import InvalidRequestError
from semsearch.types import Relevance

NUMBERS = 200


class ByNumber:
    """A Reranker to whom a text is the better, the larger the number at its end; it keeps what it was given."""

    name = "by number"

    def __init__(self) -> None:
        self.given: list[tuple[str, list[str]]] = []

    def score(self, query: str, texts: Sequence[str]) -> Relevance:
        self.given.append((query, list(texts)))
        return np.array([int(text.split()[-1]) / NUMBERS for text in texts])


@pytest.fixture
def reranker() -> ByNumber:
    return ByNumber()


@pytest.fixture
def collection(tmp_path: Path, reranker: ByNumber) -> Iterator[Collection]:
    """Note n is the (n + 1)th by meaning for [1, 0]."""
    with Collection.create(tmp_path / "c", dim=2, reranker=reranker) as made:
        made.add(
            Document(f"n{number}", f"note {number}", vector=[1, number / 1e3], title="Notes" if number else None)
            for number in range(NUMBERS)
        )
        yield made


def numbers(hits: Sequence[object]) -> list[int]:
    return [int(hit.document_id[1:]) for hit in hits]  # type: ignore[attr-defined]


@pytest.mark.parametrize("k", [1, 3, 8, 20, 200])
def test_the_first_candidates_are_reordered_and_the_others_follow(collection: Collection, k: int) -> None:
    hits = collection.search("note", vector=[1, 0], k=k, rerank=8, fusion="rrf").hits
    before = numbers(collection.search("note", vector=[1, 0], k=200, fusion="rrf").hits)
    assert numbers(hits) == [*sorted(before[:8], reverse=True), *before[8:]][:k]
    told = [hit.explanation.reranked for hit in hits]
    assert [(each.rank, each.score) for each in told if each] == [
        (rank, number / NUMBERS) for rank, number in enumerate(numbers(hits)[:8], 1)
    ]
    assert told[8:] == [None] * (k - 8)


def test_the_score_of_a_hit_is_what_the_mode_says_and_not_the_rerankers(collection: Collection) -> None:
    plain = {hit.document_id: hit.score for hit in collection.search("note", vector=[1, 0], k=10).hits}
    hits = collection.search("note", vector=[1, 0], k=10, rerank=10).hits
    assert {hit.document_id: hit.score for hit in hits} == plain
    assert [hit.rank for hit in hits] == list(range(1, 11))


def test_the_reranker_is_given_the_query_and_title_heading_and_text_of_so_many_candidates(
    collection: Collection, reranker: ByNumber
) -> None:
    profile = collection.search('"note"', vector=[1, 0], mode="hybrid", fusion="rrf", rerank=3).profile
    [(query, texts)] = reranker.given
    assert (query, sorted(texts)) == ('"note"', ["Notes\nnote 1", "Notes\nnote 2", "Notes\nnote 3"])
    assert profile.reranked == 3
    assert "rerank" in profile.milliseconds


def test_without_rerank_the_reranker_is_not_asked(collection: Collection, reranker: ByNumber) -> None:
    profile = collection.search("note", vector=[1, 0], rerank=0).profile
    assert (reranker.given, profile.reranked, "rerank" in profile.milliseconds) == ([], 0, False)


def test_only_as_many_as_there_are_can_be_reranked(collection: Collection) -> None:
    result = collection.search("note", rerank=1_000, k=NUMBERS)
    assert (numbers(result.hits), result.profile.reranked) == (list(range(NUMBERS))[::-1], NUMBERS)
    assert collection.search("nothing has this word", rerank=5, mode="keyword").hits == ()


def test_what_is_dropped_and_made_diverse_comes_after_reranking(tmp_path: Path, reranker: ByNumber) -> None:
    with Collection.create(tmp_path / "d", model=FakeEmbedder(max_tokens=4), reranker=reranker) as made:
        made.add([Document("a", "cat 1\n\ncat 7"), Document("b", "cat 3\n\ncat 5"), Document("c", "cat 9")])
        hits = made.search("cat", rerank=5, group_by="document").hits
        assert [(hit.document_id, hit.text) for hit in hits] == [("c", "cat 9"), ("a", "cat 7"), ("b", "cat 5")]
        kept = made.search("cat", rerank=4, min_score=-1.0, group_by="document", diversity=0.01).hits
        assert len(kept) == 3


def test_a_small_cross_encoder_reranks_by_name_from_its_folder(tmp_path: Path) -> None:
    folder = make_cross_encoder(tmp_path / "model")
    with Collection.create(tmp_path / "c", model=FakeEmbedder()) as made:
        made.add([Document(name, f"the {name} sat on the mat") for name in ("cat", "dog", "cow", "hen", "fox")])
    with Collection.open(tmp_path / "c", model=FakeEmbedder(), reranker=str(folder), device="cpu") as opened:
        hits = opened.search("who sat", k=5, rerank=5).hits
    told = [hit.explanation.reranked.score for hit in hits if hit.explanation.reranked]
    assert len(set(told)) == 5
    assert told == sorted(told, reverse=True)


def test_a_vector_alone_cannot_be_reranked_by(collection: Collection) -> None:
    with pytest.raises(InvalidRequestError, match="a reranker reads the query, and there is only a vector"):
        collection.search(vector=[1, 0], rerank=5)


@pytest.mark.parametrize("number", [-1, 2.0, True, "5"])
def test_a_number_of_candidates_that_is_none_is_refused(collection: Collection, number: object) -> None:
    with pytest.raises(InvalidRequestError, match="say how many candidates"):
        collection.search("note", rerank=number)


def test_without_a_reranker_a_search_that_wants_one_is_refused(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", dim=2) as made, pytest.raises(InvalidRequestError, match="no reranker"):
        made.search("note", rerank=5)
