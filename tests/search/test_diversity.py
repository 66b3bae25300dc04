"""Maximal marginal relevance against tables worked out by hand, and against another way of computing it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmr_oracle import chosen_by_mmr

from semsearch.search.diversity import first_near, mmr_order, nearness

RELEVANCE = np.array([0.9, 0.8, 0.7])
COSINES = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]])


@pytest.mark.parametrize(
    ("diversity", "order"),
    [
        (0.0, [0, 1, 2]),
        # after 0: of 1 it is .9 * .8 - .1 * .9 = .63, of 2 .9 * .7 - .1 * .1 = .62
        (0.1, [0, 1, 2]),
        # after 0: of 1 it is .5 * .8 - .5 * .9 = -.05, of 2 .5 * .7 - .5 * .1 = .3
        (0.5, [0, 2, 1]),
        # by difference alone: the first of equals, then cosines of .9 and of .1
        (1.0, [0, 2, 1]),
    ],
)
def test_the_order_is_that_of_a_table_by_hand(diversity: float, order: list[int]) -> None:
    assert mmr_order(RELEVANCE, COSINES, diversity) == order


def test_what_was_chosen_before_counts_as_if_it_were_among_them() -> None:
    """.5 * .9 - .5 * .95 = -.025, .5 * .8 - .5 * .1 = .35; then, beside 1, 0 is worth .45 - .475, and 2 .35 - .3."""
    assert mmr_order(RELEVANCE, COSINES, 0.5, np.array([0.95, 0.1, 0.6])) == [1, 2, 0]


def test_equal_candidates_stay_in_their_order() -> None:
    assert mmr_order(np.ones(4), np.ones((4, 4)), 0.3) == [0, 1, 2, 3]


@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_the_order_is_that_of_another_implementation(size: int, seed: int, diversity: float) -> None:
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(size, 3)).astype(np.float32)
    relevance = -np.sort(-generator.uniform(-1, 1, size))
    cosines = nearness(vectors, vectors)
    expected = chosen_by_mmr(list(range(size)), relevance.tolist(), cosines.tolist(), diversity, [])
    assert mmr_order(relevance, cosines, diversity) == expected


def test_nearness_is_the_cosine_of_vectors_of_any_length() -> None:
    vectors = np.array([[3, 4], [1, 0]], dtype=np.float32)
    assert nearness(vectors, vectors).tolist() == [[1.0, 0.6], [0.6, 1.0]]
    assert nearness(vectors[:0], vectors).shape == (0, 2)


def test_the_first_that_reaches_the_threshold_is_found_or_none() -> None:
    assert first_near(np.array([0.1, 0.9, 1.0]), 0.9) == 1
    assert first_near(np.array([0.1, 0.89]), 0.9) is None
    assert first_near(np.array([]), 0.0) is None
