"""Narrow autoencoders of the three families, with random weights, as folders."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from images.image_files import NARROW
from safetensors.torch import save_file

from semsearch.images.autoencoder import TorchAutoencoder, load_autoencoder
from semsearch.images.taef2 import _decoder, _encoder

FAMILIES = ("kl", "tiny", "taef2")


def write_family(family: str, folder: Path) -> Path:
    torch.manual_seed(3)
    if family == "kl":
        AutoencoderKL(**NARROW, scaling_factor=0.7, shift_factor=0.2).save_pretrained(folder)
    elif family == "tiny":
        narrow = {f"{part}_block_out_channels": (8,) * 4 for part in ("encoder", "decoder")}
        AutoencoderTiny(**narrow, scaling_factor=1.5, shift_factor=-0.1).save_pretrained(folder)
    else:
        folder.mkdir()
        for part, module in (("encoder", _encoder()), ("decoder", _decoder())):
            save_file(module.state_dict(), folder / f"taef2_{part}.safetensors")
    return folder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """More threads than one only wait for each other on networks this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's model, written once."""
    root, written = tmp_path_factory.mktemp("autoencoders"), {}

    def folder(family: str) -> Path:
        if family not in written:
            written[family] = write_family(family, root / family)
        return written[family]

    return folder


@pytest.fixture(params=FAMILIES)
def autoencoder(request: pytest.FixtureRequest, folder_of: Callable[[str], Path]) -> TorchAutoencoder:
    """A narrow model of each family, in float32 on the CPU."""
    return load_autoencoder(str(folder_of(request.param)), device="cpu", precision="float32")


@pytest.fixture(scope="session")
def narrow_kl(folder_of: Callable[[str], Path]) -> TorchAutoencoder:
    return load_autoencoder(str(folder_of("kl")), device="cpu", precision="float32")
