"""Cuts documents into chunks that fit a model; none is called here: all that is needed of it is how it counts tokens.

How a text is taken apart is in `pieces` and `syntax`, where it is cut in `cutting`, what is embedded in `embedded`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from semsearch.ingest.chunking.cutting import Room, cut
from semsearch.ingest.chunking.embedded import CHARACTERS_PER_TOKEN, Above, embedding_text, fitted, measured
from semsearch.ingest.chunking.graphemes import graphemes_around, trimmed
from semsearch.ingest.chunking.methods import check_chunking
from semsearch.ingest.chunking.pieces import CountTokens, Vocabulary, split
from semsearch.ingest.chunking.sections import Section, sections
from semsearch.ingest.chunking.weighing import weighed
from semsearch.types import Chunking, Document, Span

_Chunk: TypeAlias = tuple[Span, str]  # with the text that is embedded for it
_Prefixes: TypeAlias = Mapping[Above, tuple[str, int]]  # what is embedded above a text, and its tokens

_DEFAULT = Chunking()
# A text with more is cut at once, without counting it whole; it stays in one piece if it fits. English has 4 to 5.
_LIKELY_CHARACTERS_PER_TOKEN = 6


class Chunker:
    """Fits documents to a model.

    Args:
        count_tokens: tokens of each text before any truncation, special tokens included.
        max_tokens: what the model reads, special tokens included.
        chunking: where to cut, how large chunks are, and what they have in common.

    Raises:
        InvalidRequestError: such a chunking is not to be had with this model.
    """

    def __init__(self, count_tokens: CountTokens, max_tokens: int, chunking: Chunking = _DEFAULT) -> None:
        self._chunking = check_chunking(chunking, max_tokens)
        self._count_tokens, self._budget = count_tokens, chunking.tokens or max_tokens
        self._vocabulary = Vocabulary(count_tokens)

    def prepare(self, documents: Sequence[Document]) -> list[list[_Chunk]]:
        """Cut each document into chunks, and give with each the text to embed for it.

        A document, or a section or page where these are not to be crossed, that fits is one chunk. Otherwise title and
        headings above half of the budget are embedded only as far as they fit in that half, and the text is cut where
        it hurts least. The chunks of a document are in order, leave nothing out but whitespace, and have in common
        about what `overlap` says. A blank text gives one empty chunk, for its title to be found by. No embedded text
        exceeds the budget, unless one character does. Lone surrogates are not allowed.

        Raises:
            MissingDependencyError: source code is to be cut, and the extra `code` is not installed.
        """
        parts = [sections(document, self._chunking.method) for document in documents]
        every = [section for part in parts for section in part]
        wholes = [_embedding_text(section) for section in every]
        counts = measured(wholes, self._count_tokens, self._budget, _LIKELY_CHARACTERS_PER_TOKEN)
        cut_ones = iter(self._cut([each for each, count in zip(every, counts, strict=True) if count > self._budget]))
        chunks = iter(
            next(cut_ones)
            if count > self._budget
            else [(_span(section, section.start, section.end, whole, count), whole)]
            for section, whole, count in zip(every, wholes, counts, strict=True)
        )
        return [[chunk for _ in part for chunk in next(chunks)] for part in parts]

    def _cut(self, long: Sequence[Section]) -> list[list[_Chunk]]:
        above = {(section.document.title, place.heading): None for section in long for place in section.places()}
        prefixes = fitted(above, self._count_tokens, self._budget // 2)
        pieces = [split(section.text) for section in long]
        self._vocabulary.learn(pieces)
        spans = [self._spans(section, own, prefixes) for section, own in zip(long, pieces, strict=True)]
        return self._fitting(long, spans, prefixes)

    def _spans(self, section: Section, pieces: Sequence[str], prefixes: _Prefixes) -> list[tuple[int, int]]:
        """Where to cut a section, as far as the tokens of its pieces tell."""
        if not pieces:
            return [(0, 0)]

        def room_at(start: int) -> Room:
            prefix, tokens = prefixes[section.document.title, section.place(start).heading]
            return Room(max(self._budget - tokens, 1), self._budget * CHARACTERS_PER_TOKEN - len(prefix) - 1)

        known = weighed(section, self._vocabulary.pieces(section.start, pieces), self._chunking.method)
        return cut(section.document.text, known, room_at, self._chunking.overlap)

    def _fitting(
        self, long: Sequence[Section], spans: Sequence[Sequence[tuple[int, int]]], prefixes: _Prefixes
    ) -> list[list[_Chunk]]:
        """The chunks of each section; those that are too long when counted exactly are halved until they fit."""
        found: list[list[_Chunk]] = [[] for _ in long]
        pending = [(number, span) for number, own in enumerate(spans) for span in own]
        while pending:
            texts = [_with_prefix(long[number], span, prefixes) for number, span in pending]
            counts = measured(texts, self._count_tokens, self._budget)
            halves = []
            for (number, span), text, count in zip(pending, texts, counts, strict=True):
                if count <= self._budget or span[1] - span[0] <= 1:
                    found[number].append((_span(long[number], *span, text, count), text))
                else:
                    halves += [(number, half) for half in _halves(long[number].document.text, *span)]
            pending = halves
        return [_in_order(chunks) for chunks in found]


def _embedding_text(section: Section) -> str:
    return embedding_text(section.document.title, section.place(section.start).heading, section.text)


def _with_prefix(section: Section, span: tuple[int, int], prefixes: _Prefixes) -> str:
    prefix, _ = prefixes[section.document.title, section.place(span[0]).heading]
    return embedding_text(prefix, None, section.document.text[span[0] : span[1]])


def _span(section: Section, start: int, end: int, text: str, tokens: int) -> Span:
    place = section.place(start)
    text_hash = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return Span(start, end, place.heading, place.page, tokens, text_hash)


def _halves(text: str, start: int, end: int) -> list[tuple[int, int]]:
    middle = (start + end) // 2
    before, after = graphemes_around(text, middle, start, end)
    at = before if before > start else after if after < end else middle
    return [half for half in (trimmed(text, start, at), trimmed(text, at, end)) if half[0] < half[1]]


def _in_order(chunks: list[_Chunk]) -> list[_Chunk]:
    """By their beginnings, without those that lie in another one, as halves of overlapping chunks may."""
    kept: list[_Chunk] = []
    for chunk in sorted(chunks, key=lambda chunk: (chunk[0].start, -chunk[0].end)):
        if not kept or chunk[0].end > kept[-1][0].end:
            kept.append(chunk)
    return kept
