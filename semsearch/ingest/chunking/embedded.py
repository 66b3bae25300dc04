"""The text that is embedded for a chunk: title, headings and the chunk, and how the first two are made to fit."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TypeAlias

import regex

from semsearch.ingest.chunking.pieces import CountTokens, split

# WordPiece reads any "word" of more than 100 characters as one [UNK]; nobody's prose has this many characters a token.
CHARACTERS_PER_TOKEN = 16

Above: TypeAlias = tuple[str | None, str | None]  # a title and a heading path

_JOINT = " > "  # between the headings of a path


def embedding_text(title: str | None, heading: str | None, text: str) -> str:
    """The text that is embedded for a chunk: title, heading path and chunk, each on its line, blank ones left out.

    A heading path that begins with the title is said without it.
    """
    path = _JOINT.join(_headings(title, heading))
    return "\n".join(part for part in (title, path, text) if part and not part.isspace())


def measured(
    texts: Sequence[str], count_tokens: CountTokens, most: int, characters_per_token: int = CHARACTERS_PER_TOKEN
) -> list[int]:
    """Tokens of each text; of one whose characters alone are too many for `most` tokens, an estimate above `most`."""
    limit = most * characters_per_token
    counts = iter(count_tokens([text for text in texts if len(text) <= limit]))
    return [next(counts) if len(text) <= limit else -(-len(text) // characters_per_token) for text in texts]


def fitted(aboves: Iterable[Above], count_tokens: CountTokens, most: int) -> dict[Above, tuple[str, int]]:
    """What is embedded of titles and headings in `most` tokens, those of the line's end included, and its tokens.

    What is too long loses its outermost headings, one after the other, and then the end of its title.
    """
    wanted = list(aboves)
    texts = [embedding_text(*above, "") for above in wanted]
    counts = measured([_line(text) for text in texts], count_tokens, most)
    return {
        above: (text, count) if count <= most else _shortened(*above, count_tokens, most)
        for above, text, count in zip(wanted, texts, counts, strict=True)
    }


def _shortened(title: str | None, heading: str | None, count_tokens: CountTokens, most: int) -> tuple[str, int]:
    headings = _headings(title, heading)
    paths = [_JOINT.join(headings[first:]) for first in range(1, len(headings) + 1)]
    texts = [embedding_text(title, path, "") for path in paths]
    counts = measured([_line(text) for text in texts], count_tokens, most)
    whole = next((pair for pair in zip(texts, counts, strict=True) if pair[1] <= most), None)
    return whole or _beginning(title or "", count_tokens, most)


def _beginning(title: str, count_tokens: CountTokens, most: int) -> tuple[str, int]:
    """As many words of a title as fit, or as many graphemes of its first one; none if it has a giant one."""
    title = title[: most * CHARACTERS_PER_TOKEN]
    for parts in (split(title), regex.findall(r"\X", title)):
        beginnings = [title[:end].rstrip() for end in accumulate(map(len, parts))]
        fitting = bisect_right(beginnings, most, key=lambda beginning: count_tokens([_line(beginning)])[0])
        if fitting:
            beginning = beginnings[fitting - 1]
            return beginning, count_tokens([_line(beginning)])[0]
    return "", count_tokens([""])[0]


def _line(text: str) -> str:
    return text and f"{text}\n"


def _headings(title: str | None, heading: str | None) -> list[str]:
    """The headings of a path, from the outermost on, without a first one that is the title."""
    headings = heading.split(_JOINT) if heading else []
    return headings[1:] if title and headings[:1] == [title] else headings
