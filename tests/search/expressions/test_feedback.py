"""Rocchio's formula: as an expression, against tables worked out by hand, and against another implementation."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Collection, Document
from semsearch.errors import ChunkNotFoundError, DocumentNotFoundError, InvalidRequestError
from semsearch.search.expressions.feedback import ALPHA, BETA, GAMMA, rocchio
from semsearch.search.expressions.parts import ChunkPart, DocumentPart, Part, TextPart

AXES = {"x": [1, 0, 0], "y": [0, 1, 0], "z": [0, 0, 1]}


def test_the_weights_are_those_of_the_textbook() -> None:
    assert (ALPHA, BETA, GAMMA) == (1, 0.75, 0.15)


def test_the_weights_of_what_is_marked_are_shared_among_it() -> None:
    assert rocchio(TextPart("q"), ["a", 7, "a"], ["b", "c", 8]) == (
        Part(TextPart("q"), 1.0),
        Part(DocumentPart("a"), 0.375),
        Part(ChunkPart(7), 0.375),
        Part(DocumentPart("b"), pytest.approx(-0.05)),
        Part(DocumentPart("c"), pytest.approx(-0.05)),
        Part(ChunkPart(8), pytest.approx(-0.05)),
    )


def moved(
    folder: Path,
    query: Sequence[float],
    good: Sequence[Sequence[float]],
    bad: Sequence[Sequence[float]],
) -> list[float]:
    """The vector that a search with feedback searches with: its cosines with the axes."""
    marked = {f"good{at}": vector for at, vector in enumerate(good)} | {f"bad{at}": v for at, v in enumerate(bad)}
    with Collection.create(folder, dim=3) as collection:
        collection.add(Document(name, "", vector=vector) for name, vector in {**AXES, **marked}.items())
        relevant, irrelevant = ([name for name in marked if name.startswith(kind)] for kind in ("good", "bad"))
        hits = collection.search(vector=query, relevant=relevant, irrelevant=irrelevant).hits
    scores = {hit.document_id: hit.score for hit in hits}
    return [scores[axis] for axis in "xyz"]


BY_HAND = [
    # 1 (1, 0, 0) + .75 (0, 1, 0) = (1, .75, 0), of length 1.25
    ([1, 0, 0], [[0, 1, 0]], [], [1 / 1.25, 0.75 / 1.25, 0]),
    # 1 (1, 0, 0) + .75/2 ((0, 1, 0) + (.6, .8, 0)) - .15 (0, 0, 1) = (1.225, .675, -.15), of length 1.40670
    ([2, 0, 0], [[0, 9, 0], [3, 4, 0]], [[0, 0, 5]], [0.87083, 0.47985, -0.10663]),
    # 1 (0, .6, .8) - .15/2 ((0, 0, 1) + (.8, 0, .6)) = (-.06, .6, .68), of length .90885
    ([0, 3, 4], [], [[0, 0, 1], [4, 0, 3]], [-0.06602, 0.66017, 0.74820]),
]


@pytest.mark.parametrize(("query", "good", "bad", "expected"), BY_HAND)
def test_a_query_is_moved_as_a_table_worked_out_by_hand_says(
    tmp_path: Path,
    query: Sequence[float],
    good: Sequence[Sequence[float]],
    bad: Sequence[Sequence[float]],
    expected: Sequence[float],
) -> None:
    # stored vectors are rounded to float16, which moves a cosine by up to 4e-5
    assert moved(tmp_path / "c", query, good, bad) == pytest.approx(expected, abs=1e-4)


def unit(vector: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(number * number for number in vector))
    return [number / length for number in vector]


def plainly_moved(
    query: Sequence[float], good: Sequence[Sequence[float]], bad: Sequence[Sequence[float]]
) -> list[float]:
    """Rocchio's formula, number by number."""
    total = []
    for axis in range(3):
        number = 1.0 * unit(query)[axis]
        if good:
            number += 0.75 * sum(unit(vector)[axis] for vector in good) / len(good)
        if bad:
            number -= 0.15 * sum(unit(vector)[axis] for vector in bad) / len(bad)
        total.append(number)
    return unit(total)


VECTORS = st.tuples(st.integers(1, 9), st.integers(-9, 9), st.integers(-9, 9)).map(list)


@given(VECTORS, st.lists(VECTORS, min_size=1, max_size=4), st.lists(VECTORS, max_size=4))
@settings(max_examples=30, deadline=None)
def test_a_query_is_moved_as_an_independent_implementation_moves_it(
    tmp_path_factory: pytest.TempPathFactory, query: list[float], good: list[list[float]], bad: list[list[float]]
) -> None:
    found = moved(tmp_path_factory.mktemp("rocchio") / "c", query, good, bad)
    assert found == pytest.approx(plainly_moved(query, good, bad), abs=2e-4)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    made = Collection.create(tmp_path / "c", dim=3)
    made.add(Document(name, f"axis {name}", vector=vector) for name, vector in AXES.items())
    return made


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"relevant": ["x"]}, InvalidRequestError, "there is none: give it, or a vector"),
        ({"query": "axis", "relevant": ["x"]}, InvalidRequestError, "this collection has no model"),
        ({"vector": [1, 0, 0], "relevant": "x"}, InvalidRequestError, "relevant is the text 'x'"),
        ({"vector": [1, 0, 0], "irrelevant": ["x"], "relevant": ["y", "x"]}, InvalidRequestError, "'x' is in relevant"),
        ({"vector": [1, 0, 0], "relevant": [1.5]}, InvalidRequestError, "relevant has 1.5"),
        ({"vector": [1, 0, 0], "relevant": [True]}, InvalidRequestError, "relevant has True"),
        ({"vector": [1, 0, 0], "irrelevant": [0]}, InvalidRequestError, "irrelevant has 0"),
        ({"vector": [1, 0, 0], "irrelevant": [[]]}, InvalidRequestError, r"irrelevant has \[\]"),
        ({"vector": [1, 0, 0], "relevant": [str(n) for n in range(100)]}, InvalidRequestError, "more than 100 parts"),
        ({"vector": [1, 0, 0], "relevant": ["?"]}, DocumentNotFoundError, r"'\?'"),
        ({"vector": [1, 0, 0], "relevant": [99]}, ChunkNotFoundError, "chunk 99"),
        (
            {"query": "z", "vector": [1, 0, 0], "relevant": ["x"], "mode": "semantic"},
            InvalidRequestError,
            "mode semantic goes by one of them",
        ),
        ({"expression": "doc:x", "relevant": ["y"]}, InvalidRequestError, "write them into the expression"),
    ],
)
def test_feedback_that_cannot_be_used_is_refused(
    collection: Collection, options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        collection.search(**options)


def test_no_feedback_is_a_plain_search(collection: Collection) -> None:
    plain = collection.search(vector=[3, 2, 1])
    fed = collection.search(vector=[3, 2, 1], relevant=[], irrelevant=[])
    assert (fed.hits, fed.nearest) == (plain.hits, None)


def test_words_stay_what_a_query_in_words_is_found_by_beside_the_moved_vector(collection: Collection) -> None:
    result = collection.search("axis z", vector=[3, 2, 1], relevant=["x"])
    assert result.mode == "hybrid"
    assert {hit.document_id: hit.explanation.keyword is not None for hit in result.hits} == {"y": True, "z": True}
    with pytest.raises(InvalidRequestError, match="mode keyword goes by one of them"):
        collection.search("axis z", vector=[3, 2, 1], relevant=["x"], mode="keyword")
