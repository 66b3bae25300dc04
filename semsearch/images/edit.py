"""What can be done with images by their latents: drawn again, interpolated, added up, moved along an attribute.

The numbers are `arithmetic`'s, files are `loading`'s and `pictures`'. Every result that an average of pixels could have
given as well says how near it is to that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from semsearch.errors import InvalidRequestError
from semsearch.images.arithmetic import Way, between, combine, direction, moved
from semsearch.images.measures import psnr, ssim
from semsearch.images.protocol import Autoencoder, Images, Latents, Pixels

CROSS_FADE = 0.5  # ghosting from which on an interpolation is more of a cross-fade than of anything else

STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)  # of a direction, where nothing is said

Decode = Callable[[Latents], Images]  # (n, C, h, w) to (n, 3, H, W)


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """An image drawn again from its latent.

    Attributes:
        image: (3, H, W), as large as the original.
        latent: (C, h, w).
        psnr: in dB, infinite if nothing differs; `None` of a stored image, whose original is not at hand.
        ssim: at most 1; `None` likewise.
    """

    image: Images
    latent: Latents
    psnr: float | None = None
    ssim: float | None = None

    @property
    def compression(self) -> float:
        """Numbers of the image for one of the latent."""
        return self.image.size / self.latent.size


@dataclass(frozen=True, slots=True, eq=False)
class Interpolation:
    """Frames from one image to another.

    Attributes:
        images: (n, 3, H, W), the two ends included.
        latents: (n, C, h, w).
        cross_fade_psnr: of the middle frame against the mean of the pixels of the two ends, in dB.
        ghosting: how much of a cross-fade the middle frame is: 1 if it is the mean of the pixels of the two ends, 0 if
            it is as far from it as the ends are, below 0 if farther.
    """

    images: Images
    latents: Latents
    cross_fade_psnr: float
    ghosting: float

    @property
    def is_cross_fade(self) -> bool:
        """Whether the middle frame is closer to both images laid over each other than to an image in between."""
        return self.ghosting >= CROSS_FADE


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """A sum of latents, such as a - b + c.

    Attributes:
        image: (3, H, W).
        latent: (C, h, w).
        terms: (n, 3, H, W), what was added and subtracted, decoded each by itself.
        pixel_psnr: of the image against the same sum of pixels, clipped to [0, 1], in dB.
    """

    image: Images
    latent: Latents
    terms: Images
    pixel_psnr: float


@dataclass(frozen=True, slots=True, eq=False)
class Variation:
    """An image moved along a direction.

    Attributes:
        images: (n, 3, H, W), one for each strength.
        latents: (n, C, h, w).
        strengths: multiples of the direction that were added.
    """

    images: Images
    latents: Latents
    strengths: tuple[float, ...]


def redraw(decode: Decode, latent: Latents) -> Reconstruction:
    """Draw a stored image from its latent (C, h, w)."""
    return Reconstruction(decode(latent[None])[0], latent)


def reconstruct(autoencoder: Autoencoder, pixels: Pixels) -> Reconstruction:
    """Encode and decode one image, (3, H, W) of any size, and measure what is lost.

    Raises:
        InvalidRequestError: it is no image of that shape, or has a side of less than 7 pixels.
        ModelError: the model fails at it.
    """
    latents = autoencoder.encode(pixels[None])
    decoded = autoencoder.decode(latents, size=(pixels.shape[1], pixels.shape[2]))
    original: Images = pixels[None].astype(np.float32) / np.float32(255)
    return Reconstruction(
        image=decoded[0],
        latent=latents[0],
        psnr=float(psnr(original, decoded)[0]),
        ssim=float(ssim(original, decoded)[0]),
    )


def interpolate(
    decode: Decode, first: Latents, second: Latents, *, frames: int = 9, how: str = "linear"
) -> Interpolation:
    """Frames at equal steps between two latents, and how much of a cross-fade they are.

    Args:
        decode: an autoencoder's.
        first: (C, h, w).
        second: of the same shape.
        frames: with the two ends, at least 2.
        how: `linear`, or `spherical` (see `arithmetic.slerp`).

    Raises:
        InvalidRequestError: another `how`, fewer frames, or what `arithmetic.lerp` and `slerp` raise.
        ModelError: the model fails at them.
    """
    if how not in list(Way):
        raise InvalidRequestError(f"how is {how!r:.80}; it has to be one of: {', '.join(Way)}")
    latents = between(first, second, frames, Way(how))
    images = decode(latents)
    middle = decode(between(first, second, 3, Way(how))[1:2])[0]
    cross_fade = (images[0] + images[-1]) / 2
    apart = _mean_square(images[0] - images[-1]) / 4  # of either end from the cross-fade
    ghosting = 1 - _mean_square(middle - cross_fade) / apart if apart else 1.0
    return Interpolation(images, latents, float(psnr(middle, cross_fade)[0]), ghosting)


def add_up(decode: Decode, latents: Sequence[Latents], weights: Sequence[float]) -> Combination:
    """The image of a weighted sum of latents, and how near it is to the same sum of pixels.

    Args:
        decode: an autoencoder's.
        latents: (C, h, w) each.
        weights: as many; `a - b + c` has 1, -1, 1.

    Raises:
        InvalidRequestError: see `arithmetic.combine`.
        ModelError: the model fails at them.
    """
    result = combine(latents, weights)
    images = decode(np.stack([result, *latents]))
    image, terms = images[0], images[1:]
    in_pixels = np.tensordot(np.asarray(weights, np.float32), terms, axes=1).clip(0, 1)
    return Combination(image, result, terms, float(psnr(image, in_pixels)[0]))


def vary(
    decode: Decode, latent: Latents, positive: Latents, negative: Latents, strengths: Sequence[float]
) -> Variation:
    """An image moved from those without an attribute to those with it, and away from them.

    Args:
        decode: an autoencoder's.
        latent: (C, h, w).
        positive: (n, C, h, w), of images with the attribute.
        negative: (m, C, h, w), of images without it.
        strengths: how far: 1 is as far as from the mean of the one to the mean of the other, negative is away.

    Raises:
        InvalidRequestError: there are no strengths, or see `arithmetic.direction`.
        ModelError: the model fails at them.
    """
    if not strengths:
        raise InvalidRequestError("there are no strengths: say at least one, such as 1")
    latents = moved(latent, direction(positive, negative), strengths)
    return Variation(decode(latents), latents, tuple(strengths))


def _mean_square(difference: Images) -> float:
    return float(np.mean(np.square(difference, dtype=np.float64)))
