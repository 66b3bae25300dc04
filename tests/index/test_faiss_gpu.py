"""Building on a device, with FAISS's CPU index in the place of the GPU's."""

import threading
from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np
import pytest
from synthetic import clustered, segment

from semsearch.index import faiss_gpu, lists
from semsearch.index.build import train_base
from semsearch.index.device import Device
from semsearch.index.faiss_library import load_faiss
from semsearch.index.sizing import Codec, Plan
from semsearch.types import Ids

ROWS, DIM = 3_000, 16


@pytest.fixture
def device() -> Device:
    return Device("cpu:0")


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A FAISS with a GPU; the names of the threads that moved an index to it."""
    threads: list[str] = []

    def on_gpu(index: Any) -> Any:  # noqa: ANN401
        threads.append(threading.current_thread().name)
        return faiss.clone_index(index)

    monkeypatch.setattr(load_faiss(), "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss_gpu, "_on_gpu", on_gpu)
    yield threads
    assert all(name.startswith("semsearch-device-build") for name in threads)


def built(device: Device | None, codec: Codec) -> tuple[list[list[int]], Ids]:
    """Ordinals of each list, and ids."""
    rows = clustered(ROWS, DIM)
    made, ids = train_base([segment(np.arange(ROWS), rows)], Plan(16, codec, ROWS), device=device)
    ordinals, sizes = lists.rows_by_list(made)
    return [part.tolist() for part in np.split(ordinals, np.cumsum(sizes)[:-1])], ids


@pytest.mark.parametrize("codec", Codec)
def test_an_index_built_on_the_device_has_the_same_rows_in_the_same_lists(
    device: Device, moved: list[str], codec: Codec
) -> None:
    expected, ids = built(None, codec)
    assert moved == []  # nothing was asked of the device
    found, found_ids = built(device, codec)
    assert found == expected
    assert found_ids.tolist() == ids.tolist()
    assert len(moved) == 2  # once to train, once for all blocks of rows
    assert device.trouble is None


def test_a_faiss_without_a_gpu_builds_on_the_cpu(device: Device) -> None:
    assert load_faiss().get_num_gpus() == 0
    assert built(device, Codec.SQ8)[0] == built(None, Codec.SQ8)[0]
    assert device.trouble is None


@pytest.mark.parametrize(("fails_at", "work"), [(1, "training centroids"), (2, "putting rows into lists")])
def test_a_device_that_fails_while_an_index_is_built_leaves_the_same_index_and_its_reason(
    device: Device,
    moved: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fails_at: int,
    work: str,
) -> None:
    really = faiss_gpu._on_gpu

    def failing(index: Any) -> Any:  # noqa: ANN401
        there = really(index)
        if len(moved) == fails_at:
            raise RuntimeError("Error in allocMemory: no memory")
        return there

    monkeypatch.setattr(faiss_gpu, "_on_gpu", failing)
    assert built(device, Codec.SQ8)[0] == built(None, Codec.SQ8)[0]
    assert device.trouble == f"{work} was done by the CPU: cpu:0: RuntimeError: Error in allocMemory: no memory"
    assert device.trouble in caplog.text


def test_training_that_failed_half_way_begins_anew_on_the_cpu(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = clustered(ROWS, DIM)

    class Half:
        """A clustering that has centroids already when the device fails."""

        def __init__(self) -> None:
            self.real = faiss.Clustering(DIM, 8)
            self.real.spherical = True
            self.centroids = self.real.centroids
            self.calls = 0

        def train(self, rows: Any, index: Any) -> None:  # noqa: ANN401
            self.calls += 1
            if self.calls == 1:
                faiss.copy_array_to_vector(np.ones(8 * DIM, dtype=np.float32), self.centroids)
                raise RuntimeError("lost")
            self.real.train(rows, index)

    monkeypatch.setattr(load_faiss(), "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss_gpu, "_on_gpu", lambda index: index)
    half, whole = Half(), Half()
    faiss_gpu.train_on(device, half, sample, faiss.IndexFlatIP(DIM))
    whole.real.train(sample, faiss.IndexFlatIP(DIM))
    assert half.calls == 2
    assert faiss.vector_to_array(half.centroids).tolist() == faiss.vector_to_array(whole.centroids).tolist()


def test_a_device_that_fails_is_not_asked_again_for_the_other_blocks(
    device: Device, moved: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def failing(held: object, quantizer: object, rows: object, k: int) -> None:
        asked.append(k)
        raise RuntimeError("lost")

    monkeypatch.setattr(faiss_gpu, "_searched", failing)
    quantizer = faiss.IndexFlatIP(DIM)
    quantizer.add(clustered(20, DIM))
    rows = clustered(50, DIM, seed=1)
    with faiss_gpu.nearest_centroids(device, quantizer) as nearest:
        for _ in range(3):
            assert nearest(rows, 12)[1].tolist() == quantizer.search(rows, 12)[1].tolist()
    assert asked == [12]
