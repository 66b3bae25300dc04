"""The vectors of queries in words; those of the most recent ones are kept, since a model takes longer than a search."""

import functools
from collections.abc import Callable

from semsearch.embedders.protocol import Embedder
from semsearch.index.vectors import as_vectors
from semsearch.types import Vectors

KEPT = 1_024  # queries: 1.5 MB of vectors at 384 dimensions
MAX_CHARACTERS = 1_000  # of a query that is kept


class QueryVectors:
    """One model's vectors of queries; threads may share an instance.

    Args:
        model: gives it, and is called when it is needed.
        dim: of its vectors.
    """

    def __init__(self, model: Callable[[], Embedder], dim: int) -> None:
        self.model, self._dim = model, dim
        self._known = functools.lru_cache(KEPT)(self._embedded)

    def of(self, text: str) -> Vectors:
        """The vector (1, dim) of a query, normalised; not to be changed."""
        return self._known(text) if len(text) <= MAX_CHARACTERS else self._embedded(text)

    def _embedded(self, text: str) -> Vectors:
        vector = as_vectors(self.model().embed_queries([text]), self._dim)
        vector.flags.writeable = False
        return vector
