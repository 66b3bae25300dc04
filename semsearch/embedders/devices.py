"""Where a model runs, and in which precision; torch is imported only where it is asked, and no model is loaded here."""

from pathlib import Path
from typing import TYPE_CHECKING

from semsearch.errors import InvalidRequestError, ModelError

if TYPE_CHECKING:
    import torch

FLOATS = ("float32", "bfloat16", "float16")  # their vectors agree to 4 digits, and may be mixed
INT8 = "int8"  # its vectors are another model's
PRECISIONS = ("auto", *FLOATS, INT8)

_GPU_FILES = ("/dev/nvidiactl", "/dev/nvmap", "/dev/dxg", "/dev/kfd")  # NVIDIA, its boards, WSL's, and AMD's drivers
_CPU_INFO = Path("/proc/cpuinfo")
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # the last one is ARM's


def check_precision(precision: str) -> str:
    """The precision; raises InvalidRequestError if there is none of this name."""
    if precision not in PRECISIONS:
        raise InvalidRequestError(f"the precision is {precision!r:.80}; take one of {', '.join(PRECISIONS)}")
    return precision


def choose_device(device: str) -> str:
    """The device, or for `auto` the first of cuda, mps and cpu that is there.

    Raises:
        ModelError: it is not there.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    available = [name for name, is_there in there.items() if is_there]
    if device == "auto":
        return available[0]
    numbered = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if there["cuda"] else []
    if device not in (*available, *numbered):
        raise ModelError(
            f"the device {device!r} is not available here: take {', '.join(available)}, or auto for the first of these"
        )
    return device


def every_device(device: str) -> list[str]:
    """The devices that documents are dealt out to: every GPU for `cuda`, else the one that is said."""
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] if device == "cuda" else [device]


def choose_dtype(precision: str, device: str) -> "torch.dtype":
    """What a model computes in; for `auto` the narrowest kind that is safe, and that the device computes natively."""
    import torch

    if precision != "auto":
        dtype: torch.dtype = getattr(torch, precision)
        return dtype
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device == "cpu" and has_bfloat16() and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return torch.bfloat16
    return torch.float32


def may_have_gpu() -> bool:
    """Whether there is a GPU's driver, at which torch would have to look; torch is not imported."""
    return any(Path(name).exists() for name in _GPU_FILES)


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 natively; on Linux alone, since torch uses it nowhere else."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return not _BFLOAT16_FLAGS.isdisjoint(flags.split())
