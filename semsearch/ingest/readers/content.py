"""What the files that hold one document each have in common: their limits, and how what is wrong with them is told.

A format is a function from bytes, or from an opened file, to `Content`; the formats are the modules beside this.
"""

import importlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, BinaryIO

from semsearch.errors import MissingDependencyError, SemsearchError
from semsearch.ingest.readers.contract import FoundFile, Read
from semsearch.ingest.readers.encoding import UTF8, decode
from semsearch.ingest.readers.structure import too_long
from semsearch.store.texts import storable
from semsearch.types import Document, Failure, Limits, Metadata, Place

_LONGEST_MESSAGE = 200
# What programs write where nobody has written anything.
_SAYS_NOTHING = frozenset(
    {"", "untitled", "untitled document", "(anonymous)", "anonymous", "(unspecified)", "unspecified"}
)
_SAYS_NOTHING |= {"powerpoint presentation", "word document", "slide 1"}


@dataclass(frozen=True, slots=True)
class Content:
    """What a file says; the attributes are those of a Document."""

    text: str
    title: str | None = None
    metadata: Metadata = field(default_factory=dict)
    places: tuple[Place, ...] = ()


def of_text(name: str, parse: Callable[[str], Content]) -> Read:
    """Make a reader of text files of one document each, in any encoding; of another than UTF-8 the metadata tell."""

    def parse_bytes(data: bytes, limits: Limits) -> Content:  # the text is as long as the file
        text, encoding = decode(data)
        content = parse(text)
        if encoding != UTF8:
            content.metadata["encoding"] = encoding
        return content

    return of_bytes(name, parse_bytes)


def of_bytes(name: str, parse: Callable[[bytes, Limits], Content]) -> Read:
    """Make a reader of files of one document each, which are text throughout: `document_bytes` at most.

    Args:
        name: of the format, for failures and for the metadata's `format`.
        parse: may raise anything, which becomes the reason of a failure; InvalidDocumentError with its own words.
    """

    def read(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
        with file.path.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            if size <= limits.document_bytes:
                data = opened.read(size)
        if size > limits.document_bytes:
            reason = f"has {size:,} bytes, above max_document_bytes ({limits.document_bytes:,})"
            yield Failure(str(file.path), f"{reason}; split it or raise the setting", file.document_id)
            return
        yield document_of(file, name, limits, lambda: parse(data, limits))

    return read


def of_file(name: str, parse: Callable[[BinaryIO, Limits], Content]) -> Read:
    """Make a reader of files of one document each, of which the text is only a part: `file_bytes` at most.

    `parse` reads from the file what it needs; otherwise as `of_bytes`.
    """

    def read(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
        with file.path.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            if size > limits.file_bytes:
                reason = f"has {size:,} bytes, and files of more than {limits.file_bytes:,} are not read; split it"
                yield Failure(str(file.path), reason, file.document_id)
                return
            yield document_of(file, name, limits, lambda: parse(opened, limits))

    return read


def document_of(file: FoundFile, name: str, limits: Limits, parse: Callable[[], Content]) -> Document | Failure:
    """The document that `parse` gives, or the failure that says why there is none; it never raises."""
    where = str(file.path)
    try:
        content = parse()
    except Exception as error:  # parsers raise what they like, and none may end the reading of others
        return Failure(where, explained(error, name), file.document_id)
    if len(content.text) > limits.text_characters:
        return Failure(where, str(too_long(limits.text_characters)), file.document_id)
    if not content.text.strip():
        return Failure(where, "has no text in it; fill it or leave it out", file.document_id)
    title = " ".join((content.title or "").split())
    metadata = _cleaned({"format": name, **content.metadata})
    if metadata.get("author", "").lower() in _SAYS_NOTHING:
        metadata.pop("author", None)
    title = "" if title.lower() in _SAYS_NOTHING else title
    return Document(file.document_id, content.text, metadata, title or None, where, places=content.places)


def explained(error: Exception, name: str) -> str:
    """Why a file of this format could not be read, in one line."""
    if isinstance(error, SemsearchError):
        return str(error)
    message = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    if len(message) > _LONGEST_MESSAGE:
        message = f"{message[:_LONGEST_MESSAGE]}..."
    return f"cannot be read as {name}, it is damaged or of another kind: {message}"


def load(module: str, extra: str) -> ModuleType:
    """Import a library that an extra brings; MissingDependencyError names the extra."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library, _, _ = module.partition(".")
        raise MissingDependencyError(
            f"cannot be read: {library} is not installed; pip install 'semsearch[{extra}]'"
        ) from error


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Without what cannot be stored in a string, and without what says nothing."""
    if isinstance(value, dict):
        return {key: cleaned for key, item in value.items() if (cleaned := _cleaned(item)) not in (None, "", [])}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return storable(" ".join(value.split()))[0] if isinstance(value, str) else value
