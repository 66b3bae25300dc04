import numpy as np
from synthetic import clustered, oracle

from semsearch.index.exact import ExactIndex


def test_an_older_instance_does_not_see_what_was_added_to_a_newer_one() -> None:
    rows = clustered(300, 8).astype(np.float16)
    old = ExactIndex.empty(8).extended(np.arange(100), rows[:100])
    middle = old.extended(np.arange(100, 120), rows[100:120])
    new = middle.extended(np.arange(120, 300), rows[120:])
    assert [len(index) for index in (old, middle, new)] == [100, 120, 300]
    query = rows[:1].astype(np.float32)
    for index, size in ((old, 100), (middle, 120), (new, 300)):
        expected = oracle(query, 50, np.arange(size), rows[:size].astype(np.float32))[1]
        assert index.search(query, 50).ids.tolist() == expected


def test_rows_taken_out_are_not_found_and_the_older_instance_still_has_them() -> None:
    rows = clustered(50, 8)
    old = ExactIndex.empty(8).extended(np.arange(50), rows.astype(np.float16))
    new = old.without(np.array([3, 4, 1_000]))
    assert 3 in old.search(rows[3:4], 50).ids
    found = new.search(rows[3:4], 50).ids[0].tolist()
    assert sorted(found) == [id for id in range(50) if id not in {3, 4}]
    assert len(new) == 48


def test_rows_added_after_a_removal_are_found_and_removed_ones_stay_away() -> None:
    rows = clustered(60, 8).astype(np.float16)
    index = ExactIndex.empty(8).extended(np.arange(50), rows[:50]).without(np.array([0]))
    index = index.extended(np.arange(50, 60), rows[50:])
    assert sorted(index.search(rows[:1].astype(np.float32), 100).ids[0].tolist()) == list(range(1, 60))


def test_an_empty_index_gives_no_neighbours() -> None:
    assert ExactIndex.empty(8).search(clustered(2, 8), 5).ids.shape == (2, 0)
