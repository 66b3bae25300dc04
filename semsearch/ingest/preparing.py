"""The first part of the write path: documents are checked, compared with what is stored, and cut; no model runs."""

from collections.abc import Sequence
from dataclasses import replace

from semsearch.errors import DuplicateDocumentError, InvalidRequestError
from semsearch.ingest.batch import Batch, Prepared
from semsearch.ingest.contents.contract import Contents
from semsearch.ingest.finding import UnreadFile
from semsearch.ingest.gate import checked, content_hash, details_hash
from semsearch.ingest.items import FileBegins, FileEnds, FileSkipped, FileVanished, Item
from semsearch.ingest.tally import FileTally, Tally, skipped_report
from semsearch.reports import FileOutcome, FileReport
from semsearch.store.documents import DocumentStore
from semsearch.types import Document, Failure


class Preparation:
    """One call's: it knows which ids have come, and which file is being read."""

    def __init__(self, store: DocumentStore, contents: Contents, tally: Tally) -> None:
        self._store, self._contents, self._tally = store, contents, tally
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
        if new:
            self._contents.cut(new, batch)
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
        document, replaced = checked(item, self._store.spec.kind)
        if document.id in self.seen:
            raise DuplicateDocumentError(document.id)
        brought = self._contents.brought(document)
        if document.image is not None:
            document = replace(document, image=None)  # its square is what is kept in memory
        self.seen.add(document.id)
        self._tally.replaced += replaced
        details = details_hash(document, None if self._file is None else self._file.path)
        return Prepared(document, content_hash(document, brought.key), details, brought, self._file)


def failure_of(document: Document, reason: str) -> Failure:
    """Why a document is refused, which may be wrong in any way."""
    source = document.source if isinstance(document.source, str) else None
    document_id = document.id if isinstance(document.id, str) else None
    return Failure(source or f"document {document.id!r:.80}", reason, document_id)
