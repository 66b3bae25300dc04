"""What the machine has is planted."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from semsearch import machine
from semsearch.errors import ModelError
from semsearch.machine import (
    choose_device,
    cores,
    give_memory_back,
    has_bfloat16,
    openblas_kernels,
    quick_turns,
    torch_shared,
    torch_threads,
)


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    cores.cache_clear()
    yield
    cores.cache_clear()


def plant_machine(patch: pytest.MonkeyPatch, folder: Path, siblings: list[str], quota: str = "") -> None:
    for number, text in enumerate(siblings):
        path = folder / f"cpu{number}/topology/thread_siblings_list"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (folder / "cpu.max").write_text(quota)
    patch.setattr(machine, "_CPUS", folder)
    patch.setattr(machine, "_QUOTA", folder / "cpu.max")
    patch.setattr(sys, "platform", "linux")
    patch.setattr("os.sched_getaffinity", lambda _: set(range(len(siblings))), raising=False)


@pytest.mark.parametrize(
    ("siblings", "quota", "expected"),
    [
        (["0,2\n", "1,3\n", "0,2\n", "1,3\n"], "", 2),
        (["0\n", "1\n", "2\n"], "max 100000\n", 3),
        (["0\n", "1\n", "2\n", "3\n"], "150000 100000\n", 2),
        (["0\n"], "10000 100000\n", 1),
    ],
)
def test_cores_are_physical_ones_within_a_containers_quota(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, siblings: list[str], quota: str, expected: int
) -> None:
    plant_machine(monkeypatch, tmp_path, siblings, quota)
    assert cores() == expected


def test_where_nothing_is_known_of_cores_each_processor_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plant_machine(monkeypatch, tmp_path, ["0,1\n", "0,1\n"])
    monkeypatch.setattr(machine, "_CPUS", tmp_path / "nothing")
    assert cores() == 2


def plant_devices(patch: pytest.MonkeyPatch, *, cuda: int = 0, mps: bool = False) -> None:
    patch.setattr("torch.cuda.is_available", lambda: cuda > 0)
    patch.setattr("torch.cuda.device_count", lambda: cuda)
    patch.setattr("torch.backends.mps.is_available", lambda: mps)


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(2, True, "cuda"), (0, True, "mps"), (0, False, "cpu")])
def test_auto_takes_the_first_of_cuda_mps_and_cpu_that_is_there(
    monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool, expected: str
) -> None:
    plant_devices(monkeypatch, cuda=cuda, mps=mps)
    assert choose_device("auto") == expected


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps", "tpu", ""])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    plant_devices(monkeypatch)
    with pytest.raises(ModelError, match=f"{device!r} is not available here: take cpu, or auto"):
        choose_device(device)


def test_a_gpu_that_is_not_among_those_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plant_devices(monkeypatch, cuda=2)
    with pytest.raises(ModelError, match="'cuda:2'"):
        choose_device("cuda:2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 clzero\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx512f amx_bf16\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx512f avx2\nbugs\t\t: bf16\n", False),
        ("processor\t: 0\nFeatures\t: fp asimd bf16 i8mm\n", True),
        ("processor\t: 0\nFeatures\t: fp asimd\n", False),
        ("", False),
    ],
)
def test_native_bfloat16_is_read_from_what_the_kernel_tells_of_the_processor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, expected: bool
) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "cpuinfo")
    assert has_bfloat16() is expected


def test_where_the_kernel_tells_nothing_there_is_no_bfloat16(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "cpuinfo")
    assert not has_bfloat16()


def test_freed_memory_is_given_back_where_the_c_library_can(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    library = type("Library", (), {"malloc_trim": staticmethod(given.append)})
    monkeypatch.setattr("semsearch.machine.ctypes.CDLL", lambda name: library)
    give_memory_back()
    assert given == [0]
    monkeypatch.setattr("semsearch.machine.ctypes.CDLL", lambda name: object())
    give_memory_back()  # nothing to call, and nothing happens


def test_turns_are_quick_until_the_last_block_ends() -> None:
    before = sys.getswitchinterval()
    first, second = quick_turns(), quick_turns()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() < before / 10
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == before


def test_an_error_ends_quick_turns_as_well() -> None:
    before = sys.getswitchinterval()
    with pytest.raises(ValueError, match="within"), quick_turns():
        raise ValueError("within")
    assert sys.getswitchinterval() == before


def test_threads_that_share_the_cores_compute_on_their_share_of_them_and_later_ones_on_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    def seen() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result()

    before = torch.get_num_threads()
    monkeypatch.setattr(machine, "torch_threads", lambda: 4)
    try:
        with torch_shared(3):
            assert (torch.get_num_threads(), seen()) == (1, 1)
            with torch_shared(1):
                assert seen() == 4
        assert (torch.get_num_threads(), seen()) == (4, 4)
        with pytest.raises(ValueError, match="x"), torch_shared(2):
            assert seen() == 2
            raise ValueError("x")
        assert seen() == 4
    finally:
        torch.set_num_threads(before)


def test_torch_computes_on_no_more_than_the_cores_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 16)
    monkeypatch.setattr(machine, "cores", lambda: 3)
    assert torch_threads.__wrapped__() == 3
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    assert torch_threads.__wrapped__() == 2


AVX2 = "fma avx2"
AVX512 = f"{AVX2} avx512f avx512dq avx512bw avx512vl avx512cd"


@pytest.mark.parametrize(
    ("text", "kernels"),
    [
        (f"processor : 0\nflags\t\t: fpu {AVX512} amx_tile\n", "SkylakeX"),
        (f"flags : {AVX2} avx512f\n", "Haswell"),
        ("flags : sse4_2 avx2\n", None),
        ("Features : fp asimd bf16\n", None),
        ("", None),
    ],
)
def test_openblas_is_told_of_the_fastest_kernels_that_the_processor_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, kernels: str | None
) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "cpuinfo")
    assert openblas_kernels() == kernels
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "nothing")
    assert openblas_kernels() is None
