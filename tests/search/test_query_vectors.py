"""Queries that are asked again are not embedded again, and find what is there by now."""

import threading
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder

from semsearch import Collection, Document
from semsearch.errors import InvalidVectorError
from semsearch.search import query_vectors
from semsearch.search.query_vectors import MAX_CHARACTERS, QueryVectors


@pytest.fixture
def model() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def vectors(model: FakeEmbedder) -> QueryVectors:
    return QueryVectors(lambda: model, model.dim)


def test_a_query_is_embedded_once_and_its_vector_cannot_be_changed(vectors: QueryVectors, model: FakeEmbedder) -> None:
    first = vectors.of("a cat")
    np.testing.assert_allclose(first, model.embed_queries(["a cat"]), atol=1e-6)
    assert vectors.of("a cat") is first
    assert model.query_texts == 2
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 1


def test_texts_that_differ_in_anything_are_other_queries(vectors: QueryVectors, model: FakeEmbedder) -> None:
    for text in ("a cat", "A cat", "a cat "):
        vectors.of(text)
    assert model.query_texts == 3


def test_only_the_most_recent_queries_are_kept(model: FakeEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_vectors, "KEPT", 2)
    vectors = QueryVectors(lambda: model, model.dim)
    for text in ("first", "second", "first", "third", "first"):
        vectors.of(text)
    assert model.query_texts == 3
    vectors.of("second")
    assert model.query_texts == 4


def test_very_long_queries_are_not_kept(vectors: QueryVectors, model: FakeEmbedder) -> None:
    for text in ("x" * MAX_CHARACTERS, "x" * (MAX_CHARACTERS + 1)) * 2:
        vectors.of(text)
    assert model.query_texts == 3


def test_what_fails_is_tried_again(model: FakeEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = QueryVectors(lambda: model, model.dim)
    with monkeypatch.context() as patched, pytest.raises(InvalidVectorError):
        patched.setattr(model, "embed_queries", lambda texts: np.zeros((1, model.dim)))
        vectors.of("a cat")
    assert vectors.of("a cat").any()


def test_threads_get_the_vectors_of_their_own_queries(vectors: QueryVectors, model: FakeEmbedder) -> None:
    expected = {f"word{number}": model.embed_queries([f"word{number}"]) for number in range(50)}
    wrong: list[str] = []

    def ask() -> None:
        wrong.extend(text for text, vector in expected.items() if not np.allclose(vectors.of(text), vector))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
def test_a_query_that_is_asked_again_finds_what_was_added_and_not_what_was_removed(
    tmp_path: Path, model: FakeEmbedder, mode: str
) -> None:
    with Collection.create(tmp_path / "c", model=model) as collection:
        collection.add([Document("old", "the cat sat")])
        assert [hit.document_id for hit in collection.search("the cat", mode=mode).hits] == ["old"]
        collection.add([Document("new", "the cat")])
        collection.remove(["old"])
        assert [hit.document_id for hit in collection.search("the cat", mode=mode).hits] == ["new"]
        assert model.query_calls == 1
        assert collection.context("the cat", mode=mode).citations[0].document_id == "new"
        assert model.query_calls == 1
