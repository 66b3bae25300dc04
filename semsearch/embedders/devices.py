"""Which devices a text model runs on, and in which precision; torch is imported only where it is asked."""

from pathlib import Path
from typing import TYPE_CHECKING

from semsearch.errors import InvalidRequestError
from semsearch.machine import computes_bfloat16

if TYPE_CHECKING:
    import torch

FLOATS = ("float32", "bfloat16", "float16")  # their vectors agree to 4 digits, and may be mixed
INT8 = "int8"  # its vectors are another model's
PRECISIONS = ("auto", *FLOATS, INT8)

_GPU_FILES = ("/dev/nvidiactl", "/dev/nvmap", "/dev/dxg", "/dev/kfd")  # NVIDIA, its boards, WSL's, and AMD's drivers


def check_precision(precision: str) -> str:
    """The precision; raises InvalidRequestError if there is none of this name."""
    if precision not in PRECISIONS:
        raise InvalidRequestError(f"the precision is {precision!r:.80}; take one of {', '.join(PRECISIONS)}")
    return precision


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
    if device == "cpu" and computes_bfloat16():
        return torch.bfloat16
    return torch.float32


def may_have_gpu() -> bool:
    """Whether there is a GPU's driver, at which torch would have to look; torch is not imported."""
    return any(Path(name).exists() for name in _GPU_FILES)
