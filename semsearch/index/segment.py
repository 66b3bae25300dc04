"""A sealed run of vectors: two files that never change, mapped, searched exactly by FAISS and readable with numpy.

`<n>.f16` is a FAISS flat index of float16 rows: a short header, then rows * dim little-endian float16 numbers up to the
end of the file. `<n>.ids.npy` holds the rows' chunk ids, int64, ascending. What a segment does not know is which of its
rows were deleted since: that is a mask that its reader puts on.
"""

import functools
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from semsearch.index.contract import Neighbours
from semsearch.index.faiss_library import load_faiss, use_threads
from semsearch.index.ids import IdSet, Write, positions_of, read_ids
from semsearch.index.vectors import check_request, cosines, ranked, with_near_ties
from semsearch.machine import cores
from semsearch.types import TARGET_RECALL, Ids, StoredVectors, Vectors

_BLOCK = 8_192
# Below this share of its rows, reading them one by one is faster than asking a bitmap about every row.
_GATHER_SHARE = 1 / 500


class Allowed(NamedTuple):
    """Rows that a search may return: their number, and either the few of them, or a bitmap, or neither for all."""

    size: int
    rows: Ids | None
    bits: npt.NDArray[np.uint8] | None


class _Mapped:
    """The file of a segment in memory: as an array of rows, and as the two structures of FAISS that search it.

    All of them look at one mapping of it, since the pages of each would count as this process's memory. It is that of
    `lists`, which gives it back.

    Attributes:
        index: FAISS's index over all rows.
        lists: its inverted lists, each of one row, at 24 bytes a row.
        bytes: rows (n, 2 * dim) as bytes: they begin at an odd place in the file, and numpy would first copy all of
            them to an even one when some are taken.
        rows: the same as float16, (n, dim).
    """

    def __init__(self, path: Path) -> None:
        faiss, size = load_faiss(), path.stat().st_size
        header = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        rows, dim = header.ntotal, header.d
        self.lists = _row_lists(path, size, rows, dim)
        whole = faiss.rev_swig_ptr(self.lists.ptr, size)
        self.index = faiss.read_index(faiss.ZeroCopyIOReader(self.lists.ptr, size), faiss.IO_FLAG_MMAP_IFC)
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._file)
        self.bytes = whole[size - 2 * rows * dim :].reshape(rows, 2 * dim)
        self.rows: StoredVectors = self.bytes.view("<f2")

    def read(self, start: int, stop: int) -> StoredVectors:
        """Rows (stop - start, dim), from the file: pages that are mapped would stay in this process's memory.

        Raises:
            OSError: the file cannot be read, or ends before them.
        """
        (rows, width), offset = self.bytes.shape, self.lists.totsize - self.bytes.size
        stop = min(stop, rows)
        data = os.pread(self._file, (stop - start) * width, offset + start * width)
        if len(data) != (stop - start) * width:
            raise OSError(f"{self.lists.filename} ends before row {stop}")
        return np.frombuffer(data, "<f2").reshape(stop - start, width // 2)


class Segment:
    """Mapped rows with ascending chunk ids; `without` gives an instance that masks some of them."""

    def __init__(self, mapped: _Mapped, ids: Ids, alive: npt.NDArray[np.bool_]) -> None:
        self._mapped, self.ids, self._alive = mapped, ids, alive
        self._index, self._rows = mapped.index, mapped.rows

    @classmethod
    def read(cls, path: Path, ids_path: Path) -> "Segment":
        """Map a segment; raises RuntimeError, ValueError or OSError if the files are not what was written."""
        mapped, ids = _Mapped(path), read_ids(ids_path)
        if mapped.index.ntotal != len(ids):
            raise ValueError(f"{path} has {mapped.index.ntotal} rows and {ids_path} has {len(ids)}")
        return cls(mapped, ids, np.ones(len(ids), dtype=np.bool_))

    def __len__(self) -> int:
        return self._all.size

    @property
    def dim(self) -> int:
        return int(self._rows.shape[1])

    @property
    def dead(self) -> int:
        """Rows that are masked."""
        return len(self.ids) - len(self)

    def without(self, ids: Ids) -> "Segment":
        """The same rows less those with the given ids; unknown ids are passed over."""
        alive = self._alive.copy()
        alive[positions_of(ids, self.ids)] = False
        return Segment(self._mapped, self.ids, alive)

    def blocks(self) -> Iterator[tuple[Ids, StoredVectors]]:
        """Ids (n,) and rows (n, dim) that are not masked, some at a time."""
        for start in range(0, len(self.ids), _BLOCK):
            alive = self._alive[start : start + _BLOCK]
            ids, rows = self.ids[start : start + _BLOCK], self._mapped.read(start, start + _BLOCK)
            yield (ids, rows) if alive.all() else (ids[alive], rows[alive])

    def search(
        self, queries: Vectors, k: int, *, target_recall: float = TARGET_RECALL, allowed_ids: IdSet | None = None
    ) -> Neighbours:
        """As `VectorIndex.search`; knn_recall is 1 for any target."""
        check_request(queries, k, self._index.d, target_recall)
        allowed = self.allowed(allowed_ids)
        size = min(k, allowed.size)
        scores, ids = np.empty((len(queries), size)), np.empty((len(queries), size), dtype=np.int64)
        if size:
            for at, near in enumerate(self._candidates(queries, size, allowed)):
                scores[at], ids[at] = ranked(cosines(queries[at], self._rows[near]), self.ids[near], size)
        return Neighbours(scores, ids, "exact", allowed.size * len(queries))

    def allowed(self, ids: IdSet | None) -> Allowed:
        """The rows that a search may return, of those with these ids, or of all."""
        return self._all if ids is None else ids.worked_out(self, self._allowed)

    @functools.cached_property
    def _all(self) -> "Allowed":
        alive = self._alive
        return Allowed(int(alive.sum()), None, None if alive.all() else np.packbits(alive, bitorder="little"))

    def _allowed(self, ids: Ids) -> "Allowed":
        rows = positions_of(ids, self.ids)
        rows = rows[self._alive[rows]]
        if len(rows) <= len(self.ids) * _GATHER_SHARE:
            return Allowed(len(rows), rows, None)
        mask = np.zeros(len(self.ids), dtype=np.bool_)
        mask[rows] = True
        return Allowed(len(rows), None, np.packbits(mask, bitorder="little"))

    def _candidates(self, queries: Vectors, k: int, allowed: "Allowed") -> list[Ids]:
        """Row numbers for each query, at least the k best of what is allowed."""
        if allowed.rows is not None:
            return [allowed.rows] * len(queries)
        faiss, bits = load_faiss(), allowed.bits
        parameters = None if bits is None else faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        use_threads(1 if len(queries) == 1 else cores())
        return with_near_ties(lambda depth: self._index.search(queries, depth, params=parameters), k, allowed.size)

    def rows(self, ids: Ids) -> tuple[Ids, StoredVectors]:
        """Those of the ids that it has and that are not masked, ascending, with their rows (n, dim)."""
        positions = positions_of(ids, self.ids)
        positions = positions[self._alive[positions]]
        return self.ids[positions], self.stored(positions)

    def stored(self, positions: Ids) -> StoredVectors:
        """Rows (n, dim) at these positions (n,), masked or not."""
        rows: StoredVectors = self._mapped.bytes.take(positions, axis=0).view("<f2")
        return rows

    @property
    def row_lists(self) -> Any:  # noqa: ANN401 - FAISS comes without types
        """FAISS's inverted lists over the rows, each of one row, masked or not; they live as long as the segment."""
        return self._mapped.lists


def _row_lists(path: Path, size: int, rows: int, dim: int) -> Any:  # noqa: ANN401 - FAISS comes without types
    """A mapped file of so many bytes, at whose end the rows are, as inverted lists of one row each."""
    faiss, offset = load_faiss(), size - 2 * rows * dim
    lists = faiss.OnDiskInvertedLists()
    lists.nlist, lists.code_size, lists.read_only, lists.prefetch_nthread = rows, 2 * dim, True, 0
    lists.filename, lists.totsize = str(path), size
    table = np.ones((rows, 3), dtype=np.uint64)  # size, capacity, offset in the file
    table[:, 2] = offset + np.arange(rows, dtype=np.uint64) * np.uint64(2 * dim)
    lists.lists.resize(rows)
    faiss.memcpy(lists.lists.data(), faiss.swig_ptr(table), table.nbytes)
    lists.do_mmap()
    return lists


def write_rows(write: Write, stored: StoredVectors) -> None:
    """Write the file of the vectors (n, dim)."""
    faiss = load_faiss()
    index = faiss.IndexScalarQuantizer(stored.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.is_trained = True  # float16 has nothing to learn
    index.add_sa_codes(np.ascontiguousarray(stored, dtype="<f2").view(np.uint8))
    faiss.write_index(index, faiss.PyCallbackIOWriter(write))
