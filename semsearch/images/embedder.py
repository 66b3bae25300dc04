"""An autoencoder that makes vectors for a collection: images to squares, to latents, to vectors, and back to images."""

import hashlib
import json

import numpy as np

from semsearch.errors import InvalidRequestError
from semsearch.images.autoencoder import load_autoencoder
from semsearch.images.loading import MAX_PIXELS, fit_square, load_square
from semsearch.images.model_folder import BUNDLED_MODEL
from semsearch.images.protocol import Autoencoder, Images, Latents, Pixels
from semsearch.images.reduction import SCHEME, SMALLEST_SIDE, reduce_latents, reduced_dim
from semsearch.types import ImageSource, Metadata, Vectors

DEFAULT_SIZE = 256
LARGEST = 2048
_FIT = "crop"


def load_image_embedder(
    model: str = BUNDLED_MODEL, *, size: int = DEFAULT_SIZE, device: str = "auto", precision: str = "auto"
) -> "ImageEmbedder":
    """Load an autoencoder, as `load_autoencoder` does, for squares of `size` pixels a side.

    Raises:
        InvalidRequestError: the size is not one that `ImageEmbedder` takes.
        ConfigError, MissingDependencyError, ModelError: as `load_autoencoder`.
    """
    return ImageEmbedder(load_autoencoder(model, device=device, precision=precision), size=size)


def to_square(image: ImageSource, size: int) -> Pixels:
    """Bring an image, (3, H, W), or a file, to (3, size, size), as every embedder of this size does.

    Raises:
        InvalidDocumentError, MissingDependencyError: as `load_square`.
    """
    return square_with_facts(image, size)[0]


def square_with_facts(image: ImageSource, size: int, *, max_pixels: int = MAX_PIXELS) -> tuple[Pixels, Metadata]:
    """As `to_square`, and what a file tells of its image, as `facts_of` gives it; pixels tell nothing."""
    if not isinstance(image, np.ndarray):
        return load_square(image, size, fit=_FIT, max_pixels=max_pixels)
    return (image if image.shape[1:] == (size, size) else fit_square(image, size, fit=_FIT)), {}


class ImageEmbedder:
    """A `semsearch.images.protocol.ImageEmbedder` around an autoencoder; it may be shared between threads.

    Args:
        autoencoder: what encodes and decodes.
        size: side of the squares in pixels, a multiple of the autoencoder's `downscale`.

    Raises:
        InvalidRequestError: the size is above 2,048, no such multiple, or less than 8 of them.
    """

    def __init__(self, autoencoder: Autoencoder, *, size: int = DEFAULT_SIZE) -> None:
        smallest = SMALLEST_SIDE * autoencoder.downscale
        if not smallest <= size <= LARGEST or size % autoencoder.downscale:
            raise InvalidRequestError(
                f"the size is {size}: take a multiple of {autoencoder.downscale} from {smallest} to {LARGEST:,}"
            )
        self._autoencoder, self._size = autoencoder, size
        self._dim = reduced_dim(autoencoder.latent_channels)
        facts = {"autoencoder": autoencoder.fingerprint, "reduction": SCHEME, "fit": _FIT, "size": size}
        self._fingerprint = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @property
    def name(self) -> str:
        return self._autoencoder.name

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def dim(self) -> int:
        return self._dim

    @property
    def size(self) -> int:
        return self._size

    @property
    def device(self) -> str:
        return self._autoencoder.device

    @property
    def precision(self) -> str:
        return self._autoencoder.precision

    @property
    def autoencoder(self) -> Autoencoder:
        return self._autoencoder

    def embed_images(self, squares: Pixels) -> tuple[Vectors, Latents]:
        """Vectors, (n, dim), of squares, and the latents that they were made of, (n, C, h, w).

        Args:
            squares: as of `to_square`, (n, 3, size, size), uint8.

        Raises:
            InvalidRequestError: they are of another shape or type.
            ModelError: the model's numbers overflow, or one image does not fit into memory.
        """
        if squares.shape[1:] != (3, self._size, self._size):
            raise InvalidRequestError(
                f"images of the shape {squares.shape} are not (n, 3, {self._size}, {self._size}): bring each to it "
                "with to_square()"
            )
        latents = self._autoencoder.encode(squares)
        return self.vectors(latents), latents

    def vectors(self, latents: Latents) -> Vectors:
        """Vectors, (n, dim), of latents (n, C, h, w); a latent may also be a sum of others.

        Raises:
            InvalidRequestError: they are of another shape than those of this model and size, or not finite.
        """
        self._check(latents)
        return reduce_latents(latents)

    def draw(self, latents: Latents) -> Images:
        """Images, (n, 3, size, size), of latents (n, C, h, w).

        Raises:
            InvalidRequestError: they are of another shape than those of this model and size.
        """
        self._check(latents)
        return self._autoencoder.decode(latents, size=(self._size, self._size))

    def _check(self, latents: Latents) -> None:
        side = self._size // self._autoencoder.downscale
        shape = (self._autoencoder.latent_channels, side, side)
        if latents.shape[1:] != shape:
            raise InvalidRequestError(
                f"latents of the shape {latents.shape} are not those of {self.name!r} at {self._size} pixels, which "
                f"are (n, {', '.join(map(str, shape))})"
            )
