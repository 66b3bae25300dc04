"""What `VectorIndex` promises, on every implementation of it, and on a collection's index with each kind of payload."""

from collections.abc import Callable

import numpy as np
import pytest
from synthetic import blocks, clustered, oracle, payload_of, segment

from semsearch.errors import DimensionMismatchError, InvalidRequestError
from semsearch.index.collection_index import CollectionIndex, Measured
from semsearch.index.contract import VectorIndex
from semsearch.index.exact import ExactIndex
from semsearch.index.ids import IdSet
from semsearch.index.sizing import Codec
from semsearch.types import Ids, OperatingPoint, Vectors

ROWS = 2_000
Build = Callable[[Ids, Vectors], VectorIndex]


def exact(ids: Ids, vectors: Vectors) -> ExactIndex:
    index = ExactIndex.empty(vectors.shape[1])
    for some_ids, some in blocks(ids, vectors, 300):
        index = index.extended(some_ids, some)
    return index


def segments_and_tail(ids: Ids, vectors: Vectors) -> CollectionIndex:
    cuts = (slice(0, len(ids) // 3), slice(len(ids) // 3, len(ids) // 2))
    tail = slice(len(ids) // 2, None)
    segments = [segment(ids[cut], vectors[cut]) for cut in cuts]
    return CollectionIndex(None, segments, exact(ids[tail], vectors[tail]), pytest.fail)


def everything(codec: Codec, *, delta: bool) -> Build:
    """Base, perhaps a delta, a segment outside and a tail; every row in a payload is a candidate of every search."""

    def build(ids: Ids, vectors: Vectors) -> CollectionIndex:
        cuts = np.array_split(np.arange(len(ids)), 5)
        segments = [segment(ids[cut], vectors[cut]) for cut in cuts[:4]]
        payload = payload_of(codec, segments[:2], segments[2:3], nlist=len(ids) // 60) if delta else None
        payload = payload or payload_of(codec, segments[:3], nlist=len(ids) // 60)
        point = OperatingPoint(payload.nlist, 2 * len(ids) // 10, 1.0, 1.0, 1.0)
        curve = tuple(point._replace(share=share) for share in (1.0, 0.0))
        tail = exact(ids[cuts[4]], vectors[cuts[4]])
        return CollectionIndex(Measured(payload, curve, 1e9), segments, tail, pytest.fail)

    return build


BUILDS: dict[str, Build] = {"exact": exact, "segment": segment, "segments-and-tail": segments_and_tail} | {
    f"{codec}-{'base-and-delta' if delta else 'base'}": everything(codec, delta=delta)
    for codec in Codec
    for delta in (False, True)
}
CASES = [pytest.param((build, dim), id=f"{name}-{dim}") for name, build in BUILDS.items() for dim in (24, 7)]


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Build, int]:
    return request.param


@pytest.fixture(scope="module")
def build(case: tuple[Build, int]) -> Build:
    return case[0]


@pytest.fixture(scope="module")
def dim(case: tuple[Build, int]) -> int:
    return case[1]


@pytest.fixture(scope="module")
def vectors(dim: int) -> Vectors:
    return clustered(ROWS, dim)


@pytest.fixture(scope="module")
def ids() -> Ids:
    return np.arange(ROWS, dtype=np.int64) * 3 + 7  # with gaps, as after deletions


@pytest.fixture(scope="module")
def index(build: Build, ids: Ids, vectors: Vectors) -> VectorIndex:
    return build(ids, vectors)


@pytest.fixture(scope="module")
def queries(dim: int) -> Vectors:
    return clustered(10, dim, seed=1)


@pytest.mark.parametrize("target", [0.95, 1.0])
def test_search_of_everything_equals_the_oracle(
    index: VectorIndex, ids: Ids, vectors: Vectors, queries: Vectors, target: float
) -> None:
    found = index.search(queries, 10, target_recall=target)
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
    index: VectorIndex, ids: Ids, vectors: Vectors, queries: Vectors, share: float
) -> None:
    allowed = np.random.default_rng(5).choice(ids, int(ROWS * share), replace=False)
    found = index.search(queries, 10, allowed_ids=IdSet(allowed))
    assert found.ids.tolist() == oracle(queries, 10, ids, vectors, set(allowed.tolist()))[1]
    assert found.ids.shape == (10, min(10, len(allowed)))


def test_allowed_ids_that_do_not_exist_match_nothing(index: VectorIndex, queries: Vectors) -> None:
    assert index.search(queries, 5, allowed_ids=IdSet(np.array([0, 8, 10**12]))).ids.shape == (10, 0)


def test_allowed_ids_that_do_not_exist_do_not_count(index: VectorIndex, queries: Vectors) -> None:
    assert index.search(queries, 5, allowed_ids=IdSet(np.array([0, 7, 8, 10, 10**12]))).ids.shape == (10, 2)


def test_an_empty_set_of_allowed_ids_matches_nothing(index: VectorIndex, queries: Vectors) -> None:
    found = index.search(queries, 5, allowed_ids=IdSet(np.array([], dtype=np.int64)))
    assert found.ids.shape == found.scores.shape == (10, 0)


@pytest.mark.parametrize("k", [100, 250, 500])
def test_k_up_to_and_above_the_number_of_rows_gives_as_many_as_there_are(build: Build, dim: int, k: int) -> None:
    rows, queries = clustered(200, dim, seed=3), clustered(10, dim, seed=1)
    found = build(np.arange(200), rows).search(queries, k)
    assert found.ids.shape == (10, min(k, 200))
    assert all(len(set(row)) == min(k, 200) for row in found.ids.tolist())


@pytest.mark.parametrize("target", [0.95, 1.0])
def test_rows_of_equal_score_come_in_the_order_of_their_ids(build: Build, dim: int, target: float) -> None:
    rows = np.repeat(clustered(4, dim, seed=4, spread=1.0), 50, axis=0)
    found = build(np.arange(200), rows).search(rows[:1], 20, target_recall=target)
    assert found.ids.tolist() == [list(range(20))]


def test_scores_descend_and_lie_between_minus_one_and_one(index: VectorIndex, queries: Vectors) -> None:
    scores = index.search(queries, 100).scores
    assert (np.diff(scores, axis=1) <= 0).all()
    assert scores.max() <= 1.0
    assert scores.min() >= -1.0


def test_a_batch_gives_each_query_what_it_gets_alone(index: VectorIndex, queries: Vectors) -> None:
    together = index.search(queries, 10)
    for at in range(len(queries)):
        alone = index.search(queries[at : at + 1], 10)
        assert alone.ids[0].tolist() == together.ids[at].tolist()
        assert alone.scores[0].tolist() == together.scores[at].tolist()


def test_no_queries_have_no_neighbours(index: VectorIndex, dim: int) -> None:
    assert index.search(np.empty((0, dim), dtype=np.float32), 5).ids.shape[0] == 0


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_an_error(index: VectorIndex, vectors: Vectors, k: int) -> None:
    with pytest.raises(InvalidRequestError, match=f"k is {k}"):
        index.search(vectors[:1], k)


@pytest.mark.parametrize("target", [0.0, -0.1, 1.1, float("nan")])
def test_a_target_recall_outside_0_to_1_is_an_error(index: VectorIndex, vectors: Vectors, target: float) -> None:
    with pytest.raises(InvalidRequestError, match="target_recall"):
        index.search(vectors[:1], 1, target_recall=target)


def test_a_query_of_another_length_is_an_error(index: VectorIndex, vectors: Vectors, dim: int) -> None:
    with pytest.raises(DimensionMismatchError, match=f"has {dim - 1} numbers"):
        index.search(vectors[:1, :-1], 1)


@pytest.mark.parametrize("allowed", [None, slice(None), slice(0, None, 3)], ids=["no-filter", "all", "a-third"])
@pytest.mark.parametrize("delta", [False, True])
@pytest.mark.parametrize("codec", list(Codec))
def test_what_these_tests_search_by_a_payload_does_go_through_it(
    codec: Codec, delta: bool, allowed: slice | None
) -> None:
    ids, vectors = np.arange(ROWS), clustered(ROWS, 24)
    index = everything(codec, delta=delta)(ids, vectors)
    found = index.search(vectors[:3], 10, allowed_ids=None if allowed is None else IdSet(ids[allowed]))
    assert (found.path, found.nprobe) == ("ivf", ROWS // 60)
