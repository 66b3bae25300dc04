"""What is asked for beside the ranking: fewer hits of a kind, another order, more around them; checked, not done.

Which candidates become hits is in `selection`, and what is put beside them in modules of their own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict

from semsearch.errors import InvalidRequestError
from semsearch.store.filters import check_key
from semsearch.types import SearchMode

Expand: TypeAlias = int | Literal["section", "document"]

POOL = 100  # candidates that diversity chooses from
MAX_NEIGHBOURS = 100
MAX_FACETS = 20
_ROOM = 5  # candidates a hit to begin with, where some of them are dropped


class ShapingOptions(TypedDict, total=False):
    """The fields of `Shaping`, as the arguments of a search."""

    group_by: Literal["document"] | None
    diversity: float
    collapse: float | None
    min_score: float | None
    rerank: int
    expand: Expand | None
    facets: Sequence[str]
    sort: str | None
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Shaping:
    """How a ranking becomes the hits of an answer; its defaults leave it as it is.

    Attributes:
        group_by: `document`: of each document only the best chunk, so that k hits are k documents.
        diversity: 0 to 1, how much it counts that a hit is unlike those before it (maximal marginal relevance).
        collapse: the cosine, 0 to 1, from which on a chunk is nearly the same as a better one, and passed over.
        min_score: the least cosine of a hit with the query, in hybrid mode as well; there is none in mode `keyword`.
        rerank: how many of the first candidates the collection's cross-encoder puts into an order of its own.
        expand: what each hit is given beside its text: a number of neighbouring chunks on either side, its `section`
            (all that has the same heading), or its `document`; of more than 100,000 characters the nearest ones.
        facets: keys of the metadata whose values are counted: in the documents that the filter allows, and in mode
            `keyword` in those of them that have words of the query.
        sort: a key of the metadata to sort the k hits by, `year`, or `-year` for the largest first.
        cursor: where the page before ended, whose search was the same; the collection must not have changed since.
    """

    group_by: Literal["document"] | None = None
    diversity: float = 0.0
    collapse: float | None = None
    min_score: float | None = None
    rerank: int = 0
    expand: Expand | None = None
    facets: Sequence[str] = ()
    sort: str | None = None
    cursor: str | None = None

    @property
    def drops(self) -> bool:
        """Whether candidates are passed over for better ones."""
        return self.group_by is not None or self.collapse is not None

    def depth(self, k: int) -> int:
        """Candidates to begin with, for k hits."""
        room = min(_ROOM * k, POOL) if self.drops else 0
        return max(k, room, self.rerank, POOL if self.diversity else 0)

    def blocks(self, k: int) -> tuple[int, int]:
        """Candidates that are looked at together, at first and later."""
        later = POOL if self.diversity else k
        return self.rerank or later, later


def check_shaping(shaping: Shaping, mode: SearchMode, text: str | None) -> Shaping:
    """The shaping, for a search in this mode, by this text; raises InvalidRequestError if it is not possible."""
    if shaping.group_by not in (None, "document"):
        raise InvalidRequestError(f"group_by is {shaping.group_by!r:.80}; hits are grouped by document, or not at all")
    _check_number("diversity", shaping.diversity, 0, 1)
    if shaping.collapse is not None:
        _check_number("collapse", shaping.collapse, 0, 1)
    if shaping.min_score is not None:
        _check_number("min_score", shaping.min_score, -1, 1)
        if mode is SearchMode.KEYWORD:
            raise InvalidRequestError(
                "min_score is the least cosine, and in mode keyword there are none: search by meaning, or by both"
            )
    if type(shaping.rerank) is not int or shaping.rerank < 0:
        raise InvalidRequestError(f"rerank is {shaping.rerank!r:.80}; say how many candidates, or 0 for none")
    if shaping.rerank and text is None:
        raise InvalidRequestError("a reranker reads the query, and there is only a vector: give a query, too")
    _check_expand(shaping.expand)
    _check_keys(shaping)
    return shaping


def _check_expand(expand: object) -> None:
    is_number = type(expand) is int and 1 <= expand <= MAX_NEIGHBOURS
    if not is_number and expand not in (None, "section", "document"):
        raise InvalidRequestError(
            f"expand is {expand!r:.80}; it has to be a number of neighbours on either side, 1 to {MAX_NEIGHBOURS}, "
            "or one of: section, document"
        )


def _check_keys(shaping: Shaping) -> None:
    """Check what names keys of the metadata."""
    if isinstance(shaping.facets, str) or len(shaping.facets) > MAX_FACETS:
        raise InvalidRequestError(f"facets are {shaping.facets!r:.80}; give a list of up to {MAX_FACETS} keys")
    for key in shaping.facets:
        check_key(key)
    if shaping.sort is not None:
        check_key(str(shaping.sort).removeprefix("-"))
        if shaping.cursor is not None:
            raise InvalidRequestError(
                "sort puts the hits of one answer in order, and not those of several pages: ask for a larger k, "
                "without a cursor"
            )


def _check_number(name: str, value: object, least: float, most: float) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not least <= value <= most:  # type: ignore[operator]
        raise InvalidRequestError(f"{name} is {value!r:.80}; it has to be a number from {least} to {most}")
