"""Texts that are put together piece by piece, and the places in them."""

import pytest

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.structure import CELL, LINE, PARAGRAPH, Heading, TextBuilder, places_of
from semsearch.types import Place


def test_the_widest_gap_that_is_asked_for_lies_between_two_pieces() -> None:
    builder = TextBuilder(100)
    builder.part(PARAGRAPH)
    for text, gap in (("a", CELL), ("b", CELL), ("c", LINE), (" \n", PARAGRAPH), ("d", CELL)):
        builder.add(text, gap)
    assert builder.text == "a\tb\nc\n\nd"
    assert len(builder) == len(builder.text)


def test_places_begin_with_the_piece_that_follows_a_heading_or_a_page() -> None:
    builder = TextBuilder(100)
    builder.begin_page(1)
    builder.add("a")
    builder.begin_heading(1, "H")
    builder.add("b")
    builder.begin_page(2)
    builder.begin_page(3)
    builder.begin_heading(2, "I")
    builder.add("c")
    builder.begin_heading(1, "J")
    assert builder.text == "a\n\nb\n\nc"
    assert builder.places == (Place(0, None, 1), Place(3, "H", 1), Place(6, "I", 3))


def test_a_text_above_the_limit_is_refused_at_the_piece_that_passes_it() -> None:
    builder = TextBuilder(4)
    builder.add("abcd")
    with pytest.raises(InvalidDocumentError, match="has more than 4 characters of text"):
        builder.add("e")


def test_headings_are_told_with_all_those_above_them() -> None:
    headings = [
        Heading(0, 2, "A"),
        Heading(5, 4, " b\n c"),
        Heading(9, 3, "D"),
        Heading(12, 1, "E\0"),
        Heading(15, 1, ""),
    ]
    assert [(place.start, place.heading) for place in places_of(headings)] == [
        (0, "A"),
        (5, "A > b c"),
        (9, "A > D"),
        (12, "E\ufffd"),
    ]


def test_what_is_as_long_as_a_paragraph_is_no_heading() -> None:
    assert places_of([Heading(0, 1, "x" * 300), Heading(400, 2, "y" * 301)]) == (Place(0, "x" * 300),)
