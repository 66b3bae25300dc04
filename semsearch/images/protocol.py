"""What every autoencoder and every embedder of images offers; they themselves are in the modules beside this one."""

from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from semsearch.types import Vectors

Pixels: TypeAlias = npt.NDArray[np.uint8]  # (n, 3, H, W) or (3, H, W), RGB
Images: TypeAlias = npt.NDArray[np.float32]  # (n, 3, H, W), RGB in [0, 1]
Latents: TypeAlias = npt.NDArray[np.float32]  # (n, latent_channels, h, w)


class Autoencoder(Protocol):
    """A model that turns images into latents and back."""

    @property
    def name(self) -> str:
        """The name it was asked for by, for people; the fingerprint is what counts."""

    @property
    def fingerprint(self) -> str:
        """Hash of the content: weights and constants; not of where it came from or of the precision it runs in."""

    @property
    def latent_channels(self) -> int:
        """Numbers of a latent at one place."""

    @property
    def downscale(self) -> int:
        """Pixels of a side for one place of a latent."""

    @property
    def scaling_factor(self) -> float:
        """What the posterior mean is multiplied with, after the shift."""

    @property
    def shift_factor(self) -> float:
        """What is subtracted from the posterior mean, before the scaling."""

    @property
    def device(self) -> str:
        """Where it runs: `cuda`, `cuda:<number>`, `mps` or `cpu`."""

    @property
    def precision(self) -> str:
        """In which it computes: `float32`, `bfloat16` or `float16`."""

    def encode(self, images: Pixels | Images) -> Latents:
        """Encode to (posterior mean - shift_factor) * scaling_factor: (n, 3, H, W) to (n, latent_channels, h, w).

        h and w are H and W divided by `downscale`, rounded up; no random number enters.
        """

    def decode(self, latents: Latents, *, size: tuple[int, int] | None = None) -> Images:
        """Decode scaled latents to images of (height, width) `size`, by default as large as the latents cover."""


class ImageEmbedder(Protocol):
    """What makes the vectors of an image collection, and draws its images from what is kept of them."""

    @property
    def name(self) -> str:
        """The name that the model was asked for by, for people; the fingerprint is what counts."""

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides the vectors: the autoencoder's fingerprint, the size, the fit, the reduction."""

    @property
    def dim(self) -> int:
        """Numbers of a vector."""

    @property
    def size(self) -> int:
        """Side of the squares that images are brought to, in pixels."""

    @property
    def device(self) -> str:
        """Where the model runs."""

    @property
    def precision(self) -> str:
        """In which the model computes."""

    @property
    def autoencoder(self) -> Autoencoder:
        """What encodes and decodes."""

    def embed_images(self, squares: Pixels) -> tuple[Vectors, Latents]:
        """Vectors, (n, dim), of (n, 3, size, size), and the latents that they were made of, (n, C, h, w)."""

    def vectors(self, latents: Latents) -> Vectors:
        """Vectors, (n, dim), of latents (n, C, h, w)."""

    def draw(self, latents: Latents) -> Images:
        """Images, (n, 3, size, size), of latents (n, C, h, w)."""
