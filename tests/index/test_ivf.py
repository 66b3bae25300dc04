from pathlib import Path

import numpy as np
import pytest
from synthetic import blocks, clustered, oracle, segment

from semsearch import files
from semsearch.index.ids import write_ids
from semsearch.index.ivf import DamagedIndexError, IvfIndex
from semsearch.index.measuring import measure_index
from semsearch.index.segment import StoredRows
from semsearch.index.tuning import knn_recall, nprobe_for
from semsearch.types import OperatingPoint, Scores, Vectors

ROWS, DIM = 5_000, 24
IDS = np.arange(ROWS) + 10


def stored(vectors: Vectors) -> StoredRows:
    """In two segments."""
    return StoredRows([segment(IDS[:2_000], vectors[:2_000]), segment(IDS[2_000:], vectors[2_000:])])


@pytest.fixture(scope="module")
def index() -> IvfIndex:
    vectors = clustered(ROWS, DIM)
    return IvfIndex.build(vectors[::2], blocks(IDS, vectors), stored(vectors))


def test_lists_hold_the_stored_numbers_without_loss() -> None:
    vectors = clustered(ROWS, DIM)
    index = IvfIndex.build(vectors[::2], blocks(IDS, vectors), stored(vectors))._index
    index.make_direct_map()
    assert (index.reconstruct_batch(np.arange(ROWS)) == vectors).all()


def test_all_lists_give_the_exact_answer_and_one_list_does_not(index: IvfIndex) -> None:
    queries = clustered(50, DIM, seed=1, spread=0.9)
    expected = oracle(queries, 10, IDS, clustered(ROWS, DIM))[1]
    assert index.probe(queries, 10, index.nlist).ids.tolist() == expected
    assert index.probe(queries, 10, 1).ids.tolist() != expected


def test_masked_rows_are_never_found(index: IvfIndex) -> None:
    vectors = clustered(ROWS, DIM)
    dead = IDS[::3]
    fewer = index.without(dead)
    found = fewer.search(vectors[::3][:100], 10)
    assert not np.isin(found.ids, dead).any()
    assert len(fewer) == ROWS - len(dead)
    assert len(index) == ROWS


def test_a_search_over_one_list_that_is_too_short_goes_over_all(index: IvfIndex) -> None:
    found = index.probe(clustered(5, DIM, seed=1), 2_000, 1)
    assert found.ids.shape == (5, 2_000)
    assert (found.ids >= 10).all()


def test_rows_scanned_are_those_of_the_visited_lists(index: IvfIndex) -> None:
    queries = clustered(3, DIM, seed=1)
    sizes = [index._index.invlists.list_size(number) for number in range(index.nlist)]
    visited = index._index.quantizer.search(queries, 4)[1]
    assert index.probe(queries, 1, 4).scanned == sum(sizes[number] for number in visited.ravel())
    assert index.probe(queries, 1, index.nlist).scanned == 3 * ROWS


def test_the_same_rows_give_the_same_bytes(index: IvfIndex, tmp_path: Path) -> None:
    vectors = clustered(ROWS, DIM)
    again = IvfIndex.build(vectors[::2], blocks(IDS, vectors), stored(vectors))
    first, second = (files.publish(tmp_path, name, each.write) for name, each in (("1.ivf", index), ("2.ivf", again)))
    assert first.sha256 == second.sha256


def test_a_written_index_reads_back_with_the_same_answers(index: IvfIndex, tmp_path: Path) -> None:
    files.publish(tmp_path, "faiss/1.ivf", index.write)
    files.publish(tmp_path, "faiss/1.ids.npy", lambda write: write_ids(write, index.ids))
    curve = (OperatingPoint(1, 0.5, 0.4, 0.1), OperatingPoint(8, 0.99, 0.9, 0.2))
    rows = stored(clustered(ROWS, DIM))
    read = IvfIndex.read(tmp_path / "faiss/1.ivf", tmp_path / "faiss/1.ids.npy", rows, curve)
    queries = clustered(20, DIM, seed=1)
    assert read.search(queries, 10).ids.tolist() == index.probe(queries, 10, 8).ids.tolist()
    assert read.search(queries, 10).nprobe == 8


def test_a_file_of_something_else_is_refused(index: IvfIndex, tmp_path: Path) -> None:
    files.publish(tmp_path, "1.ivf", lambda write: write(b"not an index" * 100))
    files.publish(tmp_path, "1.ids.npy", lambda write: write_ids(write, index.ids))
    with pytest.raises(RuntimeError):
        IvfIndex.read(tmp_path / "1.ivf", tmp_path / "1.ids.npy", StoredRows([]), ())


def test_ids_of_another_index_are_refused(index: IvfIndex, tmp_path: Path) -> None:
    files.publish(tmp_path, "1.ivf", index.write)
    files.publish(tmp_path, "1.ids.npy", lambda write: write_ids(write, IDS[:-1]))
    with pytest.raises(ValueError, match="do not belong together"):
        IvfIndex.read(tmp_path / "1.ivf", tmp_path / "1.ids.npy", StoredRows([]), ())


@pytest.mark.parametrize("k", [10, 100])
def test_the_measured_curve_keeps_its_promise_on_queries_it_has_not_seen(index: IvfIndex, k: int) -> None:
    vectors = clustered(ROWS, DIM)
    seen, unseen = clustered(500, DIM, seed=1, spread=0.9), clustered(500, DIM, seed=2, spread=0.9)

    def exact(queries: Vectors, k: int) -> Scores:
        return -np.sort(-(queries @ vectors.T), axis=1)[:, :k]

    curve = measure_index(index, [segment(IDS, vectors)], seen)
    assert [point.recall_at_10 for point in curve] == sorted(point.recall_at_10 for point in curve)
    measured = index.measured(curve)
    found = measured.search(unseen, k, target_recall=0.9)
    assert 1 < nprobe_for(curve, 0.9, k, index.nlist) < index.nlist
    assert knn_recall(found.scores, exact(unseen, k)).mean() >= 0.9
    assert knn_recall(index.nearest(unseen, k, 1)[0], exact(unseen, k)).mean() < 0.9


def test_deleted_rows_make_the_search_deeper(index: IvfIndex) -> None:
    curve = tuple(OperatingPoint(n, 1.0 if n >= 8 else 0.5, 1.0 if n >= 32 else 0.5, 0.1) for n in (1, 8, 32))
    measured, query = index.measured(curve), clustered(1, DIM, seed=1)
    assert measured.search(query, 10).nprobe == 8
    assert measured.without(IDS[: ROWS // 2]).search(query, 10).nprobe == 32
    assert measured.search(query, 101).nprobe == index.nlist


def test_rows_that_no_segment_has_are_reported_as_damage(index: IvfIndex) -> None:
    vectors = clustered(ROWS, DIM)
    half = StoredRows([segment(IDS[:2_000], vectors[:2_000])])
    damaged = IvfIndex(index._index, index.ids, half)
    with pytest.raises(DamagedIndexError, match="no segment has"):
        damaged.search(vectors[4_000:4_001], 10)
