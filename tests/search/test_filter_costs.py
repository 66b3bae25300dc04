"""What filters cost is counted by key, and a key is suggested where an index would help."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from semsearch import Collection, Document
from semsearch.reports import SuggestedKey
from semsearch.search import filter_costs
from semsearch.search.filter_costs import FilterCosts


def suggested(costs: FilterCosts, *indexed: str) -> list[str]:
    return [each.key for each in costs.suggestions("c", indexed)]


def test_a_key_is_suggested_from_ten_searches_of_more_than_20_ms_in_the_mean() -> None:
    costs = FilterCosts()
    for _ in range(9):
        costs.record(["year", "quick"], 20.0)
    assert costs.suggestions("handbook", ()) == ()
    costs.record(["year"], 30.0)
    costs.record(["quick"], 20.0)
    expected = SuggestedKey("year", 10, 21.0, "semsearch index-key handbook year")
    assert costs.suggestions("handbook", ()) == (expected,)


def test_the_dearest_key_is_the_first_and_indexed_ones_are_left_out() -> None:
    costs = FilterCosts()
    for _ in range(10):
        costs.record(["a"], 30.0)
        costs.record(["b"], 50.0)
        costs.record(["c"], 40.0)
    assert suggested(costs) == ["b", "c", "a"]
    assert suggested(costs, "b", "a") == ["c"]


def test_the_command_is_one_that_a_shell_reads_as_it_is_meant() -> None:
    costs = FilterCosts()
    for _ in range(10):
        costs.record(["a.b"], 50.0)
    assert [each.command for each in costs.suggestions("my notes", ())] == ["semsearch index-key 'my notes' a.b"]


def test_counters_are_kept_for_the_keys_of_the_latest_filters_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_costs, "_KEPT_KEYS", 2)
    costs = FilterCosts()
    for key in ["a", *["b"] * 9, "c", "b", "d"]:
        costs.record([key], 50.0)
    assert suggested(costs) == ["b"]
    assert set(costs._spent) == {"b", "d"}


def test_no_count_is_lost_between_threads() -> None:
    costs = FilterCosts()

    def record() -> None:
        for _ in range(500):
            costs.record(["a", "b"], 40.0)

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(each.key, each.searches, each.milliseconds) for each in costs.suggestions("c", ())] == [
        ("a", 4_000, 40.0),
        ("b", 4_000, 40.0),
    ]


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collection]:
    """Where every filter is slow enough; `lang` is indexed."""
    monkeypatch.setattr(filter_costs, "_FROM_MILLISECONDS", 0.0)
    with Collection.create(tmp_path / "c", dim=2) as collection:
        collection.add(Document(str(n), "", {"year": n, "lang": "en", "tags": ["x"]}, vector=[1, n]) for n in range(30))
        collection.index_key("lang")
        yield collection


def counts(collection: Collection) -> dict[str, int]:
    return {each.key: each.searches for each in collection.info().suggested_keys}


def test_searches_are_counted_for_unindexed_keys_and_not_where_the_filter_was_asked_before(
    collection: Collection,
) -> None:
    for number in range(10):
        filter_ = {"$or": [{"year": number}, {"lang": "de"}, {"n.o": None}]}
        collection.search(vector=[1, 1], filter=filter_)
        collection.search(vector=[1, 1], filter=filter_)
        collection.search(vector=[1, 1], filter={"lang": "en"})
        collection.search(vector=[1, 1], filter={"tags": {"$contains": str(number)}})
        collection.search(vector=[1, 1])
    assert counts(collection) == {"year": 10, "n.o": 10}


def test_the_counts_outlive_changes_of_the_collection_and_end_with_an_index(collection: Collection) -> None:
    for number in range(10):
        collection.search(vector=[1, 1], filter={"year": number})
        collection.add([Document("new", "", {"year": number}, vector=[1, 1])])
    assert counts(collection) == {"year": 10}
    collection.index_key("year")
    assert counts(collection) == {}
    assert collection.info().indexed_keys == ("lang", "year")


def test_another_opening_of_the_collection_has_counts_of_its_own(collection: Collection) -> None:
    for number in range(10):
        collection.search(vector=[1, 1], filter={"year": number})
    with Collection.open(collection.info().path) as other:
        assert (counts(other), other.info().indexed_keys) == ({}, ("lang",))
