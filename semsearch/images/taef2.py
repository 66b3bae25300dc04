"""TAEF2, the tiny autoencoder for the latents of FLUX.2: its layers, and the reading of its two published files.

It is no AutoencoderTiny of diffusers: eight of its blocks have a second path (`pool`) that the library's class has no
place for. Ollin Boer Bohan, https://github.com/madebyollin/taesd (MIT).
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from semsearch.errors import ModelError
from semsearch.images.model_folder import REMEDY, TAEF2_PARTS
from semsearch.images.network import Network

if TYPE_CHECKING:
    import torch
    from torch import nn

_CHANNELS, _LATENT_CHANNELS, _POOL_CHANNELS, _POOL_GROUPS = 64, 32, 256, 4
# The files as they are published can carry code in principle; these ones are known.
_PUBLISHED_SHA256 = {
    "encoder": "10a4e1021e89d7551eaf161352da8dbd0b1aa83872ae28b150c1df1ce2f147b6",
    "decoder": "0a44a31e1ae59eb9dbf9359d24942fd3ef5928162c1800d97a28c61d51be0ab5",
}


def load_taef2(folder: Path) -> Network:
    """Load `taef2_encoder` and `taef2_decoder` (.safetensors, or .pth as published) from a folder.

    Raises:
        ModelError: a file is damaged, has other weights than TAEF2 has, or is a .pth that is not the published one.
    """
    from torch import nn

    encoder, decoder = _encoder(), _decoder()
    for part, module in zip(TAEF2_PARTS, (encoder, decoder), strict=True):
        _load_part(folder, part, module)
    return Network(
        module=nn.ModuleList([encoder, decoder]),
        encode=lambda pixels: encoder((pixels + 1) / 2),
        decode=lambda latents: decoder(latents) * 2 - 1,
        latent_channels=_LATENT_CHANNELS,
        downscale=8,
        scaling_factor=1.0,
        shift_factor=0.0,
        force_upcast=False,
        behaviour={"family": "TAEF2"},
    )


def _load_part(folder: Path, part: str, module: "nn.Module") -> None:
    path = folder / f"taef2_{part}.safetensors"
    if not path.is_file():
        path = path.with_suffix(".pth")
    try:
        module.load_state_dict(_read(path, part), strict=True)
    except ModelError:
        raise
    except Exception as error:  # torch and safetensors have no error in common
        raise ModelError(f"{path} is not the {part} of TAEF2 ({type(error).__name__}: {error}): {REMEDY}") from error


def _read(path: Path, part: str) -> dict[str, "torch.Tensor"]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    import torch

    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != _PUBLISHED_SHA256[part]:
        raise ModelError(
            f"{path} is not the published file: its SHA-256 is {found} and should be {_PUBLISHED_SHA256[part]}; a .pth "
            "file can carry code, so that no other one is read: get it anew, or save it as .safetensors"
        )
    weights: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def _encoder() -> "nn.Sequential":
    """The positions in the sequence are the keys of the published weights."""
    return _sequence(
        [_conv(3), _block()],
        [_conv(stride=2, bias=False), _block(), _block(), _block()],
        [_conv(stride=2, bias=False), _block(), _block(), _block()],
        [_conv(stride=2, bias=False), _block(pool=True), _block(pool=True), _block(pool=True)],
        [_conv(channels_out=_LATENT_CHANNELS)],
    )


def _decoder() -> "nn.Sequential":
    from torch import nn

    def doubling() -> list[nn.Module]:
        return [nn.Upsample(scale_factor=2), _conv(bias=False)]

    return _sequence(
        [_clamp(), _conv(_LATENT_CHANNELS), nn.ReLU()],
        [_block(pool=True), _block(pool=True), _block(pool=True), *doubling()],
        [_block(), _block(), _block(), *doubling()],
        [_block(), _block(), _block(), *doubling()],
        [_block(), _conv(channels_out=3)],
    )


def _sequence(*stages: "list[nn.Module]") -> "nn.Sequential":
    from torch import nn

    return nn.Sequential(*(layer for stage in stages for layer in stage))


def _conv(
    channels_in: int = _CHANNELS, channels_out: int = _CHANNELS, *, stride: int = 1, bias: bool = True
) -> "nn.Conv2d":
    from torch import nn

    return nn.Conv2d(channels_in, channels_out, 3, padding=1, stride=stride, bias=bias)


def _clamp() -> "nn.Module":
    from torch import nn

    class SoftClamp(nn.Module):
        def forward(self, latents: "torch.Tensor") -> "torch.Tensor":
            return (latents / 3).tanh() * 3

    return SoftClamp()


def _block(*, pool: bool = False) -> "nn.Module":
    from torch import nn

    class Block(nn.Module):
        """relu(conv(x) + x), where x has the output of `pool` added to it if there is one."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Sequential(_conv(), nn.ReLU(), _conv(), nn.ReLU(), _conv())
            self.pool = _pool() if pool else None

        def forward(self, x: "torch.Tensor") -> "torch.Tensor":
            if self.pool is not None:
                x = x + self.pool(x)
            return nn.functional.relu(self.conv(x) + x)

    return Block()


def _pool() -> "nn.Sequential":
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(_CHANNELS, _POOL_CHANNELS, 1, bias=False),
        nn.GroupNorm(_POOL_GROUPS, _POOL_CHANNELS),
        nn.ReLU(),
        nn.Conv2d(_POOL_CHANNELS, _CHANNELS, 1, bias=False),
    )
