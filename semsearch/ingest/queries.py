"""Queries to tune with, as vectors; those of a search are made in `semsearch.search.query`."""

from collections.abc import Callable, Sequence

import numpy.typing as npt

from semsearch.embedders.protocol import Embedder
from semsearch.errors import EmptyQueryError, InvalidRequestError
from semsearch.index.vectors import as_vectors
from semsearch.store.texts import storable
from semsearch.types import Vectors

MIN_QUERIES = 10  # to tune with


def tuning_vectors(
    queries: Sequence[str] | None, vectors: npt.ArrayLike | None, dim: int, embedder: Callable[[], Embedder]
) -> Vectors | None:
    """Texts, or else vectors, as (n, dim), normalised; `None` where neither is given.

    Raises:
        EmptyQueryError, InvalidVectorError
        InvalidRequestError: both are given, or fewer than 10.
    """
    if queries is not None and vectors is not None:
        raise InvalidRequestError("queries are either texts, or vectors")
    if queries is not None:
        texts = [storable(str(query))[0] for query in queries]
        if not all(text.strip() for text in texts):
            raise EmptyQueryError("a query is empty: leave it out")
        vectors = embedder().embed_queries(texts)
    rows = None if vectors is None else as_vectors(vectors, dim)
    if rows is not None and len(rows) < MIN_QUERIES:
        raise InvalidRequestError(f"there are {len(rows)} queries; measuring needs at least {MIN_QUERIES}")
    return rows
