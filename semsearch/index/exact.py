"""Exact search with numpy over rows in memory: the tail, which is all there is of a small collection."""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from semsearch.index.contract import Neighbours
from semsearch.index.ids import IdSet, positions_of
from semsearch.index.vectors import FLOAT32_ERROR, ScoredIds, check_request, cosines, ranked
from semsearch.types import TARGET_RECALL, Ids, StoredVectors, Vectors

_Scalar = TypeVar("_Scalar", bound=np.generic)
_BLOCK_SCORES = 32_000_000  # scores held at once (128 MB of float32)


class ExactIndex:
    """Rows with ascending chunk ids; instances do not change, `extended` and `without` give new ones.

    `extended` appends to a buffer with room to spare that older instances share and look at only as far as their own
    rows, so that catching up with a writer costs what was added. Extend only the newest instance.
    """

    def __init__(self, ids: Ids, vectors: Vectors) -> None:
        self._ids, self._vectors = ids, vectors  # (n,), (n, dim)
        self._alive = np.ones(len(ids), dtype=np.bool_)
        self._room = (ids, vectors)  # buffers that begin with the rows

    @classmethod
    def empty(cls, dim: int) -> "ExactIndex":
        return cls(np.empty(0, dtype=np.int64), np.empty((0, dim), dtype=np.float32))

    @property
    def dim(self) -> int:
        """Length of a row."""
        return int(self._vectors.shape[1])

    def __len__(self) -> int:
        return int(self._alive.sum())

    def extended(self, ids: Ids, stored: StoredVectors) -> "ExactIndex":
        """These rows and more: ids (m,) above all present ones, stored (m, dim)."""
        size, old = len(self._ids) + len(ids), len(self._ids)
        room = (_with_room(self._room[0], old, size), _with_room(self._room[1], old, size))
        room[0][old:size], room[1][old:size] = ids, stored
        grown = ExactIndex(room[0][:size], room[1][:size])
        grown._room = room
        grown._alive[:old] = self._alive
        return grown

    def without(self, ids: Ids) -> "ExactIndex":
        """These rows less those with the given ids; unknown ids are passed over."""
        fewer = ExactIndex(self._ids, self._vectors)
        fewer._room = self._room
        fewer._alive = self._alive.copy()
        fewer._alive[positions_of(ids, self._ids)] = False
        return fewer

    def blocks(self) -> Iterator[tuple[Ids, Vectors]]:
        """Ids (n,) and rows (n, dim) that are not masked."""
        yield self._ids[self._alive], self._vectors[self._alive]

    def search(
        self, queries: Vectors, k: int, *, target_recall: float = TARGET_RECALL, allowed_ids: IdSet | None = None
    ) -> Neighbours:
        """As `VectorIndex.search`; knn_recall is 1 for any target."""
        check_request(queries, k, self._vectors.shape[1], target_recall)
        ids, rows = self._candidates(allowed_ids)
        size = min(k, len(ids))
        scores = np.empty((len(queries), size), dtype=np.float64)
        found = np.empty((len(queries), size), dtype=np.int64)
        if size:
            step = max(1, _BLOCK_SCORES // len(ids))
            for start in range(0, len(queries), step):
                block = queries[start : start + step]
                for offset, products in enumerate(block @ rows.T):
                    scores[start + offset], found[start + offset] = _best(block[offset], ids, rows, products, size)
        return Neighbours(scores, found, "exact", len(ids) * len(queries))

    def rows(self, ids: Ids) -> tuple[Ids, Vectors]:
        """Those of the ids that it has, ascending, with their rows (n, dim)."""
        return self._candidates(IdSet(ids))

    def _candidates(self, allowed_ids: IdSet | None) -> tuple[Ids, Vectors]:
        if allowed_ids is None and self._alive.all():
            return self._ids, self._vectors
        positions = np.flatnonzero(self._alive) if allowed_ids is None else positions_of(allowed_ids.ids, self._ids)
        positions = positions[self._alive[positions]]
        return self._ids[positions], self._vectors[positions]


def _best(query: Vectors, ids: Ids, rows: Vectors, products: Vectors, k: int) -> ScoredIds:
    """Rank by exact scores all that float32 products leave in question, ties at the end of the list included."""
    threshold = np.partition(products, len(products) - k)[len(products) - k]
    near = np.flatnonzero(products >= threshold - FLOAT32_ERROR)
    return ranked(cosines(query, rows[near]), ids[near], k)


def _with_room(buffer: npt.NDArray[_Scalar], used: int, size: int) -> npt.NDArray[_Scalar]:
    """The buffer itself if it holds `size` rows, else a larger copy of its `used` rows."""
    if len(buffer) >= size:
        return buffer
    grown = np.empty((size + size // 2, *buffer.shape[1:]), dtype=buffer.dtype)
    grown[:used] = buffer[:used]
    return grown
