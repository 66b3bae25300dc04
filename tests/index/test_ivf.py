from pathlib import Path

import numpy as np
import pytest
from synthetic import blocks, clustered, oracle

from semsearch import files
from semsearch.index.ids import write_ids
from semsearch.index.ivf import IvfIndex
from semsearch.index.tuning import knn_recall, measure, nprobe_for

ROWS, DIM = 5_000, 24
IDS = np.arange(ROWS) + 10


@pytest.fixture(scope="module")
def index() -> IvfIndex:
    vectors = clustered(ROWS, DIM)
    return IvfIndex.build(vectors[::2], blocks(IDS, vectors), ROWS)


def test_lists_hold_the_stored_numbers_without_loss(index: IvfIndex) -> None:
    vectors = clustered(ROWS, DIM)
    assert (index._index.reconstruct_batch(np.arange(ROWS)) == vectors).all()


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
    again = IvfIndex.build(vectors[::2], blocks(IDS, vectors), ROWS)
    first, second = (files.publish(tmp_path, name, each.write) for name, each in (("1.ivf", index), ("2.ivf", again)))
    assert first.sha256 == second.sha256


def test_a_written_index_reads_back_with_the_same_answers(index: IvfIndex, tmp_path: Path) -> None:
    files.publish(tmp_path, "faiss/1.ivf", index.write)
    files.publish(tmp_path, "faiss/1.ids.npy", lambda write: write_ids(write, index.ids))
    curve = ((1, 0.5), (8, 0.99))
    read = IvfIndex.read(tmp_path / "faiss/1.ivf", tmp_path / "faiss/1.ids.npy", curve)
    queries = clustered(20, DIM, seed=1)
    assert read.search(queries, 10).ids.tolist() == index.probe(queries, 10, 8).ids.tolist()
    assert read.search(queries, 10).nprobe == 8


def test_a_file_of_something_else_is_refused(index: IvfIndex, tmp_path: Path) -> None:
    files.publish(tmp_path, "1.ivf", lambda write: write(b"not an index" * 100))
    files.publish(tmp_path, "1.ids.npy", lambda write: write_ids(write, index.ids))
    with pytest.raises(RuntimeError):
        IvfIndex.read(tmp_path / "1.ivf", tmp_path / "1.ids.npy", ())


def test_ids_of_another_index_are_refused(index: IvfIndex, tmp_path: Path) -> None:
    files.publish(tmp_path, "1.ivf", index.write)
    files.publish(tmp_path, "1.ids.npy", lambda write: write_ids(write, IDS[:-1]))
    with pytest.raises(ValueError, match="do not belong together"):
        IvfIndex.read(tmp_path / "1.ivf", tmp_path / "1.ids.npy", ())


def test_the_measured_curve_keeps_its_promise_on_queries_it_has_not_seen(index: IvfIndex) -> None:
    vectors = clustered(ROWS, DIM)
    seen, unseen = clustered(500, DIM, seed=1, spread=0.9), clustered(500, DIM, seed=2, spread=0.9)

    def exact(queries: np.ndarray) -> np.ndarray:
        return -np.sort(-(queries @ vectors.T), axis=1)[:, :10]

    curve = measure(lambda queries, nprobe: index.probe(queries, 10, nprobe).scores, seen, exact(seen), index.nlist)
    assert [recall for _, recall in curve] == sorted(recall for _, recall in curve)
    chosen = nprobe_for(curve, 0.9, index.nlist)
    assert 1 < chosen < index.nlist
    assert knn_recall(index.probe(unseen, 10, chosen).scores, exact(unseen)).mean() >= 0.9
    assert knn_recall(index.probe(unseen, 10, 1).scores, exact(unseen)).mean() < 0.9
