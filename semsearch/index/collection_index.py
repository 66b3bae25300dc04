"""The index of a whole collection, and its planner: approximate where that is measured to be cheaper, else exact.

On a device that holds the sealed rows, every search is exact.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from semsearch.index.contract import Neighbours, VectorIndex
from semsearch.index.device import DeviceFailedError
from semsearch.index.device_scan import DeviceScan
from semsearch.index.exact import ExactIndex
from semsearch.index.ids import IdSet
from semsearch.index.payload import Payload
from semsearch.index.segment import Segment
from semsearch.index.stored_rows import ABSENT
from semsearch.index.tuning import cheapest, exact_cost
from semsearch.index.vectors import check_request
from semsearch.types import TARGET_RECALL, Curve, Ids, OperatingPoint, Scores, StoredVectors, Vectors

logger = logging.getLogger(__name__)

# Of the share of rows that a filter allows, what has to be allowed in the lists that a query visits, for the curve,
# which was measured with rows drawn at random, to speak for it.
_USUAL_DENSITY = 0.5
_AT_ONCE = 2.0  # milliseconds in which what a filter allows may as well be scanned


@dataclass(frozen=True, slots=True)
class Measured:
    """A payload with what was measured on it: its operating curve, and milliseconds of an exact search."""

    payload: Payload
    curve: Curve
    exact_milliseconds: float

    def without(self, ids: Ids) -> "Measured":
        """The same with these rows masked."""
        return Measured(self.payload.without(ids), self.curve, self.exact_milliseconds)

    def point_for(self, k: int, target_recall: float, allowed: IdSet | None = None) -> OperatingPoint | None:
        """How to search the payload, `None` where an exact scan is cheaper or surer."""
        share = self.payload.share(allowed)
        point = cheapest(self.curve, target_recall, k, share)
        exact = exact_cost(self.exact_milliseconds, share)
        if point is None or point.milliseconds >= exact or (allowed is not None and exact < _AT_ONCE):
            return None
        return point


class CollectionIndex:
    """Segments and tail are disjoint and hold every live row; the payload holds those of the first segments again.

    A segment is in the payload as a whole or not at all.

    Args:
        measured: the payload, with what is known about it.
        segments: in the order of their ids.
        tail: the rows that are in no segment.
        on_damage: told when the payload turns out to be damaged; the search goes on without it.
        scan: the rows of all segments on a device.
        on_device_failure: told when it fails; the search goes on without it.
    """

    def __init__(
        self,
        measured: Measured | None,
        segments: Sequence[Segment],
        tail: ExactIndex,
        on_damage: Callable[[str], None],
        *,
        scan: DeviceScan | None = None,
        on_device_failure: Callable[[str], None] = logger.warning,
    ) -> None:
        self._scan, self._on_device_failure = scan, on_device_failure
        self._measured, self._tail, self._on_damage = measured, tail, on_damage
        self._segments = segments
        self._exact: list[VectorIndex] = [*segments, tail]
        covered = -1 if measured is None else int(measured.payload.ids[-1])
        self._outside: list[VectorIndex] = [segment for segment in segments if int(segment.ids[-1]) > covered]
        if len(tail):
            self._outside.append(tail)
        self._size = sum(map(len, self._exact))

    def __len__(self) -> int:
        return self._size

    def blocks(self, size: int) -> Iterator[tuple[Ids, Vectors]]:
        """All ids (n,) with their rows (n, dim), up to `size` at a time."""
        for segment in self._segments:
            yield from _cut(segment.blocks(), size)
        yield from _cut(self._tail.blocks(), size)

    def rows(self, ids: Ids) -> tuple[Ids, Vectors]:
        """Those of the ids (m,) that it has, ascending, with their rows (n, dim)."""
        found = [*(segment.rows(ids) for segment in self._segments), self._tail.rows(ids)]
        every, rows = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        order = np.argsort(every)
        return every[order], rows[order].astype(np.float32)

    def search(
        self, queries: Vectors, k: int, *, target_recall: float = TARGET_RECALL, allowed_ids: IdSet | None = None
    ) -> Neighbours:
        """As `VectorIndex.search`; what the payload cannot deliver is searched exactly, over the stored vectors."""
        check_request(queries, k, self._tail.dim, target_recall)
        if self._scan is not None:
            try:
                return _exact([self._scan, self._tail], queries, k, allowed_ids)
            except DeviceFailedError as error:
                self._scan = None
                self._on_device_failure(str(error))
        if self._measured is not None and target_recall < 1.0 and len(queries):
            try:
                found = self._search_payload(self._measured, queries, k, target_recall, allowed_ids)
            except (RuntimeError, IndexError) as error:
                self._on_damage(str(error))
            else:
                if found is not None:
                    return found
        return _exact(self._exact, queries, k, allowed_ids)

    def _search_payload(
        self, measured: Measured, queries: Vectors, k: int, target_recall: float, allowed: IdSet | None
    ) -> Neighbours | None:
        point = measured.point_for(k, target_recall, allowed)
        if point is None:
            return None
        proposed = measured.payload.search(
            queries, k, nprobe=point.nprobe, candidates=point.candidates, allowed=allowed
        )
        if proposed.density < _USUAL_DENSITY * measured.payload.share(allowed):
            return None
        others = [part.search(queries, k, allowed_ids=allowed) for part in self._outside]
        scores, ids = _merged(
            [proposed.scores, *(each.scores for each in others)], [proposed.ids, *(each.ids for each in others)], k
        )
        scanned = proposed.scanned + sum(each.scanned for each in others)
        size = min(k, len(self) if allowed is None else len(allowed))
        short = (ids[:, :size] == ABSENT).any(axis=1)
        if short.any():
            exact = _exact(self._exact, queries[short], k, allowed)
            size = min(size, exact.ids.shape[1])
            scores[short, :size], ids[short, :size] = exact.scores, exact.ids
            scanned += exact.scanned
        return Neighbours(scores[:, :size], ids[:, :size], "ivf", scanned, point.nprobe)


def _cut(blocks: Iterator[tuple[Ids, Vectors | StoredVectors]], size: int) -> Iterator[tuple[Ids, Vectors]]:
    for ids, rows in blocks:
        for start in range(0, len(ids), size):
            yield ids[start : start + size], np.ascontiguousarray(rows[start : start + size], dtype=np.float32)


def _exact(parts: Sequence[VectorIndex], queries: Vectors, k: int, allowed: IdSet | None) -> Neighbours:
    """Search all of the parts, exactly."""
    found = [part.search(queries, k, allowed_ids=allowed) for part in parts]
    if len(found) == 1:
        return found[0]
    scores, ids = _merged([part.scores for part in found], [part.ids for part in found], k)
    return Neighbours(scores, ids, "exact", sum(part.scanned for part in found), device=found[0].device)


def _merged(scores: list[Scores], ids: list[Ids], k: int) -> tuple[Scores, Ids]:
    """The k best of all parts' rows, (q, m) each, or as many as there are."""
    if len(scores) == 1 or all(not part.shape[1] for part in scores[1:]):
        return scores[0], ids[0]
    every_score, every_id = np.concatenate(scores, axis=1), np.concatenate(ids, axis=1)
    order = np.lexsort((every_id, -every_score), axis=1)[:, :k]
    return np.take_along_axis(every_score, order, axis=1), np.take_along_axis(every_id, order, axis=1)
