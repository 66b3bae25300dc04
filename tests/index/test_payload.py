"""What a payload proposes, in each codec, of a base alone and of a base with a delta, in even and odd dims."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from synthetic import clustered, oracle, payload_of, segment

from semsearch import files
from semsearch.index import lists as inverted
from semsearch.index.ids import IdSet
from semsearch.index.payload import DamagedIndexError, Payload
from semsearch.index.sizing import Codec
from semsearch.index.stored_rows import ABSENT, StoredRows
from semsearch.index.vectors import cosines
from semsearch.types import Ids, Vectors

ROWS, NLIST = 1_500, 32
IDS = np.arange(ROWS, dtype=np.int64) * 2 + 10
CUTS = (slice(0, 500), slice(500, 1_200), slice(1_200, ROWS))  # the last one is the delta, where there is one
EVERY = 2 * ROWS // 10  # candidates a hit, of 10: with all lists visited, every row is one, in both of its lists


def made(codec: Codec, vectors: Vectors, *, delta: bool) -> Payload:
    parts = [segment(IDS[cut], vectors[cut]) for cut in CUTS]
    return payload_of(codec, parts[:2], parts[2:], nlist=NLIST) if delta else payload_of(codec, parts, nlist=NLIST)


CASES = [
    pytest.param((codec, delta, dim), id=f"{codec}-{'base-and-delta' if delta else 'base'}-{dim}")
    for codec in Codec
    for delta in (False, True)
    for dim in (16, 7)
]


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Payload, Vectors]:
    """A payload, and the rows in it."""
    codec, delta, dim = request.param
    vectors = clustered(ROWS, dim)
    return made(codec, vectors, delta=delta), vectors


@pytest.fixture
def payload(case: tuple[Payload, Vectors]) -> Payload:
    return case[0]


@pytest.fixture
def vectors(case: tuple[Payload, Vectors]) -> Vectors:
    return case[1]


@pytest.fixture
def queries(vectors: Vectors) -> Vectors:
    return clustered(12, vectors.shape[1], seed=1)


def found_ids(payload: Payload, queries: Vectors, k: int = 10, allowed: IdSet | None = None, **how: int) -> Ids:
    every = 2 * ROWS // max(k, 10)
    return payload.search(queries, k, **{"nprobe": NLIST, "candidates": every, **how}, allowed=allowed).ids


def test_all_lists_with_every_candidate_give_the_exact_answer_and_one_list_does_not(
    payload: Payload, vectors: Vectors, queries: Vectors
) -> None:
    scores, ids = oracle(queries, 10, IDS, vectors)
    found = payload.search(queries, 10, nprobe=NLIST, candidates=EVERY)
    assert found.ids.tolist() == ids
    np.testing.assert_allclose(found.scores, scores, atol=1e-6)
    assert found_ids(payload, queries, nprobe=1, candidates=1).tolist() != ids


@pytest.mark.parametrize(("nprobe", "candidates"), [(1, 1), (5, 2), (NLIST, 1)])
def test_every_score_is_the_exact_cosine_of_the_stored_row(
    payload: Payload, vectors: Vectors, queries: Vectors, nprobe: int, candidates: int
) -> None:
    found = payload.search(queries, 10, nprobe=nprobe, candidates=candidates)
    for query, ids, scores in zip(queries, found.ids, found.scores, strict=True):
        there = ids != ABSENT
        exact = cosines(query, vectors[np.searchsorted(IDS, ids[there])])
        assert scores[there].tolist() == exact.tolist()
        assert scores[~there].tolist() == [-np.inf] * int((~there).sum())
        order = list(zip((-scores[there]).tolist(), ids[there].tolist(), strict=True))
        assert order == sorted(order)


@pytest.mark.parametrize("nprobe", [2, NLIST])
def test_no_row_is_found_twice_although_it_may_be_in_two_lists(payload: Payload, queries: Vectors, nprobe: int) -> None:
    for ids in found_ids(payload, queries, k=ROWS, nprobe=nprobe):
        there = ids[ids != ABSENT]
        assert len(np.unique(there)) == len(there)
        assert (len(there) == ROWS) is (nprobe == NLIST)


def test_behind_the_last_row_of_the_visited_lists_there_is_none(payload: Payload, queries: Vectors) -> None:
    found = payload.search(queries, ROWS, nprobe=1, candidates=2)
    for ids, scores in zip(found.ids, found.scores, strict=True):
        count = int((ids != ABSENT).sum())
        assert 0 < count < ROWS
        assert (ids[count:] == ABSENT).all()
        assert (scores[count:] == -np.inf).all()


def test_masked_rows_are_never_found_and_the_payload_of_before_still_has_them(
    payload: Payload, vectors: Vectors
) -> None:
    dead = IDS[::3]
    fewer = payload.without(dead)
    ids = found_ids(fewer, vectors[::3][:50], k=ROWS, nprobe=NLIST)
    assert not np.isin(ids, dead).any()
    assert (np.sort(ids, axis=1)[:, -1_000:] == np.setdiff1d(IDS, dead)).all()
    assert (len(fewer), len(payload)) == (1_000, ROWS)
    assert found_ids(payload, vectors[:1], k=1).tolist() == [[10]]


def test_masks_add_up_and_pass_over_unknown_ids(payload: Payload, vectors: Vectors) -> None:
    fewer = payload.without(IDS[:2]).without(np.array([1, int(IDS[2])])).without(np.empty(0, dtype=np.int64))
    assert len(fewer) == ROWS - 3
    assert not np.isin(found_ids(fewer, vectors[:3], k=ROWS), IDS[:3]).any()


@pytest.mark.parametrize("share", [0.5, 0.05, 0.002])
def test_only_allowed_rows_are_found_and_all_of_them_in_all_lists(
    payload: Payload, vectors: Vectors, queries: Vectors, share: float
) -> None:
    some = np.random.default_rng(5).choice(IDS, int(ROWS * share), replace=False)
    dead = IDS[::4]
    allowed = IdSet(np.append(some, [11, 10**9]))
    live = np.setdiff1d(some, dead)
    ids = found_ids(payload.without(dead), queries, k=10, allowed=allowed)
    expected = oracle(queries, 10, IDS, vectors, set(live.tolist()))[1]
    assert [[id for id in row if id != ABSENT] for row in ids.tolist()] == expected
    few = found_ids(payload.without(dead), queries, k=10, allowed=allowed, nprobe=2, candidates=1)
    assert set(few.ravel().tolist()) <= {ABSENT, *live.tolist()}


def test_nothing_is_found_where_nothing_is_allowed(payload: Payload, queries: Vectors) -> None:
    assert (found_ids(payload, queries, allowed=IdSet(np.empty(0, dtype=np.int64))) == ABSENT).all()


def test_the_share_is_that_of_the_live_rows_that_are_allowed(payload: Payload) -> None:
    assert payload.share(None) == 1.0
    assert payload.share(IdSet(IDS[:300])) == 0.2
    fewer = payload.without(IDS[:150])
    assert fewer.share(None) == 1.0
    assert fewer.share(IdSet(IDS[:285])) == 0.1
    assert fewer.share(IdSet(np.array([1, 3]))) == 0.0


def test_the_density_is_the_least_share_of_allowed_rows_in_the_lists_of_a_query(
    payload: Payload, queries: Vectors
) -> None:
    allowed, nprobe = np.random.default_rng(3).choice(IDS, 400, replace=False), 3
    [*parts] = [inverted.rows_by_list(part) for part in payload.parts]
    visited = payload.parts[0].quantizer.search(inverted.padded(payload.codec, queries), nprobe)[1]
    shares = []
    for numbers in visited:
        inside = np.concatenate(
            [
                np.split(ordinals, np.cumsum(sizes)[:-1])[number]
                for ordinals, sizes in parts
                for number in numbers.tolist()
            ]
        )
        shares.append(np.isin(IDS[inside], allowed).mean())

    def density(nprobe: int, some: Ids | None) -> float:
        return payload.search(
            queries, 10, nprobe=nprobe, candidates=2, allowed=None if some is None else IdSet(some)
        ).density

    assert density(nprobe, allowed) == pytest.approx(min(shares))
    assert density(nprobe, IDS) == density(nprobe, None) == 1.0
    assert density(NLIST, allowed) == pytest.approx(400 / ROWS, rel=0.05)
    assert density(nprobe, np.empty(0, dtype=np.int64)) == 0.0


def test_rows_scanned_are_those_of_the_visited_lists(payload: Payload, queries: Vectors) -> None:
    sizes = sum(inverted.rows_by_list(part)[1] for part in payload.parts)
    visited = payload.parts[0].quantizer.search(inverted.padded(payload.codec, queries), 4)[1]
    assert payload.search(queries, 1, nprobe=4, candidates=1).scanned == sizes[visited].sum()
    everything = payload.search(queries, 1, nprobe=NLIST, candidates=1).scanned
    assert everything == len(queries) * ROWS * payload.codec.copies


@pytest.mark.parametrize(("most", "block"), [(1_024, 32), (5, 2), (12, 5)])
def test_a_batch_gives_each_query_what_it_gets_alone(
    payload: Payload, queries: Vectors, monkeypatch: pytest.MonkeyPatch, most: int, block: int
) -> None:
    monkeypatch.setattr("semsearch.index.payload._TOGETHER", most)
    monkeypatch.setattr("semsearch.index.payload._BLOCK", block)
    together = payload.search(queries, 10, nprobe=3, candidates=2)
    for at in range(len(queries)):
        alone = payload.search(queries[at : at + 1], 10, nprobe=3, candidates=2)
        assert alone.ids[0].tolist() == together.ids[at].tolist()
        assert alone.scores[0].tolist() == together.scores[at].tolist()


def test_a_payload_that_was_written_and_mapped_gives_the_same_answers(
    payload: Payload, queries: Vectors, tmp_path: Path
) -> None:
    for number, part in enumerate(payload.parts):
        files.publish(tmp_path, str(number), lambda sink, part=part: inverted.write(part, sink))
    parts = [inverted.read(payload.codec, tmp_path / str(number), mapped=True) for number in range(len(payload.parts))]
    read = dataclasses.replace(payload, parts=tuple(parts))
    for how in ({"nprobe": 2, "candidates": 1}, {"nprobe": 8, "candidates": 4}):
        before, after = payload.search(queries, 10, **how), read.search(queries, 10, **how)
        assert (after.ids.tolist(), after.scores.tolist()) == (before.ids.tolist(), before.scores.tolist())


def test_more_rows_of_equal_score_than_there_are_candidates_to_spare_come_in_the_order_of_their_ids(
    payload: Payload, vectors: Vectors
) -> None:
    """Rows of the same numbers in other places: equal for this query, but not by sums of rounded products."""
    draw, dim = np.random.default_rng(0), vectors.shape[1]
    rows = vectors.copy()
    rows[::5] = [draw.permutation(np.sort(np.abs(vectors[0]))) for _ in rows[::5]]
    query = np.full((1, dim), 0.93 / np.sqrt(dim), dtype=np.float32)
    scores, expected = oracle(query, 20, IDS, rows)
    assert len(set(scores[0])) == 1
    equal = made(payload.codec, rows, delta=len(payload.parts) > 1)
    found = equal.search(query, 20, nprobe=NLIST, candidates=EVERY // 2)
    assert found.ids.tolist() == expected
    assert found.scores.tolist() == scores


@pytest.mark.parametrize("codec", list(Codec))
def test_a_delta_that_joined_the_base_answers_as_it_did_beside_it(codec: Codec) -> None:
    vectors, queries = clustered(ROWS, 16), clustered(30, 16, seed=1)
    beside, parts = made(codec, vectors, delta=True), made(codec, vectors, delta=True).parts
    inverted.join(*parts)
    joined = dataclasses.replace(beside, parts=parts[:1])
    for nprobe in (1, 4, NLIST):
        every = {"nprobe": nprobe, "candidates": EVERY}  # of these lists
        assert joined.search(queries, 10, **every).ids.tolist() == beside.search(queries, 10, **every).ids.tolist()
        assert joined.search(queries, 10, **every).scanned == beside.search(queries, 10, **every).scanned
    few = {"nprobe": 4, "candidates": 1}
    one, two = joined.search(queries, 10, **few).scores, beside.search(queries, 10, **few).scores
    assert (one <= two).all()  # each part proposes as many as the whole


@pytest.mark.parametrize("codec", list(Codec))
def test_ids_that_no_segment_has_are_reported_as_damage_unless_they_are_masked(codec: Codec) -> None:
    vectors = clustered(ROWS, 16)
    payload = made(codec, vectors, delta=True)
    gone = IDS[300:700]
    kept = np.setdiff1d(np.arange(ROWS), np.arange(300, 700))
    rows = StoredRows([segment(IDS[cut], vectors[cut]) for cut in np.split(kept, [400])], 16)
    fewer = dataclasses.replace(payload, rows=rows)
    with pytest.raises(DamagedIndexError, match="no segment has"):
        found_ids(fewer, vectors[400:401])
    queries = clustered(10, 16, seed=1)
    assert found_ids(fewer.without(gone), queries).tolist() == oracle(queries, 10, IDS[kept], vectors[kept])[1]


@pytest.mark.parametrize("codec", list(Codec))
def test_ids_that_are_shifted_cost_recall_and_never_truth(codec: Codec) -> None:
    vectors = clustered(ROWS, 16)
    payload = made(codec, vectors, delta=False)
    shifted = dataclasses.replace(payload, ids=np.append(IDS[1:], IDS[-1] + 2)).without(IDS[-1:] + 2)
    found = shifted.search(vectors[:50], 5, nprobe=4, candidates=2)
    for query, ids, scores in zip(vectors[:50], found.ids, found.scores, strict=True):
        assert scores.tolist() == cosines(query, vectors[np.searchsorted(IDS, ids)]).tolist()
    assert (found.ids[:, 0] == IDS[:50]).mean() < 0.5


@pytest.mark.parametrize("codec", list(Codec))
def test_ordinals_beyond_the_ids_are_an_error(codec: Codec) -> None:
    vectors = clustered(ROWS, 16)
    fewer = dataclasses.replace(made(codec, vectors, delta=False), ids=IDS[:100])
    with pytest.raises((IndexError, RuntimeError)):
        found_ids(fewer, vectors[:10])
