"""What flows into the write path: documents and failures, and where the files that they are from begin and end.

A document belongs to the file that has begun and not ended; what comes outside of any file has none.
"""

from dataclasses import dataclass
from typing import TypeAlias

from semsearch.ingest.finding import UnreadFile
from semsearch.store.records import SourceFile
from semsearch.types import Document, Failure


@dataclass(frozen=True, slots=True)
class FileBegins:
    """What follows is from this file; `known` is what the store has of it, before."""

    path: str
    known: SourceFile | None


@dataclass(frozen=True, slots=True)
class FileEnds:
    """All of the file was given, less the failures among it; `file` is what it was when it was read."""

    file: SourceFile


@dataclass(frozen=True, slots=True)
class FileSkipped:
    """The file is as it was when it was read; `touched`: but for what is in here."""

    file: SourceFile
    touched: bool = False


@dataclass(frozen=True, slots=True)
class FileVanished:
    """The file was read once, and is not there any more."""

    file: SourceFile


Item: TypeAlias = Document | Failure | FileBegins | FileEnds | FileSkipped | FileVanished | UnreadFile
