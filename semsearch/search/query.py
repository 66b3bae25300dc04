"""What was asked for, checked and complete; how it is answered is in `engine`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

import numpy.typing as npt

from semsearch.embedders.protocol import Embedder
from semsearch.errors import EmptyQueryError, InvalidRequestError
from semsearch.index.vectors import as_vector, as_vectors, check_target
from semsearch.store.filters import parse_filter
from semsearch.store.records import CollectionSpec
from semsearch.store.texts import storable
from semsearch.types import Filter, SearchMode, Vectors

_Name = TypeVar("_Name", bound=StrEnum)


class Fusion(StrEnum):
    """How the two rankings of a hybrid search become one."""

    CONVEX = "convex"
    RRF = "rrf"


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One search.

    Attributes:
        text: for its words, and to be embedded where there is no vector.
        vector: (1, dim), normalised; `None` in keyword mode, and in the others until the query is `embedded`.
        target_recall: 1.0 compares with every vector.
        explain: whether hits say which words and which sentence they were found by.
    """

    text: str | None
    vector: Vectors | None
    k: int
    mode: SearchMode
    filter: Filter | None
    target_recall: float
    fusion: Fusion
    explain: bool


def as_query(
    spec: CollectionSpec,
    text: str | None,
    vector: npt.ArrayLike | None,
    *,
    k: int,
    mode: str | None,
    filter: Filter | None,
    target_recall: float | None,
    exact: bool,
    fusion: str,
    explain: bool,
) -> Query:
    """A query to a collection, in the mode that fits what is given, if none is said.

    Raises:
        EmptyQueryError, InvalidFilterError, InvalidVectorError
        InvalidRequestError: another argument is wrong, or the mode cannot do with what is given.
    """
    chosen = _mode(mode, text, vector, has_model=spec.model is not None)
    if isinstance(k, bool) or not hasattr(k, "__index__") or k < 1:
        raise InvalidRequestError(f"k is {k!r}; ask for a whole number of hits, at least 1")
    target = spec.target_recall if target_recall is None else target_recall
    check_target(target)
    if filter is not None:
        parse_filter(filter)
    words = None if text is None else storable(str(text))[0]
    if words is not None and not words.strip():
        raise EmptyQueryError("the query is empty: say in words what to find")
    return Query(
        text=words,
        vector=None if vector is None else as_vector(vector, spec.dim),
        k=int(k),
        mode=chosen,
        filter=filter,
        target_recall=1.0 if exact else target,
        fusion=_named(Fusion, fusion, "fusion"),
        explain=explain,
    )


def embedded(query: Query, dim: int, embedder: Callable[[], Embedder] | None) -> Query:
    """The query with a vector, where its mode needs one; `embedder` gives the model, and is called for that alone."""
    if query.mode is SearchMode.KEYWORD or query.vector is not None or embedder is None:
        return query
    return replace(query, vector=as_vectors(embedder().embed_queries([query.text or ""]), dim))


def _mode(mode: str | None, text: str | None, vector: object, *, has_model: bool) -> SearchMode:
    """The mode that was asked for, or that uses all that is there."""
    if text is None and vector is None:
        raise InvalidRequestError("say what to search for: a query, or a vector")
    has_meaning = vector is not None or has_model
    if mode is None:
        if text is None:
            return SearchMode.SEMANTIC
        return SearchMode.HYBRID if has_meaning else SearchMode.KEYWORD
    chosen = _named(SearchMode, mode, "mode")
    if chosen is not SearchMode.SEMANTIC and text is None:
        raise InvalidRequestError(f"mode {chosen} goes by words, and there is only a vector: give a query, too")
    if chosen is not SearchMode.KEYWORD and not has_meaning:
        raise InvalidRequestError(
            f"mode {chosen} goes by meaning, and this collection has no model to embed a query with: it was made for "
            "vectors that are brought along: pass a vector, or search with the mode keyword"
        )
    if chosen is not SearchMode.HYBRID and text is not None and vector is not None:
        raise InvalidRequestError(f"a query and a vector are both given, and mode {chosen} goes by one of them")
    return chosen


def _named(names: type[_Name], name: str, what: str) -> _Name:
    """The member of this name; raises InvalidRequestError if there is none."""
    try:
        return names(name)
    except ValueError as error:
        raise InvalidRequestError(f"{what} is {name!r}; it has to be one of: {', '.join(names)}") from error
