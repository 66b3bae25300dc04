"""What a reader of a file format is; the formats are the modules beside this."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from semsearch.types import Document, Failure, Limits


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file.

    Attributes:
        path: absolute.
        document_id: of the document in it.
        image_size: side of the square that it is brought to, if it is read as an image.
    """

    path: Path
    document_id: str
    image_size: int | None = None


Read: TypeAlias = Callable[[FoundFile, Limits], Iterator[Document | Failure]]


@dataclass(frozen=True, slots=True)
class Reader:
    """One file format.

    Attributes:
        name: of the format, for people and for the entry point of a plug-in.
        suffixes: of its files, lower case, with the dot.
        read: yields the documents of one file; what cannot be understood is a Failure in its place. OSError may pass.
        version: to be raised when the same bytes give other documents, so that files are read again.
        prose: what it yields is in a language of people, which is found out and put into the metadata.
        sandboxed: parsed in a process of its own, because a hostile file may exhaust or crash whoever parses it.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Read
    version: int = 1
    prose: bool = True
    sandboxed: bool = True
