"""From what a person names, an image file or a folder of them, to latents of one size, and back to images."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semsearch.errors import InvalidDocumentError, InvalidRequestError
from semsearch.images.loading import fit_square, images_in, load_image
from semsearch.images.protocol import Autoencoder, Images, Latents, Pixels

_AT_ONCE = 16  # images in memory


@dataclass(frozen=True, slots=True)
class Operands:
    """Latents that go together, since all are of one model and of squares of one size.

    Attributes:
        autoencoder: what encodes and decodes.
        size: side of the squares that images are cut and scaled to.
    """

    autoencoder: Autoencoder
    size: int = 512

    def latent(self, path: Path) -> Latents:
        """The latent of an image file, (C, h, w).

        Raises:
            InvalidDocumentError: it cannot be read as an image.
        """
        latent: Latents = self.autoencoder.encode(fit_square(load_image(path), self.size)[None])[0]
        return latent

    def latents(self, folder: Path, left_out: Callable[[InvalidDocumentError], None]) -> Latents:
        """The latents of all images in a folder and in its folders, by name: (n, C, h, w).

        Args:
            folder: where the images are.
            left_out: told of each file that cannot be read as one.

        Raises:
            InvalidRequestError: there is no such folder, or no image in it.
        """
        squares = (fit_square(pixels, self.size) for _, pixels in images_in(folder, left_out))
        blocks = [self.autoencoder.encode(np.stack(some)) for some in _in_blocks(squares)]
        if not blocks:
            raise InvalidRequestError(f"{folder} has no images in it: name a folder with at least one")
        return np.concatenate(blocks)

    def decode(self, latents: Latents) -> Images:
        """Images, (n, 3, size, size), of latents (n, C, h, w)."""
        return self.autoencoder.decode(latents, size=(self.size, self.size))


def _in_blocks(squares: Iterator[Pixels]) -> Iterator[list[Pixels]]:
    block: list[Pixels] = []
    for square in squares:
        block.append(square)
        if len(block) == _AT_ONCE:
            yield block
            block = []
    if block:
        yield block
