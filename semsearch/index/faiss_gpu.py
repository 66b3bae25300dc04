"""FAISS on the chosen device, for building: centroids and the lists that rows go into.

No search runs here: the classic indexes of FAISS on a GPU take a selector and ignore it, and would find what filters do
not allow, and deleted rows. A FAISS without GPU support builds on the CPU.
"""

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

from semsearch.index.device import Device, DeviceFailedError
from semsearch.index.faiss_library import load_faiss
from semsearch.index.quantizer import flat_of
from semsearch.types import Ids, Vectors

logger = logging.getLogger(__name__)

NearestCentroids = Callable[[Vectors, int], tuple[Vectors, Ids]]
_TEMPORARY_BYTES = 512 << 20  # of the device's memory, taken once


def has_gpu(device: Device | None) -> bool:
    """Whether a device is chosen, and this FAISS can build on it."""
    if device is None:
        return False
    if load_faiss().get_num_gpus() > 0:
        return True
    logger.info("this FAISS has no GPU support: the index is built on the CPU")
    return False


def train_on(device: Device | None, clustering: Any, sample: Vectors, index: Any) -> None:  # noqa: ANN401 - FAISS is untyped
    """Train a faiss.Clustering with an empty flat index, on the device where that can be, else on the CPU."""
    if device is not None and has_gpu(device):
        try:
            device.build(lambda: clustering.train(sample, _on_gpu(index)))
        except DeviceFailedError as error:
            _report(device, "training centroids", error)
            clustering.centroids.resize(0)
        else:
            return
    clustering.train(sample, index)


@contextlib.contextmanager
def nearest_centroids(device: Device | None, quantizer: Any) -> Iterator[NearestCentroids]:  # noqa: ANN401
    """`quantizer.search`, on the device where that can be, else on the CPU."""
    if device is None or not has_gpu(device):
        yield quantizer.search
        return
    held: list[Any] = []  # made, used and freed by the one thread for it
    failed = False

    def search(rows: Vectors, k: int) -> tuple[Vectors, Ids]:
        nonlocal failed
        if not failed:
            try:
                return device.build(functools.partial(_searched, held, quantizer, rows, k))
            except DeviceFailedError as error:
                failed = True
                _report(device, "putting rows into lists", error)
        near: tuple[Vectors, Ids] = quantizer.search(rows, k)
        return near

    try:
        yield search
    finally:
        with contextlib.suppress(DeviceFailedError):  # of a lost device nothing can be given back
            device.build(held.clear)


def _searched(held: list[Any], quantizer: Any, rows: Vectors, k: int) -> tuple[Vectors, Ids]:  # noqa: ANN401
    if not held:
        held.append(_on_gpu(flat_of(quantizer)))
    near: tuple[Vectors, Ids] = held[0].search(rows, k)
    return near


def _on_gpu(index: Any) -> Any:  # noqa: ANN401
    return load_faiss().index_cpu_to_gpu(_resources(), 0, index)


@functools.cache
def _resources() -> Any:  # noqa: ANN401
    """The one set of a process; it may be used by one thread only."""
    resources = load_faiss().StandardGpuResources()
    resources.setTempMemory(_TEMPORARY_BYTES)
    return resources


def _report(device: Device, work: str, error: DeviceFailedError) -> None:
    device.trouble = f"{work} was done by the CPU: {error}"
    logger.warning("%s", device.trouble)
