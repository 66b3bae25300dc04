"""Exact search on a device, by torch, over sealed segments whose float16 rows lie in its memory.

The device proposes by float32 products, and the stored rows decide in float64, on the CPU: ids and scores are those of
`Segment.search`. What lies on the device never changes; deleted rows and filters are masks. Nothing is approximate
here, and rows that are not sealed are not here.
"""

import functools
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from semsearch.index.contract import Neighbours
from semsearch.index.device import Device, DeviceFailedError
from semsearch.index.ids import IdSet
from semsearch.index.segment import Allowed, Segment
from semsearch.index.stored_rows import StoredRows
from semsearch.index.vectors import check_request, with_near_ties
from semsearch.types import TARGET_RECALL, Ids, Scores, Vectors

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

# Products of the device differ from exact ones by up to a quarter of this, which is checked when rows are loaded. Two
# such errors and the rounding of scores decide what has to be looked at again.
DEVICE_ERROR = 4e-5
# Memory beside the rows: products and what choosing among them takes, and FAISS's own while an index is built.
WORKING_BYTES = 2 << 30
_PRODUCTS = 64_000_000  # held at once (256 MB of float32)
_QUERIES = 256  # searched at once: beyond, reading the rows is no longer what a scan costs
_LOADED = 8_192  # rows on their way to the device
_SPARE = 8  # candidates beyond k, among which near ties at the end of the list are seen
_RESCORED = 65_536  # rows read at once for exact scores
_CHECKED = 1_024  # rows whose products are compared with exact ones
_FINE = 2_048.0  # the second half of a query is held so many times larger, clear of float16's smallest numbers


def fits(rows: int, dim: int, free_bytes: int) -> bool:
    """Whether so many rows can be searched in so much memory of a device."""
    return 2 * rows * dim + WORKING_BYTES <= free_bytes


class DeviceScan:
    """Segments, of which none is empty, and their rows (n, dim) on the device; instances do not change."""

    def __init__(self, device: Device, segments: Sequence[Segment], rows: "Sequence[Tensor]", dim: int) -> None:
        self._device, self._segments, self._rows, self._dim = device, tuple(segments), tuple(rows), dim
        self._stored = StoredRows(segments, dim)
        self._starts = np.cumsum([0, *(len(segment.ids) for segment in segments)]).tolist()

    def __len__(self) -> int:
        return sum(map(len, self._segments))

    def over(self, segments: Sequence[Segment]) -> "DeviceScan":
        """The same rows under the masks of these, the same segments."""
        masked = DeviceScan(self._device, segments, self._rows, self._dim)
        masked._stored = self._stored  # which knows no masks
        return masked

    def search(
        self, queries: Vectors, k: int, *, target_recall: float = TARGET_RECALL, allowed_ids: IdSet | None = None
    ) -> Neighbours:
        """As `VectorIndex.search`; knn_recall is 1 for any target. Raises DeviceFailedError as well."""
        check_request(queries, k, self._dim, target_recall)
        allowed = [segment.allowed(allowed_ids) for segment in self._segments]
        most = sum(each.size for each in allowed)
        size = min(k, most)
        scores, ids = np.empty((len(queries), size)), np.empty((len(queries), size), dtype=np.int64)
        step = max(1, min(_QUERIES, _PRODUCTS // (8 * (size + _SPARE))))
        for start in range(0, len(queries) if size else 0, step):
            here = slice(start, start + step)
            scores[here], ids[here] = self._best(queries[here], size, most, allowed)
        return Neighbours(scores, ids, "exact", most * len(queries), device=self._device.name)

    def _best(self, queries: Vectors, k: int, most: int, allowed: Sequence[Allowed]) -> tuple[Scores, Ids]:
        """The k best (q, k); where more than the spare candidates are tied, a query goes deeper by itself."""
        depth = min(k + _SPARE, most)
        products, numbers = self._scan(allowed, queries, depth)
        scores, ids = self._ranked(queries, numbers, k)
        if depth < most:
            for at in np.flatnonzero(products[:, -1] >= products[:, k - 1] - DEVICE_ERROR):
                query = queries[at : at + 1]
                [near] = with_near_ties(functools.partial(self._scan, allowed, query), k, most, error=DEVICE_ERROR)
                scores[at], ids[at] = (best[0] for best in self._ranked(query, near[None], k))
        return scores, ids

    def _ranked(self, queries: Vectors, numbers: Ids, k: int) -> tuple[Scores, Ids]:
        """The k best (q, k), by exact scores, of candidates (q, c)."""
        step = max(1, _RESCORED // len(queries))
        pieces = [numbers[:, at : at + step] for at in range(0, numbers.shape[1], step)]
        scores = np.concatenate([self._stored.cosines(queries, piece) for piece in pieces], axis=1)
        ids = self._stored.ids[numbers]
        order = np.lexsort((ids, -scores), axis=1)[:, :k]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)

    def _scan(self, allowed: Sequence[Allowed], queries: Vectors, depth: int) -> tuple[Vectors, Ids]:
        """The `depth` largest products (q, depth), descending, and numbers of stored rows; so many are allowed."""
        return self._device.run(lambda: self._scan_here(allowed, queries, depth))

    def _scan_here(self, allowed: Sequence[Allowed], queries: Vectors, depth: int) -> tuple[Vectors, Ids]:
        import torch

        asked = _halves(queries, self._device)
        best: tuple[Tensor, Tensor] | None = None
        for rows, start, some in zip(self._rows, self._starts, allowed, strict=False):
            for products, numbers in _blocks(rows, some, asked):
                near, places = products.topk(min(depth, products.shape[1]))
                found = near, numbers[places] + start
                if best is not None:
                    near, numbers = (torch.cat(pair, dim=1) for pair in zip(best, found, strict=True))
                    near, places = near.topk(min(depth, near.shape[1]))
                    found = near, numbers.gather(1, places)
                best = found
        if best is None:
            raise DeviceFailedError("a scan was asked for of no rows")
        return best[0].cpu().numpy(), best[1].cpu().numpy()


class DeviceRows:
    """What lies in the device's memory: the rows of segments, by the names of their files, which never change."""

    def __init__(self, device: Device, dim: int) -> None:
        self._device, self._dim = device, dim
        self._rows: dict[str, Tensor] = {}

    def hold(self, wanted: Mapping[str, Segment]) -> DeviceScan:
        """A search over these segments, at least one, by file name; only those new to the device are loaded.

        Raises:
            DeviceFailedError: they do not fit, or the device failed; it holds none of them then.
        """
        self._rows = {name: rows for name, rows in self._rows.items() if name in wanted}
        missing = {name: segment for name, segment in wanted.items() if name not in self._rows}
        try:
            self._check_room(sum(len(segment.ids) for segment in missing.values()))
            for name, segment in missing.items():
                self._rows[name] = self._loaded(segment)
        except DeviceFailedError:
            self.release()
            raise
        rows = [self._rows[name] for name in wanted]
        return DeviceScan(self._device, list(wanted.values()), rows, self._dim)

    def release(self) -> None:
        """Hold nothing; memory is given back when the last search is done with it."""
        self._rows = {}

    def _check_room(self, rows: int) -> None:
        free = self._device.run(self._device.free_bytes)
        if rows and not fits(rows, self._dim, free):
            needed = (2 * rows * self._dim + WORKING_BYTES) / 1e9
            raise DeviceFailedError(
                f"{rows} more vectors of {self._dim} numbers need {needed:.1f} GB of memory on {self._device.name}, "
                f"and {free / 1e9:.1f} GB are free"
            )

    def _loaded(self, segment: Segment) -> "Tensor":
        """All rows of a segment, masked ones too, a block at a time, so that searches go on in between."""
        import torch

        size = len(segment.ids)
        name = self._device.name
        rows = self._device.run(lambda: torch.empty((size, self._dim), dtype=torch.float16, device=name))
        for start in range(0, size, _LOADED):
            block = segment.stored(np.arange(start, min(start + _LOADED, size)))
            self._device.run(functools.partial(rows[start : start + len(block)].copy_, torch.from_numpy(block)))
        self._check(segment, rows)
        return rows

    def _check(self, segment: Segment, rows: "Tensor") -> None:
        """Compare products of the device with exact ones, for few queries and for many."""
        stored = segment.stored(np.arange(min(_CHECKED, len(segment.ids)))).astype(np.float32)
        turned = np.roll(stored[:_QUERIES], 1, axis=0) + np.float32(1e-3) * stored[:_QUERIES]  # of more than 16 bits
        turned /= np.linalg.norm(turned, axis=1, keepdims=True)
        for queries in (turned[:1], turned):
            found = self._device.run(functools.partial(_products_of, queries, rows, self._device, len(stored)))
            error = float(np.abs(found - queries.astype(np.float64) @ stored.astype(np.float64).T).max())
            if not error <= DEVICE_ERROR / 4:
                raise DeviceFailedError(f"products of {self._device.name} differ from exact ones by {error:.1e}")


def _products_of(queries: Vectors, rows: "Tensor", device: Device, first: int) -> Vectors:
    """Products (q, first) with the first rows, out of those with all."""
    [found] = [_products(_halves(queries, device), rows)]
    products: Vectors = found[:, :first].cpu().numpy()
    return products


def _halves(queries: Vectors, device: Device) -> "Tensor":
    """Queries (q, dim) as two float16 numbers each, (2 q, dim): rounded, and what rounding took, times _FINE.

    Rows can so be read as they lie, in one product that loses nothing of the queries' float32.
    """
    import torch

    whole = torch.from_numpy(np.ascontiguousarray(queries)).to(device.name)
    rounded = whole.half()
    return torch.cat([rounded, ((whole - rounded.float()) * _FINE).half()])


def _products(halves: "Tensor", rows: "Tensor") -> "Tensor":
    """Products (q, n) in float32 of queries as `_halves` made them, and rows (n, dim) in float16."""
    import torch

    if rows.device.type == "cuda":
        both = torch.mm(halves, rows.T, out_dtype=torch.float32)
    else:  # only CUDA has products of float16 that are summed, and given, in float32
        both = halves.float() @ rows.float().T
    first, second = both.chunk(2)
    return first.add_(second, alpha=1 / _FINE)


def _blocks(rows: "Tensor", some: Allowed, halves: "Tensor") -> Iterator["tuple[Tensor, Tensor]"]:
    """Products (q, b) of the rows that are allowed, -inf for others, and the rows' numbers (b,), some at a time."""
    import torch

    if not some.size:
        return
    step = max(1, _PRODUCTS // len(halves))
    if some.rows is not None:
        for start in range(0, some.size, step):
            numbers = torch.from_numpy(some.rows[start : start + step]).to(rows.device)
            yield _products(halves, rows[numbers]), numbers
        return
    mask = None if some.bits is None else _unpacked(torch.from_numpy(some.bits).to(rows.device), len(rows))
    for start in range(0, len(rows), step):
        products = _products(halves, rows[start : start + step])
        if mask is not None:
            products.masked_fill_(~mask[start : start + step], -torch.inf)
        yield products, torch.arange(start, start + products.shape[1], device=rows.device)


def _unpacked(bits: "Tensor", size: int) -> "Tensor":
    """A mask (size,) from a bitmap, bit i % 8 of byte i / 8."""
    import torch

    places = torch.arange(8, dtype=torch.uint8, device=bits.device)
    return ((bits[:, None] >> places) & 1).bool().flatten()[:size]
