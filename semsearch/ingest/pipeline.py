"""The write path: documents are checked, cut, embedded and stored, a batch a transaction."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from semsearch.embedders.protocol import Embedder
from semsearch.errors import DuplicateDocumentError, InvalidRequestError, InvalidVectorError
from semsearch.index import sizing
from semsearch.index.vectors import as_stored, as_vector, as_vectors
from semsearch.ingest.chunking import Chunker
from semsearch.ingest.gate import checked, content_hash, details_hash
from semsearch.ingest.maintenance import seal
from semsearch.store.documents import DocumentStore
from semsearch.store.records import Entry
from semsearch.types import AddReport, Document, Failure, Progress, ProgressCallback, Span, StoredVectors

logger = logging.getLogger(__name__)
_BATCH_DOCUMENTS = 256
_BATCH_CHARACTERS = 200_000  # some 50,000 tokens: seconds of embedding on two cores, so that progress is seen and kept


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A document that has passed the gate, with its hashes and its own vector, (1, dim), where it brought one."""

    document: Document
    content_hash: bytes
    details_hash: bytes
    vector: StoredVectors | None


def add_documents(
    store: DocumentStore,
    embedder: Callable[[], Embedder] | None,
    documents: Iterable[Document | Failure],
    progress: ProgressCallback | None = None,
) -> AddReport:
    """Insert or replace documents by id; what is stored unchanged already is skipped, without embedding it.

    `embedder` gives the model, and is called when a text first has to be embedded; `None`: documents bring vectors.
    Every document is stored as a whole or not at all. `progress` is called after each commit, with what is durable.
    A Failure among the documents (from a reader) goes into the report as it is.
    """
    store.lock()
    run = _Run(store, embedder)
    for batch in _batches(documents):
        run.add(batch)
        if progress is not None:
            progress(Progress(run.documents, run.chunks))
    return run.report()


class _Run:
    """One call of `add_documents`: what it has seen and done so far."""

    def __init__(self, store: DocumentStore, embedder: Callable[[], Embedder] | None) -> None:
        self._store, self._embedder = store, embedder
        self._chunker: Chunker | None = None
        self._seen: set[str] = set()
        self._failed: list[Failure] = []
        self._added = self._updated = self._skipped = self._truncated = self._replaced = 0
        self.documents = self.chunks = 0
        with store.read() as reader:
            self._tail = reader.tail_rows()

    def report(self) -> AddReport:
        return AddReport(
            added=self._added,
            updated=self._updated,
            skipped=self._skipped,
            failed=tuple(self._failed),
            chunks=self.chunks,
            truncated=self._truncated,
            replaced=self._replaced,
        )

    def add(self, batch: Sequence[Document | Failure]) -> None:
        """Store what is new or changed in this batch, in one transaction."""
        prepared = [item for item in map(self._prepared, batch) if item is not None]
        with self._store.read() as reader:
            stored = reader.hashes(item.document.id for item in prepared)
        unknown = (b"", b"")
        anew = [item for item in prepared if stored.get(item.document.id, unknown)[0] != item.content_hash]
        kept = [item for item in prepared if stored.get(item.document.id, unknown)[0] == item.content_hash]
        changed = [item for item in kept if stored[item.document.id][1] != item.details_hash]
        entries = self._entries(anew)
        if entries or changed:
            with self._store.write() as writer:
                writer.put(entries)
                for item in changed:
                    writer.update_details(item.document, item.details_hash)
        self._added += sum(item.document.id not in stored for item in anew)
        self._updated += sum(item.document.id in stored for item in anew) + len(changed)
        self._skipped += len(kept) - len(changed)
        self.documents += len(batch)
        self.chunks += sum(len(entry.spans) for entry in entries)
        logger.info("committed: %d documents read, %d chunks embedded", self.documents, self.chunks)
        self._tail += sum(len(entry.spans) for entry in entries)
        if self._tail >= sizing.SEAL_FROM:
            seal(self._store)
            self._tail = 0

    def _prepared(self, item: Document | Failure) -> _Prepared | None:
        """The document behind the gate, or None and an entry in the report."""
        if isinstance(item, Failure):
            self._failed.append(item)
            return None
        try:
            prepared, replaced = self._behind_the_gate(item)
        except (InvalidRequestError, DuplicateDocumentError) as error:
            document_id = item.id if isinstance(item.id, str) else None
            self._failed.append(Failure(item.source or f"document {item.id!r:.80}", str(error), document_id))
            return None
        self._seen.add(item.id)
        self._replaced += replaced
        return prepared

    def _behind_the_gate(self, item: Document) -> tuple[_Prepared, int]:
        document, replaced = checked(item, own_vectors=self._embedder is None)
        if document.id in self._seen:
            raise DuplicateDocumentError(document.id)
        vector = None if document.vector is None else as_stored(as_vector(document.vector, self._store.spec.dim))
        own = b"" if vector is None else vector.tobytes()
        return _Prepared(document, content_hash(document, own), details_hash(document), vector), replaced

    def _entries(self, items: Sequence[_Prepared]) -> list[Entry]:
        if not items:
            return []
        if self._embedder is None:
            return [_with_own_vector(item) for item in items]
        embedder = self._embedder()
        self._chunker = self._chunker or Chunker(embedder.count_tokens, embedder.max_tokens)
        cut = self._chunker.prepare([item.document for item in items])
        texts = [text for chunks in cut for _, text in chunks]
        self._truncated += sum(count > embedder.max_tokens for count in embedder.count_tokens(texts))
        vectors = as_stored(as_vectors(embedder.embed_documents(texts), self._store.spec.dim))
        parts = np.split(vectors, np.cumsum([len(chunks) for chunks in cut])[:-1])
        return [
            Entry(item.document, item.content_hash, item.details_hash, tuple(span for span, _ in chunks), part)
            for item, chunks, part in zip(items, cut, parts, strict=True)
        ]


def _with_own_vector(item: _Prepared) -> Entry:
    if item.vector is None:
        raise InvalidVectorError(f"document {item.document.id!r} has no vector")
    span = Span(0, len(item.document.text))
    return Entry(item.document, item.content_hash, item.details_hash, (span,), item.vector)


def _batches(documents: Iterable[Document | Failure]) -> Iterator[list[Document | Failure]]:
    batch: list[Document | Failure] = []
    characters = 0
    for item in documents:
        batch.append(item)
        characters += len(item.text) if isinstance(item, Document) and isinstance(item.text, str) else 0
        if len(batch) >= _BATCH_DOCUMENTS or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
