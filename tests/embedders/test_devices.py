"""Which device, precision and how many threads; what the machine has is planted."""

import subprocess
import sys
from pathlib import Path

import pytest

from semsearch import machine
from semsearch.embedders import devices
from semsearch.embedders.devices import (
    check_precision,
    choose_dtype,
    every_device,
    may_have_gpu,
)
from semsearch.errors import InvalidRequestError
from semsearch.machine import choose_device


def plant_devices(patch: pytest.MonkeyPatch, *, cuda: int = 0, mps: bool = False) -> None:
    patch.setattr("torch.cuda.is_available", lambda: cuda > 0)
    patch.setattr("torch.cuda.device_count", lambda: cuda)
    patch.setattr("torch.backends.mps.is_available", lambda: mps)


def test_one_of_several_gpus_can_be_chosen_and_cuda_is_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plant_devices(monkeypatch, cuda=3)
    assert choose_device("cuda:2") == "cuda:2"
    assert every_device("cuda:2") == ["cuda:2"]
    assert every_device("cuda") == ["cuda:0", "cuda:1", "cuda:2"]
    assert every_device("cpu") == ["cpu"]


@pytest.mark.parametrize(
    ("device", "native", "expected"),
    [
        ("cpu", True, "bfloat16"),
        ("cpu", False, "float32"),
        ("mps", True, "float32"),
        ("cuda", True, "bfloat16"),
        ("cuda:1", False, "float16"),
    ],
)
def test_auto_is_the_narrowest_precision_that_is_safe_and_native(
    monkeypatch: pytest.MonkeyPatch, device: str, native: bool, expected: str
) -> None:
    monkeypatch.setattr(devices, "computes_bfloat16", lambda: native)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: native)
    assert str(choose_dtype("auto", device)) == f"torch.{expected}"


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_precision_that_is_said_is_taken_on_every_device(precision: str) -> None:
    assert {str(choose_dtype(precision, device)) for device in ("cpu", "mps", "cuda")} == {f"torch.{precision}"}


def test_without_its_library_of_kernels_torch_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "has_bfloat16", lambda: True)
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: False)
    assert str(choose_dtype("auto", "cpu")) == "torch.float32"


def test_a_driver_of_a_gpu_is_noticed_without_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(devices, "_GPU_FILES", (str(tmp_path / "nvidiactl"),))
    assert not may_have_gpu()
    (tmp_path / "nvidiactl").touch()
    assert may_have_gpu()
    code = "import sys; from semsearch.embedders.devices import *; may_have_gpu(); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_an_unknown_precision_is_refused_with_those_there_are() -> None:
    assert check_precision("int8") == "int8"
    with pytest.raises(InvalidRequestError, match="'half'; take one of auto, float32, bfloat16, float16, int8"):
        check_precision("half")
