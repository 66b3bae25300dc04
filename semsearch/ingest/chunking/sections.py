"""What of a document a chunk may not reach beyond, and under which heading and on which page it begins."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

from semsearch.ingest.chunking.graphemes import trimmed
from semsearch.types import Document, Place

_NOWHERE = Place(0)
_START = attrgetter("start")


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document, `document.text[start:end]`, without whitespace around it."""

    document: Document
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.document.text[self.start : self.end]

    def place(self, at: int) -> Place:
        """Where the character `at` lies."""
        before = bisect_right(self.document.places, at, key=_START)
        return self.document.places[before - 1] if before else _NOWHERE

    def places(self) -> tuple[Place, ...]:
        """The one of its first character, and those that begin behind it."""
        places = self.document.places
        more = places[bisect_right(places, self.start, key=_START) : bisect_left(places, self.end, key=_START)]
        return (self.place(self.start), *more)

    def new_headings(self) -> list[int]:
        """Where in it the heading changes."""
        return [place.start for before, place in pairwise(self.places()) if place.heading != before.heading]


def sections(document: Document, method: str) -> list[Section]:
    """The parts of a document that are cut each for itself: headings, pages, or all of it; blank ones are left out.

    There is at least one, empty if the text is blank.
    """
    text = document.text
    starts = [0, *_borders(document.places, method), len(text)]
    spans = [trimmed(text, start, end) for start, end in pairwise(starts)]
    return [Section(document, *span) for span in spans if span[0] < span[1]] or [Section(document, 0, 0)]


def _borders(places: tuple[Place, ...], method: str) -> Iterator[int]:
    """Where the heading, or the page, is no longer that of the place before."""
    if method not in ("headings", "pages"):
        return
    of = attrgetter("heading" if method == "headings" else "page")
    for before, place in pairwise((_NOWHERE, *places)):
        if of(place) != of(before):
            yield place.start
