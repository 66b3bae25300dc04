"""Collection with the fake model: what users are promised, seen from outside."""

import base64
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder
from synthetic import clustered

from semsearch import Chunking, Collection, Document, Place
from semsearch.errors import (
    CollectionExistsError,
    CollectionLockedError,
    CollectionNotFoundError,
    DimensionMismatchError,
    DocumentNotFoundError,
    EmbedderMismatchError,
    EmptyQueryError,
    InvalidFilterError,
    InvalidRequestError,
    InvalidVectorError,
    MissingDependencyError,
)
from semsearch.reports import Progress
from semsearch.store.reader import StoreReader
from semsearch.types import Failure

TEXTS = {
    "cats": "the cat sat on the mat and purred",
    "dogs": "a dog barked at the cat next door",
    "rates": "the bank raised interest rates again",
    "bread": "knead the dough and bake the bread",
}


def documents() -> list[Document]:
    return [
        Document(name, text, {"n": number, "pet": name in {"cats", "dogs"}}, source=f"{name}.txt")
        for number, (name, text) in enumerate(TEXTS.items())
    ]


@pytest.fixture
def model() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def collection(tmp_path: Path, model: FakeEmbedder) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", model=model) as made:
        made.add(documents())
        yield made


def found(collection: Collection, query: str, **options: object) -> list[tuple[str, float]]:
    return [(hit.document_id, hit.score) for hit in collection.search(query, **options).hits]


# --- finding


def test_a_document_finds_itself_first_with_a_score_of_one(collection: Collection) -> None:
    for name, text in TEXTS.items():
        [first, *_] = found(collection, text)
        assert first == (name, pytest.approx(1.0, abs=1e-3))


def test_hits_are_ranked_and_carry_their_documents_data(collection: Collection) -> None:
    result = collection.search("the cat sat", k=2)
    assert [hit.rank for hit in result.hits] == [1, 2]
    first = result.hits[0]
    assert (first.document_id, first.text, first.source) == ("cats", TEXTS["cats"], "cats.txt")
    assert first.metadata == {"n": 0, "pet": True}
    assert (result.query, result.mode) == ("the cat sat", "hybrid")


def test_documents_are_cut_as_the_collection_says_and_hits_tell_heading_and_page(tmp_path: Path) -> None:
    text = "cats sleep all day dogs bark at night"
    places = (Place(0, "Cats", 1), Place(text.index("dogs"), "Dogs", 2))
    chunking = Chunking("headings", 16, 2)
    with Collection.create(tmp_path / "c", model=FakeEmbedder(max_tokens=32), chunking=chunking) as made:
        assert made.add([Document("pets", text, places=places)]).chunks == 2
    with Collection.open(tmp_path / "c", model=FakeEmbedder(max_tokens=32)) as collection:
        assert collection.info().chunking == chunking
        hit = collection.search("dogs bark", k=1).hits[0]
        assert (hit.text, hit.heading, hit.page) == ("dogs bark at night", "Dogs", 2)
        long = Document("long", " ".join(f"word{number}." for number in range(40)))
        assert collection.add([long]).chunks == 4


def test_a_chunk_that_one_character_makes_too_long_is_counted_as_truncated(tmp_path: Path) -> None:
    class LongCharacters(FakeEmbedder):
        def count_tokens(self, texts: Sequence[str]) -> list[int]:
            return [2 + len(text) + 20 * text.count("x") for text in texts]

    with Collection.create(tmp_path / "c", model=LongCharacters()) as collection:
        assert collection.add([Document("a", "b x"), Document("b", "b b")]).truncated == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"chunking": Chunking("words")}, "'words'; it has to be one of"),
        ({"chunking": Chunking(tokens=17)}, "this model allows 16 to 16"),
        ({"dim": 3, "model": None, "chunking": Chunking(overlap=1)}, "without a model"),
    ],
)
def test_a_chunking_that_is_not_to_be_had_is_refused_and_nothing_is_created(
    tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        Collection.create(tmp_path / "c", **{"model": FakeEmbedder(), **arguments})
    assert not (tmp_path / "c").exists()


def test_every_citation_resolves(tmp_path: Path) -> None:
    text = "\r\n".join(f"Grüße {number} 😀 aus 東京\tund é́ anderswo" for number in range(100))
    with Collection.create(tmp_path / "c", model=FakeEmbedder()) as collection:
        collection.add([Document("long", text, title="Ein Titel")])
        hits = collection.search("Grüße aus 東京", k=1_000).hits
    assert len(hits) > 20
    assert all(text[hit.start : hit.end] == hit.text for hit in hits)


def test_the_order_of_insertion_is_of_no_importance(collection: Collection, tmp_path: Path) -> None:
    with Collection.create(tmp_path / "reversed", model=FakeEmbedder()) as other:
        other.add(reversed(documents()))
        assert found(other, "cat on a mat") == found(collection, "cat on a mat")


def test_removing_the_first_hit_promotes_the_second(collection: Collection) -> None:
    before = found(collection, "the cat", mode="semantic")
    collection.remove([before[0][0]])
    assert found(collection, "the cat", mode="semantic") == before[1:]


def test_closed_and_opened_it_answers_the_same(collection: Collection, model: FakeEmbedder) -> None:
    before, path = collection.search("cat and dog").hits, collection.info().path
    collection.close()
    with Collection.open(path, model=model) as again:
        assert again.search("cat and dog").hits == before


def test_exact_search_and_a_target_of_one_are_the_same_as_the_default_here(collection: Collection) -> None:
    assert (
        found(collection, "bake", exact=True)
        == found(collection, "bake", target_recall=1.0)
        == found(collection, "bake")
    )


def test_k_beyond_the_collection_gives_everything(collection: Collection) -> None:
    assert len(found(collection, "cat", k=99)) == 4
    assert len(found(collection, "cat", k=np.int64(99))) == 4


def test_an_empty_collection_gives_no_hits(tmp_path: Path, model: FakeEmbedder) -> None:
    with Collection.create(tmp_path / "empty", model=model) as empty:
        assert empty.search("anything").hits == ()
        assert empty.search("anything", filter={}).hits == ()
        assert empty.context("anything").text == ""


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"pet": True}, {"cats", "dogs"}),
        ({"n": {"$gte": 2}}, {"rates", "bread"}),
        ({}, {"cats", "dogs", "rates", "bread"}),
        ({"n": 99}, set()),
        ({"n": {"$in": []}}, set()),
    ],
)
def test_a_filtered_search_gives_all_that_match_and_nothing_else(
    collection: Collection, filter: dict[str, object], expected: set[str]
) -> None:
    result = collection.search("the cat", k=10, filter=filter)
    assert {hit.document_id for hit in result.hits} == expected
    assert result.profile.matches == len(expected)


def test_a_repeated_filter_costs_no_sql_until_something_changes(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    original = StoreReader.chunk_ids

    def counted(reader: StoreReader, filter: dict[str, object]) -> object:
        asked.append(filter)
        return original(reader, filter)

    monkeypatch.setattr(StoreReader, "chunk_ids", counted)
    for filter in ({"pet": True}, {"pet": True}, {"n": 1}, {"pet": 1}, {"pet": True}):
        collection.search("cat", filter=filter)
    assert asked == [{"pet": True}, {"n": 1}, {"pet": 1}]
    collection.add([Document("lions", "the lion is a large cat", {"pet": True})])
    assert {name for name, _ in found(collection, "cat", filter={"pet": True})} == {"cats", "dogs", "lions"}
    assert len(asked) == 4


def test_the_profile_says_what_was_done(collection: Collection) -> None:
    profile = collection.search("cat").profile
    assert (profile.path, profile.scanned, profile.nprobe, profile.matches) == ("exact", 4, None, None)
    assert list(profile.milliseconds) == ["embed", "filter", "vectors", "keyword", "fusion", "fetch"]
    assert all(value >= 0 for value in profile.milliseconds.values())
    by_words = collection.search("cat", mode="keyword", explain=True).profile
    assert (by_words.path, by_words.search_device, by_words.scanned, by_words.nprobe) == (None, None, 0, None)
    assert list(by_words.milliseconds) == ["embed", "filter", "keyword", "fetch", "explain"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"query": ""}, EmptyQueryError, "empty"),
        ({"query": " \n"}, EmptyQueryError, "empty"),
        ({}, InvalidRequestError, "say what to search for"),
        ({"query": "x", "vector": [1.0] * 32, "mode": "semantic"}, InvalidRequestError, "both given"),
        ({"query": "x", "vector": [1.0] * 32, "mode": "keyword"}, InvalidRequestError, "both given"),
        ({"vector": [1.0] * 32, "mode": "hybrid"}, InvalidRequestError, "only a vector"),
        ({"vector": [1.0] * 32, "mode": "keyword"}, InvalidRequestError, "only a vector"),
        ({"query": "x", "fusion": "magic"}, InvalidRequestError, "fusion is 'magic'.*convex, rrf"),
        ({"query": "x", "k": 0}, InvalidRequestError, "k is 0"),
        ({"query": "x", "k": 2.5}, InvalidRequestError, "k is 2.5"),
        ({"query": "x", "k": True}, InvalidRequestError, "k is True"),
        ({"query": "x", "k": "3"}, InvalidRequestError, "k is '3'"),
        ({"query": "x", "mode": "telepathy"}, InvalidRequestError, "'telepathy'.*semantic, keyword, hybrid"),
        ({"query": "x", "filter": {"n": {"$near": 1}}}, InvalidFilterError, r"\$near"),
        ({"query": "x", "filter": ["n"]}, InvalidFilterError, "list|\\['n'\\]"),
        ({"query": "x", "target_recall": 0.0}, InvalidRequestError, "target_recall is 0.0"),
        ({"query": "x", "target_recall": 1.5, "exact": True}, InvalidRequestError, "target_recall is 1.5"),
        ({"vector": [1.0, 2.0]}, DimensionMismatchError, "2 numbers.* of 32"),
        ({"vector": [0.0] * 32}, InvalidVectorError, "all zero"),
        ({"vector": np.ones((2, 32))}, InvalidVectorError, "there are 2"),
    ],
)
def test_a_wrong_request_is_named(
    collection: Collection, options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        collection.search(**options)


def test_a_search_writes_nothing(collection: Collection) -> None:
    root = Path(collection.info().path)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and path.suffix != ".db-shm"}
    collection.search("cat", filter={"pet": True})
    after = {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and path.suffix != ".db-shm"}
    assert after == before


# --- adding and removing


def test_adding_twice_equals_adding_once_and_embeds_once(collection: Collection, model: FakeEmbedder) -> None:
    embedded, before = model.document_texts, found(collection, "the cat")
    report = collection.add(documents())
    assert (report.added, report.updated, report.skipped, report.chunks) == (0, 0, 4, 0)
    assert model.document_texts == embedded
    assert found(collection, "the cat") == before


def test_new_metadata_alone_is_stored_without_embedding(collection: Collection, model: FakeEmbedder) -> None:
    embedded = model.document_texts
    report = collection.add([replace(documents()[0], metadata={"n": 77}, source="elsewhere")])
    assert (report.updated, report.chunks) == (1, 0)
    assert model.document_texts == embedded
    assert collection.get("cats").metadata == {"n": 77}
    [hit] = collection.search("cat", filter={"n": 77}).hits
    assert (hit.document_id, hit.source) == ("cats", "elsewhere")


@pytest.mark.parametrize("change", [{"text": "the sea at night"}, {"title": "the sea at night"}])
def test_new_text_or_title_replaces_what_is_found(collection: Collection, change: dict[str, str]) -> None:
    report = collection.add([replace(documents()[0], **change)])
    assert (report.added, report.updated, report.chunks) == (0, 1, 1)
    assert found(collection, "the sea at night")[0][0] == "cats"
    assert collection.count() == 4


def test_refused_documents_are_reported_and_stop_no_other(collection: Collection) -> None:
    bad = [
        Document("new", "something new"),
        Document("new", "the same id again", source="second.txt"),
        Document("blank", " \n "),
        Document("", "no id"),
        Document("x" * 2_000, "a long id"),
        Document("number", 5),  # type: ignore[arg-type]
        Document("nan", "text", {"a": float("nan")}),
        Document("dotted", "text", {"a.b": 1}),
        Document("own", "text", vector=[1.0] * 32),
        Failure("page.pdf", "it is encrypted"),
        Document("last", "the last one"),
    ]
    report = collection.add(bad)
    assert report.added == 2
    assert [failure.document_id for failure in report.failed] == [
        "new", "blank", "", "x" * 2_000, "number", "nan", "dotted", "own", None
    ]  # fmt: skip
    reasons = {failure.where: failure.reason for failure in report.failed}
    assert "occurs twice" in reasons["second.txt"]
    assert "is empty" in reasons["document 'blank'"]
    assert "1 to 1024 characters" in reasons["document ''"]
    assert "metadata.a is nan" in reasons["document 'nan'"]
    assert "'a.b'" in reasons["document 'dotted'"]
    assert "made by its model" in reasons["document 'own'"]
    assert reasons["page.pdf"] == "it is encrypted"
    assert collection.get("new").text == "something new"
    assert collection.count() == 6


def test_nul_and_lone_surrogates_are_replaced_one_for_one_and_reported(collection: Collection) -> None:
    report = collection.add([Document("odd", "a\x00b\ud800c", title="t\x00")])
    assert (report.added, report.replaced) == (1, 3)
    assert collection.get("odd") == Document("odd", "a\ufffdb\ufffdc", title="t\ufffd")


def test_a_title_alone_can_be_found(collection: Collection) -> None:
    collection.add([Document("film", "", title="The Third Man")])
    [hit, *_] = collection.search("third man").hits
    assert (hit.document_id, hit.start, hit.end, hit.text) == ("film", 0, 0, "")


def test_progress_is_told_after_each_commit(tmp_path: Path) -> None:
    seen: list[Progress] = []
    durable: list[int] = []
    with Collection.create(tmp_path / "c", model=FakeEmbedder()) as collection:

        def progress(state: Progress) -> None:
            seen.append(state)
            durable.append(collection.count())

        collection.add((Document(str(number), f"text {number}") for number in range(2_100)), progress=progress)
    assert [state.documents for state in seen] == [1_024, 2_048, 2_100] == durable
    assert [state.chunks for state in seen] == [1_024, 2_048, 2_100]
    assert [state.tokens for state in seen] == sorted({state.tokens for state in seen})


def finished(work: Callable[[], object]) -> bool:
    """Whether a thread comes to the end of this, and does not wait for itself or for another one."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


def test_documents_may_add_remove_and_compact_themselves_while_they_are_read(collection: Collection) -> None:
    def reading() -> Iterator[Document]:
        collection.add([Document("inner", "added meanwhile")])
        collection.remove(["cats"])
        collection.compact()
        yield Document("outer", "the one that is read")

    assert finished(lambda: collection.add(reading()))
    assert {summary.id for summary in collection.list().documents} == {"dogs", "rates", "bread", "inner", "outer"}


def test_progress_may_add_as_well(collection: Collection) -> None:
    inner = [Document("inner", "added meanwhile")]
    assert finished(lambda: collection.add([Document("outer", "x")], progress=lambda _: collection.add(inner)))
    assert collection.count() == 6


def test_removing_does_not_wait_for_another_threads_add(collection: Collection) -> None:
    def reading() -> Iterator[Document]:
        yield Document("outer", "the one that is read")
        assert finished(lambda: collection.remove(["cats"]))

    assert collection.add(reading()).added == 1
    assert collection.count() == 4


def test_removing_by_id_tells_what_was_not_there(collection: Collection) -> None:
    report = collection.remove(["cats", "unknown", "cats"])
    assert (report.removed, report.missing) == (1, ("unknown",))
    with pytest.raises(DocumentNotFoundError, match="'cats'"):
        collection.get("cats")


def test_removing_by_filter_removes_what_matches(collection: Collection) -> None:
    assert collection.remove(filter={"pet": True}).removed == 2
    assert {name for name, _ in found(collection, "cat")} == {"rates", "bread"}
    assert collection.remove(filter={"pet": True}).removed == 0


def test_an_id_that_no_document_can_have_is_missing(collection: Collection) -> None:
    report = collection.remove(["cats", "\ud800", "dogs\x00"])
    assert (report.removed, report.missing) == (1, ("\ud800", "dogs\x00"))


def test_an_id_that_is_no_str_is_refused_and_nothing_is_removed(collection: Collection) -> None:
    collection.add([Document("5", "a number for a name")])
    with pytest.raises(InvalidRequestError, match="5 is no id"):
        collection.remove(["cats", 5])  # type: ignore[list-item]
    assert collection.count() == 5


@pytest.mark.parametrize("arguments", [{}, {"ids": ["cats"], "filter": {}}])
def test_removing_needs_either_ids_or_a_filter(collection: Collection, arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidRequestError, match="either by ids, or by a filter"):
        collection.remove(**arguments)
    assert collection.count() == 4


# --- looking


def test_list_gives_pages_in_the_order_of_addition(collection: Collection) -> None:
    names, cursor, pages = [], None, 0
    while True:
        page = collection.list(cursor=cursor, page_size=2)
        names += [summary.id for summary in page.documents]
        pages += 1
        if (cursor := page.cursor) is None:
            break
    assert (names, pages) == (list(TEXTS), 2)
    assert page.documents[0].characters == len(TEXTS["rates"])


def test_list_takes_a_filter(collection: Collection) -> None:
    page = collection.list(filter={"pet": False})
    assert ([summary.id for summary in page.documents], page.cursor) == (["rates", "bread"], None)
    assert collection.count({"pet": False}) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"cursor": "nonsense"},
        {"cursor": "é"},
        {"cursor": base64.urlsafe_b64encode(b"9" * 30).decode()},
        {"cursor": base64.urlsafe_b64encode(b"-1").decode()},
        {"page_size": 0},
        {"page_size": 10_001},
        {"page_size": 2**63},
    ],
)
def test_a_wrong_page_is_named(collection: Collection, arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidRequestError, match=next(iter(arguments))):
        collection.list(**arguments)


@pytest.mark.parametrize("document_id", ["\ud800", "cats\x00", ""])
def test_an_id_that_cannot_be_stored_is_not_found(collection: Collection, document_id: str) -> None:
    with pytest.raises(DocumentNotFoundError):
        collection.get(document_id)


def test_info_counts_what_is_there(collection: Collection) -> None:
    info = collection.info()
    assert (info.name, info.documents, info.chunks, info.tail, info.tombstones) == ("c", 4, 4, 4, 0)
    assert (info.model, info.dim, info.max_tokens, info.index, info.degraded) == ("fake", 32, 16, None, None)
    assert info.bytes > 8_192
    collection.remove(["cats"])
    assert (collection.info().documents, collection.info().tail, collection.info().tombstones) == (3, 3, 1)


def test_context_fits_its_budget_and_its_citations_resolve(collection: Collection) -> None:
    context = collection.context("the cat", token_budget=25)
    assert context.tokens <= 25
    assert [citation.number for citation in context.citations] == list(range(1, len(context.citations) + 1))
    assert len(context.citations) + context.omitted == 4
    for citation in context.citations:
        text = collection.get(citation.document_id).text[citation.start : citation.end]
        assert f"[{citation.number}] {citation.document_id}\n{text}" in context.text


def test_context_counts_with_the_function_it_is_given(collection: Collection) -> None:
    context = collection.context("the cat", token_budget=100, count_tokens=len)
    assert len(context.text) == context.tokens <= 100
    assert len(context.citations) == 2


# --- the model


def test_another_model_is_refused_before_anything_is_embedded(collection: Collection) -> None:
    other = FakeEmbedder(fingerprint="another")
    with pytest.raises(EmbedderMismatchError, match=r"fake-finger.*another"):
        Collection.open(collection.info().path, model=other)
    assert other.document_texts == other.query_texts == 0


def test_the_model_under_a_name_is_checked_when_it_is_loaded(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collection.info().path
    collection.close()
    other = FakeEmbedder(fingerprint="changed meanwhile")
    monkeypatch.setattr("semsearch.embedders.pinned.load_embedder", lambda *_: other)
    with Collection.open(path) as again:
        assert again.count() == 4
        with pytest.raises(EmbedderMismatchError):
            again.search("cat")
        with pytest.raises(EmbedderMismatchError):
            again.add([Document("new", "text")])


def test_no_model_is_loaded_for_what_needs_none(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: str) -> FakeEmbedder:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("semsearch.embedders.pinned.load_embedder", refuse)
    with Collection.open(collection.info().path) as again:
        again.get("cats"), again.list(), again.count(), again.info()
        assert again.search(vector=FakeEmbedder().embed_queries(["cat"])[0]).hits[0].document_id in {"cats", "dogs"}
        with pytest.raises(InvalidRequestError, match="k is -1"):
            again.search("cat", k=-1)
        with pytest.raises(InvalidFilterError):
            again.search("cat", filter={"n": {"$near": 1}})


# --- vectors that are brought along


def test_vectors_that_are_brought_along_are_found(tmp_path: Path) -> None:
    vectors = clustered(50, 12)
    with Collection.create(tmp_path / "own", dim=12) as own:
        report = own.add(Document(str(n), "", {"n": n}, vector=7 * vector) for n, vector in enumerate(vectors))
        assert (report.added, report.chunks) == (50, 50)
        hits = own.search(vector=0.1 * vectors[17], k=3).hits
        assert (hits[0].document_id, hits[0].score) == ("17", pytest.approx(1.0, abs=1e-3))
        assert own.add([Document("17", "", {"n": 17}, vector=vectors[17])]).skipped == 1
        assert own.add([Document("17", "", {"n": 17}, vector=vectors[3])]).updated == 1
        assert own.info().model is None


def test_what_needs_a_model_is_refused_without_one(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "own", dim=3) as own:
        report = own.add(
            [Document("a", "text"), Document("b", "text", vector=[1, 2]), Document("c", "t", vector=[1, 2, 3])]
        )
        assert [failure.document_id for failure in report.failed] == ["a", "b"]
        assert "no model to make one" in report.failed[0].reason
        assert "2 numbers" in report.failed[1].reason
        for mode in ("semantic", "hybrid"):
            with pytest.raises(InvalidRequestError, match="pass a vector, or search with the mode keyword"):
                own.search("text", mode=mode)
        with pytest.raises(InvalidRequestError, match="pass count_tokens"):
            own.context(vector=[1, 2, 3])
        assert own.context(vector=[1, 2, 3], count_tokens=len).citations[0].document_id == "c"


def test_a_model_for_a_collection_without_one_is_refused(tmp_path: Path) -> None:
    Collection.create(tmp_path / "own", dim=3).close()
    with pytest.raises(EmbedderMismatchError, match="has no model"):
        Collection.open(tmp_path / "own", model=FakeEmbedder())


@pytest.mark.parametrize(
    "arguments",
    [
        {"dim": 0}, {"dim": -3}, {"dim": 65_537}, {"dim": 10**30}, {"dim": 2.0}, {"dim": True},
        {"dim": 3, "model": "x"}, {"dim": 3, "model": ""}, {"model": ""},
    ],
)  # fmt: skip
def test_creating_with_a_wrong_dim_or_model_makes_nothing(tmp_path: Path, arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidRequestError):
        Collection.create(tmp_path / "own", **arguments)
    assert not (tmp_path / "own").exists()


def test_vectors_of_the_largest_dim_are_found(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "own", dim=65_536) as own:
        own.add([Document("a", "", vector=np.ones(65_536))])
        assert own.search(vector=np.ones(65_536)).hits[0].score == pytest.approx(1.0, abs=1e-3)


def test_where_something_is_already_no_model_is_loaded(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: str) -> FakeEmbedder:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("semsearch.collection.models.load_embedder", refuse)
    with pytest.raises(CollectionExistsError):
        Collection.create(collection.info().path, model="fake")


def test_info_tells_the_device_asked_for_until_the_model_tells_its_own(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert collection.info().device is None  # the fake has none
    loaded = FakeEmbedder()
    loaded.device = "cpu"  # type: ignore[attr-defined]
    monkeypatch.setattr("semsearch.embedders.pinned.load_embedder", lambda *_: loaded)
    with Collection.open(collection.info().path) as again:
        assert again.info().device == "auto"
        again.search("cat")
        assert again.info().device == "cpu"
    with Collection.open(collection.info().path, model=loaded) as at_hand:
        assert at_hand.info().device == "cpu"


# --- life of a collection


def test_creating_twice_and_opening_nothing_are_errors(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(CollectionExistsError):
        Collection.create(tmp_path / "c", dim=3)
    with pytest.raises(CollectionNotFoundError, match="nowhere"):
        Collection.open(tmp_path / "nowhere")


def test_drop_deletes_the_collection_and_nothing_else(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(CollectionLockedError):
        Collection.drop(tmp_path / "c")
    collection.close()
    (tmp_path / "c" / "notes.txt").write_text("mine")
    assert Collection.drop(tmp_path / "c") == [tmp_path / "c" / "notes.txt"]
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["notes.txt"]
    with pytest.raises(CollectionNotFoundError):
        Collection.drop(tmp_path / "c")


def test_a_damaged_collection_can_be_dropped(collection: Collection, tmp_path: Path) -> None:
    collection.close()
    (tmp_path / "c" / "collection.db").write_bytes(b"garbage")
    assert Collection.drop(tmp_path / "c") == []
    assert not (tmp_path / "c").exists()


def test_without_faiss_a_large_collection_is_stored_and_told_which_extra_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    monkeypatch.setattr("semsearch.index.sizing.INDEX_FROM", 100)
    vectors = clustered(200, 4)
    with Collection.create(tmp_path / "own", dim=4) as own:
        report = own.add(Document(str(n), "", vector=vector) for n, vector in enumerate(vectors))
        assert report.added == own.count() == 200
        assert "semsearch[cpu]" in str(report.maintenance)
        with pytest.raises(MissingDependencyError, match=r"semsearch\[cpu\]"):
            own.compact()
        assert own.search(vector=vectors[3], k=1).hits[0].document_id == "3"
