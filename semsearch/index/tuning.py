"""Measured recall: how many of the exact neighbours an index finds, and at what nprobe."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from semsearch.types import Ids, Scores, Vectors

Curve: TypeAlias = tuple[tuple[int, float, float], ...]  # (nprobe, knn_recall@10, knn_recall@100), ascending

DEPTHS = (10, 100)  # neighbours compared; deeper searches go over all lists
SAMPLE = 1_000  # queries; the standard error of a recall of 0.95 is then about 0.003
_TIE = 1e-5  # a neighbour as near as the k-th is as good as the k-th, by float32 scores
_ENOUGH = 0.999  # nobody needs the curve beyond


def knn_recall(found: Scores, exact: Scores) -> Scores:
    """Share of the exact neighbours that was found, a query: (q, k) and (q, k) scores, descending, to (q,).

    Compared by score and not by id, so that equal vectors are as good as one another.
    """
    recall: Scores = (found >= exact[:, -1:] - _TIE).sum(axis=1) / exact.shape[1]
    return recall


def probes(nlist: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12, 16, ... nlist: two steps an octave."""
    steps = {factor << octave for factor in (1, 3) for octave in range(nlist.bit_length())}
    return [*sorted(step for step in steps if step < nlist), nlist]


def measure(search: Callable[[Vectors, int], Scores], queries: Vectors, exact: Scores, nlist: int) -> Curve:
    """The operating curve of `search(queries, nprobe) -> (q, 100) scores` against the exact ones, (q, 100).

    Each recall is a lower bound: the mean over the queries less two standard errors.
    """
    points = []
    for nprobe in probes(nlist):
        found = search(queries, nprobe)
        bounds = [_lower_bound(knn_recall(found[:, :k], exact[:, :k])) for k in DEPTHS]
        points.append((nprobe, bounds[0], bounds[1]))
        if min(bounds) >= _ENOUGH:
            break
    return tuple(points)


def nprobe_for(curve: Curve, target_recall: float, k: int, nlist: int) -> int:
    """The cheapest measured nprobe that reaches the target for k neighbours, all lists if none does."""
    column = next((number for number, depth in enumerate(DEPTHS, 1) if k <= depth), None)
    if column is None:
        return nlist
    return next((int(point[0]) for point in curve if point[column] >= target_recall), nlist)


def _lower_bound(recalls: Scores) -> float:
    return round(max(float(recalls.mean() - 2 * recalls.std() / np.sqrt(len(recalls))), 0.0), 4)


def without_self(ids: Ids, scores: Scores, own: Ids) -> Scores:
    """Scores (q, k) of neighbours (q, k + 1) less the query's own row, or less the last one if it is not among them."""
    keep = ids != own[:, None]
    keep[keep.all(axis=1), -1] = False
    rest: Scores = scores[keep].reshape(len(scores), -1)
    return rest
