"""The gate that every vector passes, and the one way in which scores are computed and ranked."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from semsearch.errors import DimensionMismatchError, InvalidRequestError, InvalidVectorError
from semsearch.types import Ids, Scores, StoredVectors, Vectors

MAX_DIM = 65_536
SCORE_DECIMALS = 6
# float32 dot products of unit vectors differ by up to about 2e-6 between kernels and shapes
FLOAT32_ERROR = 5e-6
_SPARE = 8  # candidates beyond k, among which near ties at the end of the list are seen

ScoredIds: TypeAlias = tuple[Scores, Ids]


def as_vectors(values: npt.ArrayLike, dim: int) -> Vectors:
    """Normalised, C-contiguous float32 vectors (n, dim) from anything numeric of that shape, or of shape (dim,).

    Raises:
        InvalidVectorError: not numbers (text that looks like numbers is none), not finite, or all zero.
        DimensionMismatchError: rows of another length than dim.
    """
    try:
        given = np.asarray(values)
    except Exception as error:  # whatever has no array fails in its own way
        raise InvalidVectorError(f"a vector has to be a row of numbers: {error}") from error
    if given.dtype.kind not in "biuf":
        raise InvalidVectorError(f"a vector has to be a row of numbers of at most 64 bits, not of {given.dtype}")
    rows = np.atleast_2d(given.astype(np.float64))
    if rows.ndim != 2:
        raise InvalidVectorError(f"vectors have to be of shape (n, {dim}), not {rows.shape}")
    if rows.shape[1] != dim:
        raise DimensionMismatchError(rows.shape[1], dim)
    if not np.isfinite(rows).all():
        raise InvalidVectorError("a vector holds NaN or infinity, whose proximity to anything is undefined")
    largest = np.abs(rows).max(axis=1, keepdims=True)
    if not largest.all():
        raise InvalidVectorError("a vector is all zero, and has no direction to compare")
    rows = rows / largest  # so that squares neither overflow nor vanish
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def as_vector(values: npt.ArrayLike, dim: int) -> Vectors:
    """As `as_vectors`, for exactly one vector: (dim,) or (1, dim) to (1, dim)."""
    rows = as_vectors(values, dim)
    if len(rows) != 1:
        raise InvalidVectorError(f"one vector is expected here, and there are {len(rows)}")
    return rows


def as_stored(vectors: Vectors) -> StoredVectors:
    """Round to the stored precision, once: the tail, FAISS and exact search all see these numbers."""
    return vectors.astype(np.float16)


def cosines(query: Vectors, rows: Vectors | StoredVectors) -> Scores:
    """Scores of stored rows (n, dim) for one query (dim,): (n,), in [-1, 1], rounded.

    Computed in float64, so that a row has the same score whatever it was batched with.
    """
    products = rows.astype(np.float64) @ query.astype(np.float64)
    scores: Scores = np.clip(products, -1.0, 1.0).round(SCORE_DECIMALS)
    return scores


def ranked(scores: Scores, ids: Ids, k: int) -> ScoredIds:
    """The k best of one query's candidates, sorted by (-score, id)."""
    order = np.lexsort((ids, -scores))[:k]
    return scores[order], ids[order]


def with_near_ties(
    search: Callable[[int], tuple[Scores | Vectors, Ids]], k: int, most: int, *, error: float = FLOAT32_ERROR
) -> list[Ids]:
    """For each query the k best candidates of `search(depth)`, and all that are about as near as the last of them.

    FAISS's float32 order and the rounded one differ among near ties, so that the search goes deeper until the end of
    its list is clearly farther than the k-th.

    Args:
        search: gives scores and numbers (q, depth), descending, -1 where there are no more.
        k: candidates needed, at most `most`.
        most: the depth at which nothing is left.
        error: how far apart scores have to be for their order to be sure.
    """
    depth = k
    while True:
        depth = min(depth + _SPARE, most)
        scores, found = search(depth)
        settled = (found[:, -1] < 0) | (scores[:, -1] < scores[:, k - 1] - error)
        if depth == most or settled.all():
            return [near[near >= 0] for near in found]
        depth *= 4


def check_request(queries: Vectors, k: int, dim: int, target_recall: float) -> None:
    """Raise what `VectorIndex.search` promises to raise."""
    if k < 1:
        raise InvalidRequestError(f"k is {k}; ask for at least 1 hit")
    check_target(target_recall)
    if queries.ndim != 2 or queries.shape[1] != dim:
        raise DimensionMismatchError(queries.shape[-1], dim)


def check_dim(dim: int) -> int:
    """The dim, if it is a whole number of 1 to 65,536; raises InvalidRequestError otherwise."""
    if type(dim) is not int or not 1 <= dim <= MAX_DIM:
        raise InvalidRequestError(f"dim is {dim!r}; vectors have 1 to {MAX_DIM:,} numbers")
    return dim


def check_target(target_recall: float) -> None:
    """Raise InvalidRequestError unless it is above 0 and at most 1."""
    if not 0.0 < target_recall <= 1.0:
        raise InvalidRequestError(f"target_recall is {target_recall}; it has to be above 0 and at most 1")
