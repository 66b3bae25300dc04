"""Measuring a payload against exact search over the segments that it stands for; every draw is from a fixed seed."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from semsearch.index.collection_index import Measured
from semsearch.index.faiss_library import load_faiss, use_threads
from semsearch.index.ids import IdSet, positions_of
from semsearch.index.payload import Payload
from semsearch.index.segment import Segment
from semsearch.index.sizing import Codec
from semsearch.index.stored_rows import ABSENT
from semsearch.index.tuning import DEPTHS, ENOUGH, SHARES, knn_recall, lower, lower_bound, probes, worthwhile
from semsearch.machine import cores
from semsearch.types import Curve, Ids, OperatingPoint, Scores, Vectors

SAMPLE = 1_000  # queries; the standard error of a recall of 0.95 is then about 0.003
_FEWER = 250  # queries among the last added rows, and under filters
_FEWEST = 100  # queries where many neighbours of each are compared
_AT_ONCE = 100  # queries: at thousands of lists, FAISS takes 0.2 MB for each of them
_TIMED = 20  # queries that are timed, one after the other
_FILTERS_FROM = 100_000  # rows; of fewer, what a filter allows is scanned in a millisecond or two
_SEED = 4321
_NOBODY = -2  # whose own row a query is that is no row; ABSENT is -1
_RECENT = 0.2  # the share of rows, last added, that is measured by itself: they may be of another kind
# What reading takes, estimated only to leave out points that cannot win before the others are timed.
_BYTES_A_MILLISECOND = 10_000_000
_FAR = 8  # bytes read in a row, in the time of one read from anywhere
_CANDIDATES = {Codec.COMPACT: (2, 5, 8), Codec.SQ8: (1, 2, 4), Codec.FLOAT16: (1,)}  # for each hit


def measure(payload: Payload, segments: Sequence[Segment], queries: Vectors | None) -> Measured:
    """The payload with its curve, measured on its rows, on the last added ones, and on `queries` (q, dim) if any.

    At each point the lowest recall counts: short questions are harder than rows, and new rows than old ones.
    """
    [(rows, own), *others] = _query_sets(segments, queries)
    exact = _exact_milliseconds(segments, rows)
    allowed = _filters(segments, SHARES if len(payload) >= _FILTERS_FROM else SHARES[:1])
    curve = _curve(payload, segments, rows, own, allowed)
    for asked, own in others:
        curve = lower(curve, _curve(payload, segments, asked, own, {1.0: None}))
    timed = tuple(_timed(payload, rows, point, allowed[point.share]) for point in worthwhile(curve))
    return Measured(payload, worthwhile(timed), exact)


def is_found(measured: Measured, segments: Sequence[Segment], target_recall: float) -> bool:
    """Whether the last added rows are still found at the point that the curve gives for the target."""
    point = measured.point_for(DEPTHS[0], target_recall)
    if point is None:
        return True
    queries, own = _drawn(segments, _FEWER, _RECENT)
    exact = _exact_scores(segments, queries, own, {1.0: None}, DEPTHS[0])[1.0]
    found = measured.payload.search(queries, DEPTHS[0] + 1, nprobe=point.nprobe, candidates=point.candidates)
    recalls = knn_recall(_without_self(found.ids, found.scores, own), exact)
    return float(recalls.mean() + 2 * recalls.std() / np.sqrt(len(recalls))) >= target_recall


def rows_at(segments: Sequence[Segment], positions: Ids) -> tuple[Ids, Vectors]:
    """The live rows at these ascending positions, counted through all segments: (n,) and (n, dim)."""
    ids, start = np.empty(len(positions), np.int64), 0
    vectors = np.empty((len(positions), segments[0].dim), np.float32)
    for segment in segments:
        for block_ids, block in segment.blocks():
            end = start + len(block_ids)
            first, last = np.searchsorted(positions, [start, end])
            here = positions[first:last] - start
            ids[first:last], vectors[first:last] = block_ids[here], block[here]
            start = end
    return ids, vectors


def _query_sets(segments: Sequence[Segment], queries: Vectors | None) -> list[tuple[Vectors, Ids]]:
    """Queries (q, dim), and the ids (q,) of the rows that they are, which are not their own neighbours."""
    sets = [_drawn(segments, SAMPLE, 1.0), _drawn(segments, _FEWER, _RECENT)]
    if queries is not None:
        sets.append((queries, np.full(len(queries), _NOBODY)))
    return sets


def _drawn(segments: Sequence[Segment], count: int, last: float) -> tuple[Vectors, Ids]:
    """Up to `count` rows out of the `last` share of them, and their ids."""
    rows = sum(map(len, segments))
    among = max(1, int(rows * last))
    positions = np.random.default_rng(_SEED).choice(among, min(among, count), replace=False) + rows - among
    own, vectors = rows_at(segments, np.sort(positions))
    return vectors, own


def _filters(segments: Sequence[Segment], shares: Sequence[float]) -> dict[float, IdSet | None]:
    """For each share so many of the live rows, drawn at random; `None` for all of them."""
    draw = np.random.default_rng(_SEED)
    live = np.concatenate([ids for segment in segments for ids, _ in segment.blocks()])
    return {share: None if share == 1.0 else IdSet(live[draw.random(len(live)) < share]) for share in shares}


def _curve(
    payload: Payload, segments: Sequence[Segment], queries: Vectors, own: Ids, allowed: dict[float, IdSet | None]
) -> Curve:
    """What is found at every nprobe and number of candidates, with the milliseconds that memory alone would take."""
    exact = _exact_scores(segments, queries, own, allowed, DEPTHS[-1])
    points: list[OperatingPoint] = []
    for share, some in allowed.items():
        for nprobe in probes(payload.nlist):
            points += _points(payload, _Asked(queries, own, exact[share], some), nprobe, share)
            if min(points[-1].recall_at_10, points[-1].recall_at_100) >= ENOUGH:
                break
    return tuple(points)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Queries (q, dim), the ids (q,) of the rows that they are, the exact scores (q, k), and the rows allowed."""

    queries: Vectors
    own: Ids
    exact: Scores
    allowed: IdSet | None

    def first(self, count: int) -> "_Asked":
        return _Asked(self.queries[:count], self.own[:count], self.exact[:count], self.allowed)


def _points(payload: Payload, asked: _Asked, nprobe: int, share: float) -> Iterator[OperatingPoint]:
    few, many = (SAMPLE, _FEWEST) if asked.allowed is None else (_FEWER, _FEWEST)
    at_10 = _recalls(payload, asked.first(few), DEPTHS[0], nprobe)
    at_100 = _recalls(payload, asked.first(many), DEPTHS[1], nprobe)
    for candidates, (recall, scanned) in at_10.items():
        codes = scanned * payload.codec.row_bytes(asked.queries.shape[1]) / payload.codec.copies
        rows = candidates * DEPTHS[0] * 2 * asked.queries.shape[1] * _FAR
        milliseconds = (codes + rows) / _BYTES_A_MILLISECOND
        yield OperatingPoint(nprobe, candidates, recall, at_100[candidates][0], milliseconds, share)


def _recalls(payload: Payload, asked: _Asked, k: int, nprobe: int) -> dict[int, tuple[float, float]]:
    """Lower bounds of knn_recall, and rows scanned a query, by the number of candidates for each hit."""
    use_threads(cores())
    several = _CANDIDATES[payload.codec]
    proposed, rows = [], 0
    for start in range(0, len(asked.queries), _AT_ONCE):
        some = asked.queries[start : start + _AT_ONCE]
        ordinals, visited = payload.propose(some, several[-1] * k + 1, nprobe, asked.allowed)  # one more: itself
        proposed.append(ordinals)
        rows += payload.rows_in(visited)
    found = [np.concatenate(parts) for parts in zip(*proposed, strict=True)]
    a_query, errors = rows / len(asked.queries), 1 if asked.allowed is None else 2
    recalls = {}
    for candidates in several:
        numbers = payload.numbers_of([part[:, : candidates * k + 1] for part in found])
        scores, best = payload.rows.nearest(asked.queries, numbers, k + 1)
        ids = np.where(best == ABSENT, ABSENT, payload.rows.ids[best])
        recall = knn_recall(_without_self(ids, scores, asked.own), asked.exact[:, :k])
        recalls[candidates] = lower_bound(recall, errors), a_query
    return recalls


def _timed(payload: Payload, queries: Vectors, point: OperatingPoint, allowed: IdSet | None) -> OperatingPoint:
    """The point with the median of searches one after the other, for 10 neighbours."""
    spent = []
    for query in queries[:_TIMED]:
        start = time.perf_counter()
        payload.search(query[None], DEPTHS[0], nprobe=point.nprobe, candidates=point.candidates, allowed=allowed)
        spent.append(time.perf_counter() - start)
    return point._replace(milliseconds=round(1_000 * float(np.median(spent[1:])), 4))


def _exact_milliseconds(segments: Sequence[Segment], queries: Vectors) -> float:
    spent = []  # the first time is that of mapping the rows
    for query in queries[: 1 + _TIMED // 10]:
        start = time.perf_counter()
        for segment in segments:
            segment.search(query[None], DEPTHS[0])
        spent.append(time.perf_counter() - start)
    return round(1_000 * float(np.median(spent[1:] or spent)), 4)


def _exact_scores(
    segments: Sequence[Segment], queries: Vectors, own: Ids, allowed: dict[float, IdSet | None], k: int
) -> dict[float, Scores]:
    """For each set of rows the scores of the nearest to each query, its own row left out: (q, k), descending."""
    use_threads(cores())
    best = {share: np.full((len(queries), k), -np.inf) for share in allowed}
    for segment in segments:
        for ids, block in segment.blocks():
            rows = block.astype(np.float32)
            for share, some in allowed.items():
                here = np.arange(len(ids)) if some is None else positions_of(some.ids, ids)
                asked = slice(None) if some is None else slice(_FEWER)  # under filters, more are not asked
                near = _nearest(queries[asked], own[asked], ids[here], rows[here], k)
                both = np.concatenate([best[share][asked], near], axis=1)
                best[share][asked] = -np.sort(-both, axis=1)[:, :k]
    return best


def _nearest(queries: Vectors, own: Ids, ids: Ids, rows: Vectors, k: int) -> Scores:
    """Scores (q, up to k + 1) of the nearest of some rows, -inf for a query's own."""
    if not len(ids):
        return np.empty((len(queries), 0))
    faiss = load_faiss()
    scores, at = faiss.knn(queries, rows, min(k + 1, len(ids)), metric=faiss.METRIC_INNER_PRODUCT)
    return np.where(ids[at] == own[:, None], -np.inf, scores)


def _without_self(ids: Ids, scores: Scores | Vectors, own: Ids) -> Scores:
    """Scores (q, k) of neighbours (q, k + 1) less the query's own row, or less the last one if it is not among them."""
    keep = ids != own[:, None]
    keep[keep.all(axis=1), -1] = False
    rest: Scores = scores[keep].reshape(len(scores), -1).astype(np.float64)
    return rest
