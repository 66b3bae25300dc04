"""What stands around a hit: its neighbours, its section, or its document; which hits there are is not changed."""

import functools
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace

from semsearch.search.shaping import Expand
from semsearch.store.surroundings import Surroundings
from semsearch.types import Expansion, Hit, Place, Range

MOST = 100_000  # characters; of more, those nearest to the hit


def expanded(hits: Sequence[Hit], expand: Expand, texts: Surroundings) -> tuple[Hit, ...]:
    """The hits, each with the text around it; the hit itself is in it."""
    outline = functools.cache(texts.outline)
    return tuple(_with_text(hit, _around(hit, expand, texts, outline), texts) for hit in hits)


def section_of(places: Sequence[Place], at: int, characters: int) -> Range:
    """The range of a text around a character that has one and the same heading; pages may change in it."""
    outline = [Place(0), *places]
    first = last = bisect_right(outline, at, key=lambda place: place.start) - 1
    heading = outline[first].heading
    while first > 0 and outline[first - 1].heading == heading:
        first -= 1
    while last + 1 < len(outline) and outline[last + 1].heading == heading:
        last += 1
    return outline[first].start, outline[last + 1].start if last + 1 < len(outline) else characters


def _around(
    hit: Hit, expand: Expand, texts: Surroundings, outline: Callable[[str], tuple[tuple[Place, ...], int]]
) -> Range:
    if isinstance(expand, int):
        start, end = texts.neighbours(hit.chunk_id, expand)
    else:
        places, characters = outline(hit.document_id)
        start, end = (0, characters) if expand == "document" else section_of(places, hit.start, characters)
    return _nearest(hit, (min(start, hit.start), max(end, hit.end)))


def _nearest(hit: Hit, part: Range) -> Range:
    """Of a range around a hit so much that it is not too long, about as much in front as behind."""
    room = max(MOST - (hit.end - hit.start), 0)
    end = min(part[1], max(hit.end + room // 2, part[0] + MOST))
    start = max(part[0], min(hit.start, end - MOST))
    return start, end


def _with_text(hit: Hit, part: Range, texts: Surroundings) -> Hit:
    return replace(hit, expansion=Expansion(*part, texts.text(hit.document_id, part)))
