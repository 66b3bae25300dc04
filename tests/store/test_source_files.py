"""What the store knows of the files that documents were read from."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from synthetic import clustered

from semsearch.store.documents import DocumentStore
from semsearch.store.records import CollectionSpec, Entry, SourceFile
from semsearch.types import Document, Failure, Span

DIM = 8


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    store = DocumentStore.create(tmp_path / "c", CollectionSpec(DIM, "model", "fingerprint", "float32", 256))
    yield store
    store.close()


def entry(document_id: str, source_file: str | None, *, text_hash: bytes = b"", seed: int = 0) -> Entry:
    spans = (Span(0, 4, tokens=3, text_hash=text_hash or document_id.encode()),)
    vectors = clustered(1, DIM, seed=seed).astype(np.float16)
    return Entry(Document(document_id, "text"), b"content", b"details", spans, vectors, source_file)


def put(store: DocumentStore, files: list[SourceFile], *entries: Entry) -> None:
    with store.write() as writer:
        writer.source_files.put(files)
        writer.put(entries)


A = SourceFile("docs/a.md", 12, 34, b"hash", "markdown/1")
B = SourceFile("docs/b.jsonl", 56, 78, b"other", "jsonl/1", (Failure("docs/b.jsonl:3", "is not JSON", "x"),))


def test_a_file_comes_back_as_it_was_put_with_the_number_of_its_documents(store: DocumentStore) -> None:
    put(store, [A, B], entry("docs/a.md", A.path), entry("one", B.path), entry("two", B.path), entry("own", None))
    with store.read() as reader:
        known = reader.source_files.known(["docs/a.md", "docs/b.jsonl", "docs/none"])
        assert known == {
            "docs/a.md": SourceFile("docs/a.md", 12, 34, b"hash", "markdown/1", (), 1),
            "docs/b.jsonl": SourceFile("docs/b.jsonl", 56, 78, b"other", "jsonl/1", B.failures, 2),
        }
        assert reader.source_files.documents("docs/b.jsonl") == ["one", "two"]
        assert [file.path for file in reader.source_files.quarantined()] == ["docs/b.jsonl"]
        assert (reader.source_files.paths(), reader.source_files.count()) == (["docs/a.md", "docs/b.jsonl"], 2)


def test_putting_a_file_again_replaces_what_is_known_of_it_and_keeps_its_documents(store: DocumentStore) -> None:
    put(store, [A, B], entry("docs/a.md", A.path), entry("one", B.path))
    put(store, [SourceFile(B.path, 1, 2, b"new", "jsonl/2")])
    with store.read() as reader:
        assert reader.source_files.known([B.path]) == {B.path: SourceFile(B.path, 1, 2, b"new", "jsonl/2", (), 1)}
        assert reader.source_files.quarantined() == []


def test_removing_a_document_makes_its_file_one_that_has_to_be_read_again(store: DocumentStore) -> None:
    put(store, [A, B], entry("docs/a.md", A.path), entry("one", B.path))
    with store.write() as writer:
        writer.remove(["one"])
        known = writer.source_files.known([A.path, B.path])
    assert (known[A.path].hash, known[B.path].hash, known[B.path].documents) == (b"hash", b"", 0)


def test_a_document_whose_details_change_may_come_from_another_file(store: DocumentStore) -> None:
    put(store, [A, B], entry("one", A.path))
    with store.write() as writer:
        writer.update_details([(Document("one", "text"), b"new", B.path)])
        assert (writer.source_files.documents(A.path), writer.source_files.documents(B.path)) == ([], ["one"])


def test_a_file_without_documents_can_be_forgotten(store: DocumentStore) -> None:
    put(store, [A, B])
    with store.write() as writer:
        writer.source_files.forget([A.path])
        assert writer.source_files.paths() == [B.path]


def test_a_text_is_found_by_its_hash_among_the_chunks_until_they_are_removed(store: DocumentStore) -> None:
    put(store, [], entry("a", None, text_hash=b"same", seed=1), entry("b", None, seed=2))
    with store.write() as writer:
        [(text_hash, chunk)] = writer.chunks_by_text([b"same", b"unknown"]).items()
        assert (text_hash, writer.chunks([chunk])[chunk].chunk.document_id) == (b"same", "a")
        assert writer.tail_vectors([chunk, 999]) == {chunk: clustered(1, DIM, seed=1).astype("<f2").tobytes()}
        writer.remove(["a"])
        assert writer.chunks_by_text([b"same"]) == {}
