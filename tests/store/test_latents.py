"""Latents: in the same transaction as their documents, and gone with them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from semsearch.store.documents import DocumentStore
from semsearch.store.records import CollectionSpec, Entry, Kind
from semsearch.store.schema import latents
from semsearch.types import Document, Span

DIM = 4


def entry(document_id: str, latent: bytes | None) -> Entry:
    vectors = np.full((1, DIM), 0.5, np.float16)
    return Entry(Document(document_id, ""), document_id.encode(), b"details", (Span(0, 0),), vectors, latent=latent)


@pytest.fixture
def store(tmp_path: Path) -> DocumentStore:
    store = DocumentStore.create(tmp_path / "c", CollectionSpec(DIM, "vae", "fingerprint", image_size=64))
    with store.write() as writer:
        writer.put([entry("a", b"of a"), entry("b", b"of b"), entry("none", None)])
    return store


def rows(store: DocumentStore) -> int:
    with store.read() as reader:
        return int(reader._connection.execute(select(func.count()).select_from(latents)).scalar_one())


def test_the_size_of_images_is_kept(store: DocumentStore) -> None:
    spec = DocumentStore.open(store.root).spec
    assert (spec.image_size, spec.kind) == (64, Kind.IMAGES)


def test_a_model_without_a_size_of_images_is_one_of_texts() -> None:
    assert CollectionSpec(DIM, "text model").kind is Kind.TEXTS
    assert CollectionSpec(DIM).kind is Kind.VECTORS


def test_latents_are_found_by_documents_and_by_chunks(store: DocumentStore) -> None:
    with store.read() as reader:
        assert reader.latents(["b", "none", "nobody"]) == {"b": b"of b"}
        [chunk] = reader.chunks_of_document("a").tolist()
        assert reader.latents_of_chunks([chunk, 99]) == {chunk: b"of a"}


def test_a_document_that_is_replaced_has_its_new_latent_only(store: DocumentStore) -> None:
    with store.write() as writer:
        writer.put([replace(entry("a", b"another"), content_hash=b"new")])
    with store.read() as reader:
        assert reader.latents(["a", "b"]) == {"a": b"another", "b": b"of b"}
    assert rows(store) == 2


def test_a_latent_goes_with_its_document(store: DocumentStore) -> None:
    with store.write() as writer:
        writer.remove(["a"])
    assert rows(store) == 1
    with store.write() as writer:
        writer.remove_matching({})
    assert rows(store) == 0


def test_a_transaction_that_fails_leaves_no_latent(store: DocumentStore) -> None:
    with pytest.raises(RuntimeError, match="stop"), store.write() as writer:
        writer.put([entry("c", b"of c")])
        raise RuntimeError("stop")
    assert rows(store) == 2
