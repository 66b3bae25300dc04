"""What people and programs do to photographs, as functions from one picture to another."""

import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageFilter
from PIL.Image import Image as Picture

from semsearch.images.protocol import Pixels


def as_picture(pixels: Pixels) -> Picture:
    """(3, H, W) as Pillow has it."""
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def as_pixels(picture: Picture) -> Pixels:
    """The reverse of `as_picture`, (3, H, W), whatever the picture's mode is."""
    return np.ascontiguousarray(np.asarray(picture.convert("RGB")).transpose(2, 0, 1))


def half_size(picture: Picture) -> Picture:
    return picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BILINEAR)


def jpeg_30(picture: Picture) -> Picture:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=30)
    return Image.open(io.BytesIO(data.getvalue()))


def crop_90(picture: Picture) -> Picture:
    """The middle nine tenths of both sides."""
    width, height = picture.size
    return picture.crop((round(width * 0.05), round(height * 0.05), round(width * 0.95), round(height * 0.95)))


CHANGES: Mapping[str, Callable[[Picture], Picture]] = {
    "half the size": half_size,
    "JPEG of quality 30": jpeg_30,
    "the middle 90 %": crop_90,
    "30 % brighter": lambda picture: picture.point(lambda value: min(255, value * 1.3)),
    "blurred by 2 pixels": lambda picture: picture.filter(ImageFilter.GaussianBlur(2)),
    "grey": lambda picture: picture.convert("L"),
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned by 90 degrees": lambda picture: picture.transpose(Image.Transpose.ROTATE_90),
    "turned by 5 degrees": lambda picture: picture.rotate(5, Image.Resampling.BICUBIC, fillcolor="white"),
}
