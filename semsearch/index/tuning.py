"""Choosing how to search by what was measured: the cheapest operating point that finds what is asked for."""

import numpy as np

from semsearch.types import Curve, OperatingPoint, Scores

DEPTHS = (10, 100)  # neighbours compared; deeper searches are exact
SHARES = (1.0, 0.5, 0.2, 0.1)  # of the rows that may be found, under filters; fewer are scanned
ENOUGH = 0.996  # nobody needs the curve beyond
_TIE = 1e-5  # a neighbour as near as the k-th is as good as the k-th, by float32 scores
_FILTER_COST = 0.1  # of an exact scan: asking a bitmap about every row


def cheapest(curve: Curve, target_recall: float, k: int, share: float = 1.0) -> OperatingPoint | None:
    """The cheapest point that finds the target's share of k neighbours, `None` if none does.

    `share` of the rows may be found; what was measured with fewer of them stands for it.
    """
    if k > DEPTHS[-1]:
        return None
    recall_at = 2 if k <= DEPTHS[0] else 3  # of a point's fields; each search asks this of a hundred points
    measured = None
    for point in curve:  # by share, descending, then by cost
        if measured is None and point.share <= share:
            measured = point.share
        if point.share == measured and point[recall_at] >= target_recall:
            return point
    return None


def exact_cost(milliseconds: float, share: float) -> float:
    """Milliseconds of an exact scan of a share of the rows under a bitmap; of all, `milliseconds`."""
    return milliseconds if share >= 1.0 else milliseconds * (_FILTER_COST + share)


def knn_recall(found: Scores, exact: Scores) -> Scores:
    """Share of the exact neighbours that was found, a query: (q, k) and (q, k) scores, descending, to (q,).

    Compared by score and not by id, so that equal vectors are as good as one another. Exact scores of -inf, where
    there are fewer than k neighbours, are found by definition.
    """
    recall: Scores = (found >= exact[:, -1:] - _TIE).sum(axis=1) / exact.shape[1]
    return recall


def probes(nlist: int) -> list[int]:
    """1, 2, 3, 4, 5, 6, 8, 10, 12, ... nlist: three steps an octave, from a five-hundredth of the lists on."""
    steps = {(factor << octave) // 4 for factor in (4, 5, 6) for octave in range(nlist.bit_length())}
    return [*sorted(step for step in steps if nlist // 500 <= step < nlist), nlist]


def lower(one: Curve, other: Curve) -> Curve:
    """At each point the lower recall and the longer time; a point of one curve alone stands as it is."""
    points = {(point.share, point.nprobe, point.candidates): point for point in one}
    for point in other:
        key = (point.share, point.nprobe, point.candidates)
        known = points.get(key, point)
        points[key] = point._replace(
            recall_at_10=min(point.recall_at_10, known.recall_at_10),
            recall_at_100=min(point.recall_at_100, known.recall_at_100),
            milliseconds=max(point.milliseconds, known.milliseconds),
        )
    return tuple(points.values())


def worthwhile(curve: Curve) -> Curve:
    """The points that no cheaper one of the same share equals, by share, descending, and cost."""
    kept: list[OperatingPoint] = []
    best = dict.fromkeys({point.share for point in curve}, (0.0, 0.0))
    for point in sorted(curve, key=lambda point: (-point.share, point.milliseconds)):
        at_10, at_100 = best[point.share]
        if point.recall_at_10 > at_10 or point.recall_at_100 > at_100:
            kept.append(point)
            best[point.share] = max(at_10, point.recall_at_10), max(at_100, point.recall_at_100)
    return tuple(kept)


def lower_bound(recalls: Scores, errors: int = 1) -> float:
    """The mean over the queries less so many standard errors, at least 0."""
    return round(max(float(recalls.mean() - errors * recalls.std() / np.sqrt(len(recalls))), 0.0), 4)
