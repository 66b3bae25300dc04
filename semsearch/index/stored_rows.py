"""The rows of the sealed segments, numbered through: what the candidates of approximate search are compared with.

FAISS compares one query with rows of its own choice in inverted lists only, so every mapped row is a list of its own,
and the candidates are the lists to visit.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from semsearch.index.faiss_library import load_faiss
from semsearch.index.ids import positions_of
from semsearch.index.segment import Segment
from semsearch.index.vectors import SCORE_DECIMALS
from semsearch.types import Ids, Scores, Vectors

ABSENT = -1


class StoredRows:
    """Rows by number, masked ones included: those of the first segment, then those of the second, ..."""

    def __init__(self, segments: Sequence[Segment], dim: int) -> None:
        self._segments = [segment for segment in segments if len(segment.ids)]
        self._starts = np.cumsum([0, *(len(segment.ids) for segment in self._segments)])
        self._dim = dim
        faiss = load_faiss()
        self._float16 = faiss.ScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16)
        self._index, self._borrowed = self._made_index()

    def __len__(self) -> int:
        return int(self._starts[-1])

    @functools.cached_property
    def ids(self) -> Ids:
        """Chunk ids by number."""
        return np.concatenate([segment.ids for segment in self._segments] or [np.empty(0, dtype=np.int64)])

    def numbers_of(self, ids: Ids) -> Ids:
        """The numbers (n,) of the rows with these ascending ids, ABSENT for one that no segment has."""
        numbers = np.full(len(ids), ABSENT, dtype=np.int64)
        for start, segment in zip(self._starts, self._segments, strict=False):
            first, last = np.searchsorted(ids, [segment.ids[0], segment.ids[-1] + 1])
            here = positions_of(segment.ids, ids[first:last])  # of the given ids, those that the segment has
            numbers[first:last][here] = start + positions_of(ids[first:last], segment.ids)
        return numbers

    def nearest(self, queries: Vectors, numbers: Ids, k: int) -> tuple[Vectors, Ids]:
        """The k best of each query's own rows (q, c): scores (q, k) in float32, and numbers, ABSENT behind the last.

        ABSENT rows are passed over; no number may stand twice in a row.
        """
        faiss = load_faiss()
        shape = (len(queries), min(k, numbers.shape[1]))
        if numbers.shape[1] > len(self):  # FAISS visits no more lists than there are, and misreads a wider table
            numbers = np.sort(numbers, axis=1)[:, -len(self) :]
        queries, numbers = np.ascontiguousarray(queries), np.ascontiguousarray(numbers)
        scores, found = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.int64)
        unused = np.zeros(numbers.shape, dtype=np.float32)  # distances to centroids, which these lists do not have
        pointers = map(faiss.swig_ptr, (numbers, unused, scores, found))
        parameters = faiss.SearchParametersIVF(nprobe=numbers.shape[1])
        # the form of FAISS's C++ interface; the last but one says: name a row by its list, whose ids are never read
        self._index.search_preassigned_c(len(queries), faiss.swig_ptr(queries), shape[1], *pointers, True, parameters)
        return scores, np.where(found < 0, ABSENT, found >> 32)

    def cosines(self, queries: Vectors, numbers: Ids) -> Scores:
        """Scores (q, m) of rows (q, m), as `semsearch.index.vectors.cosines` gives them; -inf for ABSENT ones."""
        rows = self._rows(numbers.ravel()).reshape(*numbers.shape, self._dim)
        scores: Scores = np.matmul(rows.astype(np.float64), queries.astype(np.float64)[:, :, None])[:, :, 0]
        np.clip(scores, -1.0, 1.0, out=scores).round(SCORE_DECIMALS, out=scores)
        scores[numbers == ABSENT] = -np.inf
        return scores

    def _rows(self, numbers: Ids) -> Vectors:
        """Rows (n, dim) in float32, any for ABSENT ones."""
        if len(self._segments) == 1:
            stored = self._segments[0].stored(np.maximum(numbers, 0))
        else:
            parts = np.searchsorted(self._starts, numbers, side="right") - 1
            stored = np.zeros((len(numbers), self._dim), dtype=np.float16)
            for part in np.unique(parts[numbers >= 0]):
                here = parts == part
                stored[here] = self._segments[part].stored(numbers[here] - self._starts[part])
        rows: Vectors = self._float16.decode(stored.view(np.uint8))  # numpy's own conversion takes longer
        return rows

    def _made_index(self) -> tuple[Any, Any]:
        """An index over lists of one row each, and what it borrows and FAISS does not keep."""
        faiss, dim = load_faiss(), self._dim
        parts = [segment.row_lists for segment in self._segments]
        pointers = faiss.InvertedListsPtrVector()
        for part in parts:
            pointers.push_back(part)
        stacked = faiss.VStackInvertedLists(pointers.size(), pointers.data())
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dim), dim, 1, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
        )
        index.is_trained, index.nlist, index.ntotal = True, len(self), len(self)
        index.replace_invlists(stacked, False)
        return index, (parts, stacked)
