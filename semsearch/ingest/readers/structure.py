"""Where headings and pages of a text are: `TextBuilder` for texts that are put together, `places_of` for others.

What a heading or a page is in a format is the business of its own module.
"""

from collections.abc import Iterable
from typing import NamedTuple

from semsearch.errors import InvalidDocumentError
from semsearch.store.texts import storable
from semsearch.types import Place

CELL, LINE, PARAGRAPH = 0, 1, 2  # what lies between two pieces of a text, from the least on
_GAPS = ("\t", "\n", "\n\n")
_LONGEST_HEADING = 300  # characters; what is longer is a paragraph that someone formatted as one


class Heading(NamedTuple):
    """A heading, the character where it begins, and its level: 1 is the outermost."""

    start: int
    level: int
    title: str


def places_of(headings: Iterable[Heading]) -> tuple[Place, ...]:
    """The places of a text from its headings, in their order."""
    outline = _Outline()
    for heading in headings:
        outline.add_heading(*heading)
    return tuple(outline.places)


class TextBuilder:
    """A text that is put together piece by piece, with its places.

    Args:
        most: characters that it may have; InvalidDocumentError when it gets more.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pieces: list[str] = []
        self._size = 0
        self._gap = CELL
        self._outline = _Outline()
        self._heading: tuple[int, str] | None = None
        self._page: int | None = None

    def add(self, text: str, gap: int = PARAGRAPH) -> None:
        """Add a piece, with at least this gap before and after it; one without text only widens the gap."""
        self.part(gap)
        if not text.strip():
            return
        if self._pieces:
            self._append(_GAPS[self._gap])
        if self._page is not None:
            self._outline.add_page(self._size, self._page)
        if self._heading is not None:
            self._outline.add_heading(self._size, *self._heading)
        self._page = self._heading = None
        self._append(text)
        self._gap = gap

    def part(self, gap: int) -> None:
        """Have at least this gap before the next piece."""
        self._gap = max(self._gap, gap)

    def begin_heading(self, level: int, title: str) -> None:
        """Say that the next piece begins with this heading, or is what comes after it."""
        self._heading = (level, title)

    def begin_page(self, number: int) -> None:
        """Say that the next piece is on this page, under none of the headings so far; a page may stay without text."""
        self._page, self._heading = number, None

    def __len__(self) -> int:
        return self._size

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(self._outline.places)

    def _append(self, piece: str) -> None:
        self._size += len(piece)
        if self._size > self._most:
            raise too_long(self._most)
        self._pieces.append(piece)


def too_long(most: int) -> InvalidDocumentError:
    """The error for a text of more than `most` characters."""
    return InvalidDocumentError(f"has more than {most:,} characters of text; split it")


class _Outline:
    def __init__(self) -> None:
        self.places: list[Place] = []
        self._above: list[tuple[int, str]] = []
        self._page: int | None = None

    def add_heading(self, start: int, level: int, title: str) -> None:
        title, _ = storable(" ".join(title.split()))
        if not title or len(title) > _LONGEST_HEADING:
            return
        self._above = [*(above for above in self._above if above[0] < level), (level, title)]
        self._add(start)

    def add_page(self, start: int, number: int) -> None:
        self._above = []
        self._page = number
        self._add(start)

    def _add(self, start: int) -> None:
        if self.places and self.places[-1].start == start:
            self.places.pop()
        heading = " > ".join(title for _, title in self._above) or None
        self.places.append(Place(start, heading, self._page))
