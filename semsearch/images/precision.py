"""In which precision autoencoders compute; the models are not here."""

from semsearch.errors import ConfigError
from semsearch.machine import computes_bfloat16

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


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
        return "bfloat16" if computes_bfloat16() else "float32"
    return "float16"
