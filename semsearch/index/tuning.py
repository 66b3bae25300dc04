"""Measured recall: how many of the exact neighbours an index finds, and at what nprobe."""

import numpy as np

from semsearch.types import Curve, Ids, OperatingPoint, Scores

DEPTHS = (10, 100)  # neighbours compared; deeper searches go over all lists
SAMPLE = 1_000  # queries; the standard error of a recall of 0.95 is then about 0.003
_TIE = 1e-5  # a neighbour as near as the k-th is as good as the k-th, by float32 scores
ENOUGH = 0.999  # nobody needs the curve beyond


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


def nprobe_for(curve: Curve, target_recall: float, k: int, nlist: int) -> int:
    """The cheapest measured nprobe that reaches the target for k neighbours, all lists if none does."""
    if k > DEPTHS[-1]:
        return nlist
    return next((point.nprobe for point in curve if _recall(point, k) >= target_recall), nlist)


def lower(one: Curve, other: Curve) -> Curve:
    """At each nprobe the lower recall and the longer time; a curve that has ended has found all there is."""
    points = {point.nprobe: point for point in one}
    for point in other:
        known = points.get(point.nprobe, point)
        points[point.nprobe] = OperatingPoint(
            point.nprobe,
            min(point.recall_at_10, known.recall_at_10),
            min(point.recall_at_100, known.recall_at_100),
            max(point.milliseconds, known.milliseconds),
        )
    return tuple(points[nprobe] for nprobe in sorted(points))


def lower_bound(recalls: Scores) -> float:
    """The mean over the queries less two standard errors, at least 0."""
    return round(max(float(recalls.mean() - 2 * recalls.std() / np.sqrt(len(recalls))), 0.0), 4)


def _recall(point: OperatingPoint, k: int) -> float:
    return point.recall_at_10 if k <= DEPTHS[0] else point.recall_at_100


def without_self(ids: Ids, scores: Scores, own: Ids) -> Scores:
    """Scores (q, k) of neighbours (q, k + 1) less the query's own row, or less the last one if it is not among them."""
    keep = ids != own[:, None]
    keep[keep.all(axis=1), -1] = False
    rest: Scores = scores[keep].reshape(len(scores), -1)
    return rest
