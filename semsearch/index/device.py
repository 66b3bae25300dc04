"""The device that the operator chose for searches and for building, and the threads of the process that work on it.

What is computed there is in `semsearch.index.device_scan` and `semsearch.index.faiss_gpu`; where models run is another
setting, and none of this room's.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from semsearch.errors import ConfigError

SEARCH_DEVICES = ("cpu", "cuda", "auto")

_T = TypeVar("_T")
# Two, so that searches go on while centroids are trained: FAISS's resources may only ever be used by one thread.
_SCANNING = ThreadPoolExecutor(1, thread_name_prefix="semsearch-device")
_BUILDING = ThreadPoolExecutor(1, thread_name_prefix="semsearch-device-build")


class DeviceFailedError(RuntimeError):
    """The device could not do what it was asked: it has too little memory, or was lost."""


class Device:
    """A torch device by its name; all instances share the threads.

    Attributes:
        name: `cuda`.
        trouble: why the last work that was built on it had to be done by the CPU instead, `None` if none had to.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.trouble: str | None = None
        self._process = os.getpid()

    def run(self, work: Callable[[], _T]) -> _T:
        """Do a search's work on the one thread for them; raises DeviceFailedError."""
        return self._done_by(_SCANNING, work)

    def build(self, work: Callable[[], _T]) -> _T:
        """Do work of FAISS on the one thread for it; raises DeviceFailedError."""
        return self._done_by(_BUILDING, work)

    def free_bytes(self) -> int:
        """Memory that can be had: on the device itself, and what torch keeps of it for its next tensors."""
        import torch

        if self.name.startswith("cpu"):  # in the place of a GPU, where there is none
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        free, _ = torch.cuda.mem_get_info(self.name)
        return int(free + torch.cuda.memory_reserved(self.name) - torch.cuda.memory_allocated(self.name))

    def _done_by(self, thread: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
        if os.getpid() != self._process:  # neither the thread nor CUDA survives a fork, and waiting would never end
            raise DeviceFailedError(f"this process was forked after {self.name} was chosen: open the collection anew")
        try:
            return thread.submit(work).result()
        except (RuntimeError, MemoryError) as error:  # torch's out of memory and lost devices, and FAISS's exceptions
            message = str(error).partition("\n")[0]
            raise DeviceFailedError(f"{self.name}: {type(error).__name__}: {message}") from error


def choose_device(name: str) -> Device | None:
    """The device to search on, `None` for the CPU; `auto` is a GPU if there is one.

    Raises:
        ConfigError: another name, or a device that is not there.
    """
    if name not in SEARCH_DEVICES:
        raise ConfigError(f"search_device is {name!r}; it has to be one of: {', '.join(SEARCH_DEVICES)}")
    if name == "cpu":
        return None
    import torch

    if torch.cuda.is_available():
        return Device("cuda")
    if name == "cuda":
        raise ConfigError("search_device is 'cuda', and torch finds no CUDA device here: take cpu, or auto")
    return None
