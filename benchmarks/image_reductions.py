"""What else one could search of latents: functions from (n, C, h, w) to (n, dim), beside the one that semsearch has."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Numbers: TypeAlias = npt.NDArray[np.float32]

_WHITENED = 256  # principal components
_FLOOR = 0.05  # of deviations, before the logarithm


def flat(numbers: Numbers) -> Numbers:
    return numbers.reshape(len(numbers), -1)


def unit(rows: Numbers) -> Numbers:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def centred(numbers: Numbers) -> Numbers:
    """Less the mean of all of them: fitted to what is there."""
    return flat(numbers - numbers.mean(axis=0))


def own_means_off(numbers: Numbers) -> Numbers:
    """Less the mean of each channel of each image."""
    return flat(numbers - numbers.mean(axis=(2, 3), keepdims=True))


def pooled(latents: Numbers, side: int) -> Numbers:
    """Means within the cells of a grid, at most as fine as the latents are."""
    number, channels, height, width = latents.shape
    side = min(side, height)
    return latents.reshape(number, channels, side, height // side, side, width // side).mean(axis=(3, 5))


def deviations(latents: Numbers, side: int) -> Numbers:
    """Logarithms of the deviations within the cells of a grid."""
    number, channels, height, width = latents.shape
    cells = latents.reshape(number, channels, side, height // side, side, width // side)
    return np.log(cells.std(axis=(3, 5)) + _FLOOR)


def pyramid(latents: Numbers) -> Numbers:
    """Grids of 2, 4 and 8 places a side, each of them of equal weight."""
    return np.hstack([unit(own_means_off(pooled(latents, side))) for side in (2, 4, 8)])


def with_deviations(latents: Numbers) -> Numbers:
    return np.hstack([unit(own_means_off(pooled(latents, 8))), unit(centred(deviations(latents, 8)))])


def whitened(latents: Numbers) -> Numbers:
    """Principal components of all of them, each of them scaled to a deviation of 1."""
    left, _, _ = np.linalg.svd(centred(pooled(latents, 8)), full_matrices=False)
    return left[:, :_WHITENED]


REDUCTIONS: Mapping[str, Callable[[Numbers], Numbers]] = {
    "whole latent, centred": centred,
    "whole latent, its own means off": own_means_off,
    "pooled to 4 x 4, its own means off": lambda latents: own_means_off(pooled(latents, 4)),
    "pooled to 8 x 8, centred": lambda latents: centred(pooled(latents, 8)),
    "pooled to 8 x 8, its own means off": lambda latents: own_means_off(pooled(latents, 8)),
    "pooled to 16 x 16, its own means off": lambda latents: own_means_off(pooled(latents, 16)),
    "pyramid of 2, 4 and 8": pyramid,
    "pooled to 8 x 8, and deviations": with_deviations,
    "pooled to 8 x 8, PCA of 256, whitened": whitened,
}
