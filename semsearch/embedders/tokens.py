"""Texts as the numbers that a model reads: counted, cut, and padded to arrays; no model is loaded here."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

TokenIds: TypeAlias = npt.NDArray[np.int32]  # (n,)
Arrays: TypeAlias = dict[str, npt.NDArray[np.int64]]  # (texts, tokens) each

NAMES = ("input_ids", "attention_mask", "token_type_ids")  # of the arrays that can be made here
_AT_ONCE = 1_024  # texts that the tokenizer has in memory, at a hundred times the size of their ids
_REMEMBERED = 2**20  # tokens, at most, of the texts that were counted last
_WORDS = 40  # characters up to which a text is more likely a word that is counted to see where a long text is cut


@dataclass(frozen=True, slots=True)
class Shape:
    """How a model wants its tokens.

    Attributes:
        max_tokens: the most that it reads, special ones included; what is longer is cut.
        names: of the arrays, some of `NAMES`.
        padding: the id that fills a row.
        padding_side, cut_side: `left` or `right`.
    """

    max_tokens: int
    names: tuple[str, ...]
    padding: int
    padding_side: str
    cut_side: str


class TextTokens:
    """A model's own tokenizer and the shape that it wants; threads may share an instance.

    Args:
        tokenizer: a tokenizer in the JSON of the tokenizers library; what it says of cutting and padding is ignored.
        shape: what is done instead.
    """

    def __init__(self, tokenizer: str, shape: Shape) -> None:
        self.json, self.shape = tokenizer, shape
        self._counted: dict[str, TokenIds] = {}
        self._remembering = threading.Lock()

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, uncut, special ones included.

        What is not to be cut is remembered for a while: a text is counted to be embedded.
        """
        counts, uncut = [], {}
        for text, encoding in zip(texts, _encoded(self._uncut, texts), strict=True):
            counts.append(len(encoding))
            if len(text) > _WORDS and len(encoding) <= self.shape.max_tokens:
                uncut[text] = _ids(encoding)
        with self._remembering:
            self._counted.update(uncut)
            surplus = max(0, len(self._counted) - _REMEMBERED // self.shape.max_tokens)
            for oldest in list(itertools.islice(self._counted, surplus)):
                del self._counted[oldest]
        return counts

    def read(self, texts: Sequence[str]) -> list[TokenIds]:
        """The ids of each text, cut."""
        with self._remembering:
            known = [self._counted.pop(text, None) for text in texts]
        others = _encoded(self._cut, [text for text, ids in zip(texts, known, strict=True) if ids is None])
        return [_ids(next(others)) if ids is None else ids for ids in known]

    def padded(self, rows: Sequence[TokenIds]) -> Arrays:
        """Arrays of shape (len(rows), longest row), with the names that the model wants."""
        longest = max(map(len, rows))
        ids = np.full((len(rows), longest), self.shape.padding, np.int64)
        mask = np.zeros((len(rows), longest), np.int64)
        for number, row in enumerate(rows):
            place = slice(longest - len(row), longest) if self.shape.padding_side == "left" else slice(len(row))
            ids[number, place], mask[number, place] = row, 1
        arrays = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return {name: arrays[name] for name in self.shape.names}

    @cached_property
    def _uncut(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self.json)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def _cut(self) -> "Tokenizer":  # a second one, since how much to cut is state, and threads count meanwhile
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self.json)
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.shape.max_tokens, direction=self.shape.cut_side)
        return tokenizer


def _encoded(tokenizer: "Tokenizer", texts: Sequence[str]) -> "Iterator[Encoding]":
    for start in range(0, len(texts), _AT_ONCE):
        yield from tokenizer.encode_batch_fast(list(texts[start : start + _AT_ONCE]))


def _ids(encoding: "Encoding") -> TokenIds:
    return np.array(encoding.ids, np.int32)
