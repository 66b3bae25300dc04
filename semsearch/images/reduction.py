"""From latents to the vectors that are searched: a fixed reduction, which knows nothing of a collection or a model.

A vector has two parts: how the channels are laid out over the image, by their lowest frequencies, and which way their
edges run, by histograms of gradients (Dalal and Triggs, "Histograms of oriented gradients for human detection", 2005,
of latents instead of pixels). Both are made so that an image and its mirror image have the same vector, as far as the
model's latents of the two mirror each other. `docs/adr/0012-images-as-vectors.md` has what it was chosen from.
"""

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from semsearch.errors import InvalidRequestError
from semsearch.images.protocol import Latents
from semsearch.types import Vectors

SCHEME = 1  # part of an embedder's fingerprint: another reduction makes other vectors
SMALLEST_SIDE = 8  # of a latent: one of 4 x 4 has fewer frequencies, and a place for each cell
_RADIUS = 5  # frequencies kept: the pairs of half periods across and down that are within it
_COLOUR = 0.5  # weight of the constant frequency, the mean of the image, among the others
_CHANNELS = 32  # of a latent whose layout weighs as much as if all of its edges ran one way
_CELLS = 4  # a side
_ANGLES = 6
_GROUPS = 4  # of channels; more of them than that share a histogram
_FAINT = 0.05  # length of a cell's histogram below which it counts less: a plain area has no edges but noise

Numbers: TypeAlias = npt.NDArray[np.float32]


def reduced_dim(channels: int) -> int:
    """How many numbers a vector of latents with so many channels has."""
    return channels * len(_frequencies()) + min(channels, _GROUPS) * _ANGLES * _CELLS**2


def reduce_latents(latents: Latents) -> Vectors:
    """Vectors, (n, dim), of latents (n, C, h, w), of length 1.

    Raises:
        InvalidRequestError: the shape is another, a side is below 8, a number is not finite, or a latent is all zero.
    """
    if latents.ndim != 4 or not latents.shape[1] or min(latents.shape[2:]) < SMALLEST_SIDE:
        raise InvalidRequestError(
            f"latents of {latents.shape} make no vectors: they are (n, C, h, w), with sides of at least {SMALLEST_SIDE}"
        )
    if not np.isfinite(latents).all():
        raise InvalidRequestError("the latents have numbers that are not finite: encode the images in float32")
    numbers = latents.astype(np.float32)
    layout = _unit(_layout(numbers)) * latents.shape[1] / _CHANNELS
    vectors = np.concatenate([layout, _edges(numbers)], axis=1)
    if not vectors.any(axis=1).all():
        raise InvalidRequestError("a latent that is all zero has no direction, and nothing is like it: take another")
    return np.ascontiguousarray(_unit(vectors), np.float32)


def _layout(latents: Numbers) -> Numbers:
    """Low frequencies of a cosine transform of type 2: (n, C x frequencies)."""
    height, width = latents.shape[2:]
    spectrum = _cosines(height) @ latents @ _cosines(width).T  # (n, C, down, across)
    spectrum[:, :, 0, 0] *= _COLOUR
    spectrum[..., 1::2] = np.abs(spectrum[..., 1::2])  # odd ones across change their signs in the mirror
    rows, columns = zip(*_frequencies(), strict=True)
    return _flat(spectrum[:, :, rows, columns])


def _frequencies() -> list[tuple[int, int]]:
    """Half periods down and across."""
    reach = range(_RADIUS + 1)
    return [(down, across) for down in reach for across in reach if down**2 + across**2 <= _RADIUS**2]


def _cosines(length: int) -> Numbers:
    """The orthonormal basis from the constant one on, (frequencies, length)."""
    angles = np.outer(np.arange(_RADIUS + 1), np.arange(length) + 0.5) * np.pi / length
    basis = np.cos(angles) * np.sqrt(2 / length)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, np.float32)


def _edges(latents: Numbers) -> Numbers:
    """Histograms of the angles of gradients, by cells and groups of channels: (n, groups x angles x cells).

    A cell's histograms have a length of 1 together, or less where it is faint, and the mean of their numbers taken off:
    what counts is by how much one direction outweighs the others. The sum of two mirrored cells and the difference
    without its sign stand for both.
    """
    histograms = _histograms(latents)  # (n, groups, angles, rows, columns)
    lengths = np.sqrt(np.square(histograms).sum(axis=(1, 2), keepdims=True))
    histograms = histograms / (lengths + _FAINT)
    histograms -= histograms.mean(axis=(1, 2), keepdims=True)
    mirrored = histograms[:, :, -np.arange(_ANGLES) % _ANGLES, :, ::-1]
    sums, differences = histograms + mirrored, np.abs(histograms - mirrored)
    halves = [part[..., : _CELLS // 2] / 2 for part in (sums, differences)]
    return _flat(np.concatenate(halves, axis=-1)) / np.float32(_CELLS)


def _histograms(latents: Numbers) -> Numbers:
    """How strong the gradients of each direction are within each cell: (n, groups, angles, rows, columns).

    Directions that are opposite are one. A gradient is shared by the two nearest angles and the four nearest cells.
    """
    padded = np.pad(latents, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    strengths = np.hypot(across, down) / 2
    places = np.arctan2(down, across) * np.float32(_ANGLES / np.pi)  # half a circle is _ANGLES
    rows, columns = _shares(latents.shape[2]), _shares(latents.shape[3])
    by_angle = []
    for angle in range(_ANGLES):
        turns = (places - angle) * np.float32(1 / _ANGLES)
        distances = np.abs(turns - np.rint(turns)) * _ANGLES
        shared = strengths * (1 - distances).clip(0)
        by_angle.append(_by_group(np.matmul(rows @ shared, columns.T)))
    return np.asarray(np.stack(by_angle, axis=2), np.float32)


def _shares(length: int) -> Numbers:
    """How much each place of a line counts for each cell, (cells, length): most in its middle; all of it is 1."""
    middles = (np.arange(_CELLS) + 0.5) * length / _CELLS
    places = np.clip(np.arange(length) + 0.5, middles[0], middles[-1])
    shares = (1 - np.abs(places - middles[:, None]) * _CELLS / length).clip(0)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def _by_group(channels: Numbers) -> Numbers:
    """The means of neighbouring channels, (n, groups, ...), where there are more of them than groups."""
    count = channels.shape[1]
    starts = [count * group // _GROUPS for group in range(_GROUPS)] if count > _GROUPS else list(range(count))
    sizes = np.diff([*starts, count]).astype(np.float32).reshape(1, -1, 1, 1)
    return np.asarray(np.add.reduceat(channels, starts, axis=1) / sizes)


def _flat(numbers: npt.NDArray[np.floating]) -> Numbers:
    """(n, ...) as rows, (n, numbers); -1 for their number would not do where n is 0."""
    return numbers.astype(np.float32).reshape(len(numbers), math.prod(numbers.shape[1:]))


def _unit(rows: Numbers) -> Numbers:
    """Rows of length 1; those that are all zero stay so."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1))
