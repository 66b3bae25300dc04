"""What `VectorIndex` promises, on every implementation of it."""

from collections.abc import Callable

import numpy as np
import pytest
from synthetic import blocks, clustered, oracle, segment

from semsearch.errors import DimensionMismatchError, InvalidRequestError
from semsearch.index.collection_index import CollectionIndex
from semsearch.index.contract import VectorIndex
from semsearch.index.exact import ExactIndex
from semsearch.index.ivf import IvfIndex
from semsearch.index.segment import StoredRows
from semsearch.types import Ids, Vectors

DIM, ROWS = 24, 2_000
Build = Callable[[Ids, Vectors], VectorIndex]


def exact(ids: Ids, vectors: Vectors) -> ExactIndex:
    index = ExactIndex.empty(vectors.shape[1])
    for some_ids, some in blocks(ids, vectors, 300):
        index = index.extended(some_ids, some)
    return index


def ivf(ids: Ids, vectors: Vectors) -> IvfIndex:
    return IvfIndex.build(vectors, blocks(ids, vectors), StoredRows([segment(ids, vectors)]))


def segments_and_tail(ids: Ids, vectors: Vectors) -> CollectionIndex:
    cuts = (slice(0, len(ids) // 3), slice(len(ids) // 3, len(ids) // 2))
    tail = slice(len(ids) // 2, None)
    segments = [segment(ids[cut], vectors[cut]) for cut in cuts]
    return CollectionIndex(None, segments, exact(ids[tail], vectors[tail]), pytest.fail)


def payload_segments_and_tail(ids: Ids, vectors: Vectors) -> CollectionIndex:
    cuts = (slice(0, len(ids) // 2), slice(len(ids) // 2, len(ids) * 3 // 4))
    tail = slice(len(ids) * 3 // 4, None)
    segments = [segment(ids[cut], vectors[cut]) for cut in cuts]
    return CollectionIndex(ivf(ids[cuts[0]], vectors[cuts[0]]), segments, exact(ids[tail], vectors[tail]), pytest.fail)


BUILDS = {
    "exact": exact,
    "segment": segment,
    "ivf": ivf,
    "segments-and-tail": segments_and_tail,
    "payload-segments-and-tail": payload_segments_and_tail,
}


@pytest.fixture(params=BUILDS.values(), ids=BUILDS.keys())
def build(request: pytest.FixtureRequest) -> Build:
    return request.param


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return clustered(ROWS, DIM)


@pytest.fixture(scope="module")
def ids() -> Ids:
    return np.arange(ROWS, dtype=np.int64) * 3 + 7  # with gaps, as after deletions


@pytest.fixture(scope="module")
def queries() -> Vectors:
    return clustered(20, DIM, seed=1)


def test_search_of_everything_equals_the_oracle(build: Build, ids: Ids, vectors: Vectors, queries: Vectors) -> None:
    found = build(ids, vectors).search(queries, 10, target_recall=1.0)
    scores, expected = oracle(queries, 10, ids, vectors)
    assert found.ids.tolist() == expected
    np.testing.assert_allclose(found.scores, scores, atol=1e-6)


def test_the_oracle_notices_one_wrong_vector(build: Build, ids: Ids, vectors: Vectors, queries: Vectors) -> None:
    planted = vectors.copy()
    planted[::7] *= -1
    found = build(ids, planted).search(queries, 10, target_recall=1.0)
    assert found.ids.tolist() != oracle(queries, 10, ids, vectors)[1]


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001])
def test_a_filtered_search_equals_the_oracle_on_what_is_allowed(
    build: Build, ids: Ids, vectors: Vectors, queries: Vectors, share: float
) -> None:
    allowed = np.random.default_rng(5).choice(ids, int(ROWS * share), replace=False)
    found = build(ids, vectors).search(queries, 10, allowed_ids=allowed)
    assert found.ids.tolist() == oracle(queries, 10, ids, vectors, set(allowed.tolist()))[1]
    assert found.ids.shape == (20, min(10, len(allowed)))


def test_allowed_ids_that_do_not_exist_match_nothing(
    build: Build, ids: Ids, vectors: Vectors, queries: Vectors
) -> None:
    index = build(ids, vectors)
    assert index.search(queries, 5, allowed_ids=np.array([0, 8, 10**12])).ids.shape == (20, 0)


def test_an_empty_set_of_allowed_ids_matches_nothing(
    build: Build, ids: Ids, vectors: Vectors, queries: Vectors
) -> None:
    found = build(ids, vectors).search(queries, 5, allowed_ids=np.array([], dtype=np.int64))
    assert found.ids.shape == found.scores.shape == (20, 0)


def test_k_above_the_number_of_rows_gives_all_of_them(build: Build, queries: Vectors) -> None:
    rows = clustered(200, DIM, seed=3)
    found = build(np.arange(200), rows).search(queries, 500)
    assert found.ids.shape == (20, 200)
    assert (np.sort(found.ids, axis=1) == np.arange(200)).all()


def test_rows_of_equal_score_come_in_the_order_of_their_ids(build: Build) -> None:
    rows = np.repeat(clustered(4, DIM, seed=4, spread=1.0), 50, axis=0)
    found = build(np.arange(200), rows).search(rows[:1], 20, target_recall=1.0)
    assert found.ids.tolist() == [list(range(20))]


def test_scores_descend_and_lie_between_minus_one_and_one(
    build: Build, ids: Ids, vectors: Vectors, queries: Vectors
) -> None:
    scores = build(ids, vectors).search(queries, 100, target_recall=1.0).scores
    assert (np.diff(scores, axis=1) <= 0).all()
    assert scores.max() <= 1.0
    assert scores.min() >= -1.0


def test_a_batch_gives_each_query_what_it_gets_alone(
    build: Build, ids: Ids, vectors: Vectors, queries: Vectors
) -> None:
    index = build(ids, vectors)
    together = index.search(queries, 10)
    for at in range(len(queries)):
        alone = index.search(queries[at : at + 1], 10)
        assert alone.ids[0].tolist() == together.ids[at].tolist()
        assert alone.scores[0].tolist() == together.scores[at].tolist()


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_an_error(build: Build, ids: Ids, vectors: Vectors, k: int) -> None:
    with pytest.raises(InvalidRequestError, match=f"k is {k}"):
        build(ids, vectors).search(vectors[:1], k)


@pytest.mark.parametrize("target", [0.0, -0.1, 1.1, float("nan")])
def test_a_target_recall_outside_0_to_1_is_an_error(build: Build, ids: Ids, vectors: Vectors, target: float) -> None:
    with pytest.raises(InvalidRequestError, match="target_recall"):
        build(ids, vectors).search(vectors[:1], 1, target_recall=target)


def test_a_query_of_another_length_is_an_error(build: Build, ids: Ids, vectors: Vectors) -> None:
    with pytest.raises(DimensionMismatchError, match=f"has {DIM - 1} numbers"):
        build(ids, vectors).search(vectors[:1, :-1], 1)
