import os
import struct
import threading
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from semsearch.ingest.readers.contract import FoundFile
from semsearch.ingest.sandbox.frames import (
    Bounds,
    Frame,
    FrameError,
    Note,
    item_frame,
    item_of,
    packed,
    read_frame,
    request_frame,
    write_all,
)
from semsearch.types import Document, Failure, Limits, Place

BOUNDS = Bounds(1_000, 40)
DOCUMENT = {"is": "document", "id": "1", "metadata": {}, "title": None, "source": None, "vector": None, "places": []}


def through_a_pipe(data: bytes, bounds: Bounds = BOUNDS) -> Frame | None:
    """Read what was written, and then no more."""
    source, target = os.pipe()
    write_all(target, data)
    os.close(target)
    with FileIO(source) as file:
        return read_frame(file, bounds)


def raw(values: bytes, text: bytes = b"") -> bytes:
    return struct.pack(">II", len(values), len(text)) + values + text


@pytest.mark.parametrize(
    "item",
    [
        Document("", ""),
        Document("1", "text", {"a": [1, 2.5, True, None, {"b": "c"}]}, "title", "source", [1, 0.5]),
        Document("2", "\ud83d\ude00 \U0001f600 \0 \ud800", {"\udfff": "\udc00"}, "\ud800", "\0"),
        Document("3", "places", places=(Place(0), Place(3, "A"), Place(5, "A > B", 2))),
        Failure("where", "why"),
        Failure("where", "why", "4"),
    ],
    ids=str,
)
def test_an_item_is_the_same_after_a_pipe(item: Document | Failure) -> None:
    frame = through_a_pipe(packed(item_frame(item), BOUNDS))
    assert frame is not None
    assert item_of(frame) == item


def test_a_request_is_the_path_and_the_id(tmp_path: Path) -> None:
    frame = through_a_pipe(packed(request_frame(FoundFile(tmp_path / "\udce4", "id")), BOUNDS))
    assert frame is not None
    assert frame.values == {"path": str(tmp_path / "\udce4"), "document_id": "id"}


def test_notes_are_notes() -> None:
    assert [item_of(Frame({"is": word})) for word in ("ready", "done")] == [Note.READY, Note.DONE]


def test_reasons_are_cut() -> None:
    failure = item_of(Frame({"is": "failure", "where": "", "reason": "x" * 5_000}))
    assert isinstance(failure, Failure)
    assert len(failure.reason) == 2_000


@pytest.mark.parametrize("count", [0, 3, 8, 9, 12])
def test_a_pipe_that_closes_before_a_message_has_ended_gives_none(count: int) -> None:
    assert through_a_pipe(raw(b"{}", b"text")[:count]) is None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (struct.pack(">II", 1_001, 0), "1,001 bytes of metadata and places, above 1,000"),
        (struct.pack(">II", 0, 41), "a text of 41 bytes, above 40"),
        (raw(b""), "not JSON"),
        (raw(b"{"), "not JSON"),
        (raw(b"[" * 999), "not JSON"),
        (raw(b'{"a": ' + b"1" * 5_000 + b"}"), "above 1,000"),
        (raw(b"[]"), "no object"),
        (raw(b'"\xff"'), "not UTF-8"),
        (raw(b"{}", b"\xff"), "not UTF-8"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(FrameError, match=problem):
        through_a_pipe(data)


def test_a_message_that_is_nested_too_deeply_or_has_too_long_a_number_is_refused() -> None:
    for values in (b"[" * 200_000, b'{"a": ' + b"1" * 5_000 + b"}"):
        with pytest.raises(FrameError, match="not JSON"):
            through_a_pipe_of_a_thread(raw(values))


def through_a_pipe_of_a_thread(data: bytes) -> Frame | None:
    """As above, for more than a pipe holds."""
    source, target = os.pipe()

    def write() -> None:
        write_all(target, data)
        os.close(target)

    thread = threading.Thread(target=write)
    thread.start()
    with FileIO(source) as file:
        frame = read_frame(file, Bounds(1 << 20, 0))
    thread.join()
    return frame


@pytest.mark.parametrize(
    "change",
    [
        {"is": "order"},
        {"is": None},
        {"is": ["document"]},
        {"id": 1},
        {"id": None},
        {"metadata": []},
        {"metadata": None},
        {"title": 1},
        {"source": {}},
        {"vector": "1"},
        {"vector": [1, "2"]},
        {"vector": [True]},
        {"places": None},
        {"places": [0]},
        {"places": [[0, None]]},
        {"places": [["0", None, None]]},
        {"places": [[0, 1, None]]},
        {"places": [[0, None, "1"]]},
        {"is": "failure", "where": "", "reason": None},
        {"is": "failure", "where": 1, "reason": ""},
        {"is": "failure", "where": "", "reason": "", "document_id": 1},
    ],
    ids=str,
)
def test_a_message_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    assert item_of(Frame(DOCUMENT)) == Document("1", "")
    with pytest.raises(FrameError):
        item_of(Frame(DOCUMENT | change))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: item_frame(Document("1", "x" * 41)), "a text of 41 bytes"),
        (lambda: item_frame(Document("1", "", {"a": "x" * 1_000})), "bytes of metadata and places, above 1,000"),
        (lambda: item_frame(Document("1", "", {"a": object()})), "not JSON: Object of type object"),
        (lambda: item_frame("text"), "is a str, and neither a document nor a failure"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_it_is(make: Callable[[], Frame], problem: str) -> None:
    with pytest.raises(FrameError, match=problem):
        packed(make(), BOUNDS)


def test_the_longest_text_fits_the_bounds_and_a_byte_more_does_not() -> None:
    bounds = Bounds.of(Limits(document_bytes=1_000, text_characters=100))
    assert packed(item_frame(Document("1", "\U0001f600" * 100)), bounds)
    with pytest.raises(FrameError, match="a text of 401 bytes, above 400"):
        packed(item_frame(Document("1", "\U0001f600" * 100 + "a")), bounds)
