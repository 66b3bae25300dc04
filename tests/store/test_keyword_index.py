"""The full-text index: what it finds and in which order, and that it never knows more or less than the documents."""

import contextlib
import itertools
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.errors import ConflictError
from semsearch.store import keyword, terms
from semsearch.store.documents import DATABASE, DocumentStore
from semsearch.store.keyword_query import parse_query
from semsearch.store.records import CollectionSpec, Entry
from semsearch.store.writer import StoreWriter
from semsearch.types import Document, Span


def entry(document_id: str, *texts: str, title: str | None = None, heading: str | None = None) -> Entry:
    """A document with a chunk for each of the texts."""
    ends = list(itertools.accumulate(len(text) for text in texts))
    spans = tuple(Span(end - len(text), end, heading) for text, end in zip(texts, ends, strict=True))
    vectors = np.ones((len(texts), 2), np.float16)
    return Entry(Document(document_id, "".join(texts), title=title), document_id.encode(), b"", spans, vectors)


@pytest.fixture
def store(tmp_path: Path) -> DocumentStore:
    return DocumentStore.create(tmp_path / "c", CollectionSpec(2))


def put(store: DocumentStore, *entries: Entry) -> None:
    with store.write() as writer:
        writer.put(entries)


def found(store: DocumentStore, query: str, depth: int = 100, allowed: list[int] | None = None) -> list[int]:
    with store.read() as reader:
        ids = None if allowed is None else np.array(allowed, dtype=np.int64)
        ranking = reader.keyword.search(parse_query(query), depth, ids)
    assert (np.diff(ranking.scores) <= 0).all()
    return ranking.ids.tolist()


CONTENTS = (
    "SELECT term, doc, col, offset FROM temp.every ORDER BY 1, 2, 3, 4",
    "SELECT id, sz FROM keyword_docsize ORDER BY id",
    "SELECT rtrim(hex(block), '0') FROM keyword_data WHERE id = 1",  # how many rows and terms BM25 goes by
)


def contents(writer: StoreWriter) -> list[list[tuple[object, ...]]]:
    every = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.every USING fts5vocab (main, keyword, instance)"
    writer._connection.exec_driver_sql(every)
    return [writer._ask(sql) for sql in CONTENTS]


def check_index(store: DocumentStore) -> None:
    """It equals one made anew."""
    with store.write() as writer:
        before = contents(writer)
        writer.keyword.rebuild()
        assert contents(writer) == before


# --- finding


def test_chunks_are_found_by_their_text_heading_and_title(store: DocumentStore) -> None:
    put(store, entry("a", "cats. ", "dogs. ", title="On pets"), entry("b", "birds", heading="Wings > Feathers"))
    assert found(store, "dog") == [2]
    assert found(store, "pet") == [1, 2]
    assert found(store, "feather") == [3]
    assert found(store, "fish") == []


def test_rare_words_and_words_in_the_title_count_more(store: DocumentStore) -> None:
    common = [entry(f"{number}", "common words here") for number in range(9)]
    put(store, *common, entry("text", "a rare thing here"), entry("title", "some thing here", title="Rare"))
    assert found(store, "rare words")[:2] == [11, 10]
    assert len(found(store, "rare words")) == 11


def test_identifiers_come_before_their_parts(store: DocumentStore) -> None:
    put(
        store,
        entry("apart", "err and 1234, an err of 1234"),
        entry("exact", "it fails with ERR_1234 at times"),
        entry("other", "it fails with ERR_9 at times"),
    )
    assert found(store, "ERR_1234") == [2, 1, 3]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("C++", [1]),
        ("C", [2]),
        ("C#", [3]),
        ("c++ templates", [1]),
        ("v1.2.3", [4, 5]),
        ("a.b@c.org", [6]),
        ("email", [7]),
        ("e-mail", [7]),
        ("user name", [8]),
        ("getusername", [8]),
    ],
)
def test_identifiers_are_found_as_themselves(store: DocumentStore, query: str, expected: list[int]) -> None:
    texts = ["C++ templates", "C macros", "C# generics", "release v1.2.3", "release v1.3.2", "write to <a.b@c.org>"]
    put(store, *(entry(text, text) for text in [*texts, "an e-mail", "call getUserName()"]))
    assert found(store, query)[: len(expected)] == expected


def test_c_with_a_symbol_is_another_word_than_c(store: DocumentStore) -> None:
    put(store, *(entry(text, text) for text in ["C++", "C", "C#", "plain C, no C++"]))
    assert [sorted(found(store, query)) for query in ("C++", "c", "C#")] == [[1, 4], [2, 4], [3]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('"big bang"', [1]),
        ('"bang big"', []),
        ('"big bang" expansion', [1]),
        ('"big bang" "early universe"', [1]),
        ('"big bang" "late universe"', []),
        ('"bang theory"', [1, 3]),
        ("unive*", [1, 2]),
        ("expandi*", [2]),
        ("数据库", [4, 5]),
        ('"数据库"', [4]),
        ("库", [4, 5]),
        ("据", [4, 5]),
        ("系", [4]),
    ],
)
def test_phrases_prefixes_and_single_characters(store: DocumentStore, query: str, expected: list[int]) -> None:
    texts = [
        "the big bang theory of the early universe",
        "a big universe, expanding after a bang",
        "a bang-theory",
        "数据库系统",
        "库的数据",
    ]
    put(store, *(entry(text, text) for text in texts))
    assert sorted(found(store, query)) == expected


def test_no_phrase_is_made_of_parts(store: DocumentStore) -> None:
    put(store, entry("a", "getUserName e-mail"))
    assert [found(store, query) for query in ('"user name"', '"get"', '"email"', '"e mail"')] == [[], [], [], [1]]
    assert found(store, "user") == found(store, "email") == [1]


def test_no_phrase_reaches_over_the_end_of_a_chunk(store: DocumentStore) -> None:
    put(store, entry("a", "the big ", "bang", title="bang"))
    assert found(store, '"big bang"') == []


def test_a_depth_and_allowed_ids_limit_what_is_found(store: DocumentStore) -> None:
    put(store, *(entry(f"{number}", "cat " * (9 - number)) for number in range(9)))
    everything = found(store, "cat")
    assert sorted(everything) == list(range(1, 10))
    assert found(store, "cat", 3) == everything[:3]
    assert found(store, "cat", 2, [4, 5, 6]) == [id for id in everything if id in {4, 5, 6}][:2]
    assert found(store, "cat", 5, []) == []


def test_equal_chunks_come_in_the_order_of_their_ids(store: DocumentStore) -> None:
    put(store, *(entry(f"{number}", "the same text") for number in range(20)))
    assert found(store, "same text", 7) == list(range(1, 8))


# --- what finds, and how it is scored


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("データベース", [1]),
        ("ベース", [1]),
        ("検索", [1, 2]),
        ("索", [1, 2]),
        ('"全文検索"', [2]),
        ("データ 検索", [1, 2]),
        ("데이터베이스", [3, 4]),
        ("데이터", [3, 4]),
        ("베이스", [3]),
        ("แผนที่", [5]),
        ("东京", [6]),
        ("京东", []),
    ],
)
def test_scripts_without_spaces_are_found_by_words_that_stand_anywhere(
    store: DocumentStore, query: str, expected: list[int]
) -> None:
    texts = ["データベースの検索", "全文を検索する全文検索", "데이터베이스를", "데이터와 기본", "ดูแผนที่โลก", "去东京"]
    put(store, *(entry(text, text) for text in texts))
    assert sorted(found(store, query)) == expected


def test_a_score_is_bm25_with_a_title_that_counts_twice_and_parts_a_third(store: DocumentStore) -> None:
    """As SQLite has it: k1 1.2, b 0.75, a word in half of the chunks or more weighs next to nothing."""
    texts = ["cat cat dog", "cat mouse", "a bird sings", "one two three four", "five"]
    put(store, *(entry(text, text) for text in texts), entry("title", "six", title="dog"), entry("part", "getCat"))
    lengths = [3, 2, 3, 4, 1, 2, 3]  # getcat; get, cat
    mean = sum(lengths) / 7
    with store.read() as reader:
        found = reader.keyword.search(parse_query("cat dog"), 10)

    def weight(chunks: int) -> float:
        return math.log((7 - chunks + 0.5) / (chunks + 0.5))

    def part(occurrences: float, length: int) -> float:
        return occurrences * 2.2 / (occurrences + 1.2 * (0.25 + 0.75 * length / mean))

    expected = {
        1: weight(3) * part(2, 3) + weight(2) * part(1, 3),
        2: weight(3) * part(1, 2),
        6: weight(2) * part(2, 2),
        7: weight(3) * part(0.3, 3),
    }
    assert dict(zip(found.ids.tolist(), found.scores.tolist(), strict=True)) == pytest.approx(expected, rel=1e-6)
    assert found.ids.tolist() == sorted(expected, key=lambda id: -expected[id])


def test_a_transaction_that_fails_leaves_documents_and_terms_as_they_were(store: DocumentStore) -> None:
    put(store, entry("a", "cats", title="Pets"))
    with pytest.raises(InterruptedError), store.write() as writer:
        writer.put([entry("a", "dogs"), entry("b", "cats")])
        assert writer.keyword.search(parse_query("dogs"), 10).ids.tolist() == [2]
        raise InterruptedError
    assert (found(store, "cat"), found(store, "dog"), found(store, "pet")) == ([1], [], [1])
    check_index(store)


# --- ranking fewer chunks than have any of the words


@pytest.fixture
def library(tmp_path: Path) -> DocumentStore:
    """400 chunks: all have `common`, a half `middling`, a tenth `seldom`."""
    made = DocumentStore.create(tmp_path / "library", CollectionSpec(2))
    texts = [
        f"common{' middling' * (number % 2)}{' seldom' * (number % 10 == 0)} n{number} {'filler ' * (number % 7)}"
        for number in range(400)
    ]
    put(made, *(entry(f"{number}", text) for number, text in enumerate(texts)))
    return made


@pytest.mark.parametrize("query", ["seldom middling common", "n10 n11 seldom common", "seldom sel* middling common"])
def test_scores_are_the_same_whether_all_chunks_are_ranked_or_those_with_rare_words(
    library: DocumentStore, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with library.read() as reader:
        whole = reader.keyword.search(parse_query(query), 30)
        monkeypatch.setattr(keyword, "RANKED", 45)
        fewer = reader.keyword.search(parse_query(query), 30)
    assert fewer.ids.tolist() == whole.ids.tolist()
    np.testing.assert_allclose(fewer.scores, whole.scores, rtol=1e-6)


@pytest.mark.parametrize(
    ("depth", "allowed", "expected"), [(30, None, 30), (300, None, 300), (900, None, 400), (5, range(2, 9), 5)]
)
def test_where_rare_words_do_not_find_enough_the_frequent_ones_do(
    library: DocumentStore,
    depth: int,
    allowed: range | None,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keyword, "RANKED", 45)
    ids = found(library, "seldom middling common", depth, None if allowed is None else list(allowed))
    assert len(ids) == expected


@pytest.mark.parametrize("size", [1, 7, 2**22])
@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("query", ["common", "seldom middling common", "n10 n11 n300", '"common middling"', "n1*"])
def test_what_is_allowed_is_found_with_the_scores_and_in_the_order_that_it_has_among_all(
    library: DocumentStore, query: str, share: float, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few bytes the ids share, and whether many are allowed or few, near one another or not."""
    monkeypatch.setattr(keyword, "_MASK", size)
    monkeypatch.setattr(keyword, "RANKED", 45)
    draw = np.random.default_rng(0)
    with library.read() as reader:
        every = reader.keyword.search(parse_query(query), 400)
        for allowed in (*(np.sort(draw.choice(401, number, False)) for number in (1, 20, 300)), np.arange(50, 60)):
            ranking = reader.keyword.search(parse_query(query), 15, allowed, share=share)
            expected = np.isin(every.ids, allowed)
            assert ranking.ids.tolist() == every.ids[expected][:15].tolist()
            np.testing.assert_allclose(ranking.scores, every.scores[expected][:15], rtol=1e-6)


def test_of_very_many_words_the_rarest_count(library: DocumentStore) -> None:
    words = " ".join(f"n{number}" for number in range(400))
    with library.read() as reader:
        ranking = reader.keyword.search(parse_query(f"common middling {words}"), 1_000)
    assert len(ranking.ids) == keyword.MAX_TERMS


# --- never more and never less than the documents


def test_what_is_replaced_or_removed_is_gone_to_the_last_term(store: DocumentStore) -> None:
    put(store, entry("a", "one two. ", "three ERR_4", title="Five"), entry("b", "two six", heading="seven"))
    check_index(store)
    put(store, entry("a", "eight two"), entry("c", "nine"))
    assert (found(store, "one three five err_4"), found(store, "eight")) == ([], [4])
    check_index(store)
    with store.write() as writer:
        writer.remove(["b"])
        assert writer.remove_matching({}) == 2
    assert found(store, "two six seven eight nine") == []
    check_index(store)
    with store.write() as writer:
        assert contents(writer)[:2] == [[], []]


def test_a_chunk_without_terms_has_no_row(store: DocumentStore) -> None:
    put(store, entry("empty", ""), entry("marks", "… 😀"), entry("title", "", title="a title"))
    with store.write() as writer:
        assert [row[0] for row in contents(writer)[1]] == [3]
    with store.write() as writer:
        writer.remove(["empty", "marks", "title"])
    check_index(store)


WORDS = ["cat", "cats", "C++", "err_1", "multi-agent", "getName", "中文字", "é", "the", "…", "a.b"]
TEXT = st.lists(st.sampled_from(WORDS), max_size=6).map(lambda words: " ".join(words) + "\n")
ENTRIES = st.builds(
    lambda id, texts, title, heading: entry(id, *texts, title=title, heading=heading),
    st.sampled_from("abcd"),
    st.lists(TEXT, min_size=1, max_size=3),
    st.none() | st.sampled_from(WORDS),
    st.none() | st.sampled_from(WORDS),
)
BATCHES = st.lists(ENTRIES, max_size=4, unique_by=lambda each: each.document.id)


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentStore]:
    """A store for all examples; nothing here is about durability, and each sync takes milliseconds."""
    store = DocumentStore.create(tmp_path_factory.mktemp("stores") / "c", CollectionSpec(2))
    with contextlib.closing(store._writer.raw_connection()) as connection:
        connection.cursor().execute("PRAGMA synchronous = OFF")
    yield store
    store.close()


@given(steps=st.lists(BATCHES | st.sampled_from("abcd"), max_size=8))
@settings(max_examples=30, deadline=None)
def test_after_any_changes_the_index_equals_one_made_anew(changing: DocumentStore, steps: list[object]) -> None:
    for step in steps:
        with changing.write() as writer:
            if isinstance(step, str):
                writer.remove([step])
            else:
                writer.put(step)
    check_index(changing)


# --- an index of other terms


def index_by_other_terms(root: Path) -> None:
    """What a process with other terms leaves, to which the word of the first chunk is `feline`."""
    with contextlib.closing(sqlite3.connect(root / DATABASE)) as connection:
        connection.execute("INSERT INTO keyword (keyword) VALUES ('delete-all')")
        connection.execute("INSERT INTO keyword (rowid, text) VALUES (1, 'feline')")
        connection.execute("UPDATE collection SET terms = '1 other'")
        connection.commit()


def test_it_is_made_anew_when_it_is_opened(store: DocumentStore) -> None:
    put(store, entry("a", "cats and dogs", title="Pets"))
    store.close()
    index_by_other_terms(store.root)
    again = DocumentStore.open(store.root)
    assert again.spec.terms == terms.VERSION
    assert (found(again, "cat"), found(again, "feline")) == ([1], [])
    check_index(again)


def test_it_refuses_to_be_searched_while_another_process_writes(
    store: DocumentStore, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, entry("a", "cats and dogs", title="Pets"))
    index_by_other_terms(store.root)
    reader = DocumentStore.open(store.root)
    assert "keyword index has to be made anew" in caplog.text
    for query in ("cat", '"cats and dogs"', "feline", "c*"):
        with pytest.raises(ConflictError, match="'1 other'"):
            found(reader, query)
    with reader.read() as snapshot:
        assert snapshot.document("a").text == "cats and dogs"
    store.close()
    assert found(DocumentStore.open(store.root), "cat") == [1]
    assert found(reader, "cat") == [1]


def test_it_is_made_anew_before_anything_is_written(store: DocumentStore) -> None:
    put(store, entry("a", "cats and dogs", title="Pets"), entry("b", "birds"))
    index_by_other_terms(store.root)
    with store.write() as writer:
        writer.remove(["a"])
    assert (found(store, "bird"), found(store, "cat"), found(store, "feline")) == ([2], [], [])
    check_index(store)


def test_a_search_that_began_before_finds_by_the_terms_of_before(store: DocumentStore) -> None:
    put(store, entry("a", "cats and dogs"))
    with store.read() as before:
        assert before.count(None) == 1
        index_by_other_terms(store.root)
        assert before.keyword.search(parse_query("cat"), 10).ids.tolist() == [1]
    with pytest.raises(ConflictError):
        found(store, "cat")


def test_joining_the_segments_changes_nothing_that_is_found(store: DocumentStore) -> None:
    for number in range(5):
        put(store, entry(f"{number}", f"text number n{number}"))
    before = found(store, "text n3")
    store.release_space()
    with store.read() as reader:
        assert reader._ask("SELECT count(DISTINCT segid) FROM keyword_idx") == [(1,)]
    assert found(store, "text n3") == before
    check_index(store)


def test_a_rare_term_weighs_more_and_an_unknown_one_nothing(library: DocumentStore) -> None:
    with library.read() as reader:
        rarity = reader.keyword.rarity(["common", "middl", "seldom", "unknown"])
    assert 0 < rarity["common"] < rarity["middl"] < rarity["seldom"]
    assert "unknown" not in rarity
