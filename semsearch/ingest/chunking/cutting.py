"""Decides where a stretch of text is cut: where it is worth most, and so that chunks are as full as that allows."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from semsearch.ingest.chunking.graphemes import after_space, graphemes_around, trimmed
from semsearch.ingest.chunking.pieces import INSIDE_A_WORD, Pieces


class Room(NamedTuple):
    """How much text a chunk may have beside its title and headings."""

    tokens: int
    characters: int


def cut(text: str, pieces: Pieces, room_at: Callable[[int], Room], overlap: int) -> list[tuple[int, int]]:
    """Cut the stretch of `text` that `pieces` are of into spans that fit; a piece that does not fit is alone in one.

    A cut is made where its worth and the share of the chunk that is then full add up to the most.

    Args:
        text: the whole document's.
        pieces: of a stretch of it that neither begins nor ends with whitespace.
        room_at: that of a chunk which begins at this character.
        overlap: tokens that a chunk has in common with the one before; never more than half of its room.
    """
    at, end = int(pieces.starts[0]), int(pieces.starts[-1])
    done, spans = at, []
    while True:
        last = _last_piece(pieces, at, done, room_at(at))
        before, after = graphemes_around(text, int(pieces.starts[last]), at, end)
        done = before if before > done else after
        spans.append(trimmed(text, at, done))
        if done == end:
            return spans
        again = done
        if overlap:
            again = min(done, _overlapping(pieces, at, last, room_at(done).tokens, overlap))
        back, _ = graphemes_around(text, again, at, end)
        at = after_space(text, back if back > at else done, end)


def _last_piece(pieces: Pieces, at: int, done: int, room: Room) -> int:
    """The piece in front of which a chunk ends that begins at `at`, and ends beyond `done`."""
    first = int(np.searchsorted(pieces.starts, at, "right")) - 1
    low = int(np.searchsorted(pieces.starts, done, "right"))
    by_tokens = int(np.searchsorted(pieces.tokens, pieces.tokens[first] + room.tokens, "right")) - 1
    by_characters = int(np.searchsorted(pieces.starts, at + room.characters, "right")) - 1
    high = max(low, min(by_tokens, by_characters))
    if high == len(pieces.worths):
        return high
    full = (pieces.tokens[low : high + 1] - pieces.tokens[first]) / room.tokens
    return low + int(np.argmax(pieces.worths[low : high + 1] + full))


def _overlapping(pieces: Pieces, at: int, last: int, room: int, overlap: int) -> int:
    """Where the chunk may begin that follows the one from `at` up to the piece `last`, with so many tokens of it.

    It begins at a word behind `at`, and has room for `last`; where there is no such place, at `last`.
    """
    tokens = pieces.tokens
    near = int(np.searchsorted(tokens, tokens[last] - min(overlap, room // 2)))
    roomy = int(np.searchsorted(tokens, tokens[last + 1] - room))
    low = max(near, roomy, int(np.searchsorted(pieces.starts, at, "right")))
    words = np.flatnonzero(pieces.worths[low:last] > INSIDE_A_WORD)
    return int(pieces.starts[low + words[0] if len(words) else last])
