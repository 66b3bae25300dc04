"""What the models of different families have in common once they are loaded: a torch module and what to call on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Network:
    """A loaded autoencoder in float32 on the CPU, without its constants applied.

    Attributes:
        module: all of it, to be moved and cast.
        encode: pixels in [-1, 1], (n, 3, H, W), to the posterior mean, (n, latent_channels, h, w).
        decode: the reverse.
        downscale: of a side; H and W have to be multiples.
        scaling_factor, shift_factor: as the model's config has them; 1 and 0 where it has none.
        force_upcast: it is not to be run in float16.
        behaviour: what decides the latents beside the weights, as JSON values.
    """

    module: "torch.nn.Module"
    encode: Callable[["torch.Tensor"], "torch.Tensor"]
    decode: Callable[["torch.Tensor"], "torch.Tensor"]
    latent_channels: int
    downscale: int
    scaling_factor: float
    shift_factor: float
    force_upcast: bool
    behaviour: Mapping[str, Any]
