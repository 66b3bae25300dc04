"""Parquet: a document a row, with the rules of columns of CSV."""

import datetime
import decimal
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_files import items_of, reason_of

from semsearch.ingest.readers.parquet import PARQUET
from semsearch.types import Document, Failure, Limits


def written(tmp_path: Path, columns: dict[str, Any]) -> Path:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return path


def test_a_row_is_a_document_with_the_values_of_its_columns_as_json_has_them(tmp_path: Path) -> None:
    noon = datetime.datetime(2024, 1, 31, 13, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
    path = written(
        tmp_path,
        {
            "text": ["a", "b", "c"],
            "title": ["A", None, ""],
            "n": pa.array([1, 2, None], pa.int32()),
            "x": [0.5, float("nan"), None],
            "when": [noon, None, None],
            "day": [datetime.date(2024, 1, 31), None, None],
            "price": [decimal.Decimal("1.50"), None, None],
            "tags": [["x", "y"], [], None],
            "deep": [{"k": 1}, None, None],
            "yes": [True, False, None],
            "a.b": ["dots", None, None],
            "kind": pa.array(["one", "one", None]).dictionary_encode(),
        },
    )
    first, second, third = items_of(PARQUET, path)
    assert first == Document(
        "a.parquet#1",
        "a",
        {
            "n": 1,
            "x": 0.5,
            "when": "2024-01-31T12:00:00Z",
            "day": "2024-01-31",
            "price": 1.5,
            "tags": ["x", "y"],
            "deep": {"k": 1},
            "yes": True,
            "a_b": "dots",
            "kind": "one",
        },
        "A",
        str(path),
    )
    assert second == Document("a.parquet#2", "b", {"n": 2, "tags": [], "yes": False, "kind": "one"}, None, str(path))
    assert third == Document("a.parquet#3", "c", {}, None, str(path))


def test_without_a_column_of_texts_all_of_them_are_the_text(tmp_path: Path) -> None:
    [item] = items_of(PARQUET, written(tmp_path, {"id": [7], "name": ["Ann"], "age": [5]}))
    assert isinstance(item, Document)
    assert (item.id, item.text) == ("7", "name: Ann\nage: 5")


def test_bytes_and_embeddings_are_left_out(tmp_path: Path) -> None:
    columns = {
        "text": ["a"],
        "image": [b"\xff"],
        "embedding": [[0.5] * 4],
        "fixed": pa.array([[0.5, 1.0]], pa.list_(pa.float32(), 2)),
        "counts": [[1, 2]],
    }
    [item] = items_of(PARQUET, written(tmp_path, columns))
    assert isinstance(item, Document)
    assert item.metadata == {"counts": [1, 2]}


def test_rows_that_are_too_long_or_empty_are_failures_and_the_others_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, {"text": ["a", "x" * 101, " ", "d"]})
    items = items_of(PARQUET, path, Limits(document_bytes=100))
    assert [item.document_id for item in items if isinstance(item, Failure)] == ["a.parquet#2", "a.parquet#3"]
    assert [item.id for item in items if isinstance(item, Document)] == ["a.parquet#1", "a.parquet#4"]


def test_a_damaged_or_empty_file_is_a_failure(tmp_path: Path) -> None:
    path = written(tmp_path, {"text": ["a"]})
    for data in (b"", b"text", path.read_bytes()[:-20]):
        path.write_bytes(data)
        assert reason_of(PARQUET, path).startswith("cannot be read as parquet, it is damaged or of another kind: ")
    assert reason_of(PARQUET, written(tmp_path, {"text": pa.array([], pa.string())})) == (
        "has no rows in it; fill it or leave it out"
    )


def test_without_pyarrow_a_file_is_a_failure_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, {"text": ["a"]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert reason_of(PARQUET, path) == "cannot be read: pyarrow is not installed; pip install 'semsearch[parquet]'"
