"""Rankings of documents from searches, whose hits are chunks: a document is as good as its best chunk."""

import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy.typing as npt

from semsearch.collection import Collection
from semsearch.errors import InvalidRequestError
from semsearch.search.shaping import ShapingOptions

if TYPE_CHECKING:
    from semsearch.types import SearchResult

# arguments of a search that are no options of an evaluation
_BESIDE_HITS = {"expand", "facets", "sort", "cursor"}
_QUERIES = {"query", "vector", "image", "latent", "expression", "relevant", "irrelevant", "read_files"}
_SAID_OTHERWISE = {*_QUERIES, "k", *_BESIDE_HITS}


class Ranking(NamedTuple):
    """Scores of documents, best first, equal ones in the order of the search; and the search's mode."""

    scores: dict[str, float]
    mode: str


def check_options(collection: Collection, options: Iterable[str]) -> None:
    """Raise InvalidRequestError if `Collection.search` has no option of one of these names."""
    named = [name for name in inspect.signature(collection.search).parameters if name != "shaping"]
    known = [name for name in (*named, *ShapingOptions.__annotations__) if name not in _SAID_OTHERWISE]
    for name in options:
        if name not in known:
            raise InvalidRequestError(f"{name!r:.80} is no option of a search; there are: {', '.join(known)}")


class DocumentRanker:
    """Ranks the documents of a collection: `depth` of them, as long as so many are found."""

    def __init__(self, collection: Collection, depth: int, options: Mapping[str, object]) -> None:
        info = collection.info()
        self._search: Callable[..., SearchResult] = collection.search
        self._options, self._depth = options, depth
        self._chunks_a_document = info.chunks / max(info.documents, 1)

    def rank(self, query: str | npt.ArrayLike, without: str | None = None) -> Ranking:
        """The ranking for a text or a vector; the document `without` is left out."""
        said = {"query": query} if isinstance(query, str) else {"vector": query}
        wanted = self._depth + (without is not None)
        k = math.ceil(wanted * self._chunks_a_document) or 1
        while True:
            result = self._search(**said, k=k, **self._options)
            best: dict[str, float] = {}
            for hit in result.hits:
                best.setdefault(hit.document_id, hit.score)
            if len(best) >= wanted or len(result.hits) < k:
                break
            k *= 2  # documents with many good chunks crowd others out
        others = ((document_id, score) for document_id, score in best.items() if document_id != without)
        return Ranking(dict(itertools.islice(others, self._depth)), str(result.mode))
