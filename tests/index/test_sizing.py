import pytest

from semsearch.index.sizing import INDEX_FROM, needs_index, nlist_for, outlived_index, training_rows


@pytest.mark.parametrize(
    ("rows", "nlist", "trained"),
    [
        (0, 1, 0),
        (1, 1, 1),
        (38, 1, 38),
        (1_000, 25, 1_000),
        (20_000, 512, 20_000),
        (100_000, 1_024, 65_536),
        (348_000, 2_048, 131_072),
        (1_000_000, 4_096, 262_144),
        (10_000_000, 16_384, 1_048_576),
        (100_000_000, 32_768, 2_097_152),
    ],
)
def test_sizes_by_number_of_rows(rows: int, nlist: int, trained: int) -> None:
    assert nlist_for(rows) == nlist
    assert training_rows(rows) == trained


@pytest.mark.parametrize("rows", [40, 500, 5_000, 123_456, 9_999_999])
def test_every_list_has_the_39_training_rows_that_faiss_asks_for(rows: int) -> None:
    assert training_rows(rows) >= 39 * nlist_for(rows)


@pytest.mark.parametrize(
    ("live", "indexed", "deleted", "expected"),
    [
        (0, 0, 0, False),
        (INDEX_FROM - 1, 0, 0, False),
        (INDEX_FROM, 0, 0, True),
        (40_000, 20_000, 0, False),  # the tail is scanned within its budget
        (40_001, 20_000, 0, True),
        (1_200_000, 1_000_000, 0, False),
        (1_250_001, 1_000_000, 0, True),
        (800_000, 1_000_000, 200_000, False),
        (799_999, 1_000_000, 200_001, True),
        (15_000, 20_000, 5_000, False),  # an exact scan is as good
    ],
)
def test_when_an_index_is_built(live: int, indexed: int, deleted: int, *, expected: bool) -> None:
    assert needs_index(live, indexed, deleted) is expected


@pytest.mark.parametrize(
    ("live", "covered", "dead", "everything", "expected"),
    [
        (INDEX_FROM, 30_000, 10_000, True, False),
        (INDEX_FROM - 1, 25_000, 5_001, False, True),
        (INDEX_FROM - 1, 20_000, 1, False, False),
        (INDEX_FROM - 1, 20_000, 1, True, True),
        (5, 0, 0, True, False),
    ],
)
def test_when_an_index_is_given_up(live: int, covered: int, dead: int, *, everything: bool, expected: bool) -> None:
    assert outlived_index(live, covered, dead, everything=everything) is expected
