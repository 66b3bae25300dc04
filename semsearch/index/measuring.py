"""Measuring an IVF index against exact search over the segments that it stands for; every draw is from a fixed seed."""

import time
from collections.abc import Sequence

import numpy as np

from semsearch.index import tuning
from semsearch.index.ivf import IvfIndex
from semsearch.index.segment import Segment
from semsearch.types import Curve, Ids, OperatingPoint, Scores, Vectors

_SEED = 4321
_NOBODY = -1  # whose own row a query is that is no row


def measure_index(index: IvfIndex, segments: Sequence[Segment], queries: Vectors | None) -> Curve:
    """The operating curve on a sample of the rows, and on `queries` (q, dim) as well where there are some.

    At each nprobe the lower of the two recalls counts: short questions are harder than rows that were drawn.
    """
    rows = sum(map(len, segments))
    positions = np.random.default_rng(_SEED).choice(rows, min(rows, tuning.SAMPLE), replace=False)
    own, sample = rows_at(segments, np.sort(positions))
    curve = _curve(index, segments, sample, own)
    if queries is None:
        return curve
    return tuning.lower(curve, _curve(index, segments, queries, np.full(len(queries), _NOBODY)))


def rows_at(segments: Sequence[Segment], positions: Ids) -> tuple[Ids, Vectors]:
    """The live rows at these ascending positions, counted through all segments: (n,) and (n, dim)."""
    ids, vectors, start = [], [], 0
    for segment in segments:
        for block_ids, block in segment.blocks():
            end = start + len(block_ids)
            here = positions[np.searchsorted(positions, start) : np.searchsorted(positions, end)] - start
            ids.append(block_ids[here])
            vectors.append(block[here].astype(np.float32))
            start = end
    return np.concatenate(ids), np.concatenate(vectors)


def _curve(index: IvfIndex, segments: Sequence[Segment], queries: Vectors, own: Ids) -> Curve:
    """`own` (q,) are the ids of the rows that the queries are, which are not their own neighbours."""
    exact = _exact_scores(segments, queries, own)
    points = []
    for nprobe in tuning.probes(index.nlist):
        start = time.perf_counter()
        scores, found = index.nearest(queries, tuning.DEPTHS[-1] + 1, nprobe)
        milliseconds = 1_000 * (time.perf_counter() - start) / len(queries)
        scores = tuning.without_self(np.where(found < 0, _NOBODY - 1, index.ids[found]), scores, own)
        at_10, at_100 = (tuning.lower_bound(tuning.knn_recall(scores[:, :k], exact[:, :k])) for k in tuning.DEPTHS)
        points.append(OperatingPoint(nprobe, at_10, at_100, round(milliseconds, 4)))
        if min(at_10, at_100) >= tuning.ENOUGH:
            break
    return tuple(points)


def _exact_scores(segments: Sequence[Segment], queries: Vectors, own: Ids) -> Scores:
    """Scores of the nearest rows to each query, its own row left out: (q, k), descending."""
    k = tuning.DEPTHS[-1]
    best = np.full((len(queries), k), -np.inf)
    for segment in segments:
        for ids, block in segment.blocks():
            products = queries @ block.astype(np.float32).T  # (q, block)
            products[own[:, None] == ids[None, :]] = -np.inf
            both = np.concatenate([best, products], axis=1)
            best = np.partition(both, both.shape[1] - k, axis=1)[:, -k:]
    return -np.sort(-best, axis=1)
