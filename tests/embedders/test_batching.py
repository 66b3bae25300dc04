"""Dealing texts out in batches, with stand-ins for the model."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from semsearch.embedders.batching import Batches, Rows
from semsearch.errors import ModelError
from semsearch.types import Vectors

LENGTHS = [3, 9, 1, 4, 4, 8, 2, 5]


def numbered(rows: Rows) -> Vectors:
    return np.repeat(rows[:, None], 2, axis=1).astype(np.float32)


def recorded(into: list[list[int]], most: int | None = None) -> Callable[[Rows], Vectors]:
    """A model whose vectors are the numbers of the texts, and that can hold `most` padded tokens."""

    def embed(rows: Rows) -> Vectors:
        into.append([LENGTHS[row] for row in rows])
        if most is not None and len(rows) * max(into[-1]) > most:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory")
        return numbered(rows)

    return embed


def test_vectors_are_in_the_order_of_the_texts() -> None:
    vectors = Batches(10).embed(LENGTHS, [numbered], 2)
    np.testing.assert_array_equal(vectors, [[number, number] for number in range(8)])
    assert vectors.dtype == np.float32


def test_the_longest_come_first_and_no_batch_has_more_tokens_than_the_budget_with_its_padding() -> None:
    batches: list[list[int]] = []
    Batches(10).embed(LENGTHS, [recorded(batches)], 2)
    assert batches == [[9], [8], [5, 4], [4, 3], [2, 1]]


def test_a_text_that_exceeds_the_budget_is_a_batch_of_its_own() -> None:
    batches: list[list[int]] = []
    Batches(1).embed(LENGTHS, [recorded(batches)], 2)
    assert batches == [[length] for length in sorted(LENGTHS, reverse=True)]


def test_no_texts_are_no_batch() -> None:
    batches: list[list[int]] = []
    assert Batches(10).embed([], [recorded(batches)], 2).shape == (0, 2)
    assert batches == []


def test_texts_without_tokens_are_embedded() -> None:
    np.testing.assert_array_equal(Batches(4).embed([0, 0, 0], [numbered], 2), [[0, 0], [1, 1], [2, 2]])


def test_a_batch_that_does_not_fit_memory_is_halved_until_it_does_and_later_ones_are_smaller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[list[int]] = []
    batches = Batches(72)
    vectors = batches.embed(LENGTHS, [recorded(seen, most=20)], 2)
    np.testing.assert_array_equal(vectors[:, 0], range(8))
    assert seen[:3] == [[9, 8, 5, 4, 4, 3, 2, 1], [9, 8, 5, 4], [9, 8]]
    assert batches.budget == 18
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "8 texts at a time" in caplog.text
    seen.clear()
    batches.embed(LENGTHS, [recorded(seen, most=20)], 2)
    assert seen[0] == [9, 8]
    assert len(caplog.records) == 1


def test_a_single_text_that_does_not_fit_memory_is_an_error_that_says_so() -> None:
    with pytest.raises(ModelError, match="a single text .*DefaultCPUAllocator.*: free some"):
        Batches(72).embed(LENGTHS, [recorded([], most=8)], 2)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("CUDA out of memory. Tried"), Exception("std::bad_alloc"), MemoryError("x")]
)
def test_what_several_libraries_raise_for_want_of_memory_is_known(error: Exception) -> None:
    def embed(rows: Rows) -> Vectors:
        if len(rows) > 1:
            raise error
        return numbered(rows)

    np.testing.assert_array_equal(Batches(72).embed(LENGTHS, [embed], 2)[:, 0], range(8))


@pytest.mark.parametrize("copies", [1, 3])
def test_another_error_is_the_callers(copies: int) -> None:
    def fail(rows: Rows) -> Vectors:
        raise RuntimeError("expected scalar type Long but found Int")

    with pytest.raises(RuntimeError, match="scalar type"):
        Batches(10).embed(LENGTHS, [fail] * copies, 2)


def test_copies_work_at_the_same_time_and_each_batch_goes_to_one_of_them() -> None:
    all_at_once = threading.Barrier(3, timeout=60)
    seen: list[list[list[int]]] = [[], [], []]

    def copy(number: int) -> Callable[[Rows], Vectors]:
        embed = recorded(seen[number])

        def run(rows: Rows) -> Vectors:
            if not seen[number]:
                all_at_once.wait()
            return embed(rows)

        return run

    vectors = Batches(5).embed(LENGTHS, [copy(0), copy(1), copy(2)], 2)
    np.testing.assert_array_equal(vectors[:, 0], range(8))
    assert all(seen)
    assert sorted(length for batches in seen for batch in batches for length in batch) == sorted(LENGTHS)


def test_how_many_threads_compute_is_said_while_they_do_and_no_more_than_there_are_batches_for() -> None:
    said: list[str] = []

    @contextlib.contextmanager
    def sharing(threads: int) -> Iterator[None]:
        said.append(f"{threads} begin")
        yield
        said.append(f"{threads} end")

    def embed(rows: Rows) -> Vectors:
        said.append("batch")
        return numbered(rows)

    Batches(72, sharing).embed(LENGTHS, [embed] * 3, 2)
    assert said == ["1 begin", "batch", "1 end"]
    said.clear()
    Batches(20, sharing).embed(LENGTHS, [embed] * 3, 2)
    assert (said[0], said[-1]) == ("2 begin", "2 end")
