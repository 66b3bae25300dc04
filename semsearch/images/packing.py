"""Latents as bytes that tell what they are: 8 bits a number, from which the stored image can be drawn again.

Layout, little-endian, of one latent (C, h, w):

    bytes   what
    4       "SSL1": the coding, 8 bits a number between the lowest and the highest of its channel
    4       CRC-32 of all that follows
    6       C, h and w, two bytes each, unsigned
    8 x C   the lowest number and the step of every channel, float32 each
    C h w   the numbers as steps from the lowest, one byte each, in the order of channel, row, column

`docs/adr/0012-images-as-vectors.md` has what the 8 bits cost.
"""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from semsearch.errors import InvalidRequestError, StoreError
from semsearch.images.protocol import Latents

_MAGIC = b"SSL1"
_HEAD = struct.Struct("<4sI")
_SHAPE = struct.Struct("<3H")
_LEVELS = 255


def pack(latents: Latents) -> list[bytes]:
    """Each of the latents, (n, C, h, w), as bytes of its own; what is read again is off by half a step at most.

    A step is a 255th of the way from the lowest to the highest number of a channel.

    Raises:
        InvalidRequestError: the shape is another, a side is 0 or above 65,535, or a number is not finite.
    """
    if latents.ndim != 4 or not all(0 < side < 1 << 16 for side in latents.shape[1:]):
        raise InvalidRequestError(f"latents to pack are (n, C, h, w), each side from 1 to 65,535: not {latents.shape}")
    if not np.isfinite(latents).all():
        raise InvalidRequestError("latents to pack have numbers that are not finite: encode the image in float32")
    return [_packed(latent) for latent in latents.astype(np.float32)]


def unpack(packed: Sequence[bytes]) -> Latents:
    """The latents of `pack`, (n, C, h, w).

    Raises:
        InvalidRequestError: there are none, or they are of several shapes.
        StoreError: bytes are damaged, or are no latent.
    """
    latents = [_unpacked(each) for each in packed]
    shapes = list(dict.fromkeys(latent.shape for latent in latents))
    if len(shapes) != 1:
        raise InvalidRequestError(
            f"latents that are unpacked together are of one shape, and these {len(latents)} of {shapes or 'none'}"
        )
    return np.stack(latents)


def _packed(latent: Latents) -> bytes:
    lowest = latent.min(axis=(1, 2))  # (C,)
    steps = ((latent.max(axis=(1, 2)).astype(np.float64) - lowest) / _LEVELS).astype(np.float32)
    divisors = np.where(steps > 0, steps, 1)  # of a channel that is one number all over, every byte is 0
    numbers = ((latent - lowest[:, None, None]) / divisors[:, None, None]).round().clip(0, _LEVELS).astype(np.uint8)
    scales = np.stack([lowest, steps], axis=1).astype("<f4")  # (C, 2)
    body = b"".join([_SHAPE.pack(*latent.shape), scales.tobytes(), numbers.tobytes()])
    return _HEAD.pack(_MAGIC, zlib.crc32(body)) + body


def _unpacked(packed: bytes) -> Latents:
    if len(packed) < _HEAD.size + _SHAPE.size or packed[: len(_MAGIC)] != _MAGIC:
        raise StoreError(
            f"{len(packed):,} bytes are no packed latent: they do not begin as one; restore them from a backup, or "
            "add the image again"
        )
    _, checksum = _HEAD.unpack_from(packed)
    body = memoryview(packed)[_HEAD.size :]
    shape = _SHAPE.unpack_from(body)
    channels, height, width = shape
    numbers_at = _SHAPE.size + 8 * channels
    if zlib.crc32(body) != checksum or len(body) != numbers_at + channels * height * width:
        raise StoreError(
            f"a packed latent of {shape} in {len(packed):,} bytes is damaged: its checksum or its length is another; "
            "restore it from a backup, or add the image again"
        )
    scales: npt.NDArray[np.float32] = np.frombuffer(body, "<f4", 2 * channels, _SHAPE.size).reshape(channels, 2, 1, 1)
    numbers = np.frombuffer(body, np.uint8, offset=numbers_at).reshape(shape)
    latent: Latents = (scales[:, 0] + scales[:, 1] * numbers).astype(np.float32)
    return latent
