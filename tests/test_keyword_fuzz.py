"""Any text is a query: it finds what a literal reading of it may find, or is refused for the documented reasons."""

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator

import pytest
import Stemmer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from semsearch import Collection, Document
from semsearch.errors import EmptyQueryError
from semsearch.store.keyword_query import parse_query

DOCUMENTS = [
    Document("cats", "The cat's whiskers; cats sat on the mat.", title="On cats", vector=[1, 0]),
    Document("code", "C++ templates, foo.bar() and ERR_1234 in v1.2.3 --verbose", vector=[1, 1]),
    Document(
        "both", "multi-agent systems: getUserName, a.b@c.org; \"quoted\" 'words' * AND OR NOT NEAR", vector=[0, 1]
    ),
    Document("chinese", "数据库系统 カタカナ 데이터 ไทย", vector=[2, 1]),
    Document("accents", "Ünïcödé naïve straße हिन्दी мир", vector=[1, 2]),
    Document("numbers", "1 2 3 1984 2024-01-31 ½", vector=[3, 1]),
]
PIECES = ["cat", "C++", '"', "*", "-", "(", ")", ":", "^", " ", "AND", "OR", "NOT", "NEAR(", "{", "}", "text:", "''"]
PIECES += ["ERR_1234", "数据", "é", "foo.", "get*", '"the mat"', "--", "/*", ";", "\\", "\x00", "\ud800", "+", "multi-"]
CASES = re.compile(r"(?<=\d)(?=\D)|(?<=\D)(?=\d)|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
QUERIES = st.text(max_size=30) | st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    with Collection.create(tmp_path_factory.mktemp("fuzz") / "c", dim=2) as made:
        assert made.add(DOCUMENTS).added == len(DOCUMENTS)
        yield made


@functools.cache
def runs(text: str) -> frozenset[str]:
    """Runs of letters and digits without case and accents, by their characters alone, decomposed or as they are.

    Letters that have no case are runs of their own, where they meet others, and so are digits and getUserName's words.
    """
    # a mark belongs to the letter before it, and invisible characters to no word
    kept = "".join(each for each in text if unicodedata.category(each) not in ("Mn", "Mc", "Me", "Cf"))
    found: set[str] = set()
    for reading in (kept, unicodedata.normalize("NFKD", kept), kept.replace("-", "")):
        words = "".join(each if each.isalnum() or unicodedata.combining(each) else " " for each in reading).split()
        parts = ["".join(part) for word in words for _, part in itertools.groupby(word, has_no_case)]
        parts += [part for word in words for part in CASES.split(word)]
        plain = (unicodedata.normalize("NFKD", each).casefold() for each in words + parts)
        found.update("".join(each for each in word if each.isalnum()) for word in plain)
    return frozenset(found - {""})


def has_no_case(character: str) -> bool:
    return unicodedata.category(character) in ("Lo", "Lm")


def may_be_found(query: str, text: str) -> bool:
    """Whether a run of the query has the stem of one of the text, or is in it, or it in the query's.

    A letter of a script that has no capitals may be a word by itself.

    What a query begins with counts as well where it has a star, of which the stems of words may fall short.
    """
    stem = Stemmer.Stemmer("english").stemWord
    return any(
        stem(asked) == stem(there)
        or is_within(asked, there)
        or is_within(there, asked)
        or any(each in there for each in asked if has_no_case(each))
        or ("*" in query and asked[:2] == there[:2])
        for asked in runs(query)
        for there in runs(text)
    )


def is_within(run: str, other: str) -> bool:
    """A single Latin letter is in nearly all of them, and tells nothing."""
    return run in other and (len(run) > 1 or not run.isascii() or run.isdigit())


def check_query(collection: Collection, text: str) -> None:
    try:
        result = collection.search(text, explain=True)
    except EmptyQueryError:
        assert not text.strip()
        return
    query = parse_query(result.query or "")
    allowed = {each.id for each in DOCUMENTS if any(query.found_in(part) for part in (each.text, each.title or ""))}
    found = {hit.document_id for hit in result.hits}
    assert found <= allowed
    assert found <= {each.id for each in DOCUMENTS if may_be_found(text, f"{each.text} {each.title or ''}")}
    if not query.phrases:
        assert found == allowed
    for hit in result.hits:
        assert all(hit.start <= start < end <= hit.end for start, end in hit.explanation.words)


@given(QUERIES)
@example('"cat')
@example("NEAR(cat mat, 5)")
@example("text:cat -mat ^x")
@example("cat*")
@example("中")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_query(collection: Collection, text: str) -> None:
    check_query(collection, text)


@pytest.mark.slow
@given(QUERIES)
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_of_ten_thousand_texts_is_a_query(collection: Collection, text: str) -> None:
    check_query(collection, text)


def test_the_literal_reading_tells_what_a_query_cannot_find() -> None:
    assert [each.id for each in DOCUMENTS if may_be_found("whisker", each.text)] == ["cats"]
    assert [each.id for each in DOCUMENTS if may_be_found("数据", each.text)] == ["chinese"]
    assert [each.id for each in DOCUMENTS if may_be_found("text:strasse", each.text)] == ["accents"]
    assert not any(may_be_found("… :", each.text) for each in DOCUMENTS)


@pytest.mark.parametrize(
    "text", ["cat " * 20_000, "x" * 100_000, '"' * 50_001, "(" * 50_000, "a* " * 5_000, "中" * 50_000]
)
def test_a_very_long_text_is_a_query(collection: Collection, text: str) -> None:
    check_query(collection, text)


def test_a_query_of_very_many_words_finds_by_the_rarest(collection: Collection) -> None:
    words = " ".join("".join(letters) for letters in itertools.product("bcdfghjk", repeat=5))
    assert len(words.split()) > 30_000
    assert [hit.document_id for hit in collection.search(f"{words} whiskers").hits] == ["cats"]
