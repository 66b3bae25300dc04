"""Sides that a model cannot take: images are padded to a multiple and cut back afterwards."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T", np.uint8, np.float32)


def pad_to_multiple(images: npt.NDArray[T], multiple: int) -> npt.NDArray[T]:
    """Continue (..., H, W) to the right and downwards until both sides are multiples.

    The continuation is the mirror image, which has the texture of the image; where a side is too short to be
    mirrored that far, its last row or column is repeated.
    """
    for axis in (-2, -1):
        length = images.shape[axis]
        missing = -length % multiple
        if missing:
            widths = [(0, 0)] * images.ndim
            widths[axis] = (0, missing)
            images = np.pad(images, widths, mode="reflect" if missing < length else "edge")
    return images


def cut_to_size(images: npt.NDArray[T], size: tuple[int, int]) -> npt.NDArray[T]:
    """Undo `pad_to_multiple`: the first (height, width) of (..., H, W)."""
    height, width = size
    return images[..., :height, :width]
