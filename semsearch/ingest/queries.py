"""Queries as vectors, through the gate that documents pass: those of a search, and those to tune with."""

from collections.abc import Callable, Sequence

import numpy.typing as npt

from semsearch.embedders.protocol import Embedder
from semsearch.errors import EmptyQueryError, InvalidRequestError
from semsearch.index.vectors import as_vector, as_vectors
from semsearch.ingest.gate import storable
from semsearch.types import Vectors

MIN_QUERIES = 10  # to tune with


def query_vector(
    query: str | None, vector: npt.ArrayLike | None, dim: int, embedder: Callable[[], Embedder]
) -> Vectors:
    """A text, or else a vector, as (1, dim), normalised; `embedder` gives the model, for a text alone.

    Raises:
        EmptyQueryError, InvalidVectorError
        InvalidRequestError: neither or both are given.
    """
    if query is not None and vector is not None:
        raise InvalidRequestError("a query and a vector are both given: say one of them")
    if vector is not None:
        return as_vector(vector, dim)
    if query is None:
        raise InvalidRequestError("say what to search for: a query, or a vector")
    text, _ = storable(str(query))
    if not text.strip():
        raise EmptyQueryError("the query is empty: say in words what to find")
    return as_vectors(embedder().embed_queries([text]), dim)


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
