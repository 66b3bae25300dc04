"""How sure a mean over queries is: numpy alone, and nothing about searches.

Interval: the percentile bootstrap over queries (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13).
Paired test: the randomisation test, which Smucker, Allan and Carterette ("A comparison of statistical significance
tests for information retrieval evaluation", CIKM 2007) find to assume least, and to agree with the t-test.
"""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
SEED = 0
_AT_ONCE = 2_000_000  # numbers drawn at a time: 16 MB
_ROUNDING = 1e-9  # by which sums of the same numbers in another order may differ
Values: TypeAlias = npt.NDArray[np.float64]  # (n,), one a query


def interval(values: Values) -> tuple[float, float]:
    """The 95 % confidence interval of the mean, from the means of RESAMPLES samples of n of the n queries."""
    random = np.random.default_rng(SEED)
    means = [values[random.integers(len(values), size=size)].mean(axis=1) for size in _blocks(len(values))]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)


def p_value(differences: Values) -> float:
    """The probability of a mean at least this far from 0 if each difference might as well have the other sign.

    All assignments of signs are gone through where there are no more than RESAMPLES of them; else that many are drawn,
    and the one at hand counts with them, so that no p is 0 (Phipson and Smyth, 2010). Differences of 0 change nothing.
    """
    differing = differences[differences != 0]
    n = len(differing)
    observed = abs(differing.sum()) - _ROUNDING
    if 2**n <= RESAMPLES:
        signs = 1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)  # (2^n, n)
        return float(np.mean(np.abs(signs @ differing) >= observed))
    random = np.random.default_rng(SEED)
    as_far = 0
    for size in _blocks(n):
        signs = 1 - 2 * random.integers(2, size=size)
        as_far += int(np.count_nonzero(np.abs(signs @ differing) >= observed))
    return (as_far + 1) / (RESAMPLES + 1)


def _blocks(n: int) -> Iterator[tuple[int, int]]:
    """Shapes (rows, n) that have RESAMPLES rows together."""
    step = max(1, _AT_ONCE // n)
    for start in range(0, RESAMPLES, step):
        yield min(step, RESAMPLES - start), n
