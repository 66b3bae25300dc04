import threading
from pathlib import Path

import numpy as np
import pytest
from synthetic import clustered, segment

from semsearch.index.segment import Segment
from semsearch.index.stored_rows import ABSENT, StoredRows
from semsearch.index.vectors import cosines
from semsearch.types import Ids, Vectors

ROWS = 600
IDS = np.arange(ROWS, dtype=np.int64) * 3 + 7
CUTS = (slice(0, 250), slice(250, 251), slice(251, ROWS))


def segments(vectors: Vectors) -> list[Segment]:
    return [segment(IDS[cut], vectors[cut]) for cut in CUTS]


@pytest.fixture(scope="module", params=[16, 7, 1])
def vectors(request: pytest.FixtureRequest) -> Vectors:
    return clustered(ROWS, request.param)


@pytest.fixture
def rows(vectors: Vectors) -> StoredRows:
    return StoredRows(segments(vectors), vectors.shape[1])


@pytest.fixture
def queries(vectors: Vectors) -> Vectors:
    return clustered(5, vectors.shape[1], seed=1)


def drawn(queries: Vectors, count: int, absent: int = 0) -> Ids:
    """Different row numbers for each query (q, count + absent), with ABSENT ones among them."""
    rng = np.random.default_rng(0)
    chosen = [rng.choice(ROWS, count, replace=False) for _ in queries]
    return np.array([rng.permutation([*some, *[ABSENT] * absent]) for some in chosen])


def test_rows_are_numbered_through_the_segments(rows: StoredRows) -> None:
    assert len(rows) == ROWS
    assert rows.ids.tolist() == IDS.tolist()
    assert rows.numbers_of(IDS).tolist() == list(range(ROWS))


def test_ids_between_before_and_behind_the_rows_have_no_number(rows: StoredRows) -> None:
    asked = np.array([0, 7, 8, 754, 757, 760, 761, int(IDS[-1]), int(IDS[-1]) + 3])
    assert rows.numbers_of(asked).tolist() == [ABSENT, 0, ABSENT, 249, 250, 251, ABSENT, ROWS - 1, ABSENT]
    assert rows.numbers_of(np.empty(0, dtype=np.int64)).tolist() == []


def test_masked_rows_keep_their_numbers(vectors: Vectors) -> None:
    masked = [each.without(IDS[::2]) for each in segments(vectors)]
    rows = StoredRows(masked, vectors.shape[1])
    assert rows.numbers_of(IDS).tolist() == list(range(ROWS))
    numbers = np.arange(ROWS)[None]
    np.testing.assert_allclose(rows.cosines(vectors[:1], numbers)[0], cosines(vectors[0], vectors), atol=0)


def test_scores_are_those_of_exact_search_whatever_the_order(
    rows: StoredRows, vectors: Vectors, queries: Vectors
) -> None:
    numbers = drawn(queries, 50, absent=7)
    scores = rows.cosines(queries, numbers)
    for query, its, mine in zip(queries, numbers, scores, strict=True):
        assert (mine == -np.inf).tolist() == (its == ABSENT).tolist()
        assert mine[its >= 0].tolist() == cosines(query, vectors[its[its >= 0]]).tolist()


def test_the_nearest_are_the_best_of_each_querys_own_rows(rows: StoredRows, vectors: Vectors, queries: Vectors) -> None:
    numbers = drawn(queries, 60, absent=9)
    scores, found = rows.nearest(queries, numbers, 8)
    for query, its, best, score in zip(queries, numbers, found, scores, strict=True):
        own = its[its >= 0]
        products = vectors[own] @ query
        np.testing.assert_allclose(score, -np.sort(-products)[:8], atol=1e-5)
        np.testing.assert_allclose(vectors[best] @ query, score, atol=1e-5)
        assert set(best.tolist()) <= set(own.tolist())
        assert len(set(best.tolist())) == 8


def test_behind_the_last_row_the_nearest_are_absent(rows: StoredRows, queries: Vectors) -> None:
    numbers = drawn(queries, 3, absent=10)
    _, found = rows.nearest(queries, numbers, 6)
    assert (np.sort(found, axis=1)[:, 3:] == np.sort(numbers, axis=1)[:, -3:]).all()
    assert (found[:, 3:] == ABSENT).all()


def test_the_nearest_of_nothing_but_absent_rows_are_absent(rows: StoredRows, queries: Vectors) -> None:
    _, found = rows.nearest(queries, np.full((5, 4), ABSENT), 3)
    assert (found == ABSENT).all()


def test_k_beyond_the_rows_given_gives_as_many_as_are_given(rows: StoredRows, queries: Vectors) -> None:
    numbers = drawn(queries, 4)
    _, found = rows.nearest(queries, numbers, 100)
    assert np.sort(found, axis=1).tolist() == np.sort(numbers, axis=1).tolist()


def test_more_columns_than_there_are_rows_lose_none(rows: StoredRows, vectors: Vectors, queries: Vectors) -> None:
    numbers = drawn(queries, ROWS - 1, absent=500)
    _, found = rows.nearest(queries, numbers, 5)
    for query, its, best in zip(queries, numbers, found, strict=True):
        products = vectors[its[its >= 0]] @ query
        np.testing.assert_allclose(vectors[best] @ query, -np.sort(-products)[:5], atol=1e-5)


def test_a_row_is_compared_with_the_numbers_of_its_file(vectors: Vectors, queries: Vectors) -> None:
    planted = vectors.copy()
    planted[100] *= -1
    rows = StoredRows(segments(planted), vectors.shape[1])
    scores = rows.cosines(queries, np.full((5, 1), 100))
    np.testing.assert_allclose(scores[:, 0], -(queries @ vectors[100]), atol=1e-5)


def test_threads_that_ask_first_at_the_same_time_get_the_same_answer(vectors: Vectors, queries: Vectors) -> None:
    rows, numbers = StoredRows(segments(vectors), vectors.shape[1]), drawn(queries, 100)
    barrier, answers = threading.Barrier(8), []

    def ask() -> None:
        barrier.wait()
        answers.append(rows.nearest(queries, numbers, 5)[1].tolist())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = StoredRows(segments(vectors), vectors.shape[1]).nearest(queries, numbers, 5)[1].tolist()
    assert answers == [expected] * 8


def test_rows_are_compared_although_their_files_were_removed_meanwhile(vectors: Vectors, queries: Vectors) -> None:
    mapped = segments(vectors)
    rows, numbers = StoredRows(mapped, vectors.shape[1]), drawn(queries, 40)
    before = rows.nearest(queries, numbers, 5)[1].tolist()
    again = StoredRows(mapped, vectors.shape[1])
    for each in mapped:
        Path(each.row_lists.filename).unlink()
    assert again.nearest(queries, numbers, 5)[1].tolist() == before
