"""Reads documents from JSON Lines, one object a line; a bad line is a failure, and the lines after it still come.

Keys: `id` or `_id`, `text`, `title`, `metadata`, `source`, `vector`; all others become metadata. Whether a document can
be stored (the length of its id, the numbers of its vector) is not judged here.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.contract import FoundFile, Reader
from semsearch.types import Document, Failure, Limits, Metadata

_BLOCK = 1 << 20
_KINDS: dict[type, str] = {str: "a string", dict: "an object", list: "a list of numbers"}


def read_jsonl(
    file: BinaryIO, name: str, *, max_document_bytes: int = 10_000_000, numbered_in: str | None = None
) -> Iterator[Document | Failure]:
    """Yield a document or a failure for each line that is not blank.

    Args:
        file: read line by line; a line above `max_document_bytes` is skipped without being held in memory.
        name: what the file is called in failures (`<name>:<line>`), and the source of documents that bring none.
        max_document_bytes: the longest line that is read.
        numbered_in: with the number of the line, the id of documents that bring none; `None`: they are failures.
    """
    blank = True
    for number, line in enumerate(_lines(file, max_document_bytes), start=1):
        where = f"{name}:{number}"
        if line is None:
            reason = f"is longer than max_document_bytes ({max_document_bytes:,}); split it or raise the setting"
            yield Failure(where, reason)
        elif line.strip():
            default_id = None if numbered_in is None else f"{numbered_in}#{number}"
            yield read_object(line, name, where, default_id)
        else:
            continue
        blank = False
    if blank:
        yield Failure(name, "has no documents in it; write one JSON object a line, or leave it out")


def read_object(line: bytes, name: str, where: str, default_id: str | None = None) -> Document | Failure:
    """The document of one JSON object, or why there is none.

    Args:
        line: the object.
        name: its document's source if it brings none.
        where: where it is, for the failure.
        default_id: its document's id if it brings none; `None`: that is a failure.
    """
    document_id = None
    try:
        values = _parse(line)
        document_id = _take_id(values, default_id)
        text, title, source = _take_text(values), _take(values, "title", str), _take(values, "source", str)
        vector = _take_vector(values)
        return Document(document_id, text, _take_metadata(values), title, source or name, vector)
    except InvalidDocumentError as error:
        return Failure(where, str(error), document_id)


def count_lines(path: Path) -> int:
    """Count lines, blank ones included, by their newline bytes; raises OSError."""
    newlines, block = 0, b"\n"
    with path.open("rb") as file:
        while following := file.read(_BLOCK):
            block = following
            newlines += block.count(b"\n")
    return newlines + (not block.endswith(b"\n"))


def _read(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    with file.path.open("rb") as opened:
        yield from read_jsonl(
            opened, str(file.path), max_document_bytes=limits.document_bytes, numbered_in=file.document_id
        )


JSONL = Reader("jsonl", (".jsonl", ".ndjson"), _read, prose=False, sandboxed=False)


def _lines(file: BinaryIO, max_bytes: int) -> Iterator[bytes | None]:
    """Yield each line, and `None` for one above `max_bytes`."""
    bound = max_bytes + 2  # its newline, "\r\n", does not count
    beginning = b"\xef\xbb\xbf"  # a byte order mark
    while line := file.readline(bound):
        if line.endswith(b"\n") or len(line) < bound:
            yield line.removeprefix(beginning)
        else:
            while line and not line.endswith(b"\n"):
                line = file.readline(_BLOCK)
            yield None
        beginning = b""


def _parse(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode(), parse_constant=_refuse_number, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise InvalidDocumentError(f"is not UTF-8 at its byte {error.start}; save it as UTF-8") from error
    except RecursionError as error:
        raise InvalidDocumentError("is nested too deeply; flatten it") from error
    except json.JSONDecodeError as error:
        raise InvalidDocumentError(f"is not JSON: {error.msg} at character {error.pos}; correct the line") from error
    except InvalidDocumentError:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidDocumentError(f"has a number that cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise InvalidDocumentError(f"is not an object but {_shown(value)}; write one with 'id' and 'text'")
    return value


def _refuse_number(text: str) -> NoReturn:
    raise InvalidDocumentError(f"has {text}, which is not a number in JSON; leave it out or write null")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_number(text)


def _take_id(values: dict[str, Any], default: str | None) -> str:
    key = "id" if "id" in values else "_id"
    if key not in values and default is not None:
        return default
    if key not in values:
        raise InvalidDocumentError("has no 'id' (or '_id'); give it one that stays the same")
    value = values.pop(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise InvalidDocumentError(f"{key!r} is {_shown(value)}; it must be a string or an integer")
    return value


def _take_text(values: dict[str, Any]) -> str:
    text: str | None = _take(values, "text", str)
    if text is None:
        raise InvalidDocumentError("has no 'text'; give it one (it may be empty if there is a title)")
    return text


def _take(values: dict[str, Any], key: str, kind: type) -> Any:  # noqa: ANN401 - it is of that kind, or None
    value = values.pop(key, None)
    if value is not None and not isinstance(value, kind):
        raise InvalidDocumentError(f"{key!r} is {_shown(value)}; it must be {_KINDS[kind]}")
    return value


def _take_vector(values: dict[str, Any]) -> list[float] | None:
    vector: list[Any] | None = _take(values, "vector", list)
    for number in vector or []:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise InvalidDocumentError(f"'vector' has {_shown(number)} in it; it must be {_KINDS[list]}")
    return vector


def _take_metadata(values: dict[str, Any]) -> Metadata:
    explicit = _take(values, "metadata", dict) or {}
    return {**values, **explicit}


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
