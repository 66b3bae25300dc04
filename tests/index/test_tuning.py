import numpy as np
import pytest

from semsearch.index.tuning import knn_recall, lower, lower_bound, nprobe_for, probes, without_self
from semsearch.types import Curve, OperatingPoint


def test_recall_is_the_share_of_the_exact_scores_that_was_reached() -> None:
    exact = np.array([[0.9, 0.8, 0.7, 0.6], [0.9, 0.8, 0.7, 0.6]])
    found = np.array([[0.9, 0.8, 0.7, 0.6], [0.9, 0.7, 0.5, 0.4]])
    assert knn_recall(found, exact).tolist() == [1.0, 0.5]


def test_a_neighbour_as_near_as_the_last_one_counts_whatever_its_id() -> None:
    assert knn_recall(np.array([[0.9, 0.6, 0.6]]), np.array([[0.9, 0.6, 0.6]])).tolist() == [1.0]


@pytest.mark.parametrize(("nlist", "expected"), [(1, [1]), (2, [1, 2]), (20, [1, 2, 3, 4, 6, 8, 12, 16, 20])])
def test_two_probe_counts_an_octave_up_to_all_lists(nlist: int, expected: list[int]) -> None:
    assert probes(nlist) == expected


def curve(*points: tuple[int, float, float]) -> Curve:
    return tuple(OperatingPoint(*point, 0.1) for point in points)


def test_the_cheapest_point_that_reaches_the_target_at_that_depth_is_chosen() -> None:
    measured = curve((1, 0.5, 0.3), (4, 0.94, 0.8), (8, 0.96, 0.9), (16, 0.99, 0.96))
    assert [nprobe_for(measured, target, 10, 512) for target in (0.3, 0.95, 0.96, 0.99, 0.995)] == [1, 8, 8, 16, 512]
    assert [nprobe_for(measured, 0.95, k, 512) for k in (1, 10, 11, 100, 101)] == [8, 8, 16, 16, 512]


def test_a_bound_is_two_standard_errors_below_the_mean() -> None:
    assert lower_bound(np.array([0.5, 1.0] * 50)) == round(0.75 - 2 * 0.25 / 10, 4)
    assert lower_bound(np.ones(100)) == 1.0
    assert lower_bound(np.array([0.0, 0.1])) == 0.0


def test_of_two_curves_the_lower_recall_counts_and_one_that_has_ended_finds_all() -> None:
    easy, hard = curve((1, 0.9, 0.8), (2, 1.0, 1.0)), curve((1, 0.5, 0.9), (2, 0.7, 0.6), (3, 1.0, 1.0))
    assert lower(easy, hard) == lower(hard, easy) == curve((1, 0.5, 0.8), (2, 0.7, 0.6), (3, 1.0, 1.0))


def test_a_query_is_not_its_own_neighbour() -> None:
    ids, scores = np.array([[1, 2, 3], [4, 2, 3]]), np.array([[1.0, 0.9, 0.8], [0.7, 0.6, 0.5]])
    assert without_self(ids, scores, np.array([1, 99])).tolist() == [[0.9, 0.8], [0.7, 0.6]]
