"""The reader of JSON: an array of objects with a `text` is as many documents, any other value is one, as it is written.

The objects are those of JSON Lines, except that one without an id gets its number for one. An array may be of any size.
"""

import io
import json
from collections.abc import Iterator
from typing import BinaryIO

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.content import Content, explained, of_text
from semsearch.ingest.readers.contract import FoundFile, Reader
from semsearch.ingest.readers.encoding import encoding_of
from semsearch.ingest.readers.jsonl import read_object
from semsearch.types import Document, Failure, Limits

_BLOCK = 1 << 16
# Finds where an object ends; what is in it, read_object judges.
_FINDER = json.JSONDecoder(parse_int=str, parse_float=str)
_read_whole = of_text("json", Content)


def _read(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    if not _is_records(file, limits):
        yield from _read_whole(file, limits)
        return
    where = str(file.path)
    with file.path.open("rb") as opened:
        number = 0
        try:
            for element in _elements(opened, limits.document_bytes):
                number += 1
                document_id = f"{file.document_id}#{number}"
                yield read_object(element.encode(errors="replace"), where, f"{where}#{number}", document_id)
        except (InvalidDocumentError, UnicodeDecodeError) as error:
            yield Failure(f"{where}#{number + 1}", explained(error, "json"), f"{file.document_id}#{number + 1}")


JSON = Reader("json", (".json",), _read, prose=False, sandboxed=False)


def _is_records(file: FoundFile, limits: Limits) -> bool:
    """Whether the file is an array whose first element is an object with a text."""
    with file.path.open("rb") as opened:
        try:
            first = next(_elements(opened, limits.document_bytes), "")
            value = json.loads(first) if first else None
        except (ValueError, RecursionError):  # UnicodeDecodeError and InvalidDocumentError are ValueErrors
            return False
    return isinstance(value, dict) and "text" in value


def _elements(opened: BinaryIO, most: int) -> Iterator[str]:
    """Yield the elements of an array as they are written; nothing if the value is no array.

    Raises:
        InvalidDocumentError: one is not JSON, or longer than `most`; where the next one begins is then not known.
    """
    with io.TextIOWrapper(opened, encoding_of(opened)) as file:
        yield from _elements_of_array(file, most)


def _elements_of_array(file: io.TextIOBase, most: int) -> Iterator[str]:
    buffer, separator = file.read(_BLOCK).lstrip(), ""
    if not buffer.startswith("["):
        return
    buffer = buffer[1:]
    while True:
        buffer = _filled(buffer, file)
        if buffer.startswith("]"):
            return
        if separator and not buffer.startswith(separator):
            raise InvalidDocumentError(f"is not JSON: here {buffer[:20]!r} comes in the place of a comma; correct it")
        buffer = _filled(buffer[len(separator) :], file)
        end, buffer = _end_of_value(buffer, file, most)
        yield buffer[:end]
        buffer, separator = buffer[end:], ","


def _filled(buffer: str, file: io.TextIOBase) -> str:
    """The buffer without white space before it, and with something in it, unless the file is at its end."""
    while not (buffer := buffer.lstrip()):
        if not (block := file.read(_BLOCK)):
            raise InvalidDocumentError("is not JSON: the array is not closed; correct it")
        buffer = block
    return buffer


def _end_of_value(buffer: str, file: io.TextIOBase, most: int) -> tuple[int, str]:
    """Where the value at the beginning of the buffer ends, and the buffer, to which as much as necessary is added."""
    while True:
        try:
            _, end = _FINDER.raw_decode(buffer)
            if end < len(buffer):  # otherwise a number may go on
                return end, buffer
            reason = "the array is not closed"
        except json.JSONDecodeError as error:
            reason = error.msg
        except RecursionError as error:
            raise InvalidDocumentError("is nested too deeply; flatten it") from error
        if len(buffer) > most:
            raise InvalidDocumentError(
                f"is not JSON ({reason}), or longer than max_document_bytes ({most:,}); correct it, split it or raise "
                "the setting; nothing after it was read"
            )
        if not (block := file.read(max(_BLOCK, len(buffer)))):
            raise InvalidDocumentError(f"is not JSON: {reason}; correct it")
        buffer += block
