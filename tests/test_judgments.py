"""Judgments of people: kept with the collection, one a query and document, whatever becomes of the document."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes import FakeEmbedder

from semsearch import Collection, Document
from semsearch.errors import CollectionLockedError, DocumentNotFoundError, EmptyQueryError, InvalidRequestError
from semsearch.types import Judgment


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", model=FakeEmbedder()) as made:
        made.add([Document("cats", "the cat sat"), Document("dogs", "a dog barked")])
        yield made


def told(collection: Collection) -> list[tuple[str, str, int, bool]]:
    return [(each.query, each.document_id, each.grade, each.known) for each in collection.judgments()]


def test_a_judgment_is_returned_as_it_is_kept(collection: Collection) -> None:
    judgment = collection.judge("pets", "cats", 2)
    assert collection.judgments() == (judgment,)
    assert judgment == Judgment("pets", "cats", 2, judgment.judged, known=True)


def test_a_judgment_says_when_it_was_made(collection: Collection) -> None:
    judged = datetime.fromisoformat(collection.judge("pets", "cats", 2).judged)
    assert abs(datetime.now(UTC) - judged) < timedelta(minutes=1)


def test_judgments_are_in_the_order_of_query_and_document_id(collection: Collection) -> None:
    for query, document_id in [("z", "cats"), ("a", "dogs"), ("a", "cats")]:
        collection.judge(query, document_id, 1)
    assert told(collection) == [("a", "cats", 1, True), ("a", "dogs", 1, True), ("z", "cats", 1, True)]


def test_a_second_judgment_of_a_query_and_document_replaces_the_first(collection: Collection) -> None:
    collection.judge("pets", "cats", 0)
    collection.judge("pets", "cats", 3)
    assert told(collection) == [("pets", "cats", 3, True)]


def test_white_space_around_a_query_does_not_make_it_another_one(collection: Collection) -> None:
    collection.judge("pets", "cats", 1)
    collection.judge(" pets\n", "cats", 2)
    assert told(collection) == [("pets", "cats", 2, True)]


def test_judgments_are_there_when_the_collection_is_opened_again(collection: Collection, tmp_path: Path) -> None:
    collection.judge("pets", "cats", 1)
    with Collection.open(tmp_path / "c") as again:
        assert told(again) == [("pets", "cats", 1, True)]


def test_a_judgment_outlasts_its_document_and_knows_it_again_when_it_comes_back(collection: Collection) -> None:
    collection.judge("pets", "cats", 3)
    collection.remove(["cats"])
    assert told(collection) == [("pets", "cats", 3, False)]
    collection.add([Document("cats", "another text")])
    assert told(collection) == [("pets", "cats", 3, True)]


def test_a_judgment_is_kept_when_its_document_is_replaced_and_when_all_is_compacted(collection: Collection) -> None:
    collection.judge("pets", "cats", 3)
    collection.add([Document("cats", "a text about lions")])
    collection.compact()
    assert told(collection) == [("pets", "cats", 3, True)]


def test_a_judgment_changes_no_search(collection: Collection) -> None:
    before = collection.search("the cat").hits
    collection.judge("the cat", "dogs", 3)
    assert collection.search("the cat").hits == before


@pytest.mark.parametrize("document_id", ["nobody", "lone \ud800 surrogate", "nul \x00"])
def test_a_document_that_is_not_there_cannot_be_judged(collection: Collection, document_id: str) -> None:
    with pytest.raises(DocumentNotFoundError):
        collection.judge("pets", document_id, 1)
    assert told(collection) == []


@pytest.mark.parametrize("grade", [-1, 4, True, 1.0, "1", None])
def test_a_grade_is_a_whole_number_from_0_to_3(collection: Collection, grade: int) -> None:
    with pytest.raises(InvalidRequestError, match=r"grade is .*0 \(not relevant\) to 3"):
        collection.judge("pets", "cats", grade)


def test_a_query_to_judge_has_words(collection: Collection) -> None:
    with pytest.raises(EmptyQueryError):
        collection.judge(" \n", "cats", 1)


def test_an_id_to_judge_is_a_str(collection: Collection) -> None:
    with pytest.raises(InvalidRequestError, match="7 is no id"):
        collection.judge("pets", 7, 1)  # type: ignore[arg-type]


def test_what_no_text_can_have_is_replaced_in_a_query_as_it_is_in_a_search(collection: Collection) -> None:
    assert collection.judge("pe\x00ts", "cats", 1).query == "pe\ufffdts"


def test_a_second_writer_cannot_judge(collection: Collection, tmp_path: Path) -> None:
    with Collection.open(tmp_path / "c") as other, pytest.raises(CollectionLockedError):
        other.judge("pets", "cats", 1)
