"""A collection's index: when it goes through its payload, and that nothing is missing or wrong when it does."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import clustered, oracle, payload_of, segment

from semsearch.index.collection_index import CollectionIndex, Measured
from semsearch.index.exact import ExactIndex
from semsearch.index.ids import IdSet
from semsearch.index.segment import Segment
from semsearch.index.sizing import Codec
from semsearch.index.stored_rows import ABSENT, StoredRows
from semsearch.index.vectors import cosines
from semsearch.types import Curve, Ids, OperatingPoint, Vectors

ROWS, DIM, NLIST = 1_000, 12, 20
IDS = np.arange(ROWS, dtype=np.int64) * 2 + 3
VECTORS = clustered(ROWS, DIM)
QUERIES = clustered(8, DIM, seed=1)
BASE, DELTA, OUTSIDE, TAIL = slice(0, 500), slice(500, 700), slice(700, 900), slice(900, ROWS)
CHEAP = OperatingPoint(1, 1, 1.0, 1.0, 1.0)  # promises all, and visits one list
CERTAIN = OperatingPoint(NLIST, 200, 1.0, 1.0, 1.0)
EXACT_COST = 1e6


def always(point: OperatingPoint) -> Curve:
    """This point, whatever share of the rows may be found."""
    return (point, point._replace(share=0.0))


@dataclasses.dataclass
class Parts:
    """What an index is made of, to be varied."""

    measured: Measured
    segments: list[Segment]
    tail: ExactIndex

    def without(self, ids: Ids) -> "Parts":
        segments = [each.without(ids) for each in self.segments]
        return Parts(self.measured.without(ids), segments, self.tail.without(ids))

    def index(self, curve: Curve, exact_milliseconds: float = EXACT_COST) -> CollectionIndex:
        measured = Measured(self.measured.payload, curve, exact_milliseconds)
        return CollectionIndex(measured, self.segments, self.tail, pytest.fail)


def parts_of(codec: Codec) -> Parts:
    segments = [segment(IDS[cut], VECTORS[cut]) for cut in (BASE, DELTA, OUTSIDE)]
    payload = payload_of(codec, segments[:1], segments[1:2], nlist=NLIST)
    tail = ExactIndex.empty(DIM).extended(IDS[TAIL], VECTORS[TAIL].astype(np.float16))
    return Parts(Measured(payload, (), 0.0), segments, tail)


EACH = {codec: parts_of(codec) for codec in Codec}


@pytest.fixture(params=list(Codec))
def parts(request: pytest.FixtureRequest) -> Parts:
    return EACH[request.param]


def expected(allowed: Ids, k: int = 10, queries: Vectors = QUERIES) -> list[list[int]]:
    return oracle(queries, k, IDS, VECTORS, set(allowed.tolist()))[1]


@st.composite
def filters(draw: st.DrawFn) -> Ids | None:
    """Ids of any share of the rows: at random, the farthest from the first query, the nearest, or of one part."""
    kind = draw(st.sampled_from(["none", "random", "far", "near", "part"]))
    if kind == "none":
        return None
    if kind == "part":
        return IDS[draw(st.sampled_from([BASE, DELTA, OUTSIDE, TAIL]))]
    count = draw(st.integers(0, 40) | st.integers(0, ROWS))
    order = np.argsort(VECTORS @ QUERIES[0])
    if kind == "random":
        order = np.random.default_rng(draw(st.integers(0, 9))).permutation(ROWS)
    chosen = order[ROWS - count :] if kind == "near" else order[:count]
    return np.sort(IDS[chosen])


@settings(max_examples=150, deadline=None)
@given(
    codec=st.sampled_from(list(Codec)),
    point=st.sampled_from([CHEAP, CHEAP._replace(nprobe=4, candidates=2), CERTAIN]),
    allowed=filters(),
    deleted=st.sampled_from(["none", "some", "most", "near"]),
    k=st.integers(1, 100),
)
def test_as_many_rows_are_found_as_there_are_up_to_k_all_of_them_live_and_allowed_with_their_exact_scores(
    codec: Codec, point: OperatingPoint, allowed: Ids | None, deleted: str, k: int
) -> None:
    dead = {
        "none": IDS[:0],
        "some": IDS[::5],
        "most": np.setdiff1d(IDS, IDS[::9]),
        "near": IDS[np.argsort(VECTORS @ QUERIES[0])[-300:]],
    }[deleted]
    findable = np.setdiff1d(IDS if allowed is None else allowed, dead)
    index = EACH[codec].without(dead).index(always(point))
    found = index.search(QUERIES[:2], k, allowed_ids=None if allowed is None else IdSet(allowed))
    assert found.ids.shape == (2, min(k, len(findable)))
    for query, ids, scores in zip(QUERIES, found.ids, found.scores, strict=False):
        assert len(np.unique(ids)) == len(ids)
        assert np.isin(ids, findable).all()
        assert scores.tolist() == cosines(query, VECTORS[np.searchsorted(IDS, ids)]).tolist()
        assert list(zip(-scores, ids, strict=True)) == sorted(zip(-scores, ids, strict=True))


def test_rows_of_base_delta_other_segments_and_tail_are_all_found(parts: Parts) -> None:
    index = parts.index(always(CERTAIN))
    for cut in (BASE, DELTA, OUTSIDE, TAIL):
        found = index.search(VECTORS[cut][:20], 1)
        assert found.path == "ivf"
        assert found.ids[:, 0].tolist() == IDS[cut][:20].tolist()
    assert len(index) == ROWS


def test_what_is_found_through_the_payload_equals_the_oracle_after_deletions(parts: Parts) -> None:
    dead = IDS[::3]
    found = parts.without(dead).index(always(CERTAIN)).search(QUERIES, 10)
    assert found.path == "ivf"
    assert found.ids.tolist() == expected(np.setdiff1d(IDS, dead))


def test_a_few_deletions_change_nothing_in_how_the_payload_is_searched(parts: Parts) -> None:
    curve = (CHEAP._replace(recall_at_10=0.5), CERTAIN)
    assert parts.index(curve).search(QUERIES, 10).nprobe == NLIST
    fewer = parts.without(IDS[:3]).index(curve).search(QUERIES, 10)
    assert (fewer.path, fewer.nprobe) == ("ivf", NLIST)


def test_a_segment_that_was_rewritten_without_its_deleted_rows_is_still_found_through_the_payload(
    parts: Parts,
) -> None:
    gone = np.append(IDS[BASE][::4], IDS[DELTA][-50:])  # the highest covered id as well
    kept = np.setdiff1d(IDS[: OUTSIDE.start], gone)
    rows = VECTORS[np.searchsorted(IDS, kept)]
    rewritten = [segment(kept[:200], rows[:200]), segment(kept[200:], rows[200:]), parts.segments[2]]
    payload = dataclasses.replace(parts.measured.payload, rows=StoredRows(rewritten, DIM)).without(gone)
    index = CollectionIndex(Measured(payload, always(CERTAIN), EXACT_COST), rewritten, parts.tail, pytest.fail)
    found = index.search(QUERIES, 10)
    assert found.path == "ivf"
    assert found.ids.tolist() == expected(np.setdiff1d(IDS, gone))
    assert found.scanned < QUERIES.shape[0] * (ROWS * 2 + 1)  # no segment is scanned beside the payload that covers it


@pytest.mark.parametrize("k", [1, 10])
def test_a_filter_that_allows_only_what_is_far_from_the_query_is_answered_exactly(parts: Parts, k: int) -> None:
    for query in QUERIES:
        far = np.sort(IDS[np.argsort(VECTORS @ query)[: ROWS // 5]])
        index = parts.index((CHEAP, *(CHEAP._replace(nprobe=3, share=share) for share in (0.5, 0.2, 0.1, 0.05))))
        found = index.search(query[None], k, allowed_ids=IdSet(far))
        assert found.ids.tolist() == expected(far, k, query[None])


def test_a_filter_of_rows_drawn_at_random_is_searched_at_the_point_of_its_share(parts: Parts) -> None:
    curve = tuple(CERTAIN._replace(nprobe=nprobe, share=share) for nprobe, share in ((5, 1.0), (8, 0.5), (15, 0.2)))
    index, draw = parts.index(curve), np.random.default_rng(0).random(ROWS)
    shares = (0.9, 0.6, 0.3)
    used = [index.search(QUERIES, 10, allowed_ids=IdSet(IDS[draw < share])).nprobe for share in shares]
    assert used == [8, 8, 15]
    assert index.search(QUERIES, 10, allowed_ids=IdSet(IDS[draw < 0.1])).path == "exact"  # no point speaks for it


@pytest.mark.parametrize(
    ("point", "options", "path"),
    [
        (CERTAIN, {}, "ivf"),
        (CERTAIN._replace(milliseconds=EXACT_COST), {}, "exact"),
        (CERTAIN._replace(recall_at_10=0.94), {}, "exact"),
        (CERTAIN._replace(recall_at_10=0.94), {"target_recall": 0.9}, "ivf"),
        (CERTAIN._replace(recall_at_10=0.5), {"k": 11}, "ivf"),
        (CERTAIN._replace(recall_at_100=0.5), {"k": 10}, "ivf"),
        (CERTAIN._replace(recall_at_100=0.5), {"k": 11}, "exact"),
        (CERTAIN, {"k": 100}, "ivf"),
        (CERTAIN, {"k": 101}, "exact"),
        (CERTAIN, {"target_recall": 1.0}, "exact"),
    ],
)
def test_the_payload_is_searched_where_it_was_measured_to_reach_the_target_at_less_cost(
    parts: Parts, point: OperatingPoint, options: dict[str, float], path: str
) -> None:
    found = parts.index((point,)).search(QUERIES, **{"k": 10, **options})
    assert (found.path, found.nprobe) == (path, NLIST if path == "ivf" else None)


def test_what_a_filter_allows_is_scanned_where_that_takes_no_time(parts: Parts) -> None:
    index = parts.index(always(CERTAIN._replace(milliseconds=0.001)), exact_milliseconds=1.0)
    assert index.search(QUERIES, 10).path == "ivf"
    assert index.search(QUERIES, 10, allowed_ids=IdSet(IDS)).path == "exact"


def test_queries_that_the_visited_lists_leave_short_are_completed_exactly_and_the_others_are_not(parts: Parts) -> None:
    covered = IDS[: OUTSIDE.start]
    k, payload = 40 * parts.measured.payload.codec.copies, parts.measured.payload
    alone = payload.search(QUERIES, k, nprobe=1, candidates=2, allowed=IdSet(covered))
    short = (alone.ids == ABSENT).any(axis=1)
    assert 0 < short.sum() < len(QUERIES)
    found = parts.index(always(CHEAP._replace(candidates=2))).search(QUERIES, k, allowed_ids=IdSet(covered))
    exact = np.array(expected(covered, k))
    assert found.path == "ivf"
    assert found.ids.tolist() == np.where(short[:, None], exact, alone.ids).tolist()
    assert found.scanned == alone.scanned + short.sum() * len(covered)


def test_damage_is_told_and_the_search_goes_on_exactly(parts: Parts) -> None:
    told: list[str] = []
    unknown = dataclasses.replace(parts.measured.payload, ids=parts.measured.payload.ids + 1)
    index = CollectionIndex(Measured(unknown, always(CERTAIN), EXACT_COST), parts.segments, parts.tail, told.append)
    found = index.search(QUERIES, 10)
    assert (found.path, found.ids.tolist()) == ("exact", expected(IDS))
    assert len(told) == 1
    assert "no segment has" in told[0]


def test_ordinals_that_no_id_belongs_to_are_told_as_damage(parts: Parts) -> None:
    told: list[str] = []
    fewer = dataclasses.replace(parts.measured.payload, ids=parts.measured.payload.ids[:50])
    index = CollectionIndex(Measured(fewer, always(CERTAIN), EXACT_COST), parts.segments, parts.tail, told.append)
    assert index.search(QUERIES, 10).ids.tolist() == expected(IDS)
    assert len(told) == 1
