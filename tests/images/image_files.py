"""Small image files and small autoencoders for the tests."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

NARROW = {
    "block_out_channels": (4, 8, 8, 16),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "latent_channels": 4,
    "norm_num_groups": 4,
    "mid_block_add_attention": False,
    "force_upcast": False,
}


def scene(height: int = 24, width: int = 32) -> npt.NDArray[np.uint8]:
    """A smooth image with all of its corners in different colours: (height, width, 3)."""
    down, right = np.mgrid[0:height, 0:width]
    channels = [255 * down / (height - 1), 255 * right / (width - 1), 120 + 100 * np.sin(down / 3)]
    return np.stack(channels, axis=2).round().astype(np.uint8)


def encoded(pixels: npt.NDArray[Any], form: str = "PNG", **options: object) -> bytes:
    """The bytes of an image file with these pixels."""
    return saved(Image.fromarray(pixels), form, **options)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    """The bytes of an image file as Pillow writes it."""
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def write_photographs(folder: Path, count: int = 3) -> list[Path]:
    """Files of random smooth images, 48 x 64."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    paths = []
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        paths.append(folder / f"{number}.png")
        coarse.resize((64, 48), Image.Resampling.BICUBIC).save(paths[-1])
    return paths
