"""What one commit will hold, on its way through the write path."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from semsearch.errors import InvalidVectorError
from semsearch.images.protocol import Pixels
from semsearch.ingest.items import FileEnds, FileVanished
from semsearch.ingest.tally import FileTally
from semsearch.reports import FileReport
from semsearch.store.records import SourceFile
from semsearch.types import Document, Span, StoredVectors


class Made(NamedTuple):
    """What a chunk is found by, a vector (dim,), and what its image is drawn from, packed, if it is one."""

    vector: StoredVectors
    latent: bytes | None = None


Outcome: TypeAlias = Made | InvalidVectorError
Embedded: TypeAlias = Mapping[bytes, Outcome]  # by the hash of what it is made of


class Brought(NamedTuple):
    """What a document brings besides its text: a vector (dim,), or its image as a square (3, size, size).

    `key` is a hash of it, or the bytes themselves.
    """

    key: bytes = b""
    vector: StoredVectors | None = None
    square: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that has passed the gate, with its hashes and what it has brought."""

    document: Document
    content_hash: bytes
    details_hash: bytes
    brought: Brought
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
        known: of texts and images that are embedded already, by their hashes.
        texts, squares: the others, to be embedded.
        tokens: of these texts.
        truncated: chunks that the model does not read to their end.
        begun, ended, touched, vanished: files.
        reports: what becomes of each of them, in their order.
    """

    size: int = 0
    stored: frozenset[str] = frozenset()
    new: list[tuple[Prepared, Sequence[Span]]] = field(default_factory=list)
    changed: list[Prepared] = field(default_factory=list)
    kept: list[Prepared] = field(default_factory=list)
    known: dict[bytes, Made] = field(default_factory=dict)
    texts: dict[bytes, str] = field(default_factory=dict)
    squares: dict[bytes, Pixels] = field(default_factory=dict)
    tokens: int = 0
    truncated: int = 0
    begun: list[FileTally] = field(default_factory=list)
    ended: list[tuple[FileEnds, FileTally]] = field(default_factory=list)
    touched: list[SourceFile] = field(default_factory=list)
    vanished: list[FileVanished] = field(default_factory=list)
    reports: list[FileReport | FileTally | FileVanished] = field(default_factory=list)

    @property
    def to_embed(self) -> set[bytes]:
        """The hashes of what has to be."""
        return self.texts.keys() | self.squares.keys()

    @property
    def is_worth_a_commit(self) -> bool:
        """Leaving out what becomes of vanished files."""
        return bool(self.new or self.changed or self.begun or self.ended or self.touched)


def text_hash(span: Span) -> bytes:
    """By which what is made of it is found."""
    if span.text_hash is None:
        raise TypeError("a span has the hash of what is embedded for it")
    return span.text_hash
