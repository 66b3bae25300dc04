"""Any text is a query: it finds what a literal reading of it may find, or is refused for the documented reasons."""

import itertools
from collections.abc import Iterator

import pytest
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
QUERIES = st.text(max_size=30) | st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    with Collection.create(tmp_path_factory.mktemp("fuzz") / "c", dim=2) as made:
        assert made.add(DOCUMENTS).added == len(DOCUMENTS)
        yield made


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


@pytest.mark.parametrize(
    "text", ["cat " * 20_000, "x" * 100_000, '"' * 50_001, "(" * 50_000, "a* " * 5_000, "中" * 50_000]
)
def test_a_very_long_text_is_a_query(collection: Collection, text: str) -> None:
    check_query(collection, text)


def test_a_query_of_very_many_words_finds_by_the_rarest(collection: Collection) -> None:
    words = " ".join("".join(letters) for letters in itertools.product("bcdfghjk", repeat=5))
    assert len(words.split()) > 30_000
    assert [hit.document_id for hit in collection.search(f"{words} whiskers").hits] == ["cats"]
