"""The last part of the write path: what is prepared and embedded is stored, a batch a transaction, and counted."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from semsearch.errors import InvalidVectorError
from semsearch.ingest.batch import Batch, Embedded, Made, Prepared, text_hash
from semsearch.ingest.items import FileVanished
from semsearch.ingest.preparing import failure_of
from semsearch.ingest.tally import FileTally, Tally
from semsearch.reports import FileOutcome, FileReport
from semsearch.store.documents import DocumentStore
from semsearch.store.records import Entry, SourceFile
from semsearch.store.writer import StoreWriter
from semsearch.types import Span


class Committing:
    """One call's.

    Args:
        store: where to.
        tally: in which all is counted.
        seen: the ids of all documents that have come in the call.
        remove_vanished: remove documents that are in their files no longer, and those of files that are gone.
    """

    def __init__(self, store: DocumentStore, tally: Tally, seen: set[str], *, remove_vanished: bool) -> None:
        self._store, self._tally, self._seen, self._remove = store, tally, seen, remove_vanished

    def commit(self, batch: Batch, embedded: Embedded) -> int:
        """Store it; returns the number of its chunks."""
        made = {**batch.known, **embedded}
        entries = [(item, entry) for item, spans in batch.new if (entry := self._entry(item, spans, made))]
        if batch.is_worth_a_commit or self._let_go(batch):
            with self._store.write() as writer:
                self._write(writer, batch, [entry for _, entry in entries])
        self._count(batch, entries)
        return sum(len(entry.spans) for _, entry in entries)

    def _write(self, writer: StoreWriter, batch: Batch, entries: Sequence[Entry]) -> None:
        writer.source_files.put(SourceFile(tally.path) for tally in batch.begun)
        writer.put(entries)
        writer.update_details([(each.document, each.details_hash, each.source_file) for each in batch.changed])
        for _, tally in batch.ended:
            self._take_vanished(writer, tally)
        writer.source_files.put(replace(end.file, failures=tuple(tally.failures)) for end, tally in batch.ended)
        writer.source_files.put(batch.touched)
        gone = self._let_go(batch)
        for path in gone:
            writer.remove(writer.source_files.documents(path))
        writer.source_files.forget(gone)

    def _entry(self, item: Prepared, spans: Sequence[Span], made: Embedded) -> Entry | None:
        """What is stored of a document, `None` if the model gave no usable vector for it."""
        own = item.brought.vector
        each_made = [made[text_hash(span)] for span in spans] if own is None else [Made(own)]
        errors = [each for each in each_made if isinstance(each, InvalidVectorError)]
        if errors:
            reason = f"the model gave no usable vector for it: {errors[0]}"
            self._tally.fail(failure_of(item.document, reason), item.file)
            return None
        usable = [each for each in each_made if isinstance(each, Made)]
        return Entry(
            item.document,
            item.content_hash,
            item.details_hash,
            tuple(spans),
            np.stack([each.vector for each in usable]),
            item.source_file,
            usable[0].latent,
        )

    def _let_go(self, batch: Batch) -> list[str]:
        """The paths of files to be forgotten: those that have vanished and may go, or have nothing to lose."""
        return [each.file.path for each in batch.vanished if self._remove or not each.file.documents]

    def _take_vanished(self, writer: StoreWriter, tally: FileTally) -> None:
        """Look for documents that were in the file when it was read the last time, and remove them if that is asked.

        One that did not come may be what failed, if anything of the file did.
        """
        if tally.failures or tally.known is None or not tally.known.documents:
            return
        gone = [each for each in writer.source_files.documents(tally.path) if each not in self._seen]
        if self._remove:
            tally.removed = len(writer.remove(gone))
        else:
            tally.vanished = len(gone)

    def _count(self, batch: Batch, entries: Sequence[tuple[Prepared, Entry]]) -> None:
        tally = self._tally
        hashes = [span.text_hash for _, entry in entries for span in entry.spans]
        made = hashes.count(None) + len(batch.to_embed & set(hashes))  # those without have brought their vectors
        tally.chunks += made
        tally.reused += len(hashes) - made
        tally.tokens += batch.tokens
        tally.truncated += batch.truncated
        for item, _ in entries:
            tally.count("updated" if item.document.id in batch.stored else "added", item.file)
        for item in batch.changed:
            tally.count("updated", item.file)
        for item in batch.kept:
            tally.count("skipped", item.file)
        for _, file in batch.ended:
            tally.vanished += file.vanished
            tally.removed += file.removed
        for each in batch.vanished:
            if self._remove:
                tally.removed += each.file.documents
            else:
                tally.vanished += each.file.documents
        tally.files += map(self._report, batch.reports)

    def _report(self, of: FileReport | FileTally | FileVanished) -> FileReport:
        match of:
            case FileReport():
                return of
            case FileTally():
                return of.report()
        path, documents = of.file.path, of.file.documents
        if self._remove or not documents:
            return FileReport(path, FileOutcome.REMOVED, removed=documents)
        return FileReport(path, FileOutcome.VANISHED, vanished=documents)
