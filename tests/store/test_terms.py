"""What terms texts have, and where; whatever the text, the terms can be found in it again."""

import hashlib
import json
import re
import unicodedata
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semsearch.store import terms
from semsearch.store.documents import DocumentStore
from semsearch.store.records import CollectionSpec
from semsearch.store.terms import SYMBOLS, Columns, Kind, columns_of, terms_of

# The terms of a text, as they were when the first number of terms.VERSION was last raised.
PINNED_TEXT = """
The user's C++ and C#, g++ ERR_1234: foo.bar() v1.2.3 <a.b@c.org> multi-agent TCP/IP .NET --verbose -o __init__;
getUserName HTTPServer KRT17 Ca2+ 2024-01-31 (don't) U.S.A. $HOME std::vector x->y http://example.org/a_b?c=1 Ünïcödé
ＡＢＣ ﬁne straße co\u00adop ½ m² हिन्दी में 手机iPhone多 カワン・ショート 데이터베이스 ไทยแลนด์
"""
PINNED = ("2", "7651")


def words(text: str) -> list[str]:
    return [term.text for term in terms_of(text) if term.kind is Kind.WORD]


def exact(text: str) -> list[str]:
    return [term.text for term in terms_of(text) if term.kind is Kind.EXACT]


def parts(text: str) -> list[str]:
    return [term.text for term in terms_of(text) if term.kind is Kind.PART]


def test_other_terms_are_another_version() -> None:
    pinned = hashlib.sha256(json.dumps(columns_of(PINNED_TEXT)).encode()).hexdigest()[:4]
    assert (terms.VERSION.split()[0], pinned) == PINNED, "raise it, so that indexes are made anew, and pin this"


def test_the_version_names_what_else_decides_on_terms() -> None:
    stemmer, letters = f"pystemmer-{version('pystemmer')}", f"unicode-{unicodedata.unidata_version}"
    assert terms.VERSION.split()[1:] == [stemmer, letters]


def test_sqlite_is_told_of_the_symbols_that_terms_have(tmp_path: Path) -> None:
    with DocumentStore.create(tmp_path / "c", CollectionSpec(2)).read() as reader:
        [(sql,)] = reader._ask("SELECT sql FROM sqlite_schema WHERE name = 'keyword'")
    assert f"tokenchars '{SYMBOLS}'" in sql


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cats were running.", ["the", "cat", "were", "run"]),
        ("connection connected connecting connects", ["connect"] * 4),
        ("Biologists generalise; universities", ["biolog", "generalis", "universiti"]),
        ("Naïve CAFÉ, Straße", ["naiv", "cafe", "strass"]),
        ("ＡＢＣ ﬁne co\u00adop", ["abc", "fine", "coop"]),
        ("user's, users’ O'Neill don't", ["user", "user", "o", "neill", "don", "t"]),
        ("2.5 m² in 1984", ["2", "5", "m2", "in", "1984"]),
        ("C++ and C# and C, g++", ["c++", "and", "c#", "and", "c", "g++"]),
        ("C++11 C#-like", ["c++", "11", "c#", "like"]),
        ("Ünïcödé Übergröße", ["unicod", "ubergross"]),
        ("हिन्दी में खोज", ["हिन्दी", "में", "खोज"]),
        ("мир مرحبا", ["мир", "مرحبا"]),
        ("数据库", ["数据", "据库", "库"]),
        ("⼈⼯智能", ["人工", "工智", "智能", "能"]),
        ("手机iPhone多", ["手机", "机", "iphon", "多"]),
        ("カワン・ショ", ["カワ", "ワン", "ン", "ショ", "ョ"]),
        ("데이터 서버", ["데이", "이터", "터", "서버", "버"]),
        ("ไทย", ["ไท", "ทย", "ย"]),
        ("", []),
        (" \n… _ __ - -- ++ # 😀 →", []),
    ],
)
def test_words_are_stems_or_pairs_of_characters(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ERR_1234, foo.bar() v1.2.3.", ["err_1234", "foo.bar", "v1.2.3"]),
        ("mail a.b@c.org or http://c.org/x_y", ["a.b@c.org", "http://c.org/x_y"]),
        (".NET --verbose -o @name #5 $HOME", [".net", "--verbose", "-o", "@name", "#5", "$home"]),
        ("__init__ _private notepad++ Ca2+ C++11", ["__init__", "_private", "notepad++", "ca2+", "c++11"]),
        ("std::vector x->y TCP/IP AT&T", ["std::vector", "x->y", "tcp/ip", "at&t"]),
        ("2024-01-31 12:30 x86-64", ["2024-01-31", "12:30", "x86-64"]),
        ("multi-agent O'Neill C++ plain 42", []),
    ],
)
def test_identifiers_are_found_as_they_are_written(text: str, expected: list[str]) -> None:
    assert exact(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("multi-agent e-mail F-16 state-of-the-art", ["multiag", "email", "f16", "stateoftheart"]),
        ("getUserName HTTPServer", ["get", "user", "name", "http", "server"]),
        ("KRT17 mTORC2 iPhone", ["krt", "17", "torc", "phone"]),
        ("Plain CAPITALS lower 1984 Café", []),
    ],
)
def test_parts_of_words_and_hyphened_words_in_one_are_terms_as_well(text: str, expected: list[str]) -> None:
    assert parts(text) == expected


def test_a_part_stands_where_it_is_in_the_word() -> None:
    assert [(term.text, term.start, term.end) for term in terms_of("a getName") if term.kind is Kind.PART] == [
        ("get", 2, 5),
        ("name", 5, 9),
    ]


def test_the_columns_have_words_in_order_then_exact_terms_and_the_parts_apart() -> None:
    assert columns_of("Call foo_bar of e-mail getName") == Columns(
        "call foo bar of e mail getnam foo_bar", "email get name"
    )


def test_terms_are_cut_at_64_characters() -> None:
    assert words("x" * 1_000) == ["x" * 64]


TEXTS = st.text() | st.text(st.sampled_from("aZ9é-_.+#'@:/ \n中文カ한ไ\u0301\u00ad½ﷺ()\"*"), max_size=40)


@given(TEXTS)
@example("ﷺ ⑴ \ufdfa")
@settings(max_examples=300, deadline=None)
def test_terms_stand_in_the_text_and_hold_neither_spaces_nor_quotes(text: str) -> None:
    for term in terms_of(text):
        assert 0 <= term.start < term.end <= len(text)
        assert not text[term.start : term.end].isspace()
        assert term.text
        assert not re.search(r"[\s\"'()*^{}~]", term.text)


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_the_columns_hold_the_same_terms(text: str) -> None:
    columns = columns_of(text)
    by_kind = {kind: [term.text for term in terms_of(text) if term.kind is kind] for kind in Kind}
    assert columns.terms.split() == by_kind[Kind.WORD] + by_kind[Kind.EXACT]
    assert columns.parts.split() == by_kind[Kind.PART]


@pytest.mark.parametrize(
    "text", ["_" * 50_000, "-" * 50_000, "a." * 25_000, "+" * 50_000, "中" * 50_000, "a-" * 25_000]
)
def test_no_text_takes_long(text: str) -> None:
    columns_of(text)
    assert len(list(terms_of(text))) <= 2 * len(text)
