"""What was asked for, checked and complete; how it is answered is in `engine`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from semsearch.errors import EmptyQueryError, InvalidRequestError
from semsearch.index.vectors import as_vector, check_target
from semsearch.search.expressions.combining import with_vectors
from semsearch.search.expressions.feedback import rocchio
from semsearch.search.expressions.notation import Allowed, image_part, read_expression
from semsearch.search.expressions.parts import Expression, ImagePart, TextPart, VectorPart
from semsearch.search.image_vectors import ImageVectors
from semsearch.search.query_vectors import QueryVectors
from semsearch.search.shaping import Shaping, check_shaping
from semsearch.store.filters import parse_filter
from semsearch.store.records import CollectionSpec, Kind
from semsearch.store.texts import storable
from semsearch.types import Filter, Ids, ImageSource, SearchMode, Vectors

_Name = TypeVar("_Name", bound=StrEnum)
_NO_IMAGES = "this is no collection of images, and has no model to make a vector of one"
_NO_TEXTS = {
    Kind.VECTORS: "this collection has no model to embed a text with: it was made for vectors that are brought along: "
    "pass a vector",
    Kind.IMAGES: "the model of this collection of images knows nothing of words: search with an image",
}


class Fusion(StrEnum):
    """How the two rankings of a hybrid search become one."""

    CONVEX = "convex"
    RRF = "rrf"


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One search.

    Attributes:
        text: for its words, and to be embedded where there is no vector.
        vector: (1, dim), normalised; `None` in keyword mode, and in the others until the query is `embedded`, or the
            expression combined.
        target_recall: 1.0 compares with every vector.
        explain: whether hits say which words and which sentence they were found by.
        shaping: which hits are made of what is found.
        expression: what the vector is combined from, where it is.
        left_out: ids of chunks that are no hits, ascending: those that the expression names.
        image: what the vector is made of, if that is an image or a latent.
    """

    text: str | None
    vector: Vectors | None
    k: int
    mode: SearchMode
    filter: Filter | None
    target_recall: float
    fusion: Fusion
    explain: bool
    shaping: Shaping
    expression: Expression | None = None
    left_out: Ids | None = None
    image: ImagePart | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What stands for what is searched for, as the arguments of `Collection.search`; nothing of it is checked."""

    text: str | None
    vector: npt.ArrayLike | None
    image: ImageSource | None
    latent: npt.ArrayLike | None
    expression: object
    relevant: Sequence[str | int]
    irrelevant: Sequence[str | int]
    read_files: bool

    @property
    def is_marked(self) -> bool:
        """Whether hits were marked to move the query by."""
        return len(self.relevant) > 0 or len(self.irrelevant) > 0

    @property
    def has_own(self) -> bool:
        """Whether there is a meaning beside a text."""
        return any(each is not None for each in (self.vector, self.image, self.latent, self.expression))


def as_query(
    spec: CollectionSpec,
    given: Given,
    *,
    k: int,
    mode: str | None,
    filter: Filter | None,
    target_recall: float | None,
    exact: bool,
    fusion: str,
    explain: bool,
    shaping: Shaping,
) -> Query:
    """A query to a collection, in the mode that fits what is given, if none is said.

    Raises:
        EmptyQueryError, InvalidFilterError, InvalidVectorError, InvalidExpressionError
        InvalidRequestError: another argument is wrong, or the mode cannot do with what is given.
    """
    text, is_marked, has_own = given.text, given.is_marked, given.has_own
    # a text that feedback moves is not beside a vector: by meaning alone, it is all there is
    beside = None if is_marked and not has_own and mode == SearchMode.SEMANTIC else text
    chosen = _mode(mode, beside, has_own=has_own or is_marked, kind=spec.kind)
    if isinstance(k, bool) or not hasattr(k, "__index__") or k < 1:
        raise InvalidRequestError(f"k is {k!r}; ask for a whole number of hits, at least 1")
    target = spec.target_recall if target_recall is None else target_recall
    check_target(target)
    if filter is not None:
        parse_filter(filter)
    words = None if text is None else storable(str(text))[0]
    if words is not None and not words.strip():
        raise EmptyQueryError("the query is empty: say in words what to find")
    own = _own(spec, given)
    query = own if own is not None else None if words is None else TextPart(words)
    parts = _combined(spec, given, query)
    is_alone = parts is None
    return Query(
        text=words,
        vector=own if isinstance(own, np.ndarray) and is_alone else None,
        k=int(k),
        mode=chosen,
        filter=filter,
        target_recall=1.0 if exact else target,
        fusion=_named(Fusion, fusion, "fusion"),
        explain=explain,
        shaping=check_shaping(shaping, chosen, words),
        expression=parts,
        image=own if isinstance(own, ImagePart) and is_alone else None,
    )


def embedded(query: Query, texts: QueryVectors | None, images: ImageVectors | None) -> Query:
    """The query with a vector, where its mode needs one; of an expression only texts and images get theirs."""
    if query.mode is SearchMode.KEYWORD or query.vector is not None:
        return query
    if query.expression is not None:
        return replace(query, expression=with_vectors(query.expression, texts, images))
    if query.image is not None and images is not None:
        return replace(query, vector=images.of(query.image.image))
    return query if texts is None else replace(query, vector=texts.of(query.text or ""))


def _own(spec: CollectionSpec, given: Given) -> Vectors | ImagePart | None:
    """What was given beside a text, at most one of them; a vector as (1, dim), normalised."""
    vector, image, latent = given.vector, given.image, given.latent
    if sum(each is not None for each in (vector, image, latent)) > 1:
        raise InvalidRequestError("a vector, an image and a latent are each a query: give one, or write an expression")
    if vector is not None:
        return as_vector(vector, spec.dim)
    if image is None and latent is None:
        return None
    if spec.kind is not Kind.IMAGES:
        raise InvalidRequestError(_NO_IMAGES)
    if latent is not None:
        return image_part(latent, "latent", is_latent=True, files=False)
    return image_part(image, "image", is_latent=False, files=True)


def _combined(spec: CollectionSpec, given: Given, query: TextPart | Vectors | ImagePart | None) -> Expression | None:
    """What has to be combined: an expression, or a query and what was marked; `None` for a query alone."""
    if given.expression is not None:
        if given.is_marked or isinstance(query, np.ndarray | ImagePart):
            raise InvalidRequestError(
                "an expression is given, and a vector, an image or what is relevant as well: write them into the "
                "expression"
            )
        parts = read_expression(given.expression, Allowed(spec.dim, given.read_files))
    elif not given.is_marked:
        return None
    elif query is None:
        raise InvalidRequestError(
            "relevant and irrelevant move a query, and there is none: give it, or a vector, or write an expression "
            "of what is marked, such as doc:ID"
        )
    else:
        moved = VectorPart(tuple(query[0].tolist())) if isinstance(query, np.ndarray) else query
        parts = rocchio(moved, given.relevant, given.irrelevant)
    if spec.kind is not Kind.TEXTS and any(isinstance(part.source, TextPart) for part in parts):
        raise InvalidRequestError(
            f"a text has to be embedded for this, and {_NO_TEXTS[spec.kind]}, or combine what is no text"
        )
    if spec.kind is not Kind.IMAGES and any(isinstance(part.source, ImagePart) for part in parts):
        raise InvalidRequestError(_NO_IMAGES)
    return parts


def _mode(mode: str | None, text: str | None, *, has_own: bool, kind: Kind) -> SearchMode:
    """The mode that was asked for, or that uses all that is there; `has_own`: a vector, or what one is made of."""
    if text is None and not has_own:
        raise InvalidRequestError("say what to search for: a query, a vector, an image, or an expression")
    has_meaning = has_own or kind is Kind.TEXTS
    if mode is None:
        if text is None:
            return SearchMode.SEMANTIC
        return SearchMode.HYBRID if has_meaning else SearchMode.KEYWORD
    chosen = _named(SearchMode, mode, "mode")
    if chosen is not SearchMode.SEMANTIC and text is None:
        raise InvalidRequestError(
            f"mode {chosen} goes by words, and there is only a vector or an expression: give a query, too"
        )
    if chosen is not SearchMode.KEYWORD and not has_meaning:
        raise InvalidRequestError(
            f"mode {chosen} goes by meaning, and {_NO_TEXTS[kind]}, or search with the mode keyword"
        )
    if chosen is not SearchMode.HYBRID and text is not None and has_own:
        raise InvalidRequestError(
            "a query and a meaning beside it (a vector, an image, an expression, or what is relevant) are both given, "
            f"and mode {chosen} goes by one of them"
        )
    return chosen


def _named(names: type[_Name], name: str, what: str) -> _Name:
    """The member of this name; raises InvalidRequestError if there is none."""
    try:
        return names(name)
    except ValueError as error:
        raise InvalidRequestError(f"{what} is {name!r}; it has to be one of: {', '.join(names)}") from error
