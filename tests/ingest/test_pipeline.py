"""One call of add_documents: what is refused stops nothing else, and its report is never lost."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder

from semsearch.errors import CorruptStoreError, InvalidRequestError, MissingDependencyError, StoreError, StoreFullError
from semsearch.index import sizing
from semsearch.ingest import pipeline
from semsearch.ingest.contents import texts as texts_module
from semsearch.ingest.contents.own_vectors import OwnVectors
from semsearch.ingest.contents.texts import Texts
from semsearch.ingest.pipeline import add_documents, try_maintenance
from semsearch.reports import Progress
from semsearch.store.documents import DocumentStore
from semsearch.store.records import CollectionSpec
from semsearch.types import Document, Failure, Vectors

DIM = 2


@pytest.fixture
def own(tmp_path: Path) -> Iterator[DocumentStore]:
    """The store of a collection whose documents bring vectors of two numbers."""
    store = DocumentStore.create(tmp_path / "own", CollectionSpec(DIM))
    yield store
    store.close()


@pytest.fixture
def texts(tmp_path: Path) -> Iterator[DocumentStore]:
    """The store of a collection with the fake model."""
    model = FakeEmbedder()
    spec = CollectionSpec(model.dim, model.name, model.fingerprint, "float32", model.max_tokens)
    store = DocumentStore.create(tmp_path / "texts", spec)
    yield store
    store.close()


def stored(store: DocumentStore) -> list[str]:
    with store.read() as reader:
        return [summary.id for _, summary in reader.summaries(None, 0, 1_000)]


def numbered(rows: int) -> list[Document]:
    return [Document(str(row), "", vector=[row + 1, 1]) for row in range(rows)]


class Unreadable:
    """What numpy cannot make an array of."""

    def __array__(self, dtype: object = None, *, copy: bool | None = None) -> Vectors:
        raise RuntimeError("detach it first")


@pytest.mark.parametrize(
    ("vector", "reason"),
    [
        ([10**400, 1], "row of numbers"),
        (["1", "2"], "row of numbers"),
        ([1j, 1], "row of numbers"),
        ([1, None], "row of numbers"),
        ([[1, 2], [3]], "row of numbers"),
        (Unreadable(), "detach it first"),
        ([float("nan"), 1], "NaN"),
        ([0, 0], "all zero"),
        ([1, 2, 3], "3 numbers"),
        ([], "0 numbers"),
    ],
)
def test_a_vector_that_is_none_stops_no_other_document(own: DocumentStore, vector: object, reason: str) -> None:
    items = [Document("a", "", vector=[1, 2]), Document("bad", "", vector=vector), Document("z", "", vector=[2, 1])]
    report = add_documents(own, OwnVectors(DIM), items)
    assert (report.added, [failure.document_id for failure in report.failed]) == (2, ["bad"])
    assert reason in report.failed[0].reason
    assert stored(own) == ["a", "z"]


@pytest.mark.parametrize(("item", "kind"), [({"id": "b"}, "dict"), ("text", "str"), (None, "NoneType")])
def test_what_is_no_document_is_a_failure_under_its_number(own: DocumentStore, item: object, kind: str) -> None:
    report = add_documents(own, OwnVectors(DIM), [*numbered(300), item])  # type: ignore[list-item]
    assert report.added == 300
    assert report.failed == (Failure("item 301", f"is a {kind}; documents are semsearch.Document"),)


def test_a_failure_of_a_document_without_a_usable_source_or_id_names_what_there_is(own: DocumentStore) -> None:
    report = add_documents(own, OwnVectors(DIM), [Document("a", "", source=5), Document(["b"], "", source="")])  # type: ignore[arg-type]
    assert [(failure.where, failure.document_id) for failure in report.failed] == [
        ("document 'a'", "a"), ("document ['b']", None)
    ]  # fmt: skip


@pytest.mark.parametrize(("documents", "kind"), [(Document("a", ""), "Document"), (None, "NoneType"), (5, "int")])
def test_documents_that_are_not_several_are_refused(own: DocumentStore, documents: object, kind: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"documents is a {kind}; pass several"):
        add_documents(own, OwnVectors(DIM), documents)  # type: ignore[arg-type]


class SpoilingEmbedder(FakeEmbedder):
    """Gives `value` in place of every vector whose text has the word "spoilt" in it."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self._value = value

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        vectors = super().embed_documents(texts)
        vectors[["spoilt" in text for text in texts]] = self._value
        return vectors


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_document_that_the_model_fails_at_stops_no_other(texts: DocumentStore, value: float) -> None:
    add_documents(texts, Texts(texts, FakeEmbedder), [Document("known", "as it was")])
    items = [
        Document("a", "good text"),
        Document("bad", "spoilt"),
        Document("long", " ".join(["word"] * 30 + ["spoilt"])),
        Document("known", "now spoilt", source="known.txt"),
        Document("z", "more good text"),
    ]
    report = add_documents(texts, Texts(texts, lambda: SpoilingEmbedder(value)), items)
    assert (report.added, report.updated, report.skipped, report.chunks) == (2, 0, 0, 2)
    assert [failure.where for failure in report.failed] == ["document 'bad'", "document 'long'", "known.txt"]
    assert all("the model gave no usable vector for it" in failure.reason for failure in report.failed)
    assert stored(texts) == ["known", "a", "z"]
    with texts.read() as reader:
        assert reader.document("known").text == "as it was"


def failing(error: Exception, calls: list[None]) -> Callable[[DocumentStore], None]:
    def fail(store: DocumentStore) -> None:
        calls.append(None)
        raise error

    return fail


def test_a_seal_that_fails_is_told_and_not_tried_again_in_the_same_call(
    own: DocumentStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[None] = []
    monkeypatch.setattr(sizing, "SEAL_FROM", 100)
    monkeypatch.setattr(pipeline, "seal", failing(StoreFullError(own.root), calls))
    assert add_documents(own, OwnVectors(DIM), numbered(1_000)).added == 1_000
    assert len(calls) == 1
    assert "no space is left" in caplog.text
    assert len(stored(own)) == 1_000
    assert add_documents(own, OwnVectors(DIM), [Document("new", "", vector=[1, 2])]).added == 1
    assert len(calls) == 2


def test_a_seal_that_finds_damage_raises(own: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "SEAL_FROM", 100)
    monkeypatch.setattr(pipeline, "seal", failing(CorruptStoreError(own.root, "cut short"), []))
    with pytest.raises(CorruptStoreError):
        add_documents(own, OwnVectors(DIM), numbered(200))


@pytest.mark.parametrize("error", [StoreError("x"), MissingDependencyError("x"), OSError("x")])
def test_maintenance_that_fails_is_a_warning_and_a_reason(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise error

    with caplog.at_level(logging.WARNING):
        assert try_maintenance(fail) == "x"
    assert "documents are stored: x" in caplog.text
    assert try_maintenance(lambda: None) is None


class Slow(FakeEmbedder):
    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        time.sleep(0.05)
        return super().embed_documents(texts)


def test_an_interruption_does_not_wait_for_what_is_still_to_be_embedded(
    texts: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts_module, "_PIECE_CHARACTERS", 2_000)
    model = Slow()

    def documents() -> Iterator[Document]:
        yield from (Document(str(number), f"text {number} " + "word " * 5) for number in range(3_000))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_documents(texts, Texts(texts, lambda: model), documents())
    assert model.document_texts < 1_024
    assert len(stored(texts)) == 0


def test_an_error_of_the_progress_callback_leaves_no_thread_behind(texts: DocumentStore) -> None:
    def refuse(_: Progress) -> None:
        raise RuntimeError("enough")

    documents = (Document(str(number), f"text {number}") for number in range(5_000))
    with pytest.raises(RuntimeError, match="enough") as error:
        add_documents(texts, Texts(texts, Slow), documents, refuse)
    assert error.traceback  # which holds what ran
    assert not [each for each in threading.enumerate() if each.name.startswith("semsearch-embed")]
