"""What a reader of a file format is, and the bounds within which it works; the formats are the modules beside this."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from semsearch.types import Document, Failure


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file: its absolute path, and the id of the document in it."""

    path: Path
    document_id: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost; a file that asks for more is a failure whose reason names the limit.

    Attributes:
        document_bytes: of a file that is one document, and of a line or row of one that holds many.
        text_characters: of one document's text.
        unpacked_bytes: of all that is unpacked from a file that is an archive inside, as DOCX and EPUB are.
        pages: of a PDF.
        memory_bytes: resident memory of the process that parses it.
        cpu_seconds: of that process, for one file.
        seconds: wall time for one file.
        written_bytes: of the longest file which that process may write.
    """

    document_bytes: int = 10_000_000
    text_characters: int = 20_000_000
    unpacked_bytes: int = 500_000_000
    pages: int = 5_000
    memory_bytes: int = 1 << 30
    cpu_seconds: int = 60
    seconds: int = 120
    written_bytes: int = 1 << 20


Read: TypeAlias = Callable[[FoundFile, Limits], Iterator[Document | Failure]]


@dataclass(frozen=True, slots=True)
class Reader:
    """One file format.

    Attributes:
        name: of the format, for people and for the entry point of a plug-in.
        suffixes: of its files, lower case, with the dot.
        read: yields the documents of one file; what cannot be understood is a Failure in its place. OSError may pass.
        version: to be raised when the same bytes give other documents, so that files are read again.
        sandboxed: parsed in a process of its own, because a hostile file may exhaust or crash whoever parses it.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Read
    version: int = 1
    sandboxed: bool = True
