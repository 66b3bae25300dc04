from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.index.tuning import cheapest, exact_cost, knn_recall, lower, lower_bound, probes, worthwhile
from semsearch.types import Curve, OperatingPoint


def test_recall_is_the_share_of_the_exact_scores_that_was_reached() -> None:
    exact = np.array([[0.9, 0.8, 0.7, 0.6], [0.9, 0.8, 0.7, 0.6]])
    found = np.array([[0.9, 0.8, 0.7, 0.6], [0.9, 0.7, 0.5, 0.4]])
    assert knn_recall(found, exact).tolist() == [1.0, 0.5]


def test_a_neighbour_as_near_as_the_last_one_counts_whatever_its_id() -> None:
    assert knn_recall(np.array([[0.9, 0.6, 0.6]]), np.array([[0.9, 0.6, 0.6]])).tolist() == [1.0]


def test_a_neighbour_that_was_not_found_does_not_count() -> None:
    exact = np.array([[0.9, 0.8, 0.7]])
    assert knn_recall(np.array([[0.9, -np.inf, -np.inf]]), exact).tolist() == [pytest.approx(1 / 3)]


def test_of_fewer_neighbours_than_k_all_are_found_by_definition() -> None:
    exact = np.array([[0.9, -np.inf, -np.inf]])
    assert knn_recall(np.array([[-np.inf, -np.inf, -np.inf]]), exact).tolist() == [1.0]


@pytest.mark.parametrize(
    ("nlist", "expected"),
    [
        (1, [1]),
        (2, [1, 2]),
        (20, [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20]),
        (4_096, [8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512, 640, 768]),
    ],
)
def test_three_probe_counts_an_octave_from_a_five_hundredth_of_the_lists_on(nlist: int, expected: list[int]) -> None:
    assert probes(nlist)[: len(expected)] == expected
    assert probes(nlist)[-1] == nlist


@given(st.integers(1, 70_000))
def test_probe_counts_ascend_up_to_all_lists(nlist: int) -> None:
    counts = probes(nlist)
    assert counts == sorted(set(counts))
    assert counts[0] >= 1
    assert counts[-1] == nlist
    assert all(after <= 1.5 * before + 1 for before, after in pairwise(counts))


def point(
    nprobe: int, at_10: float, at_100: float, milliseconds: float, share: float = 1.0, candidates: int = 2
) -> OperatingPoint:
    return OperatingPoint(nprobe, candidates, at_10, at_100, milliseconds, share)


MEASURED = (
    point(1, 0.5, 0.3, 0.1),
    point(4, 0.94, 0.8, 0.2),
    point(8, 0.96, 0.9, 0.3),
    point(4, 0.97, 0.7, 0.4, candidates=8),
    point(16, 0.99, 0.96, 0.5),
    point(32, 0.99, 0.96, 0.7, 0.5),
    point(64, 0.97, 0.95, 0.9, 0.1),
)


@pytest.mark.parametrize(
    ("target", "k", "share", "expected"),
    [
        (0.3, 10, 1.0, 0.1),
        (0.95, 10, 1.0, 0.3),
        (0.96, 1, 1.0, 0.3),
        (0.97, 10, 1.0, 0.4),
        (0.98, 10, 1.0, 0.5),
        (0.995, 10, 1.0, None),
        (0.95, 11, 1.0, 0.5),
        (0.95, 100, 1.0, 0.5),
        (0.95, 101, 1.0, None),
        (0.95, 10, 0.99, 0.7),
        (0.95, 10, 0.5, 0.7),
        (0.95, 10, 0.49, 0.9),
        (0.95, 100, 0.1, 0.9),
        (0.98, 10, 0.1, None),
        (0.3, 10, 0.09, None),
    ],
)
def test_the_cheapest_point_of_the_share_that_reaches_the_target_at_that_depth_is_chosen(
    target: float, k: int, share: float, expected: float | None
) -> None:
    chosen = cheapest(MEASURED, target, k, share)
    assert (None if chosen is None else chosen.milliseconds) == expected


def test_without_any_point_there_is_no_choice() -> None:
    assert cheapest((), 0.1, 1) is None


@pytest.mark.parametrize(("share", "expected"), [(1.0, 10.0), (0.5, 6.0), (0.01, 1.1), (0.0, 1.0)])
def test_an_exact_scan_costs_what_it_reads_and_a_tenth_for_the_bitmap(share: float, expected: float) -> None:
    assert exact_cost(10.0, share) == pytest.approx(expected)


def test_a_bound_is_the_mean_less_standard_errors() -> None:
    halves = np.array([0.5, 1.0] * 50)
    assert lower_bound(halves) == round(0.75 - 0.25 / 10, 4)
    assert lower_bound(halves, 2) == round(0.75 - 2 * 0.25 / 10, 4)
    assert lower_bound(np.ones(100)) == 1.0
    assert lower_bound(np.array([0.0, 0.1]), 2) == 0.0


def test_of_two_curves_the_lower_recall_and_the_longer_time_count_at_each_point() -> None:
    easy = (point(1, 0.9, 0.8, 0.1), point(2, 1.0, 1.0, 0.4), point(2, 1.0, 1.0, 0.5, 0.5))
    hard = (point(1, 0.5, 0.9, 0.2), point(2, 0.7, 0.6, 0.3), point(3, 1.0, 1.0, 0.6))
    hard = (*hard, point(1, 0.4, 0.4, 0.1, candidates=4))
    both = {
        point(1, 0.5, 0.8, 0.2),
        point(2, 0.7, 0.6, 0.4),
        point(3, 1.0, 1.0, 0.6),
        point(1, 0.4, 0.4, 0.1, candidates=4),
        point(2, 1.0, 1.0, 0.5, 0.5),
    }
    assert set(lower(easy, hard)) == set(lower(hard, easy)) == both


def test_points_that_a_cheaper_one_equals_are_left_out_for_each_share_by_itself() -> None:
    curve = (
        point(9, 0.8, 0.8, 0.9, 0.5),
        point(5, 0.9, 0.5, 0.4),
        point(1, 0.5, 0.4, 0.1),
        point(2, 0.5, 0.3, 0.2),  # dearer than the first, and finds no more
        point(3, 0.4, 0.6, 0.3),  # finds less of 10, and more of 100
        point(4, 0.9, 0.5, 0.5),  # as the one with five lists, and dearer
        point(7, 0.6, 0.9, 0.3, 0.5),
    )
    assert worthwhile(curve) == (curve[2], curve[4], curve[1], curve[6], curve[0])


recalls = st.sampled_from([0.1, 0.2, 0.5, 0.8, 0.9, 1.0])
costs, some_shares = st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5]), st.sampled_from([1.0, 0.5, 0.1])
some_points = st.builds(point, st.integers(1, 9), recalls, recalls, costs, some_shares)


@given(
    st.lists(some_points, max_size=20).map(tuple),
    st.sampled_from([0.1, 0.5, 0.85, 1.0]),
    st.sampled_from([1, 10, 11, 100, 101]),
    st.sampled_from([1.0, 0.7, 0.5, 0.3, 0.1, 0.05]),
)
def test_what_is_left_out_would_never_have_been_the_only_cheapest(
    curve: Curve, target: float, k: int, share: float
) -> None:
    whole = tuple(sorted(curve, key=lambda point: (-point.share, point.milliseconds)))
    before, after = cheapest(whole, target, k, share), cheapest(worthwhile(curve), target, k, share)
    assert (None if before is None else before.milliseconds) == (None if after is None else after.milliseconds)
