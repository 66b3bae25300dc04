"""Curves: measured against exact search, kept on queries that were not seen, and watched as a payload grows."""

import numpy as np
import pytest
from synthetic import clustered, payload_of, segment

from semsearch.index import measuring
from semsearch.index.collection_index import Measured
from semsearch.index.ids import IdSet
from semsearch.index.measuring import is_found, measure, rows_at
from semsearch.index.payload import Payload
from semsearch.index.segment import Segment
from semsearch.index.sizing import Codec
from semsearch.index.stored_rows import ABSENT
from semsearch.index.tuning import SHARES, knn_recall
from semsearch.index.vectors import as_stored, as_vectors
from semsearch.types import Ids, OperatingPoint, Scores, Vectors

ROWS, DIM, NLIST = 2_000, 16, 40
CODECS = pytest.mark.parametrize("codec", list(Codec))


def segments_of(vectors: Vectors) -> list[Segment]:
    """Two segments; ids are row numbers plus 10."""
    ids, cut = np.arange(len(vectors)) + 10, len(vectors) * 4 // 5
    return [segment(ids[:cut], vectors[:cut]), segment(ids[cut:], vectors[cut:])]


def made(codec: Codec, vectors: Vectors) -> tuple[Payload, list[Segment]]:
    """A base and a delta over two segments."""
    segments = segments_of(vectors)
    return payload_of(codec, segments[:1], segments[1:], nlist=NLIST), segments


def directions(count: int, seed: int = 0) -> Vectors:
    """Anywhere: between the clusters, where neighbours lie in many lists."""
    points = np.random.default_rng(seed).standard_normal((count, DIM))
    return as_stored(as_vectors(points, DIM)).astype(np.float32)


def exact(queries: Vectors, vectors: Vectors, k: int) -> Scores:
    scores: Scores = -np.sort(-(queries @ vectors.T), axis=1)[:, :k]
    return scores


def recall(payload: Payload, queries: Vectors, vectors: Vectors, k: int, point: OperatingPoint) -> float:
    found = payload.search(queries, k, nprobe=point.nprobe, candidates=point.candidates)
    return float(knn_recall(found.scores, exact(queries, vectors, k)).mean())


def chosen(measured: Measured, k: int, target: float) -> OperatingPoint:
    point = measured.point_for(k, target)
    assert point is not None
    return point


@CODECS
@pytest.mark.usefixtures("costs_by_size")
def test_the_curve_keeps_its_promise_on_queries_that_it_has_not_seen(codec: Codec) -> None:
    vectors, unseen = clustered(ROWS, DIM), directions(400, seed=2)
    payload, segments = made(codec, vectors)
    measured = measure(payload, segments, directions(300, seed=1))
    for k, target in ((10, 0.9), (10, 0.95), (100, 0.9)):
        point = chosen(measured, k, target)
        assert recall(payload, unseen, vectors, k, point) >= target
        least = measured.curve[0]
        assert recall(payload, unseen, vectors, k, least) < target  # the points differ, and it shows
        assert least.milliseconds < point.milliseconds


@CODECS
@pytest.mark.usefixtures("costs_by_size")
def test_a_search_at_each_point_finds_as_much_as_was_measured(codec: Codec) -> None:
    vectors = clustered(ROWS, DIM)
    payload, segments = made(codec, vectors)
    queries = directions(300, seed=1)
    for point in measure(payload, segments, queries).curve:
        # a candidate more was measured than is searched: the place of the query itself, where it is a row
        assert recall(payload, queries, vectors, 10, point) >= point.recall_at_10 - 0.003


@pytest.mark.usefixtures("costs_by_size")
def test_queries_that_are_harder_than_the_rows_lower_the_curve() -> None:
    payload, segments = made(Codec.SQ8, clustered(ROWS, DIM))
    easy, both = measure(payload, segments, None), measure(payload, segments, directions(300))
    assert chosen(easy, 10, 0.95).nprobe < chosen(both, 10, 0.95).nprobe


@pytest.mark.usefixtures("costs_by_size")
def test_rows_that_were_added_last_and_are_harder_to_find_lower_the_curve() -> None:
    alike = clustered(ROWS, DIM)
    new = np.concatenate([alike[: ROWS * 4 // 5], directions(ROWS // 5)])
    points = []
    for vectors in (alike, new):
        payload, segments = made(Codec.SQ8, vectors)
        points.append(chosen(measure(payload, segments, None), 10, 0.95))
    assert points[0].nprobe < points[1].nprobe


@CODECS
@pytest.mark.usefixtures("costs_by_size")
def test_the_curve_under_filters_keeps_its_promise_with_other_rows_drawn_at_random(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_FILTERS_FROM", 1_000)
    vectors, unseen = clustered(ROWS, DIM), clustered(300, DIM, seed=2)
    payload, segments = made(codec, vectors)
    measured = measure(payload, segments, None)
    assert tuple(dict.fromkeys(point.share for point in measured.curve)) == SHARES
    for share in SHARES[1:]:
        keep = np.random.default_rng(7).random(ROWS) < share
        allowed = IdSet(np.flatnonzero(keep) + 10)
        point = min(
            (each for each in measured.curve if each.share == share and each.recall_at_10 >= 0.9),
            key=lambda each: each.milliseconds,
        )
        found = payload.search(unseen, 10, nprobe=point.nprobe, candidates=point.candidates, allowed=allowed)
        assert knn_recall(found.scores, exact(unseen, vectors[keep], 10)).mean() >= 0.9


@pytest.mark.usefixtures("costs_by_size")
def test_the_same_rows_give_the_same_curve() -> None:
    curves = [measure(*made(Codec.COMPACT, clustered(1_000, DIM)), None).curve for _ in range(2)]
    assert curves[0] == curves[1]
    assert len(curves[0]) > 3


def test_points_and_the_exact_scan_are_timed() -> None:
    measured = measure(*made(Codec.COMPACT, clustered(1_000, DIM)), None)
    assert measured.exact_milliseconds > 0
    assert all(0 < point.milliseconds < 1_000 for point in measured.curve)
    assert [point.milliseconds for point in measured.curve] == sorted(point.milliseconds for point in measured.curve)


@CODECS
@pytest.mark.parametrize("rows", [25, 60, 150])
def test_fewer_rows_than_neighbours_are_measured_all_the_same(codec: Codec, rows: int) -> None:
    vectors = clustered(rows, DIM)
    segments = segments_of(vectors)
    payload = payload_of(codec, segments[:1], segments[1:], nlist=3)
    measured = measure(payload, segments, directions(12))
    assert measured.curve[-1].recall_at_10 >= 0.95


@pytest.mark.usefixtures("costs_by_size")
def test_deleted_rows_are_neither_asked_for_nor_missed() -> None:
    vectors = clustered(ROWS, DIM)
    payload, segments = made(Codec.SQ8, vectors)
    dead = np.arange(10, ROWS + 10)[::4]
    fewer = measure(payload.without(dead), [each.without(dead) for each in segments], None)
    assert max(point.recall_at_10 for point in fewer.curve) > 0.99


def drifted(codec: Codec, recent: Vectors) -> tuple[Measured, list[Segment]]:
    """A payload measured on its base alone, to which these rows were added since."""
    base = clustered(ROWS, DIM)
    ids = np.arange(ROWS + len(recent)) + 10
    segments = [segment(ids[:ROWS], base), segment(ids[ROWS:], recent)]
    measured = measure(payload_of(codec, segments[:1], nlist=NLIST), segments[:1], None)
    grown = payload_of(codec, segments[:1], segments[1:], nlist=NLIST)
    return Measured(grown, measured.curve, measured.exact_milliseconds), segments


@CODECS
@pytest.mark.usefixtures("costs_by_size")
def test_rows_of_another_kind_are_noticed_and_more_of_the_same_are_not(codec: Codec) -> None:
    assert is_found(*drifted(codec, clustered(700, DIM, seed=5)), 0.95)
    assert not is_found(*drifted(codec, directions(700)), 0.95)


@pytest.mark.usefixtures("costs_by_size")
def test_where_searches_are_exact_everything_is_found() -> None:
    measured, segments = drifted(Codec.SQ8, directions(700))
    assert is_found(Measured(measured.payload, (), 1.0), segments, 0.95)
    assert not is_found(measured, segments, 0.95)
    few = tuple(point for point in measured.curve if point.recall_at_10 < 0.9)
    assert is_found(Measured(measured.payload, few, 1.0), segments, 0.95)  # no point reaches it


def test_rows_are_counted_through_all_segments_without_deleted_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semsearch.index.segment._BLOCK", 64)
    vectors = clustered(500, DIM)
    segments = [each.without(np.arange(10, 510, 3)) for each in segments_of(vectors)]
    live = np.setdiff1d(np.arange(500), np.arange(0, 500, 3))
    positions = np.sort(np.random.default_rng(0).choice(len(live), 90, replace=False))
    ids, rows = rows_at(segments, positions)
    assert ids.tolist() == (live[positions] + 10).tolist()
    assert (rows == vectors[live[positions]]).all()


@pytest.mark.parametrize("allowed", [None, np.arange(10, 510, 4), np.array([11, 12]), np.empty(0, dtype=np.int64)])
def test_exact_scores_are_those_of_all_other_rows_that_are_allowed(
    allowed: Ids | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semsearch.index.segment._BLOCK", 64)
    vectors = clustered(500, DIM)
    own = np.array([10, 11, 300, 509])
    queries = vectors[own - 10]
    some = None if allowed is None else IdSet(allowed)
    scores = measuring._exact_scores(segments_of(vectors), queries, own, {1.0: some}, 20)[1.0]
    for query, self, its in zip(queries, own.tolist(), scores, strict=True):
        ids = np.setdiff1d(np.arange(10, 510) if allowed is None else allowed, [self])
        best = -np.sort(-(vectors[ids - 10] @ query))[:20]
        np.testing.assert_allclose(its[: len(best)], best, atol=1e-5)
        assert (its[len(best) :] == -np.inf).all()


def test_a_query_is_not_its_own_neighbour() -> None:
    ids, scores = np.array([[1, 2, 3], [4, 2, 3]]), np.array([[1.0, 0.9, 0.8], [0.7, 0.6, 0.5]])
    assert measuring._without_self(ids, scores, np.array([1, 99])).tolist() == [[0.9, 0.8], [0.7, 0.6]]


def test_queries_that_are_no_rows_lose_nothing_but_the_last_place_although_neighbours_are_missing() -> None:
    ids, scores = np.array([[1, ABSENT, ABSENT], [4, 2, 3]]), np.array([[1.0, -np.inf, -np.inf], [0.7, 0.6, 0.5]])
    nobody = np.full(2, measuring._NOBODY)
    assert measuring._without_self(ids, scores, nobody).tolist() == [[1.0, -np.inf], [0.7, 0.6]]
