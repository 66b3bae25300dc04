"""A FAISS IVF index (inner product on normalised vectors): it proposes rows, and the stored vectors give their scores.

Its lists hold the stored float16 rows without loss, so that what it finds depends on nprobe alone. Inside FAISS a row
is known by its ordinal in the ascending array of chunk ids, so that a filter is a bitmap of rows. The index never
changes after it is built: deleted rows are masked, new ones wait outside for the next build.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.index.contract import Neighbours
from semsearch.index.faiss_library import load_faiss
from semsearch.index.ids import Write, positions_of, read_ids
from semsearch.index.segment import StoredRows
from semsearch.index.sizing import nlist_for
from semsearch.index.tuning import nprobe_for
from semsearch.index.vectors import check_request, cosines, ranked, with_near_ties
from semsearch.types import TARGET_RECALL, Curve, Ids, Scores, StoredVectors, Vectors

Mask = npt.NDArray[np.bool_]  # (n,), True: may be found


class DamagedIndexError(RuntimeError):
    """The index proposes what the segments do not have."""


class IvfIndex:
    """A built index, its chunk ids (ascending), the rows that it stands for, and its operating curve."""

    def __init__(
        self,
        index: Any,  # noqa: ANN401 - FAISS comes without types
        ids: Ids,
        rows: StoredRows,
        curve: Curve = (),
        alive: Mask | None = None,
    ) -> None:
        self._index, self.ids, self._rows, self.curve = index, ids, rows, curve
        self._alive = alive  # None: all

    @classmethod
    def build(cls, sample: Vectors, blocks: Iterable[tuple[Ids, StoredVectors]], rows: StoredRows) -> "IvfIndex":
        """Train on `sample` (s, dim) and add `blocks` of (ids, vectors), which are `rows`, ids ascending.

        k-means starts from a fixed seed: the same rows give the same index.
        """
        faiss, dim, size = load_faiss(), sample.shape[1], len(rows)
        nlist = nlist_for(size)
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dim), dim, nlist, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
        )
        index.cp.spherical = True  # centroids on the sphere, like the vectors
        index.cp.max_points_per_centroid = max(1, len(sample) // nlist)  # the sample is cut to size already
        index.train(sample)
        ids = np.empty(size, dtype=np.int64)
        for block_ids, stored in blocks:
            start = index.ntotal
            ids[start : start + len(block_ids)] = block_ids
            index.add(np.ascontiguousarray(stored, dtype=np.float32))
        return cls(index, ids, rows)

    @classmethod
    def read(cls, path: Path, ids_path: Path, rows: StoredRows, curve: Curve) -> "IvfIndex":
        """Map a written index; raises RuntimeError or ValueError if the files are not what was written."""
        faiss = load_faiss()
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
        ids = read_ids(ids_path)
        if not isinstance(index, faiss.IndexIVFScalarQuantizer) or index.ntotal != len(ids):
            raise ValueError(f"{path} and {ids_path} do not belong together")
        # mapped lists are fetched ahead by 32 threads a query, which costs more than the search itself
        faiss.downcast_InvertedLists(index.invlists).prefetch_nthread = 0
        return cls(index, ids, rows, curve)

    def write(self, write: Write) -> None:
        """Give FAISS's bytes to `write`; FAISS's own file writer neither syncs nor reports a full disk."""
        faiss = load_faiss()
        faiss.write_index(self._index, faiss.PyCallbackIOWriter(write))

    def __len__(self) -> int:
        return len(self.ids) if self._alive is None else int(self._alive.sum())

    @property
    def nlist(self) -> int:
        return int(self._index.nlist)

    def measured(self, curve: Curve) -> "IvfIndex":
        """The same rows with the operating curve that was measured on them."""
        return IvfIndex(self._index, self.ids, self._rows, curve, self._alive)

    def without(self, ids: Ids) -> "IvfIndex":
        """The same index with these rows masked; unknown ids are passed over."""
        if not len(ids):
            return self
        alive = np.ones(len(self.ids), dtype=np.bool_) if self._alive is None else self._alive.copy()
        alive[positions_of(ids, self.ids)] = False
        return IvfIndex(self._index, self.ids, self._rows, self.curve, alive)

    def search(
        self, queries: Vectors, k: int, *, target_recall: float = TARGET_RECALL, allowed_ids: Ids | None = None
    ) -> Neighbours:
        """As `VectorIndex.search`: unfiltered at the measured nprobe, filtered over all lists.

        Raises:
            RuntimeError: the index is damaged.
        """
        check_request(queries, k, self._index.d, target_recall)
        mask = self._mask(allowed_ids)
        findable = len(self.ids) if mask is None else int(mask.sum())
        nprobe = self.nlist
        if target_recall < 1.0 and allowed_ids is None and findable:
            depth = math.ceil(min(k, findable) * len(self.ids) / findable)  # deleted rows are in the way
            nprobe = nprobe_for(self.curve, target_recall, depth, self.nlist)
        return self.probe(queries, min(k, findable), nprobe, mask)

    def probe(self, queries: Vectors, k: int, nprobe: int, mask: Mask | None = None) -> Neighbours:
        """The k best of `nprobe` lists, k at most the rows in `mask`; of all lists, where those hold fewer than k."""
        scores, ids = np.empty((len(queries), k)), np.empty((len(queries), k), dtype=np.int64)
        findable = len(self.ids) if mask is None else int(mask.sum())
        scanned = len(queries) * findable if nprobe == self.nlist else self._rows_in(queries, nprobe)
        for at, near in enumerate(self._candidates(queries, k, nprobe, mask) if k else ()):
            if len(near) < k:
                [near] = self._candidates(queries[at : at + 1], k, self.nlist, mask)
                scanned, nprobe = scanned + findable, self.nlist
            found, rows = self._rows.at(self.ids[near])
            if len(found) < k:
                raise DamagedIndexError(f"it proposes {len(near) - len(found)} rows that no segment has")
            scores[at], ids[at] = ranked(cosines(queries[at], rows), found, k)
        return Neighbours(scores, ids, "ivf", scanned, nprobe)

    def nearest(self, queries: Vectors, k: int, nprobe: int, mask: Mask | None = None) -> tuple[Scores, Ids]:
        """FAISS's own answer: scores (q, k) in float32 and ordinals (q, k), -1 where there are no more."""
        faiss = load_faiss()
        # the parameters and the bitmap belong to this call: FAISS changes the one and borrows the other
        bits = None if mask is None else np.packbits(mask, bitorder="little")
        selector = None if bits is None else faiss.IDSelectorBitmap(bits)
        parameters = faiss.SearchParametersIVF(nprobe=nprobe, sel=selector)
        scores, rows = self._index.search(queries, k, params=parameters)
        return scores, rows

    def _candidates(self, queries: Vectors, k: int, nprobe: int, mask: Mask | None) -> list[Ids]:
        """Ordinals for each query: the k best, and all that are about as near as the last of them."""
        return with_near_ties(lambda depth: self.nearest(queries, depth, nprobe, mask), k, len(self.ids))

    def _mask(self, allowed_ids: Ids | None) -> Mask | None:
        if allowed_ids is None:
            return self._alive
        mask = np.zeros(len(self.ids), dtype=np.bool_)
        mask[positions_of(allowed_ids, self.ids)] = True
        return mask if self._alive is None else mask & self._alive

    def _rows_in(self, queries: Vectors, nprobe: int) -> int:
        """Rows in the lists that these queries visit."""
        lists = self._index.quantizer.search(queries, nprobe)[1].ravel()
        return sum(self._index.invlists.list_size(int(number)) for number in lists)
