"""A sealed run of vectors: two files that never change, mapped, searched exactly by FAISS and readable with numpy.

`<n>.f16` is a FAISS flat index of float16 rows: a short header, then rows * dim little-endian float16 numbers up to the
end of the file. `<n>.ids.npy` holds the rows' chunk ids, int64, ascending. What a segment does not know is which of its
rows were deleted since: that is a mask that its reader puts on.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.index.contract import Neighbours
from semsearch.index.faiss_library import load_faiss
from semsearch.index.ids import Write, positions_of, read_ids
from semsearch.index.vectors import check_request, cosines, ranked, with_near_ties
from semsearch.types import TARGET_RECALL, Ids, StoredVectors, Vectors

_BLOCK = 8_192
# Below this share of its rows, reading them one by one is faster than asking a bitmap about every row.
_GATHER_SHARE = 1 / 500


class Segment:
    """Mapped rows with ascending chunk ids; `without` gives an instance that masks some of them."""

    def __init__(self, index: Any, rows: StoredVectors, ids: Ids, alive: npt.NDArray[np.bool_]) -> None:  # noqa: ANN401
        self._index, self._rows, self.ids, self._alive = index, rows, ids, alive

    @classmethod
    def read(cls, path: Path, ids_path: Path) -> "Segment":
        """Map a segment; raises RuntimeError, ValueError or OSError if the files are not what was written."""
        faiss = load_faiss()
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        ids = read_ids(ids_path)
        if index.ntotal != len(ids):
            raise ValueError(f"{path} has {index.ntotal} rows and {ids_path} has {len(ids)}")
        shape = (len(ids), index.d)
        offset = path.stat().st_size - 2 * len(ids) * index.d
        rows = np.memmap(path, dtype="<f2", mode="r", offset=offset, shape=shape)
        return cls(index, rows, ids, np.ones(len(ids), dtype=np.bool_))

    def __len__(self) -> int:
        return int(self._alive.sum())

    @property
    def dead(self) -> int:
        """Rows that are masked."""
        return len(self.ids) - len(self)

    def without(self, ids: Ids) -> "Segment":
        """The same rows less those with the given ids; unknown ids are passed over."""
        alive = self._alive.copy()
        alive[positions_of(ids, self.ids)] = False
        return Segment(self._index, self._rows, self.ids, alive)

    def blocks(self) -> Iterator[tuple[Ids, StoredVectors]]:
        """Ids (n,) and rows (n, dim) that are not masked, some at a time."""
        for start in range(0, len(self.ids), _BLOCK):
            alive = self._alive[start : start + _BLOCK]
            yield self.ids[start : start + _BLOCK][alive], self._rows[start : start + _BLOCK][alive]

    def search(
        self, queries: Vectors, k: int, *, target_recall: float = TARGET_RECALL, allowed_ids: Ids | None = None
    ) -> Neighbours:
        """As `VectorIndex.search`; knn_recall is 1 for any target."""
        check_request(queries, k, self._index.d, target_recall)
        rows = None if allowed_ids is None else self._allowed(allowed_ids)
        findable = len(self) if rows is None else len(rows)
        size = min(k, findable)
        scores, ids = np.empty((len(queries), size)), np.empty((len(queries), size), dtype=np.int64)
        if size:
            candidates = self._candidates(queries, size, rows)
            for at, near in enumerate(candidates):
                scores[at], ids[at] = ranked(cosines(queries[at], self._rows[near]), self.ids[near], size)
        return Neighbours(scores, ids, "exact", findable * len(queries))

    def _allowed(self, ids: Ids) -> Ids:
        rows = positions_of(ids, self.ids)
        return rows[self._alive[rows]]

    def _candidates(self, queries: Vectors, k: int, rows: Ids | None) -> list[Ids]:
        """Row numbers for each query, at least the k best, of `rows` or, for `None`, of all that are alive."""
        if rows is not None and len(rows) <= max(k, len(self.ids) * _GATHER_SHARE):
            return [rows] * len(queries)
        mask = self._alive
        if rows is not None:
            mask = np.zeros(len(self.ids), dtype=np.bool_)
            mask[rows] = True
        findable = int(mask.sum())
        faiss = load_faiss()
        bits = None if findable == len(mask) else np.packbits(mask, bitorder="little")
        parameters = None if bits is None else faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        return with_near_ties(lambda depth: self._index.search(queries, depth, params=parameters), k, findable)

    def at(self, ids: Ids) -> tuple[Ids, StoredVectors]:
        """Those of the ids that are here, masked or not, ascending (n,), and their rows (n, dim)."""
        positions = positions_of(ids, self.ids)
        return self.ids[positions], self._rows[positions]


class StoredRows:
    """The rows of some segments by chunk id."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = [segment for segment in segments if len(segment.ids)]
        self._last = np.array([segment.ids[-1] for segment in self._segments], dtype=np.int64)

    def __len__(self) -> int:
        return sum(map(len, self._segments))

    def at(self, ids: Ids) -> tuple[Ids, StoredVectors]:
        """Those of the ids that are stored, ascending (n,), and their rows (n, dim)."""
        numbers = np.unique(np.searchsorted(self._last, ids))
        parts = [self._segments[number].at(ids) for number in numbers if number < len(self._segments)]
        if not parts:
            return ids[:0], np.empty((0, 0), dtype=np.float16)
        return np.concatenate([found for found, _ in parts]), np.concatenate([rows for _, rows in parts])


def write_rows(write: Write, stored: StoredVectors) -> None:
    """Write the file of the vectors (n, dim)."""
    faiss = load_faiss()
    index = faiss.IndexScalarQuantizer(stored.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.is_trained = True  # float16 has nothing to learn
    index.add_sa_codes(np.ascontiguousarray(stored, dtype="<f2").view(np.uint8))
    faiss.write_index(index, faiss.PyCallbackIOWriter(write))
