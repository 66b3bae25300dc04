"""Ascending arrays of chunk ids: where an id is, and the file that keeps them beside an index."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from semsearch.types import Ids

Write = Callable[[bytes], int]
_T = TypeVar("_T")


class IdSet:
    """Chunk ids that a search may return, ascending, with what the parts of an index have worked out from them."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids if (ids[1:] > ids[:-1]).all() else np.unique(ids)
        self._worked_out: dict[object, object] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def holds(self, ids: Ids) -> npt.NDArray[np.bool_]:
        """Of some ids (n,), in any order, whether each is among these: (n,)."""
        if not len(self.ids):
            return np.zeros(len(ids), dtype=np.bool_)
        near = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        found: npt.NDArray[np.bool_] = self.ids[near] == ids
        return found

    def worked_out(self, part: object, work: Callable[[Ids], _T]) -> _T:
        """`work(ids)`, done once for this part."""
        known = self._worked_out.get(part)
        if known is None:
            known = self._worked_out[part] = work(self.ids)
        return known  # type: ignore[return-value]


def positions_of(ids: Ids, among: Ids) -> Ids:
    """Where these ids are in the ascending `among`, for those that are in it; ascending, without repetition."""
    if not len(among):
        return among[:0]
    if not (ids[1:] > ids[:-1]).all():
        ids = np.unique(ids)
    ids = ids[np.searchsorted(ids, among[0]) : np.searchsorted(ids, among[-1], side="right")]
    places = np.searchsorted(among, ids)
    found: Ids = places[among[places] == ids]
    return found


def write_ids(write: Write, ids: Ids) -> None:
    """Write ids (n,) in numpy's .npy format."""
    write_array(write, np.asarray(ids, dtype=np.int64))


def write_array(write: Write, array: npt.NDArray[np.generic]) -> None:
    """Write an array in numpy's .npy format."""
    np.lib.format.write_array(_Writer(write), array, allow_pickle=False)


def read_ids(path: Path) -> Ids:
    """Map a file of ids; raises ValueError or OSError if it is not one."""
    try:
        ids: Ids = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # a damaged header fails in as many ways as Python has syntax
        raise ValueError(f"{path} is not a file of ids: {error}") from error
    if ids.dtype != np.int64 or ids.ndim != 1 or (np.diff(ids) <= 0).any():
        raise ValueError(f"{path} does not hold ascending ids")
    return ids


class _Writer:
    """What numpy needs of a file in order to write to it."""

    def __init__(self, write: Write) -> None:
        self.write = write
