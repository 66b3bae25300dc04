"""What a sandbox and its workers write to each other: a JSON object, a text and pixels, behind their three lengths.

A worker may have been taken over by the file that it parses. So its messages are data only, are bounded before they are
read, and have their shapes checked here; whether a document can be stored is judged at the gate, as for all documents.
Processes and limits are not here.
"""

import json
import os
import struct
from collections.abc import Mapping
from dataclasses import astuple
from enum import Enum
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from semsearch.images.embedder import LARGEST
from semsearch.images.protocol import Pixels
from semsearch.ingest.readers.contract import FoundFile
from semsearch.types import Document, Failure, Limits, Place

_LENGTHS = struct.Struct(">III")  # of the object, of the text and of the pixels, in bytes
_ENCODING = ("utf-8", "surrogatepass")  # lone surrogates are the gate's to replace, and to count
_REASON_CHARACTERS = 2_000


class FrameError(Exception):
    """What came is no message, or more than may come."""


class Note(Enum):
    """What a worker says besides documents and failures."""

    READY = "ready"
    DONE = "done"


class Frame(NamedTuple):
    """One message: its object, its text, its pixels, and its length in bytes where it has been read."""

    values: dict[str, Any]
    text: str = ""
    pixels: bytes | bytearray = b""
    size: int = 0


class Bounds(NamedTuple):
    """The most bytes that a message's object, text and pixels may have."""

    values: int
    text: int
    pixels: int = 3 * LARGEST**2

    @classmethod
    def of(cls, limits: Limits) -> "Bounds":
        """Those of a worker's messages; metadata and places may double a document's bytes."""
        return cls(2 * limits.document_bytes + (1 << 20), 4 * limits.text_characters)


def packed(frame: Frame, bounds: Bounds) -> bytes:
    """Give a message as bytes.

    Raises:
        FrameError: it is longer than `bounds`, or its values are not JSON.
    """
    try:
        values = json.dumps(frame.values, ensure_ascii=False).encode(*_ENCODING)
    except (TypeError, ValueError, RecursionError) as error:
        raise FrameError(f"is not JSON: {error}") from error
    text = frame.text.encode(*_ENCODING)
    _check_lengths(len(values), len(text), len(frame.pixels), bounds)
    return _LENGTHS.pack(len(values), len(text), len(frame.pixels)) + values + text + frame.pixels


def write_all(descriptor: int, message: bytes) -> None:
    """Write to a pipe, and wait while it is full; raises BrokenPipeError where nobody reads it any more."""
    data = memoryview(message)
    while data:
        data = data[os.write(descriptor, data) :]


def read_frame(source: FileIO, bounds: Bounds) -> Frame | None:
    """Read one message from a pipe, waiting for it; `None` where the pipe is closed before a message has ended.

    Raises:
        FrameError: it is longer than `bounds`, or is no JSON object.
    """
    lengths = _read(source, _LENGTHS.size)
    if lengths is None:
        return None
    values_length, text_length, pixels_length = _LENGTHS.unpack(lengths)
    _check_lengths(values_length, text_length, pixels_length, bounds)
    data = _read(source, values_length + text_length + pixels_length)
    if data is None:
        return None
    text_end = values_length + text_length
    text = _decoded(data[values_length:text_end])
    return Frame(_object(data[:values_length]), text, data[text_end:], len(data))


def request_frame(file: FoundFile) -> Frame:
    """Ask a worker to parse a file."""
    return Frame({"path": str(file.path), "document_id": file.document_id, "image_size": file.image_size})


def file_of(frame: Frame) -> FoundFile:
    """What a worker is asked to parse."""
    return FoundFile(Path(frame.values["path"]), frame.values["document_id"], frame.values["image_size"])


def item_frame(item: Document | Failure) -> Frame:
    """What a reader has yielded, as a message; raises FrameError if it is something else."""
    if isinstance(item, Failure):
        reason = item.reason[:_REASON_CHARACTERS]
        return Frame({"is": "failure", "where": item.where, "reason": reason, "document_id": item.document_id})
    if not isinstance(item, Document):
        _refuse(f"is a {type(item).__name__}, and neither a document nor a failure")
    square = item.image
    if square is not None and not (isinstance(square, np.ndarray) and square.dtype == np.uint8):
        _refuse("has an image that is no pixels")
    values = {
        "is": "document",
        "id": item.id,
        "metadata": item.metadata,
        "title": item.title,
        "source": item.source,
        "vector": item.vector,
        "places": [astuple(place) for place in item.places],
        "square": None if square is None else square.shape[-1],
    }
    return Frame(values, item.text, b"" if square is None else square.tobytes())


def item_of(frame: Frame) -> Document | Failure | Note:
    """What a worker's message says.

    Raises:
        FrameError: it says nothing that a worker may say.
    """
    values = frame.values
    match values.get("is"):
        case "document":
            return Document(
                _text(values, "id"),
                frame.text,
                _checked(values, "metadata", dict),
                _text_or_none(values, "title"),
                _text_or_none(values, "source"),
                _vector(values.get("vector")),
                tuple(_place(each) for each in _checked(values, "places", list)),
                _square(values.get("square"), frame.pixels),
            )
        case "failure":
            reason = _text(values, "reason")[:_REASON_CHARACTERS]
            return Failure(_text(values, "where"), reason, _text_or_none(values, "document_id"))
        case "ready" | "done" as note:
            return Note(note)
        case _:
            return _refuse("is of no known kind")


def enforced_words(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The limits that a worker that is ready has set upon itself."""
    return tuple(word for word in _checked(values, "enforced", list) if isinstance(word, str))


def _check_lengths(values: int, text: int, pixels: int, bounds: Bounds) -> None:
    if text > bounds.text:
        _refuse(f"has a text of {text:,} bytes, above {bounds.text:,}")
    if values > bounds.values:
        _refuse(f"has {values:,} bytes of metadata and places, above {bounds.values:,}")
    if pixels > bounds.pixels:
        _refuse(f"has {pixels:,} bytes of pixels, above {bounds.pixels:,}")


def _refuse(problem: str) -> NoReturn:
    raise FrameError(problem)


def _read(source: FileIO, count: int) -> bytearray | None:
    data = bytearray(count)
    filled = 0
    with memoryview(data) as view:
        while filled < count and (more := source.readinto(view[filled:])):
            filled += more
    return data if filled == count else None


def _object(data: bytearray) -> dict[str, Any]:
    try:
        values = json.loads(_decoded(data))
    except (ValueError, RecursionError) as error:
        raise FrameError("is not JSON") from error
    if not isinstance(values, dict):
        _refuse("is no object")
    return values


def _decoded(data: bytearray) -> str:
    try:
        return data.decode(*_ENCODING)
    except UnicodeDecodeError as error:
        raise FrameError("is not UTF-8") from error


def _checked(values: Mapping[str, Any], key: str, *kinds: type) -> Any:  # noqa: ANN401 - it is of one of the kinds
    value = values.get(key)
    if type(value) not in kinds:
        _refuse(f"has a {key} that is {type(value).__name__}")
    return value


def _text(values: Mapping[str, Any], key: str) -> str:
    text: str = _checked(values, key, str)
    return text


def _text_or_none(values: Mapping[str, Any], key: str) -> str | None:
    text: str | None = _checked(values, key, str, type(None))
    return text


def _vector(value: object) -> list[float] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(number) in {int, float} for number in value):
        _refuse("has a vector that is no list of numbers")
    return value


def _square(side: object, pixels: bytes | bytearray) -> Pixels | None:
    if side is None and not pixels:
        return None
    if type(side) is not int or side < 1 or 3 * side**2 != len(pixels):
        _refuse("has pixels that are no square")
    return np.frombuffer(pixels, np.uint8).reshape(3, side, side)


def _place(value: object) -> Place:
    match value:
        case [int(start), str() | None as heading, int() | None as page]:
            return Place(start, heading, page)
        case _:
            return _refuse("has a place that is none")
