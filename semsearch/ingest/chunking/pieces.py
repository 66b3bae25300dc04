"""Takes a text apart into pieces, about a word each, and says what a cut in front of each is worth.

How many tokens a piece has is asked of the model once for every different piece. Where to cut is decided in `cutting`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import regex

CountTokens = Callable[[Sequence[str]], list[int]]
Numbers = npt.NDArray[np.int64]
Worths = npt.NDArray[np.float64]

# What a cut at such a place is worth: the share of a chunk that may stay empty for it.
INSIDE_A_WORD, LINE, SENTENCE, PARAGRAPH, SECTION = -8.0, 0.15, 0.5, 0.75, 1.25

_MOST_KNOWN = 200_000  # different pieces; some 30 MB
_STOPS, _CLOSERS = "。｡！？、､，；：", "」』）】》〉”’\"')"  # of scripts that put no space behind them
_BODY = rf"[^\s{_STOPS}]{{1,32}}(?:[{_STOPS}]{{1,8}}[{_CLOSERS}]{{0,8}})?|[{_STOPS}]{{1,8}}[{_CLOSERS}]{{0,8}}"
_PIECE = re.compile(rf"\s+(?:{_BODY})?|{_BODY}")
_LINE_BREAK = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
# Sentences end as in UAX #29 (SB6 to SB11), but not with a line alone, since prose is often wrapped, nor behind the
# number of a list's item ("2.") or an initial ("J. Doe", "U.S. Navy").
_NO_DOT = r"(?<!\n[ \t]*\d{1,3}|(?:\A|\W)\p{Lu})"
_END = regex.compile(
    r"(?:(?P<alone>[。｡！？])|(?P<stop>\p{SB=STerm})|(?P<comma>[、､，；：])|"
    rf"{_NO_DOT}(?P<dot>\p{{SB=ATerm}}))\p{{SB=Close}}*+\Z"
)
_ENDS = {"comma": 1, "dot": 2, "stop": 3, "alone": 4}
_CONTINUES = regex.compile(r"\s*\W*\p{Ll}|[^\S\r\n]*\W*\p{N}")  # "et al. found", "Fig. 2"


@dataclass(frozen=True, slots=True)
class Pieces:
    """A stretch of a text taken apart.

    Attributes:
        starts: where in the text each piece begins, and then where the last one ends, (n + 1,).
        words: where the word of each piece begins, behind its whitespace, (n,).
        tokens: how many there are in front of each of the `starts`, (n + 1,).
        worths: of a cut in front of each piece, (n,).
    """

    starts: Numbers
    words: Numbers
    tokens: Numbers
    worths: Worths


def split(text: str) -> list[str]:
    """The pieces of a text: the whitespace in front of a word and the word, of which long ones are several."""
    return _PIECE.findall(text)


class Vocabulary:
    """What is known of the pieces seen so far, each of which was counted once.

    Args:
        count_tokens: tokens of each text, special tokens included.
    """

    def __init__(self, count_tokens: CountTokens) -> None:
        self._count_tokens = count_tokens
        [self._special_tokens] = count_tokens([""])
        self._numbers: dict[str, int] = {}
        self._facts = np.empty((0, 5), np.int64)

    def learn(self, texts: Sequence[Sequence[str]]) -> None:
        """Count the pieces of these texts that are new, in one call."""
        pieces = dict.fromkeys(chain.from_iterable(texts))
        new = [piece for piece in pieces if piece not in self._numbers]
        if len(self._numbers) + len(new) > _MOST_KNOWN:
            self._numbers, self._facts, new = {}, self._facts[:0], list(pieces)
        if not new:
            return
        self._numbers.update(zip(new, range(len(self._numbers), len(self._numbers) + len(new)), strict=True))
        tokens = [count - self._special_tokens for count in self._count_tokens(new)]
        facts = [(count, *_facts(piece)) for count, piece in zip(tokens, new, strict=True)]
        self._facts = np.concatenate([self._facts, np.array(facts, np.int64)])

    def pieces(self, start: int, pieces: Sequence[str]) -> Pieces:
        """Put the pieces of a stretch that begins at `start` into numbers; `learn` has seen them."""
        numbers = np.fromiter(map(self._numbers.__getitem__, pieces), np.int64, len(pieces))
        lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
        facts = self._facts[numbers]  # (n, 5)
        starts = start + _sums(lengths)
        return Pieces(starts, starts[:-1] + facts[:, 2], _sums(facts[:, 0]), _worths(facts))


def _facts(piece: str) -> tuple[int, int, int, int]:
    """Of a piece: line breaks and whitespace in front of it, how it ends, and whether it cannot begin a sentence."""
    body = piece.lstrip()
    space = piece[: len(piece) - len(body)]
    end = _END.search(piece)
    kind = 0 if end is None else _ENDS[end.lastgroup]
    return len(_LINE_BREAK.findall(space)), len(space), kind, int(_CONTINUES.match(piece) is not None)


def _worths(facts: Numbers) -> Worths:
    lines, spaced, continues = facts[:, 1], facts[:, 2] > 0, facts[:, 4] == 1
    ends = np.concatenate([[0], facts[:-1, 3]])  # of the piece in front
    sentence = (ends == 4) | spaced & ((ends == 3) | (ends == 2) & ~continues)
    worths = np.where(spaced | (ends == 1) | (ends == 4), 0.0, INSIDE_A_WORD)
    worths += LINE * (lines == 1) + SENTENCE * sentence
    worths[lines > 1] = PARAGRAPH
    return worths


def _sums(numbers: Numbers) -> Numbers:
    sums = np.zeros(len(numbers) + 1, np.int64)
    np.cumsum(numbers, out=sums[1:])
    return sums
