"""Where each method cuts, what overlaps, and which chunkings are refused."""

import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import get_args

import pytest

from semsearch.config import ChunkingTable
from semsearch.errors import InvalidRequestError, MissingDependencyError
from semsearch.ingest.chunking.chunker import Chunker
from semsearch.ingest.chunking.methods import METHODS, check_chunking
from semsearch.types import Chunking, Document, Place

SPECIAL = 2


def count_words(texts: Sequence[str]) -> list[int]:
    return [SPECIAL + len(text.split()) for text in texts]


def count_letters(texts: Sequence[str]) -> list[int]:
    return [SPECIAL + sum(map(str.isalpha, text)) for text in texts]


def cut(document: Document, chunking: Chunking, max_tokens: int = 64) -> list[str]:
    """The texts of the chunks, without what is embedded above them."""
    [chunks] = Chunker(count_words, max_tokens, chunking).prepare([document])
    return [document.text[span.start : span.end] for span, _ in chunks]


def where(document: Document, chunking: Chunking, max_tokens: int = 64) -> list[tuple[str | None, int | None]]:
    [chunks] = Chunker(count_words, max_tokens, chunking).prepare([document])
    return [(span.heading, span.page) for span, _ in chunks]


# sentences

SENTENCES = "One two three four. " * 4 + "\n\n" + "Five six seven eight. " * 4


def test_sentences_are_not_cut_and_chunks_of_them_cross_paragraphs() -> None:
    chunks = cut(Document("d", SENTENCES), Chunking("sentences", 24))
    assert [len(chunk.split()) for chunk in chunks] == [20, 12]  # there is room for 22; a paragraph ends after 16
    assert all(chunk.endswith(".") for chunk in chunks)


def test_by_tokens_the_same_text_is_cut_at_the_paragraph() -> None:
    assert [len(chunk.split()) for chunk in cut(Document("d", SENTENCES), Chunking("tokens", 24))] == [16, 16]


def test_a_sentence_alone_in_a_chunk_is_not_filled_up_with_a_part_of_the_next() -> None:
    long = "Word " * 20 + "end."
    assert cut(Document("d", f"Short one. {long} Last."), Chunking("sentences", 24)) == ["Short one.", f"{long} Last."]


def test_a_sentence_above_the_budget_is_cut() -> None:
    chunks = cut(Document("d", "word " * 50 + "end. Last one."), Chunking("sentences", 24))
    assert [len(chunk.split()) for chunk in chunks] == [22, 22, 9]


# headings and pages

SECTIONS = ["intro words here ", "first section ", "second one ", "more of the second ", "word " * 70, "end"]
TEXT = "".join(SECTIONS)
STARTS = [sum(map(len, SECTIONS[:number])) for number in range(len(SECTIONS))]
PLACES = (
    Place(STARTS[1], "A", 1),
    Place(STARTS[2], "B", 1),
    Place(STARTS[3], "B", 2),
    Place(STARTS[4], "C", 2),
    Place(STARTS[5], "D", 2),
)
DOCUMENT = Document("d", TEXT, title="T", places=PLACES)


def test_by_headings_each_section_is_cut_for_itself_and_small_ones_are_not_joined() -> None:
    chunks = cut(DOCUMENT, Chunking("headings"))
    assert chunks[:3] == ["intro words here", "first section", "second one more of the second"]
    assert [len(chunk.split()) for chunk in chunks[3:]] == [60, 10, 1]  # of 64 tokens, 4 are special, title and heading
    assert where(DOCUMENT, Chunking("headings")) == [
        (None, None), ("A", 1), ("B", 1), ("C", 2), ("C", 2), ("D", 2)
    ]  # fmt: skip


def test_by_pages_each_page_is_cut_for_itself() -> None:
    chunks = cut(DOCUMENT, Chunking("pages"))
    assert chunks[:2] == ["intro words here", "first section second one"]
    assert chunks[2].startswith("more of the second")
    assert where(DOCUMENT, Chunking("pages"))[:3] == [(None, None), ("A", 1), ("B", 2)]


def test_by_pages_a_page_that_is_too_long_is_preferably_cut_at_a_heading() -> None:
    assert "word" not in cut(DOCUMENT, Chunking("pages", 64))[2]


@pytest.mark.parametrize("method", ["headings", "pages"])
def test_without_places_a_document_is_one_section(method: str) -> None:
    whole = Document("d", TEXT)
    assert cut(whole, Chunking(method)) == cut(whole, Chunking())


def test_headings_of_a_section_are_embedded_under_the_title() -> None:
    [chunks] = Chunker(count_words, 64, Chunking("headings")).prepare([DOCUMENT])
    assert [embedded for _, embedded in chunks][:2] == ["T\nintro words here", "T\nA\nfirst section"]


def test_blank_sections_have_no_chunk() -> None:
    document = Document("d", "one \n\n two", places=(Place(0, "A"), Place(4, "B"), Place(7, "C")))
    assert where(document, Chunking("headings")) == [("A", None), ("C", None)]


# overlap

WORDS = " ".join(f"w{number}" for number in range(100))


@pytest.mark.parametrize("overlap", [0, 1, 5, 8])
def test_a_chunk_begins_as_many_tokens_before_the_end_of_the_one_before(overlap: int) -> None:
    chunks = [chunk.split() for chunk in cut(Document("d", WORDS), Chunking("tokens", 20, overlap))]
    common = [len(set(before) & set(chunk)) for before, chunk in pairwise(chunks)]
    assert set(common) == {overlap}
    assert len(chunks[0]) == 18
    assert all(before[-overlap:] == chunk[:overlap] for before, chunk in pairwise(chunks) if overlap)


def test_an_overlap_begins_at_a_word() -> None:
    [chunks] = Chunker(count_letters, 32, Chunking(overlap=10)).prepare([Document("d", "abcdefg " * 20)])
    starts = [span.start for span, _ in chunks]
    assert starts == [24 * number for number in range(len(starts))]  # chunks of four words, of which one comes again


def test_an_overlap_takes_no_more_than_half_of_the_room_under_title_and_headings() -> None:
    document = Document("d", WORDS, title="a b c d e f g h")
    chunks = cut(document, Chunking("tokens", 20, 10))  # 10 tokens are title and special ones, 10 are the chunk's
    assert [chunk.split()[0] for chunk in chunks][:3] == ["w0", "w5", "w10"]


@pytest.mark.parametrize("method", ["headings", "pages"])
def test_an_overlap_stays_within_its_section_or_page(method: str) -> None:
    text = WORDS + " " + WORDS
    document = Document("d", text, places=(Place(0, "A", 1), Place(len(WORDS) + 1, "B", 2)))
    chunks = cut(document, Chunking(method, 20, 8))
    assert chunks[len(chunks) // 2] == chunks[0]


def test_an_overlap_leaves_room_for_the_word_that_follows() -> None:
    [chunks] = Chunker(count_letters, 16, Chunking(overlap=7)).prepare([Document("d", "ab " * 6 + "abcdefghijklm ab")])
    assert [embedded for _, embedded in chunks] == ["ab ab ab ab ab ab", "abcdefghijklm", "ab"]


def test_an_overlap_does_not_begin_within_a_long_word() -> None:
    word = "abcde" * 8
    [chunks] = Chunker(count_letters, 130, Chunking(overlap=10)).prepare([Document("d", f"{word} " * 10)])
    assert {span.start % 41 for span, _ in chunks} == {0}


def test_a_chunk_that_lies_in_another_one_is_left_out() -> None:
    def count_first(texts: Sequence[str]) -> list[int]:
        return [SPECIAL + len(text.split()) + 30 * ("first" in text and len(text.split()) > 12) for text in texts]

    text = "first" + " a" * 6 + " bbbbbbbbbb" * 7 + " c" * 9
    [chunks] = Chunker(count_first, 16, Chunking(overlap=7)).prepare([Document("d", text)])
    assert [embedded[:7] for _, embedded in chunks] == ["first a", "bbbbbbb", "c c c c"]


def test_tokens_that_are_none_do_not_make_chunks_overlap() -> None:
    [chunks] = Chunker(count_letters, 16).prepare([Document("d", "abcdefg - -\n\n" * 20)])
    spans = [span for span, _ in chunks]
    assert all(before.end <= span.start for before, span in pairwise(spans))


# code

CODE = """# What this is.
import os


# About first.
def first(a):
    \"\"\"Grüße, 語言.\"\"\"
    if a:
        return 1

    return 2


class Second:
    value = 1

    def method(self):
        return [
            1,
            2,
        ]

    def other(self):
        return 3
"""


def code(text: str = CODE, language: object = "python") -> Document:
    return Document("d", text, {} if language is None else {"code_language": language})


def test_code_is_cut_between_definitions_with_the_comment_above_them() -> None:
    chunks = cut(code(), Chunking("code", 20))
    assert [chunk.splitlines()[0].strip() for chunk in chunks] == ["# What this is.", "# About first.", "class Second:"]


def test_code_is_cut_at_methods_before_statements() -> None:
    chunks = cut(code(), Chunking("code", 16))
    assert "def other(self):\n        return 3" in chunks
    assert "def method(self):\n        return [\n            1,\n            2,\n        ]" in "".join(chunks)


@pytest.mark.parametrize(
    ("language", "text", "beginnings"),
    [
        ("python", "def f():\n  pass\n\ndef g():\n  pass\n" * 4, {"def"}),
        ("javascript", "function f() {\n  return 1;\n}\n\n" * 8, {"function"}),
        ("typescript", "function f(a: number) {\n  return 1;\n}\n\n" * 8, {"function"}),
        ("tsx", "const f = () => {\n  return <p>b</p>;\n};\n\n" * 8, {"const"}),
        ("go", "func f() int {\n\treturn 1\n}\n\n" * 8, {"func"}),
        ("rust", "fn f() -> i32 {\n    1\n}\n\n" * 8, {"fn"}),
        ("c", "int f() {\n  return 1;\n}\n\n" * 8, {"int"}),
        ("cpp", "int f() {\n  return 1;\n}\n\n" * 8, {"int"}),
        ("java", "class A {\n  int f() { return 1; }\n}\n\n" * 8, {"class"}),
    ],
)
def test_each_language_is_cut_by_its_syntax(language: str, text: str, beginnings: set[str]) -> None:
    chunks = cut(code(text, language), Chunking("code", 16))
    assert len(chunks) > 1
    assert {chunk.split()[0] for chunk in chunks} == beginnings


def test_a_closing_bracket_stays_with_what_it_closes() -> None:
    text = "if (a) {\n" + "  b();\n" * 11 + "}\n"  # there is room for 14 words, one less than there are
    chunks = cut(code(text, "javascript"), Chunking("code", 16))
    assert chunks[1:] == ["b();\n}"]


@pytest.mark.parametrize("language", [None, "cobol", 5, ["python"]])
def test_documents_without_a_known_language_are_cut_by_tokens(language: object) -> None:
    assert cut(code(language=language), Chunking("code", 16)) == cut(code(), Chunking("tokens", 16))


def test_code_that_does_not_parse_is_cut_all_the_same() -> None:
    text = "def ((((:\n  x = = \n" * 20
    assert "".join("".join(cut(code(text), Chunking("code", 16))).split()) == "".join(text.split())


def test_deeply_nested_code_is_cut() -> None:
    text = "(\n" * 3_000 + ")\n" * 3_000
    assert len(cut(code(text), Chunking("code", 16))) > 400


def test_without_the_extra_code_that_has_to_be_cut_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter_python", None)
    assert cut(code("x = 1"), Chunking("code", 16)) == ["x = 1"]
    with pytest.raises(
        MissingDependencyError, match=r"tree_sitter_python is not installed: pip install 'semsearch\[code\]'"
    ):
        cut(code(), Chunking("code", 16))


# what is refused


@pytest.mark.parametrize("method", METHODS)
def test_a_chunking_within_its_bounds_is_returned_as_it_is(method: str) -> None:
    for chunking in (
        Chunking(method),
        Chunking(method, 16, 8),
        Chunking(method, 256, 128),
        Chunking(method, None, 128),
    ):
        assert check_chunking(chunking, 256) == chunking


@pytest.mark.parametrize("max_tokens", [256, None])
def test_no_chunking_is_the_default_one(max_tokens: int | None) -> None:
    assert check_chunking(None, max_tokens) == Chunking()
    assert check_chunking(Chunking(), max_tokens) == Chunking()


@pytest.mark.parametrize(
    ("chunking", "message"),
    [
        (Chunking("words"), "'words'; it has to be one of: tokens, sentences, headings, pages, code"),
        (Chunking(tokens=15), "15 tokens; this model allows 16 to 256"),
        (Chunking(tokens=257), "257 tokens; this model allows 16 to 256"),
        (Chunking(tokens=64.0), "64.0 tokens"),  # type: ignore[arg-type]
        (Chunking(tokens=True), "True tokens"),
        (Chunking(tokens=64, overlap=33), "33 tokens; of 64 it can be 0 to 32"),
        (Chunking(overlap=129), "129 tokens; of 256 it can be 0 to 128"),
        (Chunking(overlap=-1), "-1 tokens"),
        (Chunking(overlap=1.5), "1.5 tokens"),  # type: ignore[arg-type]
    ],
)
def test_a_chunking_out_of_bounds_is_refused_with_its_value_and_the_bounds(chunking: Chunking, message: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        check_chunking(chunking, 256)
    assert message in str(error.value)


def test_a_chunking_without_a_model_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="without a model"):
        check_chunking(Chunking(overlap=5), None)


def test_a_chunker_refuses_what_its_model_does_not_allow() -> None:
    with pytest.raises(InvalidRequestError, match="65 tokens"):
        Chunker(count_words, 64, Chunking(tokens=65))


def test_recipes_know_the_methods() -> None:
    assert get_args(ChunkingTable.model_fields["method"].annotation) == METHODS
