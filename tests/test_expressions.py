"""Searching with expressions: what they find, beside exact numpy, what they leave out, and how near the nearest is."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fakes import FakeEmbedder
from numbered import DIM, ROWS, VECTORS, documents

from semsearch import Collection, Document
from semsearch.errors import (
    ChunkNotFoundError,
    DocumentNotFoundError,
    EmptyQueryError,
    InvalidExpressionError,
    InvalidRequestError,
)
from semsearch.types import Hit

TEXTS = {
    "king": "the king of the land",
    "queen": "the queen of the land",
    "man": "a man on the road",
    "woman": "a woman on the road",
    "bank": "the bank raised interest rates",
}
STORED = VECTORS.astype(np.float16).astype(np.float64)


@pytest.fixture
def model() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def collection(tmp_path: Path, model: FakeEmbedder) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", model=model) as made:
        made.add([Document(name, text, {"crown": name in {"king", "queen"}}) for name, text in TEXTS.items()])
        yield made


def ids(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.document_id for hit in hits]


def unit(vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return vector / np.linalg.norm(vector)


def ranked(vector: npt.NDArray[np.float64], others: Sequence[int] = (), k: int = 10, *, rows: int = ROWS) -> list[int]:
    """The numbers of the k documents nearest to a vector, of the first `rows` but the others."""
    scores = (STORED[:rows] @ unit(vector)).round(6)
    scores[list(others)] = -2
    return np.lexsort((np.arange(rows), -scores))[:k].tolist()


def numbers(collection: Collection, expression: object, **options: object) -> list[int]:
    return [int(hit.document_id) for hit in collection.search(expression=expression, exact=True, **options).hits]


def test_a_document_finds_what_is_nearest_to_it_and_not_itself(indexed: Collection) -> None:
    result = indexed.search(expression="doc:7", exact=True)
    assert [int(hit.document_id) for hit in result.hits] == ranked(STORED[7], [7])
    assert result.hits[0].rank == result.hits[0].explanation.semantic.rank == 1
    assert (result.query, result.mode, result.nearest) == (None, "semantic", pytest.approx(1, abs=1e-4))


def test_a_chunk_is_named_by_its_number(indexed: Collection) -> None:
    [hit] = indexed.search(vector=VECTORS[7], k=1).hits
    assert numbers(indexed, f"chunk:{hit.chunk_id}") == numbers(indexed, "doc:7")


def test_each_part_is_normalised_and_then_weighted(indexed: Collection) -> None:
    own = [3.0] + [0.0] * (DIM - 1)
    total = unit(STORED[1]) - 0.5 * unit(STORED[2]) + 2 * unit(np.array(own))
    expected = ranked(total, [1, 2])
    assert numbers(indexed, f"doc:1 - 0.5*doc:2 + 2*vector:{own}") == expected
    as_json = [{"doc": "1"}, {"doc": "2", "weight": -0.5}, {"vector": own, "weight": 2}]
    assert numbers(indexed, as_json) == expected
    assert numbers(indexed, f"100*doc:1 - 50*doc:2 + 200*vector:{own}") == expected


def test_the_centroid_of_a_filter_is_the_mean_of_what_it_matches_which_may_be_hits(indexed: Collection) -> None:
    centroid = STORED[:ROWS][np.arange(ROWS) % 10 == 3].mean(axis=0)
    assert numbers(indexed, 'filter:{"tenth": 3}', k=50) == ranked(centroid, k=50)
    assert numbers(indexed, [{"filter": {"tenth": 3}}, {"doc": "5", "weight": -1}]) == ranked(
        unit(centroid) - unit(STORED[5]), [5]
    )


def test_a_document_is_the_mean_of_its_chunks(tmp_path: Path) -> None:
    model = FakeEmbedder(max_tokens=8)
    words = [f"word{number}" for number in range(40)]
    with Collection.create(tmp_path / "c", model=model) as collection:
        collection.add([Document("long", " ".join(words)), Document("short", "word3 word4")])
        rows = {hit.chunk_id: hit for hit in collection.search("word1", k=99, mode="semantic").hits}
        texts = [hit.text for hit in rows.values() if hit.document_id == "long"]
        assert len(texts) > 5
        mean = model.embed_documents(texts).mean(axis=0)
        [hit] = collection.search(expression="doc:long", k=99).hits
        assert hit.document_id == "short"
        assert hit.score == pytest.approx(unit(mean) @ model.embed_documents(["word3 word4"])[0], abs=1e-3)


def test_what_the_index_finds_is_found_with_an_expression_as_with_its_vector(indexed: Collection) -> None:
    total = unit(STORED[1]) + unit(STORED[2])
    exact = set(ranked(total, [1, 2]))
    found = {int(hit.document_id) for hit in indexed.search(expression="doc:1 + doc:2", target_recall=0.95).hits}
    assert len(found) == 10
    assert len(found & exact) >= 8


def test_a_text_is_embedded_once_by_itself_and_as_a_part(collection: Collection, model: FakeEmbedder) -> None:
    collection.search(expression='king - "a man" + doc:woman + 0.5*king')
    assert model.query_texts == 2
    collection.search("a man", mode="semantic")
    collection.search("king", relevant=["woman"])
    assert model.query_texts == 2
    collection.search(expression="doc:king - doc:man")
    assert model.query_texts == 2


def test_a_lone_text_finds_what_a_search_by_meaning_finds(collection: Collection) -> None:
    plain = collection.search("the king", mode="semantic")
    said = collection.search(expression='"the king"')
    assert said.hits == plain.hits
    assert said.nearest == plain.hits[0].score


def test_named_documents_and_chunks_are_left_out_and_others_move_up(collection: Collection) -> None:
    assert sorted(ids(collection.search(expression="doc:king - doc:man", k=99).hits)) == ["bank", "queen", "woman"]
    assert ids(collection.search(expression="doc:king - doc:man + doc:woman", k=1).hits) == ["queen"]
    every = " + ".join(f"doc:{name}" for name in TEXTS)
    assert collection.search(expression=every).hits == ()


def test_a_filter_allows_min_k_of_its_matches_less_what_is_left_out(collection: Collection) -> None:
    crowned = collection.search(expression="doc:king", filter={"crown": True}, k=99)
    assert (ids(crowned.hits), crowned.profile.matches) == (["queen"], 2)
    others = collection.search(expression="doc:king", filter={"crown": False}, k=99)
    assert sorted(ids(others.hits)) == ["bank", "man", "woman"]
    assert collection.search(expression="doc:king", filter={"crown": None}).hits == ()


def test_nearest_is_of_all_chunks_whatever_is_left_out_or_filtered(collection: Collection) -> None:
    for options in ({}, {"filter": {"crown": False}}, {"filter": {"crown": "?"}}, {"k": 1}):
        assert collection.search(expression="doc:king", **options).nearest == pytest.approx(1, abs=1e-3)


def test_nearest_is_low_where_an_expression_means_nothing_here(collection: Collection) -> None:
    sense = collection.search(expression="doc:king - doc:man + doc:woman").nearest
    nonsense = collection.search(expression="zxcv - qwertz").nearest
    assert sense > 0.8
    assert nonsense < 0.45


def test_nearest_is_none_without_an_expression_and_in_an_empty_collection(
    collection: Collection, tmp_path: Path, model: FakeEmbedder
) -> None:
    assert collection.search("king").nearest is None
    with Collection.create(tmp_path / "empty", model=model) as empty:
        result = empty.search(expression="king - man")
        assert (result.hits, result.nearest) == ((), None)


@pytest.mark.parametrize(
    "expression",
    [
        "king - king",
        "doc:king - doc:king",
        "doc:king - 0.5*doc:king - 0.5*doc:king",
        'doc:king - "the king of the land"',
    ],
)
def test_parts_that_cancel_out_are_told(collection: Collection, expression: str) -> None:
    with pytest.raises(InvalidExpressionError, match="the parts of the expression cancel out"):
        collection.search(expression=expression)


def test_a_mean_without_a_direction_is_told(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", dim=2) as collection:
        collection.add([Document("east", "", vector=[1, 0]), Document("west", "", vector=[-1, 0])])
        with pytest.raises(InvalidExpressionError, match=r"what the filter \{\} matches cancel out"):
            collection.search(expression="filter:{}")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"expression": "doc:nobody"}, DocumentNotFoundError, "'nobody'"),
        ({"expression": "doc:\ud800"}, DocumentNotFoundError, "ud800"),
        ({"expression": "chunk:99"}, ChunkNotFoundError, "chunk 99"),
        ({"expression": 'king - filter:{"crown": 3}'}, InvalidExpressionError, "matches nothing"),
        ({"expression": "king man"}, InvalidExpressionError, "character 6"),
        ({"expression": ""}, InvalidExpressionError, "empty"),
        ({"expression": []}, InvalidExpressionError, "empty"),
        ({"expression": "king", "query": " "}, EmptyQueryError, "empty"),
        ({"expression": "king", "vector": [1.0] * 32}, InvalidRequestError, "write them into the expression"),
        ({"expression": "king", "mode": "keyword"}, InvalidRequestError, "mode keyword goes by words"),
        ({"expression": "king", "mode": "hybrid"}, InvalidRequestError, "mode hybrid goes by words"),
        ({"expression": "king", "query": "x", "mode": "semantic"}, InvalidRequestError, "goes by one of them"),
    ],
)
def test_what_cannot_be_searched_for_is_refused(
    collection: Collection, options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        collection.search(**options)


def test_a_removed_document_can_no_longer_be_named_and_neither_can_its_chunk(collection: Collection) -> None:
    [hit] = collection.search(expression='"the king of the land"', k=1).hits
    collection.remove(["king"])
    for expression in ("doc:king", f"chunk:{hit.chunk_id}"):
        with pytest.raises(LookupError):
            collection.search(expression=expression)


def test_without_a_model_texts_are_refused_and_stored_documents_are_not(indexed: Collection) -> None:
    for expression in ("king", "doc:1 - king"):
        with pytest.raises(InvalidRequestError, match="this collection has no model"):
            indexed.search(expression=expression)
    assert len(indexed.search(expression="doc:1").hits) == 10


def test_a_query_beside_an_expression_is_found_by_its_words(collection: Collection) -> None:
    result = collection.search("interest", expression="doc:king")
    assert (result.query, result.mode) == ("interest", "hybrid")
    told = {hit.document_id: hit.explanation for hit in result.hits}
    assert sorted(told) == ["bank", "man", "queen", "woman"]
    assert [name for name, each in told.items() if each.keyword is not None] == ["bank"]
    assert told["queen"].semantic.rank == 1


def test_what_is_left_out_is_left_out_of_what_words_find(collection: Collection) -> None:
    assert "bank" not in ids(collection.search("interest", expression="doc:bank").hits)


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
def test_feedback_moves_a_query_in_words_by_meaning_alone_and_beside_them(collection: Collection, mode: str) -> None:
    plain = ids(collection.search("the land", mode=mode).hits)
    fed = collection.search("the land", mode=mode, relevant=["man"], irrelevant=["queen"])
    assert (fed.query, fed.mode) == ("the land", mode)
    assert sorted(ids(fed.hits)) == ["bank", "king", "woman"]
    as_expression = collection.search(expression='"the land" + 0.75*doc:man - 0.15*doc:queen')
    meaning = {hit.document_id: hit.explanation.semantic for hit in fed.hits}
    assert meaning == {hit.document_id: hit.explanation.semantic for hit in as_expression.hits}
    assert plain[0] in {"king", "queen"}


def test_a_chunk_is_marked_by_its_number(collection: Collection) -> None:
    [hit] = collection.search("man road", k=1, mode="semantic").hits
    by_chunk = collection.search("the land", relevant=[hit.chunk_id])
    assert by_chunk.hits == collection.search("the land", relevant=["man"]).hits


def test_explanations_go_by_the_combined_vector(collection: Collection) -> None:
    [hit] = collection.search(expression="doc:king", k=1, explain=True).hits
    assert hit.explanation.sentence == (hit.start, hit.end)
    assert hit.explanation.words == ()


def test_parts_are_read_from_segments_and_tail_alike(indexed: Collection) -> None:
    indexed.add(documents(ROWS, ROWS + 300))
    removed = range(0, 100, 3)
    indexed.remove([str(number) for number in removed])
    last = ROWS + 299
    total = unit(STORED[1]) + unit(STORED[last])
    expected = ranked(total, [1, last, *removed], rows=ROWS + 300)
    assert numbers(indexed, f"doc:1 + doc:{last}") == expected


@pytest.mark.model
def test_the_real_model_finds_the_queen(tmp_path: Path) -> None:
    nouns = ["king", "queen", "man", "woman", "prince", "boy", "girl", "apple", "river", "castle", "soldier", "paper"]
    with Collection.create(tmp_path / "c") as collection:
        collection.add(Document(noun, noun) for noun in nouns)
        result = collection.search(expression="doc:king - doc:man + doc:woman", k=3)
    assert result.hits[0].document_id == "queen"
    assert 0.3 < result.nearest < 0.95
