"""Nearness of chunks to one another: the order by maximal marginal relevance, and near-duplicates; pure functions."""

import numpy as np
import numpy.typing as npt

from semsearch.index.vectors import SCORE_DECIMALS
from semsearch.types import Scores, Vectors


def nearness(vectors: Vectors, others: Vectors) -> Scores:
    """Cosines (n, m) of vectors (n, dim) with others (m, dim), in [-1, 1] and rounded."""
    products = _normalised(vectors) @ _normalised(others).T
    cosines: Scores = np.clip(products, -1.0, 1.0).round(SCORE_DECIMALS)
    return cosines


def mmr_order(
    relevance: npt.NDArray[np.float64],
    cosines: Scores,
    diversity: float,
    nearest: npt.NDArray[np.float64] | None = None,
) -> list[int]:
    """All of n candidates in the order by maximal marginal relevance; of equal ones the first comes first.

    Carbonell, Goldstein: The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries
    (1998), with lambda = 1 - diversity: each time the one with the largest lambda * relevance - (1 - lambda) * its
    cosine with the nearest one that was chosen before.

    Args:
        relevance: (n,).
        cosines: (n, n), of the candidates with one another.
        diversity: 0 to 1.
        nearest: (n,), the cosine of each with the nearest of what was chosen before these; `None`: nothing was.
    """
    rest = np.ones(len(relevance), dtype=np.bool_)
    order: list[int] = []
    while rest.any():
        penalty = np.zeros(len(relevance)) if nearest is None else nearest
        worth = np.where(rest, (1 - diversity) * relevance - diversity * penalty, -np.inf)
        best = int(np.argmax(worth))
        order.append(best)
        rest[best] = False
        nearest = cosines[best] if nearest is None else np.maximum(nearest, cosines[best])
    return order


def first_near(cosines: npt.NDArray[np.float64], threshold: float) -> int | None:
    """Where in a row of cosines (n,) the first is that reaches the threshold."""
    near = np.flatnonzero(cosines >= threshold)
    return int(near[0]) if len(near) else None


def _normalised(vectors: Vectors) -> npt.NDArray[np.float64]:
    """Of length 1, which stored ones are to three digits only."""
    rows = vectors.astype(np.float64)
    lengths: npt.NDArray[np.float64] = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths
