"""Intervals and p-values where the right answer is known."""

import itertools

import numpy as np
import pytest
from scipy import stats

from semsearch.evaluation import significance
from semsearch.evaluation.significance import interval, p_value


def test_the_interval_of_equal_values_is_that_value() -> None:
    assert interval(np.full(20, 0.25)) == (0.25, 0.25)


def test_the_interval_of_zeros_and_ones_is_that_of_the_binomial_distribution() -> None:
    n, share = 200, 0.3
    values = np.zeros(n)
    values[: int(n * share)] = 1.0
    exact = stats.binom.ppf([0.025, 0.975], n, share) / n  # what means of resampled zeros and ones are distributed as
    assert interval(values) == pytest.approx(tuple(exact), abs=1.5 / n)


def test_the_interval_of_many_normal_values_is_the_mean_and_two_standard_errors() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, 2_000)
    reach = 1.96 * values.std() / np.sqrt(len(values))
    assert interval(values) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.1 * reach)


def test_the_interval_is_the_same_every_time_and_whatever_is_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).random(30)
    once = interval(values)
    monkeypatch.setattr(significance, "_AT_ONCE", 7 * 30)
    assert interval(values) == once


def test_95_of_100_intervals_contain_the_true_mean() -> None:
    random = np.random.default_rng(3)
    intervals = [interval(random.random(60)) for _ in range(100)]
    assert 88 <= sum(low <= 0.5 <= high for low, high in intervals) <= 99  # 94 observed


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.1, 0.2, 0.3], 2 / 8),  # only +++ and --- are as far out
        ([0.1, -0.1], 1.0),
        ([0.5], 1.0),
        ([1.0, 1.0, 1.0, 1.0, -1.0], 12 / 32),  # a sum of 3 or more, up or down: 0 or 1 of 5 signs differ
        ([-0.1] * 10, 2 / 1024),
    ],
)
def test_a_p_value_is_what_it_is_by_counting_signs(differences: list[float], expected: float) -> None:
    assert p_value(np.array(differences)) == expected


def test_differences_of_zero_change_no_p_value() -> None:
    assert p_value(np.array([0.1, 0.0, 0.2, 0.0, 0.3])) == p_value(np.array([0.1, 0.2, 0.3]))


def test_without_any_difference_p_is_1() -> None:
    assert p_value(np.zeros(50)) == 1.0


def test_a_drawn_p_value_is_near_the_counted_one() -> None:
    differences = np.random.default_rng(4).normal(0.02, 0.05, 18)
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product([-1, 1], repeat=18)]
    counted = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9)
    assert p_value(differences) == pytest.approx(counted, abs=4 * np.sqrt(counted * (1 - counted) / 10_000))
    assert 0.01 < counted < 0.5


def test_a_drawn_p_value_agrees_with_the_t_test_on_many_queries() -> None:
    differences = np.random.default_rng(4).normal(0.01, 0.1, 400)
    assert p_value(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.01)


def test_a_drawn_p_value_is_never_0() -> None:
    assert p_value(np.full(40, 0.5)) == 1 / 10_001


def test_a_p_value_does_not_depend_on_which_of_the_two_comes_first() -> None:
    differences = np.random.default_rng(4).normal(0.01, 0.1, 40)
    assert p_value(differences) == p_value(-differences)


def test_under_equal_systems_p_is_below_5_percent_5_percent_of_the_time() -> None:
    random = np.random.default_rng(6)
    below = sum(p_value(random.normal(0, 1, 12)) < 0.05 for _ in range(400))
    assert 8 <= below <= 32  # 20 expected, standard deviation 4.4; 28 observed
