"""Where a text may be cut without parting what a reader sees as one character; everything larger is in `pieces`."""

import re

import regex

_SPACE = re.compile(r"\s*")
_GRAPHEME = regex.compile(r"\X")
_ALONE = r"[\p{GCB=Other}\p{GCB=Control}\p{GCB=CR}\p{GCB=LF}\p{GCB=LV}\p{GCB=LVT}]"
# Between two characters of these classes there is always a boundary, save in CR LF (UAX #29, rules GB3 to GB999); the
# others need a look at what is in front of them. (?r) searches from the end.
_CERTAIN = regex.compile(rf"(?r)(?<={_ALONE})(?={_ALONE})(?<!\r(?=\n))")


def graphemes_around(text: str, at: int, start: int, end: int) -> tuple[int, int]:
    """The grapheme boundaries (UAX #29) nearest to a place, in front of it and behind it; both are `at` if it is one.

    Only `text[start:end]` is looked at, and its ends are taken for boundaries.
    """
    if not start < at < end:
        return at, at
    certain = _CERTAIN.search(text[start : at + 1])
    first = start if certain is None else start + certain.start()
    if first == at:
        return at, at
    for grapheme in _GRAPHEME.finditer(text, first, end):
        if grapheme.end() >= at:
            break
    return (at, at) if grapheme.end() == at else grapheme.span()


def after_space(text: str, start: int, end: int) -> int:
    """Where the whitespace that begins at `start` ends; a space with a combining mark on it is none."""
    space = _SPACE.match(text, start, end)
    return start if space is None else graphemes_around(text, space.end(), start, end)[0]


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the whitespace around it; an empty one if there is nothing else."""
    start = after_space(text, start, end)
    last = start + len(text[start:end].rstrip())
    return start, graphemes_around(text, last, start, end)[1]
