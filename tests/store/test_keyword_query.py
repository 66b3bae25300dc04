"""What queries ask for: words, phrases, prefixes, and nothing else, whatever they look like."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.store.keyword_query import MAX_PHRASE_WORDS, MAX_PHRASES, MAX_PREFIXES, KeywordQuery, parse_query


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("parental leave", ("parent", "leav")),
        ("who is the author of the report", ("author", "report")),
        ("the who", ("the", "who")),
        ("leave LEAVE leaving", ("leav",)),
        ("C++ templates", ("c++", "templat")),
        ("ERR_1234", ("err", "1234", "err_1234")),
        ("multi-agent", ("multi", "agent", "multiag")),
        ("数据库", ("数据", "据库")),
        (
            "NEAR(cat dog) AND title:mat OR -rug ^x",
            ("near", "cat", "dog", "titl", "mat", "title:mat", "rug", "-rug", "x"),
        ),
        ('an "unbalanced quote', ("unbalanc", "quot")),
        ("4 * 4", ("4",)),
        ('" * "', ()),
        ("...", ()),
    ],
)
def test_all_else_is_words(text: str, terms: tuple[str, ...]) -> None:
    assert parse_query(text) == KeywordQuery(terms)


@pytest.mark.parametrize(
    ("text", "phrases", "terms"),
    [
        ('"state of the art"', (("state", "of", "the", "art"),), ()),
        ("“big bang” theory", (("big", "bang"),), ("theori",)),
        ('"a b" "c d" "a b"', (("a", "b"), ("c", "d")), ()),
        ('"数据库"', (("数据", "据库"),), ()),
        ('"foo.bar()"', (("foo", "bar"),), ()),
        ('"" ", " cat', (), ("cat",)),
    ],
)
def test_what_is_in_quotes_is_a_phrase(text: str, phrases: object, terms: tuple[str, ...]) -> None:
    query = parse_query(text)
    assert (query.phrases, query.terms) == (phrases, terms)


@pytest.mark.parametrize(
    ("text", "prefixes", "terms"),
    [
        ("comput*", ("comput",), ()),
        ("cats ERR_12*", ("err_12",), ("cat",)),
        ("foo.b*, (get*)", ("foo.b", "get"), ()),
        ("multi-ag*", ("multiag",), ()),
        ("informati*", ("informati",), ("inform", "informat")),
        ("runni*", ("runni",), ("run",)),
        ("happy*", ("happy",), ("happi",)),
        ("a* *", (), ("a",)),
        ("2*3", (), ("2", "3")),
        ("dogs—cats!comp*", ("comp",), ("dog", "cat")),
        ("user's*", ("users",), ("user",)),
        ("cafe\u0301* e\u00adma*", ("cafe", "ema"), ()),
        ("字", ("字",), ()),
        ('"字"', ("字",), ()),
    ],
)
def test_a_star_behind_a_word_is_a_prefix_and_so_is_a_single_character(
    text: str, prefixes: tuple[str, ...], terms: tuple[str, ...]
) -> None:
    query = parse_query(text)
    assert (query.prefixes, query.terms) == (prefixes, terms)


def test_of_very_long_queries_only_so_many_beginnings_of_words_count() -> None:
    query = parse_query(" ".join(f"word{number}*" for number in range(100)))
    assert query.prefixes == tuple(f"word{number}" for number in range(MAX_PREFIXES))
    characters = [chr(0x4E00 + number) for number in range(100)]
    assert parse_query(" ".join(characters)).prefixes == tuple(characters[:MAX_PREFIXES])


def test_of_very_long_queries_only_so_many_phrases_count() -> None:
    phrases = parse_query(" ".join(f'"w{number} x"' for number in range(100))).phrases
    assert len(phrases) == MAX_PHRASES
    assert len(parse_query('"' + "word " * 1_000 + '"').phrases[0]) == MAX_PHRASE_WORDS


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("leaves", "Leave it; leaving, she left", ["Leave", "leaving"]),
        ("the cat", "the cat and the dog", ["cat"]),
        ('"the cat"', "the dog, the cat", ["the", "cat"]),
        ('"the cat"', "the dog and cat", []),
        ("comput*", "computers compute; computing put", ["computers", "compute", "computing"]),
        ("user_name", "a user_name, a user's name", ["user", "name", "user_name", "user", "name"]),
        ("user", "getUserName", ["User"]),
        ("数据库", "数据库的数据", ["数据", "据库", "数据"]),
        ("…", "nothing …", []),
    ],
)
def test_words_asked_for_are_found_in_a_text(query: str, text: str, found: list[str]) -> None:
    terms = sorted(parse_query(query).found_in(text), key=lambda term: term.start)
    assert sorted(text[term.start : term.end] for term in terms) == sorted(found)


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_a_text_answers_itself_if_it_has_words(text: str) -> None:
    query = parse_query(text)
    assert bool(query) == bool(query.found_in(text.replace("*", " ")) or query.prefixes or query.phrases)
