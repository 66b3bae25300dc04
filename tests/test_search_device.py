"""Collections on a device, with torch's CPU under another name in the place of a GPU."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from synthetic import clustered

from semsearch import Collection, Document
from semsearch.api.app import create_app
from semsearch.config import Settings
from semsearch.errors import ConfigError
from semsearch.index import sizing
from semsearch.index.device import Device
from semsearch.index.device_scan import DeviceRows, DeviceScan
from semsearch.types import Hit, Vectors

DIM, ROWS, GPU = 16, 1_200, "cpu:0"


@pytest.fixture(autouse=True)
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """`cuda` is there and is torch's CPU; collections are sealed and indexed when they are small."""
    monkeypatch.setattr("semsearch.collection.choose_device", lambda name: None if name == "cpu" else Device(GPU))
    small(monkeypatch)


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "SEAL_FROM", 300)
    monkeypatch.setattr(sizing, "INDEX_FROM", 1_000)


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return clustered(ROWS, DIM)


def documents(vectors: Vectors, first: int = 0) -> list[Document]:
    return [
        Document(str(number), "", {"part": number % 10, "number": number}, vector=vector)
        for number, vector in enumerate(vectors, first)
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, vectors: Vectors) -> Path:
    """A collection with a payload, made on the CPU."""
    root = tmp_path_factory.mktemp("made") / "own"
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        with Collection.create(root, dim=DIM) as collection:
            collection.add(documents(vectors))
            assert collection.info().index is not None
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy of it for each test."""
    return Path(shutil.copytree(made, tmp_path / "own"))


def answers(hits: tuple[Hit, ...]) -> list[tuple[str, float]]:
    return [(hit.document_id, hit.score) for hit in hits]


@pytest.mark.parametrize(
    "filter", [None, {"part": {"$lt": 7}}, {"part": 3}, {"number": {"$in": [4, 700]}}, {"part": 77}]
)
def test_hits_are_those_of_an_exact_search_on_the_cpu(root: Path, filter: dict[str, object] | None) -> None:
    with Collection.open(root) as cpu, Collection.open(root, search_device="cuda") as gpu:
        for query in clustered(10, DIM, seed=1):
            expected = cpu.search(vector=query, k=20, filter=filter, exact=True)
            found = gpu.search(vector=query, k=20, filter=filter, target_recall=0.5)
            assert answers(found.hits) == answers(expected.hits)
            assert (found.profile.path, found.profile.search_device, found.profile.nprobe) == ("exact", GPU, None)
            assert expected.profile.search_device == "cpu"


def test_additions_removals_and_a_compaction_are_followed_and_load_only_what_is_new(
    root: Path, vectors: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[int] = []
    really = DeviceRows._loaded
    monkeypatch.setattr(DeviceRows, "_loaded", lambda self, part: loaded.append(len(part.ids)) or really(self, part))
    more = clustered(400, DIM, seed=2)
    with Collection.open(root, search_device="cuda") as collection, Collection.open(root) as cpu:

        def check() -> None:
            for query in (vectors[0], more[0]):
                found = collection.search(vector=query, k=30)
                assert answers(found.hits) == answers(cpu.search(vector=query, k=30, exact=True).hits)
                assert found.profile.search_device == GPU

        check()
        assert loaded == [ROWS]
        collection.remove(["0", "5"])
        check()
        collection.add(documents(more[:100], ROWS), maintain=False)  # into the tail
        check()
        assert loaded == [ROWS]  # a mask and a tail, and nothing loaded
        collection.add(documents(more[100:], ROWS + 100))  # sealed
        check()
        assert loaded[0] == ROWS
        assert sum(loaded) == ROWS + 400
        collection.compact()
        check()
        assert sum(loaded) > ROWS + 400  # rewritten segments are new ones
        assert collection.info().search_device_degraded is None


def test_a_small_collection_is_searched_where_its_tail_is(tmp_path: Path, vectors: Vectors) -> None:
    with Collection.create(tmp_path / "small", dim=DIM, search_device="auto") as collection:
        collection.add(documents(vectors[:50]))
        assert collection.search(vector=vectors[3], k=1).profile.search_device == "cpu"
        assert collection.info().search_device_degraded is None


def test_info_tells_the_device_and_that_nothing_hinders_it(root: Path, vectors: Vectors) -> None:
    with Collection.open(root, search_device="cuda") as collection:
        collection.search(vector=vectors[0])
        assert (collection.info().search_device, collection.info().search_device_degraded) == (GPU, None)
    with Collection.open(root) as collection:
        assert (collection.info().search_device, collection.info().search_device_degraded) == ("cpu", None)


def test_a_collection_that_does_not_fit_is_searched_by_its_index_and_says_why(
    root: Path, vectors: Vectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Device, "free_bytes", lambda self: 1_000)
    with Collection.open(root, search_device="cuda") as collection, Collection.open(root) as cpu:
        expected = cpu.search(vector=vectors[0], target_recall=0.5)
        found = collection.search(vector=vectors[0], target_recall=0.5)
        assert answers(found.hits) == answers(expected.hits)
        assert (found.profile.path, found.profile.search_device) == (expected.profile.path, "cpu")
        info = collection.info()
    assert info.search_device == "cpu"
    assert "1200 more vectors of 16 numbers need" in str(info.search_device_degraded)
    assert "need" in caplog.text
    assert info.degraded is None  # the index is well


def test_a_device_lost_in_a_search_costs_no_answer_and_is_taken_up_again_with_the_next_files(
    root: Path, vectors: Vectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lost(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    with Collection.open(root, search_device="cuda") as collection:
        with monkeypatch.context() as patch:
            patch.setattr(DeviceScan, "_scan_here", lost)
            found = collection.search(vector=vectors[7], k=3)
            assert (found.hits[0].document_id, found.profile.search_device) == ("7", "cpu")
        assert collection.search(vector=vectors[7], k=3).profile.search_device == "cpu"
        assert "out of memory" in str(collection.info().search_device_degraded)
        assert "go on without the device: cpu:0: OutOfMemoryError" in caplog.text
        collection.remove(["7"])
        collection.compact()
        assert collection.search(vector=vectors[8], k=3).profile.search_device == GPU
        assert collection.info().search_device_degraded is None


def test_adding_loads_nothing_onto_the_device(
    tmp_path: Path, vectors: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeviceRows, "hold", lambda *_: pytest.fail("rows were loaded for no search"))
    with Collection.create(tmp_path / "new", dim=DIM, search_device="cuda") as collection:
        collection.add(documents(vectors))
        collection.remove(["1"])
        assert collection.info().search_device == GPU


def test_the_index_is_built_on_the_device_and_tells_if_it_could_not(
    tmp_path: Path, vectors: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    from semsearch.index import faiss_gpu
    from semsearch.index.faiss_library import load_faiss

    def no_memory(index: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(load_faiss(), "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss_gpu, "_on_gpu", no_memory)
    with Collection.create(tmp_path / "new", dim=DIM, search_device="cuda") as collection:
        assert collection.add(documents(vectors)).maintenance is None
        info = collection.info()
    assert info.index is not None
    assert info.search_device == GPU
    assert "was done by the CPU: cpu:0: RuntimeError: no memory" in str(info.search_device_degraded)


def test_the_service_searches_on_the_device_of_its_settings(root: Path, vectors: Vectors) -> None:
    app = create_app(Settings(indexes=root.parent, search_device="auto"))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        body = {"vector": vectors[3].tolist(), "k": 1}
        answer = client.post("/v1/collections/own/search", json=body).json()
        assert answer["hits"][0]["document_id"] == "3"
        assert answer["profile"]["search_device"] == GPU
        assert client.get("/v1/collections/own").json()["search_device"] == GPU


def test_a_service_on_a_device_that_is_not_there_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="no CUDA device"):
        create_app(Settings(indexes=tmp_path, search_device="cuda"))


def test_a_collection_on_a_device_that_is_not_there_is_neither_made_nor_opened(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from semsearch.index.device import choose_device

    monkeypatch.setattr("semsearch.collection.choose_device", choose_device)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="no CUDA device"):
        Collection.create(tmp_path / "none", dim=DIM, search_device="cuda")
    assert not (tmp_path / "none").exists()
    with pytest.raises(ConfigError, match="no CUDA device"):
        Collection.open(root, search_device="cuda")


def test_torch_is_imported_for_a_device_and_not_without_one(root: Path) -> None:
    code = (
        "import sys\nfrom semsearch import Collection\n"
        f"with Collection.open({str(root)!r}, search_device=sys.argv[1]) as collection:\n"
        f"    collection.search(vector={[1.0] * DIM})\n"
        "print('torch' in sys.modules)"
    )
    for device, expected in (("cpu", "False\n"), ("auto", "True\n")):
        done = subprocess.run([sys.executable, "-c", code, device], capture_output=True, text=True, check=True)
        assert done.stdout == expected


def test_many_threads_on_one_device_get_the_same_as_one(root: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    asked = clustered(40, DIM, seed=5)
    with Collection.open(root, search_device="cuda") as collection, ThreadPoolExecutor(8) as pool:
        expected = [answers(collection.search(vector=query, k=5).hits) for query in asked]
        assert [*pool.map(lambda query: answers(collection.search(vector=query, k=5).hits), asked)] == expected
    assert np.unique([hits[0][0] for hits in expected]).size > 10  # they are not all the same
