"""The first part of the write path: documents are checked, compared with what is stored, and cut; no model runs."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from semsearch.embedders.protocol import Embedder
from semsearch.errors import DuplicateDocumentError, InvalidRequestError
from semsearch.index.vectors import as_stored, as_vector
from semsearch.ingest.batch import Batch, Prepared
from semsearch.ingest.finding import UnreadFile
from semsearch.ingest.gate import checked, content_hash, details_hash
from semsearch.ingest.items import FileBegins, FileEnds, FileSkipped, FileVanished, Item
from semsearch.ingest.reuse import EmbeddedTexts
from semsearch.ingest.tally import FileTally, Tally, skipped_report
from semsearch.reports import FileOutcome, FileReport
from semsearch.store.documents import DocumentStore
from semsearch.types import Document, Failure, Span

if TYPE_CHECKING:
    from semsearch.ingest.chunking.chunker import Chunker


class Preparation:
    """One call's: it knows which ids have come, and which file is being read."""

    def __init__(self, store: DocumentStore, embedder: Callable[[], Embedder] | None, tally: Tally) -> None:
        self._store, self._embedder, self._tally = store, embedder, tally
        self._embedded = EmbeddedTexts(store)
        self._chunker: Chunker | None = None
        self._file: FileTally | None = None
        self._read = 0
        self.seen: set[str] = set()  # ids

    def batch(self, items: Sequence[Item]) -> Batch:
        """What is new or has changed of these; what is refused is in the tally."""
        batch = Batch()
        prepared = [each for item in items if (each := self._taken(item, batch)) is not None]
        with self._store.read() as reader:
            stored = reader.hashes(item.document.id for item in prepared)
        batch.stored = frozenset(stored)
        new: list[Prepared] = []
        for item in prepared:
            content, details = stored.get(item.document.id, (None, None))
            if content != item.content_hash:
                new.append(item)
            else:
                (batch.kept if details == item.details_hash else batch.changed).append(item)
        self._cut(new, batch)
        return batch

    def _taken(self, item: object, batch: Batch) -> Prepared | None:
        """The document that passes the gate; where a file begins and ends is noted in the batch."""
        match item:
            case FileBegins():
                self._file = FileTally(item.path, item.known)
                batch.begun.append(self._file)
            case FileEnds():
                if self._file is not None:
                    batch.ended.append((item, self._file))
                    batch.reports.append(self._file)
                self._file = None
            case FileSkipped():
                self._skip(item, batch)
            case UnreadFile():
                reason = f"no reader is for {item.kind} files" if item.kind.startswith(".") else "it has no suffix"
                batch.reports.append(FileReport(item.path, FileOutcome.UNREAD, reason=reason))
            case FileVanished():
                batch.vanished.append(item)
                batch.reports.append(item)
            case _:
                batch.size += 1
                self._read += 1
                return self._document(item)
        return None

    def _skip(self, item: FileSkipped, batch: Batch) -> None:
        batch.size += max(1, item.file.documents)
        self._tally.skipped += item.file.documents
        self._tally.failed += item.file.failures
        batch.reports.append(skipped_report(item.file))
        if item.touched:
            batch.touched.append(item.file)

    def _document(self, item: object) -> Prepared | None:
        if isinstance(item, Failure):
            self._tally.fail(item, self._file)
        elif isinstance(item, Document):
            try:
                return self._behind_the_gate(item)
            except (InvalidRequestError, DuplicateDocumentError) as error:
                self._tally.fail(failure_of(item, str(error)), self._file)
        else:
            reason = f"is a {type(item).__name__}; documents are semsearch.Document"
            self._tally.fail(Failure(f"item {self._read}", reason), self._file)
        return None

    def _behind_the_gate(self, item: Document) -> Prepared:
        dim = self._store.spec.dim
        document, replaced = checked(item, own_vectors=self._embedder is None)
        if document.id in self.seen:
            raise DuplicateDocumentError(document.id)
        given = document.vector
        vectors = as_stored(np.empty((0, dim), np.float32) if given is None else as_vector(given, dim))
        self.seen.add(document.id)
        self._tally.replaced += replaced
        details = details_hash(document, None if self._file is None else self._file.path)
        return Prepared(document, content_hash(document, vectors.tobytes()), details, vectors, self._file)

    def _cut(self, items: Sequence[Prepared], batch: Batch) -> None:
        """Cut documents into chunks, and note which of their texts have to be embedded."""
        if self._embedder is None:
            batch.new = [(item, [Span(0, len(item.document.text))]) for item in items]
        elif items:
            embedder = self._embedder()
            cut = self._chunker_for(embedder).prepare([item.document for item in items])
            batch.new = [(item, [span for span, _ in chunks]) for item, chunks in zip(items, cut, strict=True)]
            texts = {text_hash(span): text for chunks in cut for span, text in chunks}
            batch.known = self._embedded.vectors(texts)
            batch.texts = {key: text for key, text in texts.items() if key not in batch.known}
            tokens = {text_hash(span): span.tokens or 0 for chunks in cut for span, _ in chunks}
            batch.tokens = sum(tokens[key] for key in batch.texts)
            batch.truncated = sum((span.tokens or 0) > embedder.max_tokens for chunks in cut for span, _ in chunks)

    def _chunker_for(self, embedder: Embedder) -> "Chunker":
        from semsearch.ingest.chunking.chunker import Chunker  # 30 ms, which searches do without

        if self._chunker is None:
            self._chunker = Chunker(embedder.count_tokens, embedder.max_tokens, self._store.spec.chunking)
        return self._chunker


def text_hash(span: Span) -> bytes:
    """By which its vector is found."""
    if span.text_hash is None:
        raise TypeError("the chunker hashes what is embedded")
    return span.text_hash


def failure_of(document: Document, reason: str) -> Failure:
    """Why a document is refused, which may be wrong in any way."""
    source = document.source if isinstance(document.source, str) else None
    document_id = document.id if isinstance(document.id, str) else None
    return Failure(source or f"document {document.id!r:.80}", reason, document_id)
