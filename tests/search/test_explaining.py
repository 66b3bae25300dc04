"""Where a hit answers its query: words, and the best sentence."""

import pytest
from fakes import FakeEmbedder
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Collection, Document
from semsearch.search.explaining import sentences
from semsearch.types import Hit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("It costs 2.50 e.g. today. Tomorrow 3.", ["It costs 2.50 e.g. today.", "Tomorrow 3."]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("a title\n\nand a text\nin lines", ["a title", "and a text", "in lines"]),
        ("第一句。第二句！「第三句。」末", ["第一句。", "第二句！", "「第三句。」", "末"]),
        ("no end", ["no end"]),
        ("  \n ", []),
        ("", []),
    ],
)
def test_sentences_are_where_a_reader_would_see_them(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == expected


@given(st.text(st.sampled_from("aZ .!?…。\n\"'”é5"), max_size=60))
@settings(max_examples=200, deadline=None)
def test_sentences_are_in_order_and_leave_out_nothing_but_white_space(text: str) -> None:
    found = sentences(text)
    ends = [0, *(end for _, end in found), len(text)]
    starts = [*(start for start, _ in found), len(text)]
    assert all(not text[end:start].strip() for end, start in zip(ends, starts, strict=False))
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in found)


TEXT = "Cats purr. Dogs bark at the postman. A postman carries letters to the harbour."


@pytest.fixture
def own(tmp_path: object) -> Collection:
    collection = Collection.create(f"{tmp_path}/own", dim=2)
    collection.add([Document("pets", TEXT, vector=[1, 0]), Document("other", "A postman again.", vector=[0, 1])])
    return collection


def shown(hit: Hit, text: str) -> tuple[list[str], str | None]:
    explanation = hit.explanation
    sentence = None if explanation.sentence is None else text[slice(*explanation.sentence)]
    return [text[start:end] for start, end in explanation.words], sentence


def test_without_explain_there_are_ranks_and_scores_and_nothing_else(own: Collection) -> None:
    [hit] = own.search("harbour").hits
    assert (hit.explanation.keyword.rank, hit.explanation.keyword.score) == (1, hit.score)
    assert (hit.explanation.semantic, hit.explanation.fused) == (None, None)
    assert shown(hit, TEXT) == ([], None)


@pytest.mark.parametrize(
    ("query", "words", "sentence"),
    [
        ("barking dog", ["Dogs", "bark"], "Dogs bark at the postman."),
        ("postman of the harbour", ["postman", "postman", "harbour"], "A postman carries letters to the harbour."),
        ('"the postman"', ["the", "postman"], "Dogs bark at the postman."),
        ("purr*", ["purr"], "Cats purr."),
    ],
)
def test_the_best_sentence_is_the_one_with_the_rarest_words(
    own: Collection, query: str, words: list[str], sentence: str
) -> None:
    first = own.search(query, explain=True).hits[0]
    assert first.document_id == "pets"
    assert shown(first, TEXT) == (words, sentence)


def test_a_vector_alone_points_to_no_word_and_no_sentence(own: Collection) -> None:
    first = own.search(vector=[1, 0], explain=True).hits[0]
    assert shown(first, TEXT) == ([], None)
    assert (first.explanation.semantic.rank, first.explanation.semantic.score) == (1, 1.0)


def test_with_a_model_the_best_sentence_is_the_nearest_one_and_ranges_count_from_the_document(tmp_path: object) -> None:
    model = FakeEmbedder(max_tokens=12)
    text = "Rain fell on the hills all day. " * 3 + "The cat slept well. It was warm inside and quiet. " * 2
    with Collection.create(f"{tmp_path}/c", model=model) as collection:
        collection.add([Document("long", text)])
        calls = model.document_calls
        result = collection.search("the cat slept", explain=True)
        assert model.document_calls == calls + 1
        first = next(hit for hit in result.hits if "cat slept" in hit.text)
        assert first.start > 0
        assert shown(first, text) == (["cat", "slept"], "The cat slept well.")
        assert list(result.profile.milliseconds)[-1] == "explain"
        by_words = collection.search("the cat slept", mode="keyword", explain=True).hits[0]
        assert shown(by_words, text)[1] == "The cat slept well."
        assert model.document_calls == calls + 1


def test_overlapping_words_are_one_range(tmp_path: object) -> None:
    with Collection.create(f"{tmp_path}/c", dim=2) as collection:
        collection.add([Document("a", "数据库 and user_name", vector=[1, 0])])
        [hit] = collection.search("数据库 user_name", explain=True).hits
    assert hit.explanation.words == ((0, 3), (8, 17))
