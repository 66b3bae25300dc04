"""Queries without files: from the judgments of a collection, and from its documents."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeEmbedder

from semsearch import Collection, Document
from semsearch.errors import InvalidRequestError
from semsearch.evaluation import evaluate, judged_queries, known_items

FIRST, SECOND = "The cat sat on the mat.", "Then the dog barked at it!"


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", model=FakeEmbedder()) as made:
        made.add(
            [
                Document("cats", f"{FIRST} {SECOND}", title="Pets at home"),
                Document("untitled", "Interest rates were raised again."),
                Document("no text", "", title="Bread"),
                Document("short", "Too short."),
            ]
        )
        yield made


def test_the_judged_queries_are_their_own_ids(collection: Collection) -> None:
    collection.judge("pets", "cats", 3)
    collection.judge("pets", "short", 0)
    collection.judge("money", "untitled", 1)
    assert judged_queries(collection) == (
        {"pets": "pets", "money": "money"},
        {"pets": {"cats": 3, "short": 0}, "money": {"untitled": 1}},
    )


def test_judgments_can_be_evaluated_by_and_a_removed_document_is_counted(collection: Collection) -> None:
    collection.judge(FIRST, "cats", 3)
    collection.judge(FIRST, "short", 1)
    collection.remove(["short"])
    found = evaluate(collection, *judged_queries(collection), measures=["mrr@10", "recall@100"])
    assert (found.measures["mrr@10"].mean, found.measures["recall@100"].mean, found.unknown_documents) == (1.0, 0.5, 1)


def test_without_judgments_there_is_nothing_to_evaluate_by(collection: Collection) -> None:
    with pytest.raises(InvalidRequestError, match="no judgments in this collection"):
        judged_queries(collection)


def test_a_sentence_is_one_of_the_document_s_of_at_least_20_characters(collection: Collection) -> None:
    seen = set()
    for seed in range(20):
        queries, qrels = known_items(collection, "sentence", seed=seed)
        assert qrels == {"cats": {"cats": 1}, "untitled": {"untitled": 1}}
        assert queries["untitled"] == "Interest rates were raised again."
        seen.add(queries["cats"])
    assert seen == {FIRST, SECOND}


def test_titles_are_of_documents_that_have_a_title_and_a_text(collection: Collection) -> None:
    assert known_items(collection, "title") == ({"cats": "Pets at home"}, {"cats": {"cats": 1}})


def test_sentences_are_cut_at_ends_of_paragraphs_and_have_no_line_breaks_or_more_than_300_characters(
    tmp_path: Path,
) -> None:
    text = f"A heading without a full stop\n\nA sentence over\ntwo lines. {'long ' * 61}end."
    with Collection.create(tmp_path / "d", model=FakeEmbedder()) as made:
        made.add([Document("d", text)])
        found = {known_items(made, seed=seed)[0]["d"] for seed in range(20)}
    assert found == {"A heading without a full stop", "A sentence over two lines."}


def test_sentences_end_at_the_full_stops_of_chinese_and_japanese(tmp_path: Path) -> None:
    first, second = (
        "这是一个足够长的中文句子，它至少有二十个字符长。",
        "这是第二个足够长的中文句子，它也有二十多个字符！",
    )
    with Collection.create(tmp_path / "d", model=FakeEmbedder()) as made:
        made.add([Document("d", first + second)])
        assert {known_items(made, seed=seed)[0]["d"] for seed in range(20)} == {first, second}


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "many", model=FakeEmbedder()) as made:
        made.add(Document(f"d{n}", f"Sentence number {n} is about subject {n}.", title=f"Title {n}") for n in range(40))
        yield made


def test_a_sample_has_as_many_documents_as_were_asked_for_and_differs_by_its_seed(many: Collection) -> None:
    assert len(known_items(many, sample=7)[0]) == 7
    assert known_items(many, sample=7) == known_items(many, sample=7, seed=0)
    assert known_items(many, sample=7)[0].keys() != known_items(many, sample=7, seed=1)[0].keys()
    assert len(known_items(many)[0]) == 40


def test_documents_of_all_pages_are_drawn(many: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Collection.list
    monkeypatch.setattr(Collection, "list", lambda self, cursor, page_size: whole(self, cursor=cursor, page_size=9))
    assert len(known_items(many)[0]) == 40


def test_known_items_of_one_chunk_are_found_by_their_sentences(many: Collection) -> None:
    found = evaluate(many, *known_items(many), measures=["mrr@10", "success@1"])
    assert found.measures["success@1"].mean > 0.9
    wrong = {query_id: "d0" if query_id != "d0" else "d1" for query_id in found.run}
    queries, _ = known_items(many)
    missed = evaluate(
        many, queries, {query_id: {other: 1} for query_id, other in wrong.items()}, measures=["success@1"]
    )
    assert missed.measures["success@1"].mean < 0.1  # the measure can tell


def test_a_collection_without_such_documents_has_no_known_items(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "d", model=FakeEmbedder()) as made:
        made.add([Document("d", "Short.")])
        for kind in ("sentence", "title"):
            with pytest.raises(InvalidRequestError, match=f"no document of this collection has a {kind}"):
                known_items(made, kind)


@pytest.mark.parametrize("sample", [0, -1, 2.0, True])
def test_a_sample_has_at_least_one_document(collection: Collection, sample: int) -> None:
    with pytest.raises(InvalidRequestError, match="sample is"):
        known_items(collection, sample=sample)


def test_an_unknown_kind_of_known_items_is_an_error(collection: Collection) -> None:
    with pytest.raises(InvalidRequestError, match="found by sentence or title, not by 'author'"):
        known_items(collection, "author")
