import os
import struct
import threading
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semsearch.ingest.readers.contract import FoundFile
from semsearch.ingest.sandbox.frames import (
    Bounds,
    Frame,
    FrameError,
    Note,
    file_of,
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


def raw(values: bytes, text: bytes = b"", pixels: bytes = b"") -> bytes:
    return struct.pack(">III", len(values), len(text), len(pixels)) + values + text + pixels


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


def test_an_image_is_the_same_after_a_pipe() -> None:
    square = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)
    frame = through_a_pipe(packed(item_frame(Document("1", "caption", image=square)), BOUNDS))
    assert frame is not None
    item = item_of(frame)
    assert isinstance(item, Document)
    assert item.text == "caption"
    assert np.array_equal(item.image, square)


@pytest.mark.parametrize(
    ("side", "pixels"),
    [(None, b"x" * 12), (2, b""), (2, b"x" * 11), (2, b"x" * 13), (0, b""), (-2, b"x" * 12), ("2", b"x" * 12)],
)
def test_pixels_that_are_no_square_are_refused(side: object, pixels: bytes) -> None:
    assert item_of(Frame(DOCUMENT | {"square": 2}, pixels=b"x" * 12)).image.shape == (3, 2, 2)
    with pytest.raises(FrameError, match="pixels that are no square"):
        item_of(Frame(DOCUMENT | {"square": side}, pixels=pixels))


@pytest.mark.parametrize("image", [b"bytes", Path("a.jpg"), np.zeros((3, 2, 2), np.float32)], ids=str)
def test_only_pixels_can_be_sent_as_an_image(image: object) -> None:
    with pytest.raises(FrameError, match="an image that is no pixels"):
        item_frame(Document("1", image=image))


def test_a_request_comes_back_as_the_file_that_was_found(tmp_path: Path) -> None:
    frame = through_a_pipe(packed(request_frame(FoundFile(tmp_path / "\udce4", "id", 64)), BOUNDS))
    assert frame is not None
    assert file_of(frame) == FoundFile(tmp_path / "\udce4", "id", 64)


def test_notes_are_notes() -> None:
    assert [item_of(Frame({"is": word})) for word in ("ready", "done")] == [Note.READY, Note.DONE]


def test_reasons_are_cut() -> None:
    failure = item_of(Frame({"is": "failure", "where": "", "reason": "x" * 5_000}))
    assert isinstance(failure, Failure)
    assert len(failure.reason) == 2_000


@pytest.mark.parametrize("count", [0, 3, 12, 13, 16, 20])
def test_a_pipe_that_closes_before_a_message_has_ended_gives_none(count: int) -> None:
    assert through_a_pipe(raw(b"{}", b"text", b"pixels")[:count]) is None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (struct.pack(">III", 1_001, 0, 0), "1,001 bytes of metadata and places, above 1,000"),
        (struct.pack(">III", 0, 41, 0), "a text of 41 bytes, above 40"),
        (struct.pack(">III", 0, 0, 12_582_913), "12,582,913 bytes of pixels, above 12,582,912"),
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
