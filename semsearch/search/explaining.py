"""Where a hit answers its query: the words that were asked for, and the sentence that says most; nothing is ranked."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from semsearch.embedders.protocol import Embedder
from semsearch.index.vectors import as_vectors, cosines
from semsearch.search.query import Query
from semsearch.store.keyword import KeywordIndex
from semsearch.store.keyword_query import KeywordQuery
from semsearch.store.terms import Term
from semsearch.types import Hit, Range, Vectors

# after . ! ? and what closes a quotation, where a capital or a digit follows; after 。 and its like; at line breaks
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s+[^\s\W_a-z])|[。！？]+[」』”’）]*|\n\s*")


def explained(
    hits: Sequence[Hit], query: Query, words: KeywordQuery, index: KeywordIndex, embedder: Callable[[], Embedder] | None
) -> tuple[Hit, ...]:
    """The hits with the words that were found in them, and each with its best sentence.

    The best sentence is the one nearest to the query's vector, if there is one and a model to embed sentences with; or
    else the one with most of the words, rare ones counting more.
    """
    found = [words.found_in(hit.text) for hit in hits]
    spans = [sentences(hit.text) for hit in hits]
    if query.vector is not None and embedder is not None:
        best = _nearest(hits, spans, query.vector, embedder())
    else:
        rarity = index.rarity({term.text for terms in found for term in terms})
        best = [_fullest(some, terms, rarity) for some, terms in zip(spans, found, strict=True)]
    return tuple(_explained(*each) for each in zip(hits, found, best, strict=True))


def sentences(text: str) -> list[Range]:
    """Where the sentences of a text are, without the white space around them."""
    return list(_sentences(text))


def _sentences(text: str) -> Iterator[Range]:
    ends = [*(end.end() for end in _SENTENCE_END.finditer(text)), len(text)]
    for start, end in zip([0, *ends], ends, strict=False):
        part = text[start:end]
        if part and not part.isspace():
            yield start + len(part) - len(part.lstrip()), start + len(part.rstrip())


def _explained(hit: Hit, found: Sequence[Term], sentence: Range | None) -> Hit:
    words = tuple((hit.start + start, hit.start + end) for start, end in _joined(found))
    moved = None if sentence is None else (hit.start + sentence[0], hit.start + sentence[1])
    return replace(hit, explanation=replace(hit.explanation, words=words, sentence=moved))


def _joined(terms: Sequence[Term]) -> list[Range]:
    """Ranges of characters, those that overlap as one."""
    joined: list[Range] = []
    for start, end in sorted((term.start, term.end) for term in terms):
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def _fullest(spans: Sequence[Range], found: Sequence[Term], rarity: Mapping[str, float]) -> Range | None:
    """The sentence whose distinct words are the rarest in all, the first of several; none where there are no words."""
    weights = [sum(rarity[text] for text in _within(found, span)) for span in spans]
    return spans[int(np.argmax(weights))] if any(weights) else None


def _within(found: Sequence[Term], span: Range) -> set[str]:
    return {term.text for term in found if span[0] <= term.start and term.end <= span[1]}


def _nearest(
    hits: Sequence[Hit], spans: Sequence[Sequence[Range]], vector: Vectors, embedder: Embedder
) -> list[Range | None]:
    """Of each hit the sentence nearest to a vector (1, dim)."""
    texts = [hit.text[start:end] for hit, some in zip(hits, spans, strict=True) for start, end in some]
    if not texts:
        return [None] * len(hits)
    scores = cosines(vector[0], as_vectors(embedder.embed_documents(texts), vector.shape[1]))
    parts = np.split(scores, np.cumsum([len(some) for some in spans])[:-1])
    return [some[int(np.argmax(part))] if some else None for some, part in zip(spans, parts, strict=True)]
