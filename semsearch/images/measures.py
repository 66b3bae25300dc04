"""How like an image its reconstruction is: PSNR and SSIM; images are float in [0, 1], (n, 3, H, W) or (3, H, W)."""

import math

import numpy as np
import numpy.typing as npt

from semsearch.errors import InvalidRequestError

_WINDOW, _K1, _K2 = 7, 0.01, 0.03


def psnr(originals: npt.NDArray[np.float32], reconstructions: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Peak signal-to-noise ratio of each image in dB, (n,); infinite where the two are equal."""
    first, second = _pair(originals, reconstructions)
    error = np.square(first - second).mean(axis=(1, 2, 3))  # (n,)
    with np.errstate(divide="ignore"):
        return np.asarray(-10 * np.log10(error))


def ssim(originals: npt.NDArray[np.float32], reconstructions: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Structural similarity of each image, at most 1, (n,): the mean over its channels and 7 x 7 windows.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004, with a uniform
    window and sample (co)variances; windows that reach beyond the border are left out.

    Raises:
        InvalidRequestError: the shapes differ, or a side is shorter than the window.
    """
    first, second = _pair(originals, reconstructions)
    if min(first.shape[2:]) < _WINDOW:
        raise InvalidRequestError(
            f"SSIM looks at windows of {_WINDOW} x {_WINDOW}, and the images are {first.shape[2:]}"
        )
    sample = _WINDOW**2 / (_WINDOW**2 - 1)
    mean_1, mean_2 = _window_means(first), _window_means(second)
    variance_1 = sample * (_window_means(first * first) - mean_1 * mean_1)
    variance_2 = sample * (_window_means(second * second) - mean_2 * mean_2)
    covariance = sample * (_window_means(first * second) - mean_1 * mean_2)
    c1, c2 = _K1**2, _K2**2
    likeness = ((2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)) / (
        (mean_1 * mean_1 + mean_2 * mean_2 + c1) * (variance_1 + variance_2 + c2)
    )
    return np.asarray(likeness.mean(axis=(1, 2, 3)))


def _pair(
    originals: npt.NDArray[np.float32], reconstructions: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    if originals.shape != reconstructions.shape or originals.ndim not in (3, 4):
        raise InvalidRequestError(f"images of {originals.shape} and {reconstructions.shape} cannot be compared")
    shape = (-1, *originals.shape[-3:])
    return originals.reshape(shape).astype(np.float64), reconstructions.reshape(shape).astype(np.float64)


def _window_means(images: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The mean of every window that lies inside: (n, c, H, W) to (n, c, H - 6, W - 6)."""
    for axis in (2, 3):
        sums = np.cumsum(images, axis=axis)
        sums = np.concatenate([np.zeros_like(np.take(sums, [0], axis)), sums], axis=axis)
        length = sums.shape[axis]
        upper = np.take(sums, np.arange(_WINDOW, length), axis)
        lower = np.take(sums, np.arange(length - _WINDOW), axis)
        images = (upper - lower) / _WINDOW
    return images


def finite(decibels: float | None) -> float | None:
    """A PSNR for JSON, which has no infinity: `None` if nothing differs, or nothing was compared."""
    return decibels if decibels is not None and math.isfinite(decibels) else None
