"""Counts of values, and hits in the order of a value, against what plain Python makes of the same metadata."""

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filter_oracle import holds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semsearch import Collection, Document
from semsearch.errors import InvalidRequestError
from semsearch.store import facets as store_facets
from semsearch.types import FacetValue, Metadata

VALUES = [
    "en",
    "de",
    "1",
    "",
    "ä",
    1,
    1.0,
    0,
    2.5,
    -3,
    True,
    False,
    None,
    ["en", "fr", "en", 1, True, None],
    [],
    {"a": 1},
]


def documents() -> list[Document]:
    made = []
    for number, value in enumerate(itertools.islice(itertools.cycle(VALUES), 90)):
        metadata: Metadata = {"n": number, "nested": {"third": number % 3}, "all": "the same"}
        if number % 5:
            metadata["value"] = value
        made.append(Document(f"d{number}", f"note {number}", metadata, vector=[1, number]))
    return made


DOCUMENTS = documents()
FILTERS = [None, {}, {"n": {"$lt": 30}}, {"value": "en"}, {"value": {"$ne": 1}}, {"n": -1}, {"nested.third": 2}]


@pytest.fixture(scope="module", params=[(), ("value", "n"), ("nested.third", "all")], ids=str)
def collection(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """With some of the keys indexed."""
    with Collection.create(tmp_path_factory.mktemp("facets") / "c", dim=2) as made:
        made.add(DOCUMENTS)
        for key in request.param:
            made.index_key(key)
        yield made


def at(metadata: Any, key: str) -> Any:  # noqa: ANN401
    for part in key.split("."):
        metadata = metadata.get(part) if isinstance(metadata, dict) else None
    return metadata


def counted(key: str, chosen: list[Document]) -> Counter[tuple[bool, Any]]:
    """Truth values apart from numbers, which Python holds for equal."""
    counts: Counter[tuple[bool, Any]] = Counter()
    for each in chosen:
        value = at(each.metadata, key)
        values = value if isinstance(value, list) else [value]
        counts.update({(isinstance(each, bool), each) for each in values if not isinstance(each, dict | None)})
    return counts


def told(values: tuple[FacetValue, ...]) -> dict[tuple[bool, Any], int]:
    assert [each.documents for each in values] == sorted((each.documents for each in values), reverse=True)
    found = {(isinstance(each.value, bool), each.value): each.documents for each in values}
    assert len(found) == len(values)
    return found


@pytest.mark.parametrize("condition", FILTERS, ids=str)
@pytest.mark.parametrize("key", ["value", "nested.third", "all", "nested", "unknown"])
def test_values_are_counted_in_all_documents_that_the_filter_allows(
    collection: Collection, key: str, condition: dict[str, Any] | None
) -> None:
    result = collection.search(vector=[1, 0], k=2, facets=[key], filter=condition)
    allowed = [each for each in DOCUMENTS if condition is None or holds(condition, each.metadata)]
    assert told(result.facets[key]) == counted(key, allowed)


def test_by_words_values_are_counted_in_the_documents_that_have_them(collection: Collection) -> None:
    for condition in (None, {"n": {"$lt": 50}}):
        result = collection.search("7 11 60 71", mode="keyword", k=1, facets=["value", "n"], filter=condition)
        numbers = [number for number in (7, 11, 60, 71) if condition is None or number < 50]
        assert told(result.facets["n"]) == {(False, number): 1 for number in numbers}
        assert told(result.facets["value"]) == counted("value", [DOCUMENTS[number] for number in numbers])
    assert collection.search("unknown", mode="keyword", facets=["n"]).facets == {"n": ()}


def test_counts_do_not_depend_on_how_hits_are_shaped(collection: Collection) -> None:
    plain = collection.search(vector=[1, 0], facets=["all"])
    shaped = collection.search(vector=[1, 0], facets=["all"], min_score=0.99, k=1, group_by="document")
    assert plain.facets == shaped.facets == {"all": (FacetValue("the same", 90),)}
    assert "facets" in shaped.profile.milliseconds
    assert collection.search(vector=[1, 0]).facets == {}


def test_of_many_values_the_most_frequent_are_told(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_facets, "MOST", 3)
    found = collection.search(vector=[1, 0], facets=["value", "n"]).facets
    assert [len(values) for values in found.values()] == [3, 3]
    [first] = counted("value", DOCUMENTS).most_common(1)
    assert told(found["value"][:1]) == dict([first])
    assert [each.value for each in found["n"]] == [0, 1, 2]


def sort_key(value: Any) -> tuple[int, Any]:  # noqa: ANN401
    return (2, value) if isinstance(value, bool) else (0, value) if isinstance(value, int | float) else (1, value)


@given(st.sampled_from(["value", "n", "nested.third", "nested", "unknown"]), st.booleans(), st.integers(1, 100))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hits_are_sorted_by_their_values_and_those_without_come_last(
    collection: Collection, key: str, descending: bool, k: int
) -> None:
    ranked = collection.search(vector=[1, 0], k=k).hits
    result = collection.search(vector=[1, 0], k=k, sort=f"-{key}" if descending else key)
    present = [hit for hit in ranked if isinstance(at(hit.metadata, key), str | int | float)]
    present.sort(key=lambda hit: sort_key(at(hit.metadata, key)), reverse=descending)
    assert list(result.hits) == present + [hit for hit in ranked if hit not in present]
    assert result.cursor is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"facets": "year"}, "facets are 'year'; give a list of up to 20 keys"),
        ({"facets": ["k"] * 21}, "give a list of up to 20 keys"),
        ({"facets": ["a b"]}, "'a b' is not a key"),
        ({"facets": [3]}, "3 is not a key"),
        ({"sort": "--year"}, "'-year' is not a key"),
        ({"sort": ""}, "'' is not a key"),
        ({"sort": "year", "cursor": "x"}, "sort puts the hits of one answer in order"),
    ],
)
def test_what_names_no_key_is_refused(collection: Collection, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        collection.search(vector=[1, 0], **options)


def test_a_key_with_quotes_cannot_reach_sql(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", dim=2) as made:
        made.add([Document("a", "text", {"x": 1}, vector=[1, 0])])
        for key in ('x"', "x'", "$.x", "x)--"):
            with pytest.raises(InvalidRequestError, match="is not a key"):
                made.search(vector=[1, 0], facets=[key])
