from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch import files
from semsearch.index.ids import IdSet, positions_of, read_ids, write_array, write_ids
from semsearch.types import Ids

SOME_IDS = st.lists(st.integers(-5, 60))


def as_ids(values: list[int]) -> Ids:
    return np.array(values, dtype=np.int64)


@given(SOME_IDS)
def test_a_set_has_its_ids_once_and_ascending(values: list[int]) -> None:
    ids = IdSet(as_ids(values))
    assert ids.ids.tolist() == sorted(set(values))
    assert len(ids) == len(set(values))


@given(SOME_IDS, SOME_IDS)
def test_a_set_tells_of_ids_in_any_order_whether_it_holds_each(values: list[int], asked: list[int]) -> None:
    assert IdSet(as_ids(values)).holds(as_ids(asked)).tolist() == [each in values for each in asked]


def test_what_a_part_works_out_is_worked_out_once_a_part() -> None:
    ids, calls = IdSet(as_ids([3, 1])), []

    def work(values: Ids) -> int:
        calls.append(values.tolist())
        return len(calls)

    one, other = object(), object()
    assert [ids.worked_out(part, work) for part in (one, other, one, other)] == [1, 2, 1, 2]
    assert calls == [[1, 3], [1, 3]]


@given(SOME_IDS, st.sets(st.integers(-5, 60)))
def test_positions_are_those_of_the_ids_that_are_there(values: list[int], among: set[int]) -> None:
    ordered = sorted(among)
    expected = [at for at, id in enumerate(ordered) if id in set(values)]
    assert positions_of(as_ids(values), as_ids(ordered)).tolist() == expected


def test_written_ids_read_back(tmp_path: Path) -> None:
    files.publish(tmp_path, "1.npy", lambda write: write_ids(write, as_ids([2, 5, 9])))
    assert read_ids(tmp_path / "1.npy").tolist() == [2, 5, 9]


@pytest.mark.parametrize(
    "array", [as_ids([2, 2]), as_ids([3, 2]), np.array([1.0, 2.0]), np.array([[1], [2]]), np.array([1], dtype=np.int32)]
)
def test_a_file_of_anything_but_ascending_ids_is_refused(array: Ids, tmp_path: Path) -> None:
    files.publish(tmp_path, "1.npy", lambda write: write_array(write, array))
    with pytest.raises(ValueError, match="does not hold ascending ids"):
        read_ids(tmp_path / "1.npy")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00v\x00{", b"\x5a" * 1_000])
def test_a_file_of_something_else_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "1.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"1\.npy"):
        read_ids(tmp_path / "1.npy")
