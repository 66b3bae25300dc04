import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.errors import DimensionMismatchError, InvalidVectorError
from semsearch.index.vectors import as_stored, as_vector, as_vectors, cosines, ranked


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 3.0, 1e30, 1e300])
def test_a_vector_of_any_length_is_normalised_to_the_same(scale: float) -> None:
    vector = np.array([3.0, 4.0, 0.0])
    np.testing.assert_allclose(as_vectors(vector * scale, 3), [[0.6, 0.8, 0.0]], rtol=1e-6)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4))
def test_what_the_gate_lets_through_has_length_one(values: list[float]) -> None:
    if not any(values):
        with pytest.raises(InvalidVectorError, match="all zero"):
            as_vectors(values, 4)
        return
    vectors = as_vectors(values, 4)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    assert np.linalg.norm(vectors) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, float("nan")], "NaN"),
        ([1.0, float("inf")], "infinity"),
        ([0.0, 0.0], "all zero"),
        (["a", "b"], "row of numbers"),
        (["1", "2"], "row of numbers"),
        ([b"1", b"2"], "row of numbers"),
        ([1j, 2.0], "row of numbers"),
        ([10**400, 1], "row of numbers"),
        ([[1.0, 2.0], [3.0]], "row of numbers"),
        (None, "infinity|row of numbers|1 numbers"),
        ([[[1.0, 2.0]]], "shape"),
        ([[1.0, 2.0], [0.0, 0.0]], "all zero"),
    ],
)
def test_what_is_no_vector_is_refused(values: object, message: str) -> None:
    with pytest.raises(InvalidVectorError, match=message):
        as_vectors(values, 2)


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.int64, np.uint64, np.float16, np.float32, np.float64])
def test_numbers_of_any_kind_are_a_vector(kind: type[np.generic]) -> None:
    assert as_vectors(np.array([0, 1], kind), 2).tolist() == [[0.0, 1.0]]


def test_another_length_is_refused_with_both_numbers() -> None:
    with pytest.raises(DimensionMismatchError, match="has 3 numbers.* of 2") as caught:
        as_vectors([1.0, 2.0, 3.0], 2)
    assert (caught.value.got, caught.value.expected) == (3, 2)


def test_two_vectors_where_one_is_expected_are_refused() -> None:
    with pytest.raises(InvalidVectorError, match="there are 2"):
        as_vector([[1.0, 0.0], [0.0, 1.0]], 2)


def test_a_score_never_leaves_minus_one_to_one_through_rounding() -> None:
    rng = np.random.default_rng(0)
    vectors = as_vectors(rng.standard_normal((1_000, 384)), 384)
    stored = as_stored(vectors).astype(np.float32)
    own = [cosines(vector, row[None])[0] for vector, row in zip(stored, stored, strict=True)]
    assert max(own) <= 1.0
    assert min(own) >= 0.999


def test_a_row_scores_the_same_alone_and_among_others() -> None:
    rows = as_vectors(np.random.default_rng(0).standard_normal((500, 384)), 384)
    together = cosines(rows[0], rows)
    assert [cosines(rows[0], rows[at : at + 1])[0] for at in range(500)] == together.tolist()


def test_ranking_is_by_score_and_then_by_id() -> None:
    scores, ids = ranked(np.array([0.5, 0.9, 0.5, 0.1]), np.array([7, 3, 2, 1]), 3)
    assert ids.tolist() == [3, 2, 7]
    assert scores.tolist() == [0.9, 0.5, 0.5]
