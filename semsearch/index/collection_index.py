"""The index of a whole collection: an IVF payload over most rows, the exact tail over the rest, as one VectorIndex."""

from collections.abc import Callable

import numpy as np

from semsearch.index.contract import Neighbours, VectorIndex
from semsearch.index.exact import ExactIndex
from semsearch.index.ivf import IvfIndex
from semsearch.index.vectors import check_request
from semsearch.types import Ids, Vectors


class CollectionIndex:
    """Payload and tail, disjoint and without deleted rows.

    `load_rows` gives the payload's rows as they are stored, for searches that must not rely on derived data.
    """

    def __init__(
        self, dim: int, payload: IvfIndex | None, tail: ExactIndex, load_rows: Callable[[], ExactIndex]
    ) -> None:
        self._dim, self._payload, self._tail, self._load_rows = dim, payload, tail, load_rows

    def __len__(self) -> int:
        return len(self._tail) + (len(self._payload) if self._payload is not None else 0)

    def search(
        self, queries: Vectors, k: int, *, target_recall: float = 0.95, allowed_ids: Ids | None = None
    ) -> Neighbours:
        """As `VectorIndex.search`; a target of 1.0 reads the stored vectors and no FAISS index."""
        check_request(queries, k, self._dim, target_recall)
        parts: list[VectorIndex] = [self._tail]
        if self._payload is not None:
            parts.insert(0, self._load_rows() if target_recall == 1.0 else self._payload)
        found = [part.search(queries, k, target_recall=target_recall, allowed_ids=allowed_ids) for part in parts]
        return found[0] if len(found) == 1 else _merged(found, k)


def _merged(found: list[Neighbours], k: int) -> Neighbours:
    scores = np.concatenate([part.scores for part in found], axis=1)
    ids = np.concatenate([part.ids for part in found], axis=1)
    order = np.lexsort((ids, -scores), axis=1)[:, :k]
    return Neighbours(
        np.take_along_axis(scores, order, axis=1),
        np.take_along_axis(ids, order, axis=1),
        found[0].path,
        sum(part.scanned for part in found),
        found[0].nprobe,
    )
