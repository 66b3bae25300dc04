"""Texts of many lengths through a model in batches that waste little; what the model is, its caller knows.

A batch is a matrix, whose rows are padded to the longest: so texts of one length go together, and a batch has a budget
of tokens, not of texts. Small ones stay in the processor's cache; large ones keep a GPU busy.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from semsearch.errors import ModelError
from semsearch.types import Vectors

logger = logging.getLogger(__name__)

Rows: TypeAlias = npt.NDArray[np.intp]  # numbers of texts
Embed: TypeAlias = Callable[[Rows], Vectors]
Sharing: TypeAlias = Callable[[int], AbstractContextManager[object]]

# torch on a GPU, torch on the CPU, ONNX Runtime, C++
_OUT_OF_MEMORY = ("out of memory", "DefaultCPUAllocator", "Failed to allocate memory", "bad allocation", "bad_alloc")


class Batches:
    """Deals texts out to the copies of a model, the longest first; threads may share an instance.

    Args:
        budget: tokens in a batch, padding included; halved for good when memory does not suffice for it.
        sharing: is entered with the number of threads that compute, this one or new ones, while they do.
    """

    def __init__(self, budget: int, sharing: Sharing = nullcontext) -> None:
        self.budget, self._sharing = budget, sharing
        self._told = False

    def embed(self, lengths: Sequence[int], copies: Sequence[Embed], dim: int) -> Vectors:
        """Embed texts of these lengths in tokens, with one thread a copy of the model: (len(lengths), dim).

        Copies are left idle where there are fewer batches.

        Raises:
            ModelError: memory does not suffice for a single text.
        """
        vectors = np.empty((len(lengths), dim), np.float32)
        batches, lock = self._cut(np.asarray(lengths)), threading.Lock()

        def work(copy: Embed) -> None:
            while True:
                with lock:
                    rows = next(batches, None)
                if rows is None:
                    return
                vectors[rows] = self._embedded(copy, rows)

        threads = max(1, min(len(copies), -(-sum(lengths) // self.budget)))
        with self._sharing(threads):
            if threads == 1:
                work(copies[0])
            else:
                with ThreadPoolExecutor(threads) as pool:
                    list(pool.map(work, copies[:threads]))
        return vectors

    def _cut(self, lengths: npt.NDArray[np.intp]) -> Iterator[Rows]:
        order = np.argsort(-lengths, kind="stable")
        start = 0
        while start < len(order):
            size = max(1, self.budget // max(1, int(lengths[order[start]])))
            yield order[start : start + size]
            start += size

    def _embedded(self, embed: Embed, rows: Rows) -> Vectors:
        """Embed a batch, in halves if memory does not suffice for it."""
        try:
            return embed(rows)
        except Exception as error:  # those of ONNX Runtime have no other base
            if not _is_out_of_memory(error):
                raise
            self._shrink(len(rows), error)
        middle = len(rows) // 2  # no reference to the error is left, which would keep the tensors that it met
        return np.concatenate([self._embedded(embed, rows[:middle]), self._embedded(embed, rows[middle:])])

    def _shrink(self, texts: int, error: Exception) -> None:
        reason = str(error).partition("\n")[0]
        if texts == 1:
            raise ModelError(
                f"memory does not suffice to embed a single text with this model ({reason}): "
                "free some, take another device, or a smaller model"
            ) from error
        self.budget = max(1, self.budget // 2)
        if not self._told:
            logger.warning(
                "memory does not suffice to embed %d texts at a time: batches are halved (%s)", texts, reason
            )
            self._told = True


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(text in str(error) for text in _OUT_OF_MEMORY)
