"""The vectors of images to search with, by the model of a collection of images."""

from collections.abc import Callable
from typing import cast

import numpy as np

from semsearch.images.embedder import to_square
from semsearch.images.protocol import ImageEmbedder, Latents
from semsearch.index.vectors import as_vectors
from semsearch.types import ImageSource, Vectors


class ImageVectors:
    """One model's vectors of images; threads may share an instance.

    Args:
        model: gives it, and is called when it is needed.
        dim: of its vectors.
    """

    def __init__(self, model: Callable[[], ImageEmbedder], dim: int) -> None:
        self.model, self._dim = model, dim

    def of(self, image: ImageSource | Latents) -> Vectors:
        """The vector (1, dim), normalised, of an image or of a latent (C, h, w), which is float32.

        Raises:
            InvalidDocumentError: it cannot be read as an image.
            InvalidRequestError: the latent is of another shape than this collection's.
            InvalidVectorError: the model makes nothing of it that has a direction.
        """
        if isinstance(image, np.ndarray) and image.dtype != np.uint8:
            return as_vectors(self.model().vectors(image.astype(np.float32)[None]), self._dim)
        model = self.model()
        vectors, _ = model.embed_images(to_square(cast("ImageSource", image), model.size)[None])
        return as_vectors(vectors, self._dim)
