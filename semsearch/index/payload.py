"""The search structure of a generation: inverted lists that propose rows, and the stored rows that score them.

A base and at most one small delta share centroids and codes, so that the lists to visit are chosen once. Neither ever
changes: deleted rows are masked, new rows wait outside for the next delta. What is proposed is compared exactly with
the stored vectors, so that codes decide what is found, and never what it scores.
"""

import dataclasses
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from semsearch.index import lists as inverted
from semsearch.index.faiss_library import load_faiss, use_threads
from semsearch.index.ids import IdSet, positions_of
from semsearch.index.lists import Lists
from semsearch.index.sizing import Codec
from semsearch.index.stored_rows import ABSENT, StoredRows
from semsearch.index.vectors import FLOAT32_ERROR
from semsearch.machine import cores
from semsearch.types import Ids, Scores, Vectors

_Scalar = TypeVar("_Scalar", bound=np.generic)
Mask = npt.NDArray[np.bool_]  # (n,), True: may be found
LEAST_HITS = 10  # for fewer hits as many candidates are taken as for these
_TOGETHER = 1_024  # queries, at most, that one core takes through the lists: what they visit is read once for many
_BLOCK = 32  # of these, those whose candidates are scored together, in the core's cache
_SPARE = 4  # candidates beyond k that are scored in float64, among which near ties at the end are seen


class DamagedIndexError(RuntimeError):
    """The index proposes what the segments do not have."""


@dataclass(frozen=True)
class Proposed:
    """What a search of the payload found.

    Attributes:
        scores: (q, k), -inf behind the last.
        ids: chunk ids (q, k), ABSENT behind the last.
        scanned: rows in the lists visited, for all queries together.
        density: of the rows in the lists that a query visited, the share that a filter allows, the smallest of all
            queries; 1 without a filter.
    """

    scores: Scores
    ids: Ids
    scanned: int
    density: float


@dataclass(frozen=True)
class _Findable:
    """Ordinals that may be found: how many, as a bitmap (`None`: all), and how many of each inverted list."""

    size: int
    bits: npt.NDArray[np.uint8] | None
    by_list: Ids | None


@dataclass(frozen=True, eq=False)
class Payload:
    """A base and perhaps a delta.

    Attributes:
        codec: of the lists.
        parts: packed lists, the base and the delta; their rows are ordinals of `ids`.
        ids: chunk ids, ascending; those of the base come first.
        rows: what the ids stand for.
        alive: rows that may be found, `None` for all.
    """

    codec: Codec
    parts: tuple[Lists, ...]
    ids: Ids
    rows: StoredRows
    alive: Mask | None = None

    def __len__(self) -> int:
        return len(self.ids) if self.alive is None else int(self.alive.sum())

    @property
    def nlist(self) -> int:
        return int(self.parts[0].nlist)

    def without(self, ids: Ids) -> "Payload":
        """The same payload with these rows masked; unknown ids are passed over."""
        if not len(ids):
            return self
        alive = np.ones(len(self.ids), dtype=np.bool_) if self.alive is None else self.alive.copy()
        alive[positions_of(ids, self.ids)] = False
        return dataclasses.replace(self, alive=alive)

    def share(self, allowed: IdSet | None) -> float:
        """The share of the live rows that may be found."""
        return self._findable(allowed).size / max(self._everything.size, 1)

    def search(
        self, queries: Vectors, k: int, *, nprobe: int, candidates: int, allowed: IdSet | None = None
    ) -> Proposed:
        """The k best rows of `nprobe` lists, out of `candidates` for each hit, to each of `queries` (q, dim).

        Raises:
            RuntimeError: the lists are damaged.
        """
        if len(queries) <= _BLOCK:
            return self._search(queries, k, nprobe, candidates, allowed)
        share = max(_BLOCK, min(_TOGETHER, -(-len(queries) // cores())))
        with ThreadPoolExecutor(cores()) as threads:
            found = list(
                threads.map(lambda some: self._search(some, k, nprobe, candidates, allowed), _blocks(queries, share))
            )
        scores, ids = (
            np.concatenate(parts) for parts in zip(*((each.scores, each.ids) for each in found), strict=True)
        )
        return Proposed(scores, ids, sum(each.scanned for each in found), min(each.density for each in found))

    def _search(self, queries: Vectors, k: int, nprobe: int, candidates: int, allowed: IdSet | None) -> Proposed:
        """On one core: a query alone is too small to share, and a batch keeps all cores busy by its blocks."""
        use_threads(1)
        ordinals, visited = self.propose(queries, candidates * max(k, LEAST_HITS), nprobe, allowed)
        numbers = self.numbers_of(ordinals)
        if len(queries) <= _BLOCK:
            scores, ids = self._scored(queries, numbers, k)
        else:
            parts = zip(_blocks(queries, _BLOCK), _blocks(numbers, _BLOCK), strict=True)
            found = [self._scored(some, candidates_of, k) for some, candidates_of in parts]
            scores, ids = (np.concatenate(each) for each in zip(*found, strict=True))
        return Proposed(scores, ids, self.rows_in(visited), self._density(visited, allowed))

    def propose(self, queries: Vectors, depth: int, nprobe: int, allowed: IdSet | None) -> tuple[list[Ids], Ids]:
        """Ordinals (q, depth) from each part, and the lists visited (q, nprobe).

        The ones that the codes hold for the nearest come first; behind the last, ordinals are negative.
        """
        faiss, bits = load_faiss(), self._findable(allowed).bits
        queries = inverted.padded(self.codec, queries)
        nearness, visited = self.parts[0].quantizer.search(queries, nprobe)
        found = []
        for part in self.parts:
            scores = np.empty((len(queries), depth), dtype=np.float32)
            ordinals = np.empty((len(queries), depth), dtype=np.int64)
            # the parameters and the bitmap belong to this call: FAISS changes the one and borrows the other
            selector = None if bits is None else faiss.IDSelectorBitmap(bits)
            parameters = faiss.SearchParametersIVF(nprobe=visited.shape[1], sel=selector)
            pointers = map(faiss.swig_ptr, (visited, nearness, scores, ordinals))
            part.search_preassigned_c(len(queries), faiss.swig_ptr(queries), depth, *pointers, False, parameters)
            found.append(ordinals)
        return found, visited

    def rows_in(self, visited: Ids) -> int:
        """Rows in these lists (q, nprobe), those that may not be found included."""
        return int(self._sizes[visited].sum())

    def numbers_of(self, ordinals: Sequence[Ids]) -> Ids:
        """Numbers of stored rows (q, c), each at most once a query, for ordinals of each part.

        Raises:
            DamagedIndexError: an ordinal that has no row.
        """
        every = np.concatenate(ordinals, axis=1) if len(ordinals) > 1 else ordinals[0]
        numbers = np.sort(np.where(every < 0, ABSENT, self._number_of[every]), axis=1)
        if int((numbers < 0).sum()) > int((every < 0).sum()):
            raise DamagedIndexError("it proposes rows that no segment has")
        numbers[:, 1:][numbers[:, 1:] == numbers[:, :-1]] = ABSENT
        return numbers

    def _density(self, visited: Ids, allowed: IdSet | None) -> float:
        by_list = self._findable(allowed).by_list
        if by_list is None:
            return 1.0
        return float((by_list[visited].sum(axis=1) / np.maximum(self._sizes[visited].sum(axis=1), 1)).min())

    def _scored(self, queries: Vectors, numbers: Ids, k: int) -> tuple[Scores, Ids]:
        """The k best (q, k), by exact scores, of candidates (q, c)."""
        width = min(k + _SPARE, numbers.shape[1])
        near, best = self.rows.nearest(queries, numbers, width)
        scores = self.rows.cosines(queries, best)
        found = self._ranked(scores, best, k)
        if width < numbers.shape[1] and k < width:
            are_tied = (near[:, -1] >= found[0][:, -1] - FLOAT32_ERROR) & (best[:, -1] >= 0)
            if are_tied.any():  # more than the spare ones
                found = self._ranked(self.rows.cosines(queries, numbers), numbers, k)
        return found

    def _ranked(self, scores: Scores, numbers: Ids, k: int) -> tuple[Scores, Ids]:
        """The k best (q, k) of scored rows (q, c)."""
        ids = self.rows.ids[numbers]
        ids[numbers == ABSENT] = ABSENT
        order = np.arange(len(scores))[:, None], np.lexsort((ids, -scores), axis=1)[:, :k]
        return _wide(scores[order], k, -np.inf), _wide(ids[order], k, ABSENT)

    def _findable(self, allowed: IdSet | None) -> _Findable:
        return self._everything if allowed is None else allowed.worked_out(self, self._restricted)

    @functools.cached_property
    def _everything(self) -> _Findable:
        bits = None if self.alive is None else np.packbits(self.alive, bitorder="little")
        return _Findable(len(self), bits, None)

    def _restricted(self, ids: Ids) -> _Findable:
        mask = np.zeros(len(self.ids), dtype=np.bool_)
        mask[positions_of(ids, self.ids)] = True
        if self.alive is not None:
            mask &= self.alive
        by_list = sum(
            np.add.reduceat(np.append(mask[ordinals], False), np.minimum(np.cumsum(sizes) - sizes, len(ordinals)))
            * (sizes > 0)
            for ordinals, sizes in self._rows_by_list
        )
        return _Findable(int(mask.sum()), np.packbits(mask, bitorder="little"), np.asarray(by_list, dtype=np.int64))

    @functools.cached_property
    def _rows_by_list(self) -> list[tuple[Ids, Ids]]:
        return [inverted.rows_by_list(part) for part in self.parts]

    @functools.cached_property
    def _sizes(self) -> Ids:
        """Rows in each list, of all parts together."""
        sizes = [[part.invlists.list_size(number) for number in range(self.nlist)] for part in self.parts]
        together: Ids = np.array(sizes, dtype=np.int64).sum(axis=0)
        return together

    @functools.cached_property
    def _number_of(self) -> Ids:
        """Numbers of the stored rows by ordinal."""
        return self.rows.numbers_of(self.ids)


def _blocks(rows: npt.NDArray[_Scalar], size: int) -> list[npt.NDArray[_Scalar]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _wide(values: npt.NDArray[_Scalar], k: int, fill: float) -> npt.NDArray[_Scalar]:
    """(q, m) to (q, k), m at most k."""
    missing = k - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing)), constant_values=fill) if missing else values
