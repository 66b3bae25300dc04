"""JSON: an array of objects with texts is as many documents, and any other value is one."""

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_files import document_of, items_of, reason_of

from semsearch.ingest.readers.contract import FoundFile
from semsearch.ingest.readers.json import JSON
from semsearch.ingest.readers.jsonl import JSONL, read_jsonl
from semsearch.types import Document, Failure, Limits


def read(tmp_path: Path, content: str | bytes, most: int = 100_000) -> list[Document | Failure]:
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return items_of(JSON, path, Limits(document_bytes=most))


def test_objects_of_an_array_are_those_of_json_lines_and_their_number_is_the_id_of_those_without(
    tmp_path: Path,
) -> None:
    values = [{"text": "t", "title": "T", "year": 1, "metadata": {"x": [2]}}, {"id": 7, "text": "u", "source": "s"}]
    first, second = read(tmp_path, json.dumps(values, indent=2))
    assert first == Document("a.json#1", "t", {"year": 1, "x": [2]}, "T", str(tmp_path / "a.json"))
    assert second == Document("7", "u", {}, None, "s")


def test_an_element_that_is_no_document_is_a_failure_and_the_next_ones_are_read(tmp_path: Path) -> None:
    items = read(tmp_path, '[{"text": "a"}, 5, "x", {"text": 1}, {"text": "b", "n": NaN}, [1], {"text": "c"}]')
    assert [item.text if isinstance(item, Document) else item.where for item in items] == [
        "a",
        *(f"{tmp_path}/a.json#{number}" for number in (2, 3, 4, 5, 6)),
        "c",
    ]
    assert [item.reason.split(";")[0] for item in items if isinstance(item, Failure)] == [
        "is not an object but 5",
        'is not an object but "x"',
        "'text' is 1",
        "has NaN, which is not a number in JSON",
        "is not an object but an array",
    ]


@pytest.mark.parametrize(
    "content", ['{"text": "a"}', '[{"name": "x"}]', "[1, 2]", "[]", '"text"', "12", "{ // comment\n}", '[{"text": "a"']
)
def test_any_other_value_is_one_document_of_its_text_as_it_is_written(tmp_path: Path, content: str) -> None:
    [document] = read(tmp_path, content)
    assert document == Document("a.json", content, {"format": "json"}, None, str(tmp_path / "a.json"))


OBJECTS = st.dictionaries(st.text(), st.recursive(st.none() | st.text() | st.integers(-9, 9), st.lists, max_leaves=3))


@settings(max_examples=50)
@given(st.lists(st.tuples(st.text(), OBJECTS), min_size=1), st.sampled_from([None, 1]), st.booleans())
def test_every_text_comes_through_however_the_array_is_written(
    tmp_path_factory: pytest.TempPathFactory,
    parts: list[tuple[str, dict[str, Any]]],
    indent: int | None,
    ascii_only: bool,
) -> None:
    values = [{"text": text, "metadata": metadata} for text, metadata in parts]
    content = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
    items = read(tmp_path_factory.mktemp("json"), content.encode(errors="replace"))
    assert [(item.text.replace("\ufffd", "?") if isinstance(item, Document) else item) for item in items] == [
        json.loads(f'"{json.dumps(text)[1:-1]}"')
        if ascii_only
        else text.encode(errors="replace").decode().replace("\ufffd", "?")
        for text, _ in parts
    ]


def test_an_array_of_any_size_is_read_piece_by_piece(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("w") as file:
        file.write("[" + ",".join(json.dumps({"text": "x" * 1_000, "n": n}) for n in range(8_000)) + "]")
    tracemalloc.start()
    try:
        items = JSON.read(FoundFile(path, "a.json"), Limits(document_bytes=2_000))
        count = sum(isinstance(item, Document) for item in items)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 8_000
    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ('{"text": ', "is not JSON: Expecting value"),
        ("", "is not JSON: the array is not closed"),
        ('{"text": "b"} {"text": "c"}]', "is not JSON: here"),
        ('{"text": "' + "x" * 200_000 + '"}]', "or longer than max_document_bytes (100,000)"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_where_the_next_element_is_not_known_the_reading_ends_with_a_failure(
    tmp_path: Path, rest: str, reason: str
) -> None:
    first, *between, last = read(tmp_path, f'[{{"text": "a"}},{rest}')
    assert isinstance(first, Document)
    assert len(between) <= 1
    assert isinstance(last, Failure)
    assert reason in last.reason


def test_other_values_have_the_limit_of_a_document(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": "' + "x" * 200 + '"}')
    assert reason_of(JSON, path, Limits(document_bytes=100)).startswith("has 209 bytes, above max_document_bytes (100)")


def test_utf16_is_read(tmp_path: Path) -> None:
    [document] = read(tmp_path, '[{"text": "é"}]'.encode("utf-16"))
    assert document.text == "é"  # type: ignore[union-attr]


def test_lines_of_a_file_without_an_id_have_their_number_for_one(tmp_path: Path) -> None:
    content = b'\n{"text": "a"}\n{"_id": "x", "text": "b"}\n'
    for name in ("a.jsonl", "a.ndjson"):
        (tmp_path / name).write_bytes(content)
        items = items_of(JSONL, tmp_path / name)
        assert [item.id for item in items if isinstance(item, Document)] == [f"{name}#2", "x"]
    assert [type(item) for item in read_jsonl(io.BytesIO(content), "f")] == [Failure, Document]


def test_a_document_has_the_path_for_its_source(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}')
    assert document_of(JSONL, path).source == str(path)
