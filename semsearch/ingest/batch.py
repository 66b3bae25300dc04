"""What one commit will hold, on its way through the write path."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from semsearch.ingest.items import FileEnds, FileVanished
from semsearch.ingest.tally import FileTally
from semsearch.reports import FileReport
from semsearch.store.records import SourceFile
from semsearch.types import Document, Span, StoredVectors


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that has passed the gate, with its hashes and the vectors that it brought, (1, dim) or (0, dim)."""

    document: Document
    content_hash: bytes
    details_hash: bytes
    vectors: StoredVectors
    file: FileTally | None

    @property
    def source_file(self) -> str | None:
        return None if self.file is None else self.file.path


@dataclass
class Batch:
    """Documents with what is needed to store them, and the files that begin and end among them.

    Attributes:
        size: documents and failures that were read for it.
        stored: ids of its documents that are in the collection.
        new: documents to be cut into chunks (anew), with the spans of these.
        changed: documents of which only the details are to be updated.
        kept: documents that are stored as they are.
        known: vectors of texts that are embedded already, by the texts' hashes.
        texts: the others, to be embedded.
        tokens: of these.
        truncated: chunks that the model does not read to their end.
        begun, ended, touched, vanished: files.
        reports: what becomes of each of them, in their order.
    """

    size: int = 0
    stored: frozenset[str] = frozenset()
    new: list[tuple[Prepared, Sequence[Span]]] = field(default_factory=list)
    changed: list[Prepared] = field(default_factory=list)
    kept: list[Prepared] = field(default_factory=list)
    known: dict[bytes, StoredVectors] = field(default_factory=dict)
    texts: dict[bytes, str] = field(default_factory=dict)
    tokens: int = 0
    truncated: int = 0
    begun: list[FileTally] = field(default_factory=list)
    ended: list[tuple[FileEnds, FileTally]] = field(default_factory=list)
    touched: list[SourceFile] = field(default_factory=list)
    vanished: list[FileVanished] = field(default_factory=list)
    reports: list[FileReport | FileTally | FileVanished] = field(default_factory=list)

    @property
    def is_worth_a_commit(self) -> bool:
        """Leaving out what becomes of vanished files."""
        return bool(self.new or self.changed or self.begun or self.ended or self.touched)
