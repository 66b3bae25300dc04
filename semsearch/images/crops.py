"""What an autoencoder is trained on: square crops of photographs, drawn at random; files are read by `loading`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from semsearch.errors import InvalidRequestError
from semsearch.images.loading import load_image

if TYPE_CHECKING:
    import torch

    from semsearch.images.protocol import Pixels

_KEPT_BYTES = 2_000_000_000
_ZOOM = (0.8, 1.5)  # side of the cut square in sides of the crop: the same things are seen larger and smaller
_RECOLOURED = 0.3  # share of crops whose channels change places, so that no colour is foreign to the model


class Crops:
    """Random crops of image files; decoded images stay in memory, as long as there are no more than 2 GB of them.

    Raises:
        InvalidRequestError: there are no files.
        InvalidDocumentError: when it is first drawn from: a file is not an image.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        if not paths:
            raise InvalidRequestError("there are no images to train on: name at least one file")
        self._paths = list(paths)
        self._kept: dict[int, Pixels] = {}
        self._bytes = 0

    def draw(self, rng: np.random.Generator, count: int, size: int) -> "torch.Tensor":
        """Crops in [-1, 1], (count, 3, size, size); half of them are mirrored, a third recoloured."""
        import torch

        chosen = rng.integers(len(self._paths), size=count)
        return torch.stack([self._crop(rng, self._image(int(index)), size) for index in chosen])

    def _image(self, index: int) -> "Pixels":
        if index in self._kept:
            return self._kept[index]
        image = load_image(self._paths[index])
        if self._bytes + image.nbytes <= _KEPT_BYTES:
            self._kept[index] = image
            self._bytes += image.nbytes
        return image

    @staticmethod
    def _crop(rng: np.random.Generator, image: "Pixels", size: int) -> "torch.Tensor":
        import torch

        height, width = image.shape[1:]
        side = min(round(size * rng.uniform(*_ZOOM)), height, width)
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        cut = image[:, top : top + side, left : left + side]
        if rng.random() < 0.5:
            cut = cut[:, :, ::-1]
        if rng.random() < _RECOLOURED:
            cut = cut[rng.permutation(3)]
        crop = torch.from_numpy(np.ascontiguousarray(cut)).float()[None] / 127.5 - 1
        resized = torch.nn.functional.interpolate(crop, (size, size), mode="bilinear", antialias=True)
        return resized[0]  # (3, size, size)
