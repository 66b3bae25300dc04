"""What the report on a collection finds, and what it leaves out."""

from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder

from semsearch.collection import Collection
from semsearch.errors import InvalidRequestError
from semsearch.reports import DuplicateGroup
from semsearch.types import Document, Place


def test_groups_of_chunks_hang_together_by_near_pairs_and_leave_out_those_within_one_document(tmp_path: Path) -> None:
    angles = {"a": 0.0, "b": 0.2, "c": 0.4, "far": 2.0, "alone": 4.0, "twin": 2.05}  # neighbours 0.2 apart: cosine .98
    with Collection.create(tmp_path / "c", dim=2) as collection:
        vectors = {name: [np.cos(angle), np.sin(angle)] for name, angle in angles.items()}
        collection.add(Document(name, f"text {name}", vector=vector) for name, vector in vectors.items())
        seen: list[int] = []
        report = collection.report(similarity=0.97, progress=seen.append)
    assert report.near_duplicate_groups == (
        DuplicateGroup(("a", "b", "c"), (1, 2, 3), "text a"),
        DuplicateGroup(("far", "twin"), (4, 6), "text far"),
    )
    assert (report.near_duplicates, seen[-1]) == (2, 6)


def test_chunks_of_one_document_are_no_duplicates(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", model=FakeEmbedder(max_tokens=6)) as collection:
        collection.add([Document("repeats", "the same words again\n\nthe same words again")])
        assert collection.count() == 1
        report = collection.report()
    assert (report.chunks, report.near_duplicates) == (2, 0)


def test_documents_with_the_same_text_and_languages_and_lengths_are_told(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", model=FakeEmbedder()) as collection:
        collection.add(
            [
                Document("a", "one text", {"language": "en"}),
                Document("b", "another", {"language": "en"}),
                Document("c", "one text", {"language": "de"}),
                Document("d", "a text without a language"),
            ]
        )
        report = collection.report(most=2)
    assert report.languages == {"en": 2, "de": 1, "": 1}
    assert (report.same_text, report.same_text_groups) == (1, (("a", "c"),))
    assert report.longest == (("d", 25), ("a", 8))


def test_pages_without_text_are_told_of_documents_that_have_text_on_others(tmp_path: Path) -> None:
    places = (Place(0, page=1), Place(4, page=3))
    with Collection.create(tmp_path / "c", model=FakeEmbedder()) as collection:
        collection.add(
            [
                Document("scanned", "one three", {"page_count": 4}, places=places),
                Document("whole", "one", {"page_count": 1}, places=(Place(0, page=1),)),
            ]
        )
        report = collection.report()
    assert (report.empty_pages, report.documents_with_empty_pages) == (2, (("scanned", (2, 4)),))


class Short(FakeEmbedder):
    """Has more tokens than it reads for every single character."""

    def count_tokens(self, texts: object) -> list[int]:
        return [len(text) * 20 for text in texts]  # type: ignore[attr-defined]


def test_chunks_that_the_model_does_not_read_to_their_end_are_told(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", model=Short()) as collection:
        collection.add([Document("a", "xy")])
        report = collection.report()
    assert (report.truncated_chunks, report.truncated) == (2, (("a", 2),))


def test_lists_are_cut_and_numbers_are_not(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", model=FakeEmbedder()) as collection:
        collection.add(Document(f"{text}{copy}", f"text {text}") for text in range(5) for copy in "ab")
        report = collection.report(most=2)
    assert (report.same_text, len(report.same_text_groups), len(report.longest)) == (5, 2, 2)


@pytest.mark.parametrize(("similarity", "most"), [(0.0, 1), (1.1, 1), (float("nan"), 1), (0.9, -1)])
def test_a_similarity_that_is_none_is_refused(tmp_path: Path, similarity: float, most: int) -> None:
    with Collection.create(tmp_path / "c", dim=2) as collection, pytest.raises(InvalidRequestError, match="similarity"):
        collection.report(similarity=similarity, most=most)
