"""Known-item search: queries taken from documents, each of which has to find the document that it comes from.

It needs no judgments, and is easier than what people ask: a sentence is in the text that is searched, word for word,
and a title is embedded in front of every chunk of its document. It tells configurations apart, and what is broken.
"""

import re
from collections.abc import Iterator

import numpy as np

from semsearch.collection import Collection
from semsearch.collection.reading import every_document
from semsearch.errors import InvalidRequestError
from semsearch.types import Document

KINDS = ("sentence", "title")
SAMPLE = 500
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n\s*\n")
_MIN_CHARACTERS, _MAX_CHARACTERS = 20, 300  # of a sentence that makes a query


def known_items(
    collection: Collection, kind: str = "sentence", *, sample: int = SAMPLE, seed: int = 0
) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Queries taken from documents drawn at random, by the documents' ids, and each judged relevant to its own.

    Args:
        collection: whose documents.
        kind: `sentence`: one drawn at random, of 20 to 300 characters; `title`: of documents that also have a text.
        sample: documents to draw; all that have such a query if there are fewer.
        seed: of the draw.

    Raises:
        InvalidRequestError: an unknown kind, sample < 1, or no document that has such a query.
    """
    if kind not in KINDS:
        raise InvalidRequestError(f"known items are found by {' or '.join(KINDS)}, not by {kind!r:.80}")
    if type(sample) is not int or sample < 1:
        raise InvalidRequestError(f"sample is {sample!r}; draw at least 1 document")
    random = np.random.default_rng(seed)
    ids = list(_ids(collection, kind))
    queries: dict[str, str] = {}
    for place in random.permutation(len(ids)):
        query = _query(collection.get(ids[place]), kind, random)
        if query is not None:
            queries[ids[place]] = query
        if len(queries) == sample:
            break
    if not queries:
        raise InvalidRequestError(f"no document of this collection has a {kind} to find it by")
    return queries, {document_id: {document_id: 1} for document_id in queries}


def _ids(collection: Collection, kind: str) -> Iterator[str]:
    """Of the documents that may have a query."""
    for each in every_document(collection):
        if each.characters and (kind == "sentence" or (each.title or "").strip()):
            yield each.id


def _query(document: Document, kind: str, random: np.random.Generator) -> str | None:
    if kind == "title":
        return document.title if document.text.strip() else None
    sentences = [" ".join(each.split()) for each in _SENTENCE_END.split(document.text)]
    usable = [each for each in sentences if _MIN_CHARACTERS <= len(each) <= _MAX_CHARACTERS]
    return usable[random.integers(len(usable))] if usable else None
