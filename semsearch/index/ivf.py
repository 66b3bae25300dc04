"""A FAISS IVF index (inner product on normalised vectors) whose lists hold the stored float16 rows, without loss.

Inside FAISS a row is known by its ordinal in the ascending array of chunk ids, so that a filter is a bitmap of rows.
The index never changes after it is built: deleted rows are masked, new ones wait in the tail for the next build.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.index.contract import Neighbours
from semsearch.index.faiss_library import load_faiss
from semsearch.index.ids import Write, positions_of, read_ids
from semsearch.index.sizing import nlist_for
from semsearch.index.tuning import Curve, nprobe_for
from semsearch.index.vectors import ScoredIds, check_request, cosines, ranked
from semsearch.types import Ids, StoredVectors, Vectors

_SPARE = 8  # candidates beyond k, since FAISS's float32 order and the rounded one differ among near ties


class IvfIndex:
    """A built index, its chunk ids (ascending), and its operating curve."""

    def __init__(
        self,
        index: Any,  # noqa: ANN401 - FAISS comes without types
        ids: Ids,
        curve: Curve = (),
        alive: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        self._index, self.ids, self.curve = index, ids, curve
        self._alive = alive  # (n,), None: all rows
        self._sizes = np.array([index.invlists.list_size(number) for number in range(index.nlist)])

    @classmethod
    def build(cls, sample: Vectors, blocks: Iterable[tuple[Ids, StoredVectors]], rows: int) -> "IvfIndex":
        """Train on `sample` (s, dim) and add `blocks` of (ids, vectors), `rows` of them in all, ids ascending.

        k-means starts from a fixed seed: the same rows give the same index.
        """
        faiss, dim = load_faiss(), sample.shape[1]
        nlist = nlist_for(rows)
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dim), dim, nlist, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
        )
        index.cp.spherical = True  # centroids on the sphere, like the vectors
        index.cp.max_points_per_centroid = max(1, len(sample) // nlist)  # the sample is cut to size already
        index.train(sample)
        ids = np.empty(rows, dtype=np.int64)
        for block_ids, stored in blocks:
            start = index.ntotal
            ids[start : start + len(block_ids)] = block_ids
            index.add(np.ascontiguousarray(stored, dtype=np.float32))
        index.make_direct_map()  # rows can be read back by number; 8 bytes a row
        return cls(index, ids)

    @classmethod
    def read(cls, path: Path, ids_path: Path, curve: Curve) -> "IvfIndex":
        """Map a written index; raises RuntimeError or ValueError if the files are not what was written."""
        faiss = load_faiss()
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
        ids = read_ids(ids_path)
        if not isinstance(index, faiss.IndexIVFScalarQuantizer) or index.ntotal != len(ids):
            raise ValueError(f"{path} and {ids_path} do not belong together")
        return cls(index, ids, curve)

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
        return IvfIndex(self._index, self.ids, curve, self._alive)

    def without(self, ids: Ids) -> "IvfIndex":
        """The same index with these rows masked; unknown ids are passed over."""
        if not len(ids):
            return self
        alive = np.ones(len(self.ids), dtype=np.bool_) if self._alive is None else self._alive.copy()
        alive[positions_of(ids, self.ids)] = False
        return IvfIndex(self._index, self.ids, self.curve, alive)

    def search(
        self, queries: Vectors, k: int, *, target_recall: float = 0.95, allowed_ids: Ids | None = None
    ) -> Neighbours:
        """As `VectorIndex.search`: unfiltered at the measured nprobe, filtered over all lists."""
        check_request(queries, k, self._index.d, target_recall)
        mask = self._mask(allowed_ids)
        findable = len(self.ids) if mask is None else int(mask.sum())
        everything = target_recall == 1.0 or allowed_ids is not None
        nprobe = self.nlist if everything else nprobe_for(self.curve, target_recall, self.nlist)
        return self.probe(queries, min(k, findable), nprobe, mask)

    def probe(self, queries: Vectors, k: int, nprobe: int, mask: npt.NDArray[np.bool_] | None = None) -> Neighbours:
        """The k best of `nprobe` lists, k at most the rows in `mask`; of all lists, where those hold fewer than k."""
        scores, ids = np.empty((len(queries), k)), np.empty((len(queries), k), dtype=np.int64)
        scanned = self._rows_in(queries, nprobe)
        if k:
            rows = self._rows_near(queries, k, nprobe, mask)
            short = (rows >= 0).sum(axis=1) < k
            if short.any():
                rows[short] = self._rows_near(queries[short], k, self.nlist, mask)
                scanned += int(short.sum()) * len(self.ids)
            for at, candidates in enumerate(rows):
                scores[at], ids[at] = self._ranked(queries[at], candidates[candidates >= 0], k)
        return Neighbours(scores, ids, "ivf", scanned, nprobe)

    def _mask(self, allowed_ids: Ids | None) -> npt.NDArray[np.bool_] | None:
        if allowed_ids is None:
            return self._alive
        mask = np.zeros(len(self.ids), dtype=np.bool_)
        mask[positions_of(allowed_ids, self.ids)] = True
        return mask if self._alive is None else mask & self._alive

    def _rows_near(self, queries: Vectors, k: int, nprobe: int, mask: npt.NDArray[np.bool_] | None) -> Ids:
        """Rows (q, k + spare) in FAISS's order, -1 where there are no more."""
        faiss = load_faiss()
        # the parameters and the bitmap belong to this call: FAISS changes the one and borrows the other
        bits = None if mask is None else np.packbits(mask, bitorder="little")
        selector = None if bits is None else faiss.IDSelectorBitmap(bits)
        parameters = faiss.SearchParametersIVF(nprobe=nprobe, sel=selector)
        rows: Ids = self._index.search(queries, k + _SPARE, params=parameters)[1]
        return rows

    def _ranked(self, query: Vectors, rows: Ids, k: int) -> ScoredIds:
        return ranked(cosines(query, self._index.reconstruct_batch(rows)), self.ids[rows], k)

    def _rows_in(self, queries: Vectors, nprobe: int) -> int:
        """Rows in the lists that these queries visit."""
        if nprobe >= self.nlist:
            return len(queries) * len(self.ids)
        return int(self._sizes[self._index.quantizer.search(queries, nprobe)[1]].sum())
