"""What every image autoencoder offers; the models themselves are in the modules beside this one."""

from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

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

    def encode(self, images: Pixels | Images) -> Latents:
        """Encode to (posterior mean - shift_factor) * scaling_factor: (n, 3, H, W) to (n, latent_channels, h, w).

        h and w are H and W divided by `downscale`, rounded up; no random number enters.
        """

    def decode(self, latents: Latents, *, size: tuple[int, int] | None = None) -> Images:
        """Decode scaled latents to images of (height, width) `size`, by default as large as the latents cover."""
