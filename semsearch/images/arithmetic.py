"""Latents as numbers: between two of them, sums, and directions of attributes; models and pictures are not here.

A latent is (C, h, w), and several are (n, C, h, w). None of this knows what the numbers mean: whether the results look
like anything is up to the model that decodes them.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from semsearch.errors import InvalidRequestError
from semsearch.images.protocol import Latents

_NEARLY_PARALLEL = 1e-3  # radians: below it, line and arc differ by less than float32 rounds
_NEARLY_OPPOSITE = np.pi - 1e-3


class Way(StrEnum):
    """From one latent to another: along a line, or along an arc."""

    LINEAR = "linear"
    SPHERICAL = "spherical"


def lerp(first: Latents, second: Latents, shares: npt.ArrayLike) -> Latents:
    """On the straight line between two latents: (1 - share) x first + share x second, (n, C, h, w).

    Args:
        first: (C, h, w).
        second: of the same shape.
        shares: (n,); 0 is the first one, 1 the second.

    Raises:
        InvalidRequestError: the shapes differ.
    """
    _check_alike([first, second])
    steps = np.asarray(shares, np.float64)
    return _weighted(first, 1 - steps, second, steps)


def slerp(first: Latents, second: Latents, shares: npt.ArrayLike) -> Latents:
    """On the arc between two latents, taken as vectors of C x h x w numbers: (n, C, h, w).

    Shoemake, "Animating rotation with quaternion curves", 1985: sin((1 - share) angle) / sin(angle) x first +
    sin(share x angle) / sin(angle) x second. Latents of one length keep it all the way, whereas the middle of the line
    is shorter, which decodes to less contrast. Where the latents are nearly parallel, the line is taken: it is the same
    within rounding, and the formula would divide by nearly zero.

    Args:
        first: (C, h, w).
        second: of the same shape.
        shares: (n,); 0 is the first one, 1 the second.

    Raises:
        InvalidRequestError: the shapes differ; one latent is all zero, and so has no direction; or the two are
            opposite, and no arc between them is the shortest.
    """
    angle = angle_between(first, second)
    if angle < _NEARLY_PARALLEL:
        return lerp(first, second, shares)
    if angle > _NEARLY_OPPOSITE:
        raise InvalidRequestError(
            "the two latents are opposite, and no arc between them is the shortest: interpolate linearly"
        )
    steps = np.asarray(shares, np.float64)
    return _weighted(first, np.sin((1 - steps) * angle) / np.sin(angle), second, np.sin(steps * angle) / np.sin(angle))


def angle_between(first: Latents, second: Latents) -> float:
    """The angle in radians between two latents, taken as vectors.

    Raises:
        InvalidRequestError: the shapes differ, or one of them is all zero.
    """
    _check_alike([first, second])
    one, other = (latent.ravel().astype(np.float64) for latent in (first, second))
    lengths = np.linalg.norm(one) * np.linalg.norm(other)
    if not lengths:
        raise InvalidRequestError("a latent that is all zero has no direction: interpolate linearly")
    return float(np.arccos(np.clip(one @ other / lengths, -1, 1)))


def between(first: Latents, second: Latents, count: int, way: Way) -> Latents:
    """`count` latents from the first to the second, both included, at equal steps: (count, C, h, w).

    Raises:
        InvalidRequestError: count is below 2; or what `slerp` raises.
    """
    if count < 2:
        raise InvalidRequestError(f"{count} frames are asked for; the two ends are two, so ask for at least 2")
    shares = np.linspace(0, 1, count)
    return lerp(first, second, shares) if way is Way.LINEAR else slerp(first, second, shares)


def combine(latents: Sequence[Latents], weights: Sequence[float]) -> Latents:
    """The sum of latents times their weights, (C, h, w); `a - b + c` has the weights 1, -1, 1.

    Raises:
        InvalidRequestError: there are none, not as many weights, or of several shapes.
    """
    if not latents or len(latents) != len(weights):
        raise InvalidRequestError(f"{len(latents)} latents and {len(weights)} weights: give each latent its weight")
    _check_alike(latents)
    total: Latents = np.tensordot(np.asarray(weights, np.float64), np.stack(latents), axes=1).astype(np.float32)
    return total


def direction(positive: Latents, negative: Latents) -> Latents:
    """From the mean of the latents without an attribute to the mean of those with it: (C, h, w).

    Args:
        positive: (n, C, h, w), with the attribute.
        negative: (m, C, h, w), without it, or with its opposite.

    Raises:
        InvalidRequestError: one of them is empty, or the shapes differ.
    """
    if not len(positive) or not len(negative):
        raise InvalidRequestError("a direction needs at least one latent with the attribute, and one without it")
    _check_alike([positive[0], negative[0]])
    difference = positive.mean(axis=0, dtype=np.float64) - negative.mean(axis=0, dtype=np.float64)
    rounded: Latents = difference.astype(np.float32)
    return rounded


def moved(latent: Latents, towards: Latents, strengths: npt.ArrayLike) -> Latents:
    """A latent moved along a direction, once for each strength: (n, C, h, w).

    Args:
        latent: (C, h, w).
        towards: as of `direction`, (C, h, w).
        strengths: (n,); 0 leaves it as it is, 1 is as far as from one mean to the other, negative ones lead away.

    Raises:
        InvalidRequestError: the shapes differ.
    """
    _check_alike([latent, towards])
    steps = np.asarray(strengths, np.float64)
    return _weighted(latent, np.ones_like(steps), towards, steps)


def _weighted(
    first: Latents, firsts: npt.NDArray[np.float64], second: Latents, seconds: npt.NDArray[np.float64]
) -> Latents:
    """Sums of two latents with n weights each: (n, C, h, w)."""
    return (np.multiply.outer(firsts, first) + np.multiply.outer(seconds, second)).astype(np.float32)


def _check_alike(latents: Sequence[Latents]) -> None:
    shapes = list(dict.fromkeys(latent.shape for latent in latents))
    if len(shapes) > 1:
        raise InvalidRequestError(
            f"latents of the shapes {', '.join(map(str, shapes))} do not go together: encode all images with one "
            "model, at one size"
        )
