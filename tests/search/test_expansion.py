"""The text around a hit: neighbours, sections and documents, to the character, and never without the hit."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeEmbedder
from hypothesis import assume, given
from hypothesis import strategies as st

from semsearch import Collection, Document
from semsearch.errors import InvalidRequestError
from semsearch.search import expansion
from semsearch.search.expansion import section_of
from semsearch.types import Chunking, Hit, Place

PARTS = {
    None: "ünï before the first heading",
    "Cats": "one cat\n\ntwo cats\n\nthree cats\n\nfour cats",
    "Cats > Food": "fish 🐟 and milk",
    "Dogs": "a dog barks",
}


def document(id: str = "pets") -> Document:
    text, places = "", []
    for heading, part in PARTS.items():
        if heading is not None:
            places.append(Place(len(text), heading, page=len(places) + 1))
        if heading == "Cats":  # a page ends within it
            places.append(Place(len(text) + part.index("three"), heading, page=7))
        text += part + "\n\n"
    return Document(id, text, places=tuple(places))


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """A section is a chunk, or several."""
    path = tmp_path_factory.mktemp("expansion") / "c"
    with Collection.create(path, model=FakeEmbedder(max_tokens=10), chunking=Chunking("headings")) as made:
        made.add([Document("first", "other\n\ntexts"), document(), Document("last", "at the end")])
        yield made


def hit_on(collection: Collection, text: str, expand: object) -> Hit:
    [hit] = [each for each in collection.search(text, k=99, expand=expand).hits if text in each.text]
    return hit


@pytest.mark.parametrize("expand", [1, 2, 50, "section", "document"])
def test_what_is_around_a_hit_is_in_its_document_to_the_character(collection: Collection, expand: object) -> None:
    hits = collection.search("cats", k=99, expand=expand).hits
    assert len(hits) == collection.info().chunks
    for hit in hits:
        around = hit.expansion
        assert around is not None
        assert collection.get(hit.document_id).text[around.start : around.end] == around.text
        assert around.start <= hit.start < hit.end <= around.end


def test_neighbours_are_so_many_chunks_on_either_side_as_far_as_there_are(collection: Collection) -> None:
    chunks = sorted(collection.search("cats", k=99).hits, key=lambda hit: hit.chunk_id)
    for number in (1, 3, 100):
        for hit in collection.search("cats", k=99, expand=number).hits:
            near = [each for each in chunks if abs(each.chunk_id - hit.chunk_id) <= number]
            near = [each for each in near if each.document_id == hit.document_id]
            assert hit.expansion is not None
            assert (hit.expansion.start, hit.expansion.end) == (near[0].start, near[-1].end)


def test_a_section_is_what_has_the_same_heading_whatever_its_pages(collection: Collection) -> None:
    for text, heading in (("two cats", "Cats"), ("four cats", "Cats"), ("fish", "Cats > Food"), ("barks", "Dogs")):
        hit = hit_on(collection, text, "section")
        assert hit.heading == heading
        assert hit.expansion is not None
        assert hit.expansion.text.strip() == PARTS[heading]
    before = hit_on(collection, "before the first", "section").expansion
    assert before is not None
    assert before.text.strip() == PARTS[None]


def test_a_document_is_its_whole_text(collection: Collection) -> None:
    hit = hit_on(collection, "two cats", "document")
    assert hit.expansion is not None
    assert hit.expansion.text == collection.get("pets").text


def test_hits_are_the_same_with_what_is_around_them(collection: Collection) -> None:
    plain, found = (collection.search("cats", expand=expand) for expand in (None, 2))
    assert [hit.chunk_id for hit in found.hits] == [hit.chunk_id for hit in plain.hits]
    assert {hit.expansion for hit in plain.hits} == {None}
    assert ("expand" in plain.profile.milliseconds, "expand" in found.profile.milliseconds) == (False, True)


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 5)), max_size=6), st.integers(0, 5), st.data())
def test_a_section_holds_all_characters_with_the_heading_next_to_one(
    parts: list[tuple[str, int]], before: int, data: st.DataObject
) -> None:
    places, headings = [], [""] * before
    for heading, size in parts:
        places.append(Place(len(headings), heading))
        headings += heading * size
    assume(headings)
    at = data.draw(st.integers(0, len(headings) - 1))
    start, end = section_of(places, at, len(headings))
    assert start <= at < end
    assert set(headings[start:end]) == {headings[at]}
    assert [headings[each] for each in (start - 1, end) if 0 <= each < len(headings)].count(headings[at]) == 0


@pytest.mark.parametrize("word", ["begin", "middle", "end"])
def test_of_a_long_text_the_part_around_the_hit_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(expansion, "MOST", 60)
    filler = "\n\n".join(["some other words here"] * 10)
    text = f"the begin of it\n\n{filler}\n\nthe middle of it\n\n{filler}\n\nthe end of it"
    with Collection.create(tmp_path / "c", model=FakeEmbedder(max_tokens=7)) as made:
        made.add([Document("long", text)])
        hit = hit_on(made, word, "document")
    around = hit.expansion
    assert around is not None
    assert len(around.text) == 60
    assert around.start <= hit.start < hit.end <= around.end
    assert text[around.start : around.end] == around.text


def test_a_hit_is_never_cut(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "MOST", 3)
    for hit in collection.search("cats", expand="document").hits:
        assert hit.expansion is not None
        assert hit.text in hit.expansion.text


@pytest.mark.parametrize("expand", [0, -1, 101, True, 1.0, "chapter", "2"])
def test_what_cannot_be_around_a_hit_is_refused(collection: Collection, expand: object) -> None:
    with pytest.raises(InvalidRequestError, match="it has to be a number of neighbours"):
        collection.search("cats", expand=expand)
