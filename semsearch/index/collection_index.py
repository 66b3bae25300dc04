"""The index of a whole collection: IVF over what it covers, exact search over the other segments and the tail."""

from collections.abc import Callable, Sequence

import numpy as np

from semsearch.index.contract import Neighbours, VectorIndex
from semsearch.index.exact import ExactIndex
from semsearch.index.ivf import IvfIndex
from semsearch.index.segment import Segment
from semsearch.index.vectors import check_request
from semsearch.types import TARGET_RECALL, Ids, Vectors


class CollectionIndex:
    """Segments and tail are disjoint and hold every live row; the payload holds those of the first segments again.

    A segment is in the payload as a whole or not at all.

    Args:
        payload: what answers for the segments that it covers.
        segments: in the order of their ids.
        tail: the rows that are in no segment.
        on_damage: told when the payload turns out to be damaged; the search goes on without it.
    """

    def __init__(
        self, payload: IvfIndex | None, segments: Sequence[Segment], tail: ExactIndex, on_damage: Callable[[str], None]
    ) -> None:
        self._tail, self._on_damage = tail, on_damage
        self._exact: list[VectorIndex] = [*segments, tail]
        self._approximate = self._exact
        if payload is not None:
            covered = int(payload.ids[-1])
            outside = [segment for segment in segments if int(segment.ids[-1]) > covered]
            self._approximate = [payload, *outside, tail]

    def __len__(self) -> int:
        return sum(map(len, self._exact))

    def search(
        self, queries: Vectors, k: int, *, target_recall: float = TARGET_RECALL, allowed_ids: Ids | None = None
    ) -> Neighbours:
        """As `VectorIndex.search`; a filtered search, and one with a target of 1.0, is exact, over the stored vectors.

        Segments scan what a filter allows faster than inverted lists do: they lie in the order of the bitmap.
        """
        check_request(queries, k, self._tail.dim, target_recall)
        if target_recall < 1.0 and allowed_ids is None and self._approximate is not self._exact:
            try:
                return _search(self._approximate, queries, k, target_recall, allowed_ids)
            except (RuntimeError, IndexError) as error:
                self._on_damage(str(error))
        return _search(self._exact, queries, k, target_recall, allowed_ids)


def _search(
    parts: Sequence[VectorIndex], queries: Vectors, k: int, target_recall: float, allowed_ids: Ids | None
) -> Neighbours:
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
