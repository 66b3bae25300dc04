"""Where models run, and in which precision; the models are not here."""

from semsearch.errors import ConfigError, ModelError

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def choose_device(device: str) -> str:
    """The device itself if it is there; for `auto` the first of cuda, mps and cpu that is.

    Raises:
        ModelError: the device is not there.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    available = [name for name, is_there in there.items() if is_there]
    if device == "auto":
        return available[0]
    if device not in available:
        raise ModelError(
            f"the device {device!r} is not available here: take {', '.join(available)}, or auto for the first of these"
        )
    return device


def choose_precision(precision: str, device: str, *, force_upcast: bool) -> str:
    """The precision to compute in: the one asked for, or for `auto` the fastest that is safe.

    Models that say force_upcast overflow in float16 (SDXL's does), and stay in float32. Others take float16 on
    cuda and mps, and bfloat16 on processors that multiply it natively.

    Raises:
        ConfigError: there is no such precision, or it is float16 and the model does not bear it.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision is {precision!r}: take {', '.join(PRECISIONS)}")
    if precision == "float16" and (force_upcast or device == "cpu"):
        reason = (
            "the model's config says force_upcast: its numbers overflow" if force_upcast else "the processor lacks it"
        )
        raise ConfigError(f"precision is 'float16', and {reason}: take bfloat16 or float32")
    if precision != "auto":
        return precision
    if force_upcast:
        return "float32"
    if device == "cpu":
        return "bfloat16" if has_native_bfloat16() else "float32"
    return "float16"


def has_native_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; emulated, it is slower than float32."""
    import torch

    mkldnn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001
