"""Cuts documents into the pieces that are embedded; where to cut inside a window is semantic-text-splitter's decision.

No model is called here: all that is needed of one is how it counts tokens.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from semantic_text_splitter import TextSplitter

from semsearch.types import Document, Span

# WordPiece reads any "word" of more than 100 characters as one [UNK]; nobody's prose has this many characters a token.
CHARACTERS_PER_TOKEN = 16
# The splitter looks at all the text that it is given for each chunk that it cuts: windows keep that linear in the text.
WINDOW_CHUNKS = 4

_WORD = re.compile(r"\s+\S*|\S+")  # linear in whitespace runs too, which `\s*\S+` is not


def embedding_text(title: str | None, text: str) -> str:
    """The text that is embedded for a chunk: its document's title, then the chunk; either may be blank."""
    return "\n".join(part for part in (title, text) if part and not part.isspace())


class Chunker:
    """Fits documents to a model.

    Args:
        count_tokens: tokens of each text before any truncation, special tokens included.
        max_tokens: what the model reads, special tokens included.
    """

    def __init__(self, count_tokens: Callable[[Sequence[str]], list[int]], max_tokens: int) -> None:
        self._count_tokens, self._max_tokens = count_tokens, max_tokens
        [self._special_tokens] = count_tokens([""])

    def prepare(self, documents: Sequence[Document]) -> list[list[tuple[Span, str]]]:
        """Cut each document into chunks, and give with each the text to embed for it.

        A document that fits is one chunk. Otherwise a title above half of `max_tokens` is embedded only as far as it
        fits in that half, and the text is cut where it hurts least. The chunks of a document are in order, do not
        overlap, and leave nothing out but whitespace. A blank text gives one empty chunk, for its title to be found
        by. No embedded text exceeds `max_tokens`, unless one character does. Lone surrogates are not allowed.
        """
        wholes = [embedding_text(document.title, document.text) for document in documents]
        fits = self._fit(wholes, self._max_tokens)
        cut = [
            [(_whole(document.text), whole)] if fit else self._cut(document.text, document.title)
            for document, whole, fit in zip(documents, wholes, fits, strict=True)
        ]
        counts = iter(self._count_tokens([text for chunks in cut for _, text in chunks]))
        return [
            [(replace(span, tokens=next(counts), text_hash=_hash(text)), text) for span, text in chunks]
            for chunks in cut
        ]

    def _cut(self, text: str, title: str | None) -> list[tuple[Span, str]]:
        title = self._fitted_title(title or "")
        spans = self._spans(text, title, self._max_tokens) or [Span(0, 0)]
        return [(span, embedding_text(title, text[span.start : span.end])) for span in spans]

    def _fitted_title(self, title: str) -> str:
        half = self._max_tokens // 2
        if self._fit([title], half) == [True]:
            return title
        beginning = title[: half * CHARACTERS_PER_TOKEN]
        return next((beginning[span.start : span.end] for span in self._spans(beginning, "", half)), "")

    def _spans(self, text: str, title: str, capacity: int) -> list[Span]:
        """Cut a text by estimated sizes, then halve those pieces that are too long when counted exactly."""
        pending = self._estimated_spans(text, title, capacity)
        fitting: list[Span] = []
        while pending:
            fits = self._fit([embedding_text(title, text[span.start : span.end]) for span in pending], capacity)
            too_long: list[Span] = []
            for span, fit in zip(pending, fits, strict=True):
                (fitting if fit or span.end - span.start == 1 else too_long).append(span)
            halves = [half for span in too_long for half in _halves(span)]
            pending = [half for half in halves if not text[half.start : half.end].isspace()]
        return sorted(fitting, key=lambda span: span.start)

    def _estimated_spans(self, text: str, title: str, capacity: int) -> list[Span]:
        window = WINDOW_CHUNKS * CHARACTERS_PER_TOKEN * capacity
        spans, position = [], 0
        while position < len(text):
            part = text[position : position + window]
            size = self._estimate(part, title, capacity)
            chunks = TextSplitter.from_callback(size, capacity).chunk_indices(part)
            advance = len(part)
            if position + len(part) < len(text) and chunks and chunks[-1][0] > 0:
                advance = chunks.pop()[0]  # the window's end cut the last chunk: it begins the next window
            spans += [Span(position + start, position + start + len(chunk)) for start, chunk in chunks]
            position += advance
        return [span for span in spans if not text[span.start : span.end].isspace()]

    def _estimate(self, text: str, title: str, capacity: int) -> Callable[[str], int]:
        """Make a function that adds up the tokens of the words in a part of `text`, each of which is counted once."""
        words: list[str] = list(set(_WORD.findall(text)))
        tokens: dict[str, int] = dict(zip(words, self._count_tokens(words), strict=True))
        [overhead] = self._count_tokens([title])

        def size(part: str) -> int:
            by_characters = -(-(len(title) + 1 + len(part)) // CHARACTERS_PER_TOKEN)
            if by_characters > capacity:
                return by_characters
            found = _WORD.findall(part)
            if unknown := [word for word in found if word not in tokens]:
                tokens.update(zip(unknown, self._count_tokens(unknown), strict=True))
            return overhead + sum([tokens[word] - self._special_tokens for word in found])

        return size

    def _fit(self, texts: Sequence[str], capacity: int) -> list[bool]:
        """Tell which texts are short enough; tokens are counted in one call, and not of texts with many characters."""
        limit = capacity * CHARACTERS_PER_TOKEN
        counts = iter(self._count_tokens([text for text in texts if len(text) <= limit]))
        return [len(text) <= limit and next(counts) <= capacity for text in texts]


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _whole(text: str) -> Span:
    return Span(0, 0 if text.isspace() else len(text))


def _halves(span: Span) -> tuple[Span, Span]:
    middle = (span.start + span.end) // 2
    return Span(span.start, middle), Span(middle, span.end)
