"""JSON Lines: what a line may say, and that no line keeps the next one from being read."""

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.ingest.readers.jsonl import read_jsonl
from semsearch.types import Document, Failure

GOOD = b'{"id": "good", "text": "t"}\n'


def read(content: bytes, max_document_bytes: int = 10_000) -> list[Document | Failure]:
    return list(read_jsonl(io.BytesIO(content), "f", max_document_bytes=max_document_bytes))


def document(line: dict[str, Any]) -> Document:
    [item] = read(json.dumps(line).encode())
    assert isinstance(item, Document), item
    return item


def failure(line: bytes, max_document_bytes: int = 10_000) -> Failure:
    """The failure of a line between two good ones, which are read all the same."""
    first, second, third = read(GOOD + line + b"\n" + GOOD, max_document_bytes)
    assert isinstance(first, Document)
    assert isinstance(second, Failure)
    assert isinstance(third, Document)
    assert second.where == "f:2"
    return second


def test_all_keys_are_read() -> None:
    line = {"id": "a", "text": "t", "title": "T", "metadata": {"y": 1}, "source": "s", "vector": [1, 2.5]}
    assert document(line) == Document("a", "t", {"y": 1}, "T", "s", [1, 2.5])


def test_what_is_left_out_has_defaults() -> None:
    assert document({"_id": "a", "text": "t"}) == Document("a", "t", {}, None, "f", None)


@pytest.mark.parametrize("key", ["title", "metadata", "source", "vector"])
def test_null_is_the_same_as_leaving_out(key: str) -> None:
    assert document({"id": "a", "text": "t", key: None}) == document({"id": "a", "text": "t"})


def test_an_integer_id_becomes_a_string() -> None:
    assert document({"_id": 12, "text": "t"}).id == "12"


def test_other_keys_become_metadata_and_an_explicit_one_wins() -> None:
    line = {"id": "a", "text": "t", "lang": "en", "year": 1, "metadata": {"year": 2}, "_id": "b"}
    assert document(line).metadata == {"lang": "en", "year": 2, "_id": "b"}


def test_a_blank_text_is_left_to_whoever_stores_it() -> None:
    assert document({"id": "a", "text": "", "title": "T"}).text == ""


@given(text=st.text(), title=st.none() | st.text())
def test_any_text_comes_through_unchanged(text: str, title: str | None) -> None:
    read_back = document({"id": "a", "text": text, "title": title})
    assert (read_back.text, read_back.title) == (text, title)


def test_blank_lines_and_carriage_returns_and_a_byte_order_mark_are_passed_over() -> None:
    items = read(b'\xef\xbb\xbf{"id": 1, "text": "a"}\r\n\r\n  \n{"id": 2, "text": "b"}')
    assert [(item.id, item.source) for item in items if isinstance(item, Document)] == [("1", "f"), ("2", "f")]
    assert len(items) == 2


def test_a_byte_order_mark_is_passed_over_only_at_the_beginning() -> None:
    assert failure(b'\xef\xbb\xbf{"id": 2, "text": "b"}').reason.startswith("is not JSON")


def test_a_file_of_blank_lines_is_a_failure() -> None:
    assert read(b"\n \n") == [Failure("f", "has no documents in it; write one JSON object a line, or leave it out")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "a", "text": ', "is not JSON: Expecting value at character 21"),
        (b'{"id": "a"} {}', "is not JSON: Extra data at character 12"),
        (b"[1]", "is not an object but an array"),
        (b'"text"', 'is not an object but "text"'),
        (b"null", "is not an object but null"),
        (b'{"text": "t"}', "has no 'id' (or '_id')"),
        (b'{"id": 1.5, "text": "t"}', "'id' is 1.5; it must be a string or an integer"),
        (b'{"_id": true, "text": "t"}', "'_id' is true; it must be a string or an integer"),
        (b'{"id": null, "text": "t"}', "'id' is null"),
        (b'{"id": "a"}', "has no 'text'"),
        (b'{"id": "a", "text": null}', "has no 'text'"),
        (b'{"id": "a", "text": 5}', "'text' is 5; it must be a string"),
        (b'{"id": "a", "text": ["t"]}', "'text' is an array; it must be a string"),
        (b'{"id": "a", "text": "t", "title": {}}', "'title' is an object; it must be a string"),
        (b'{"id": "a", "text": "t", "source": 1}', "'source' is 1; it must be a string"),
        (b'{"id": "a", "text": "t", "metadata": "m"}', "'metadata' is \"m\"; it must be an object"),
        (b'{"id": "a", "text": "t", "vector": "v"}', "'vector' is \"v\"; it must be a list of numbers"),
        (b'{"id": "a", "text": "t", "vector": [1, "2"]}', "'vector' has \"2\" in it; it must be a list of numbers"),
        (b'{"id": "a", "text": "t", "vector": [true]}', "'vector' has true in it; it must be a list of numbers"),
        (b'{"id": "a", "text": "t", "n": NaN}', "has NaN, which is not a number in JSON"),
        (b'{"id": "a", "text": "t", "n": -Infinity}', "has -Infinity, which is not a number in JSON"),
        (b'{"id": "a", "text": "t", "n": 1e999}', "has 1e999, which is not a number in JSON"),
        (b'{"id": "a", "text": "caf\xe9"}', "is not UTF-8 at its byte 24"),
        (b'{"id": "a", "text": "t", "n": ' + b"9" * 5_000 + b"}", "has a number that cannot be read"),
    ],
)
def test_a_bad_line_is_a_failure_with_its_reason(line: bytes, reason: str) -> None:
    assert failure(line).reason.startswith(reason)


def test_a_failure_names_the_document_as_soon_as_its_id_is_known() -> None:
    assert failure(b'{"id": "a", "text": 5}').document_id == "a"
    assert failure(b'{"text": "t"}').document_id is None


def test_a_long_value_is_shortened_in_the_reason() -> None:
    assert len(failure(b'"' + b"x" * 5_000 + b'"').reason) < 120


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_line_is_read_up_to_the_limit_and_refused_above_it(newline: bytes) -> None:
    line = b'{"id": "a", "text": "' + b"x" * 77 + b'"}'
    assert len(line) == 100
    assert len([item for item in read(line + newline, 100) if isinstance(item, Document)]) == 1
    too_long = line.replace(b"xx", b"xxxx")
    assert failure(too_long + newline.removesuffix(b"\n"), 100).reason == (
        "is longer than max_document_bytes (100); split it or raise the setting"
    )
    assert isinstance(read(too_long, 100)[0], Failure)


def test_a_line_that_is_nested_too_deeply_for_python_is_a_failure() -> None:
    assert failure(b"[" * 500_000, 1_000_000).reason.startswith("is nested too deeply")


def test_an_enormous_line_is_skipped_without_being_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "sparse.jsonl"
    with path.open("wb") as file:
        file.truncate(200_000_000)  # of NUL, which takes no space
        file.seek(0, io.SEEK_END)
        file.write(b"\n" + GOOD)
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            first, second = read_jsonl(file, "f", max_document_bytes=100_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(first, Failure)
    assert isinstance(second, Document)
    assert (first.where, second.id) == ("f:1", "good")
    assert peak < 10_000_000
