"""The write path: documents are checked, cut, embedded and stored, a batch a transaction."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from semsearch.embedders.protocol import Embedder
from semsearch.errors import (
    CorruptStoreError,
    DuplicateDocumentError,
    InvalidRequestError,
    InvalidVectorError,
    MissingDependencyError,
    StoreError,
)
from semsearch.index import sizing
from semsearch.index.vectors import as_stored, as_vector, as_vectors
from semsearch.ingest.chunking import Chunker
from semsearch.ingest.gate import checked, content_hash, details_hash
from semsearch.ingest.maintenance import seal
from semsearch.store.documents import DocumentStore
from semsearch.store.records import Entry
from semsearch.types import AddReport, Document, Failure, Progress, ProgressCallback, Span, StoredVectors

logger = logging.getLogger(__name__)
# What a commit holds: seconds of embedding on two cores, so that progress is seen and kept; vectors that are brought
# along take no time, and fewer commits write fewer pages twice.
_BATCH_EMBEDDED, _BATCH_BROUGHT = 256, 1_024
_BATCH_CHARACTERS = 200_000  # some 50,000 tokens


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A document that has passed the gate, with its hashes and the vectors that it brought, (1, dim) or (0, dim)."""

    document: Document
    content_hash: bytes
    details_hash: bytes
    vectors: StoredVectors


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

    Raises:
        InvalidRequestError: `documents` is one document, or anything else that cannot be iterated over.
    """
    try:
        items = iter(documents)
    except TypeError as error:
        kind = type(documents).__name__
        raise InvalidRequestError(f"documents is a {kind}; pass several semsearch.Document, as in a list") from error
    store.lock()
    run = _Run(store, embedder)
    for batch in _batches(items, _BATCH_BROUGHT if embedder is None else _BATCH_EMBEDDED):
        run.add(batch)
        if progress is not None:
            progress(Progress(run.documents, run.chunks))
    return run.report()


def try_maintenance(work: Callable[[], object]) -> str | None:
    """Do what derives index and files from documents that are stored; what prevented it is logged and returned.

    Raises:
        CorruptStoreError: what the documents themselves are in is damaged.
    """
    try:
        work()
    except CorruptStoreError:
        raise
    except (StoreError, MissingDependencyError, OSError) as error:
        logger.warning("the index or the files could not be brought up to date; documents are stored: %s", error)
        return str(error)
    return None


class _Run:
    """One call of `add_documents`: what it has seen and done so far."""

    def __init__(self, store: DocumentStore, embedder: Callable[[], Embedder] | None) -> None:
        self._store, self._embedder = store, embedder
        self._chunker: Chunker | None = None
        self._seen: set[str] = set()
        self._failed: list[Failure] = []
        self._added = self._updated = self._skipped = self._truncated = self._replaced = 0
        self.documents = self.chunks = 0
        self._sealing = True  # until it fails: what kept one batch from it keeps the next one from it, too
        with store.read() as reader:
            self._unsealed = reader.tail_rows()  # at most; what is replaced meanwhile counts twice

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
        prepared = list(self._prepared(batch))
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
                writer.update_details([(item.document, item.details_hash) for item in changed])
        self._added += sum(entry.document.id not in stored for entry in entries)
        self._updated += sum(entry.document.id in stored for entry in entries) + len(changed)
        self._skipped += len(kept) - len(changed)
        self.documents += len(batch)
        self.chunks += sum(len(entry.spans) for entry in entries)
        logger.info("committed: %d documents read, %d chunks embedded", self.documents, self.chunks)
        self._unsealed += sum(len(entry.spans) for entry in entries)
        if self._sealing and self._unsealed >= sizing.SEAL_FROM:
            self._sealing = try_maintenance(lambda: seal(self._store)) is None
            self._unsealed = 0

    def _prepared(self, batch: Sequence[object]) -> Iterator[_Prepared]:
        """The documents that pass the gate; whatever does not is in the report."""
        for number, item in enumerate(batch, start=self.documents + 1):
            if isinstance(item, Failure):
                self._failed.append(item)
            elif isinstance(item, Document):
                try:
                    prepared = self._behind_the_gate(item)
                except (InvalidRequestError, DuplicateDocumentError) as error:
                    self._fail(item, str(error))
                else:
                    yield prepared
            else:
                reason = f"is a {type(item).__name__}; documents are semsearch.Document"
                self._failed.append(Failure(f"item {number}", reason))

    def _fail(self, document: Document, reason: str) -> None:
        source = document.source if isinstance(document.source, str) else None
        document_id = document.id if isinstance(document.id, str) else None
        self._failed.append(Failure(source or f"document {document.id!r:.80}", reason, document_id))

    def _behind_the_gate(self, item: Document) -> _Prepared:
        dim = self._store.spec.dim
        document, replaced = checked(item, own_vectors=self._embedder is None)
        if document.id in self._seen:
            raise DuplicateDocumentError(document.id)
        given = document.vector
        vectors = as_stored(np.empty((0, dim), np.float32) if given is None else as_vector(given, dim))
        self._seen.add(document.id)
        self._replaced += replaced
        return _Prepared(document, content_hash(document, vectors.tobytes()), details_hash(document), vectors)

    def _entries(self, items: Sequence[_Prepared]) -> list[Entry]:
        if self._embedder is None:
            return [_entry(item, [Span(0, len(item.document.text))], item.vectors) for item in items]
        if not items:
            return []
        embedder = self._embedder()
        self._chunker = self._chunker or Chunker(embedder.count_tokens, embedder.max_tokens)
        cut = self._chunker.prepare([item.document for item in items])
        texts = [text for chunks in cut for _, text in chunks]
        self._truncated += sum(count > embedder.max_tokens for count in embedder.count_tokens(texts))
        embedded = np.asarray(embedder.embed_documents(texts))  # (n, dim)
        entries = []
        parts = np.split(embedded, np.cumsum([len(chunks) for chunks in cut])[:-1])
        for item, chunks, part in zip(items, cut, parts, strict=True):
            try:
                vectors = as_stored(as_vectors(part, self._store.spec.dim))
            except InvalidVectorError as error:
                self._fail(item.document, f"the model gave no usable vector for it: {error}")
            else:
                entries.append(_entry(item, [span for span, _ in chunks], vectors))
        return entries


def _entry(item: _Prepared, spans: Sequence[Span], vectors: StoredVectors) -> Entry:
    return Entry(item.document, item.content_hash, item.details_hash, tuple(spans), vectors)


def _batches(documents: Iterable[Document | Failure], most: int) -> Iterator[list[Document | Failure]]:
    batch: list[Document | Failure] = []
    characters = 0
    for item in documents:
        batch.append(item)
        characters += len(item.text) if isinstance(item, Document) and isinstance(item.text, str) else 0
        if len(batch) >= most or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
