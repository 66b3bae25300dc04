"""From what a person names to latents of one size, and back to images; what is done with them is in `edit`.

Operands are image files, their bytes, pixels, folders of files, and images of a collection, by id or by a filter. What
a collection has stored comes from its latents alone: the files may be gone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from semsearch.errors import InvalidDocumentError, InvalidRequestError
from semsearch.images.embedder import to_square
from semsearch.images.loading import images_in
from semsearch.images.protocol import Autoencoder, Images, Latents, Pixels
from semsearch.types import Filter, ImageSource

_AT_ONCE = 16  # images in memory


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image of a collection, by the id of its document."""

    document_id: str


@dataclass(frozen=True, slots=True)
class StoredImages:
    """All images of a collection whose documents a filter matches."""

    filter: Filter


Operand: TypeAlias = ImageSource | StoredImage
Group: TypeAlias = Path | StoredImages | Sequence[Operand]  # a folder, what a filter matches, or one by one


@dataclass(frozen=True, slots=True)
class LatentSource:
    """Where stored images come from.

    Attributes:
        latents: of documents, in the order of their ids: (n, C, h, w).
        matching: of the documents that a filter matches, a block at a time.
    """

    latents: Callable[[Sequence[str]], Latents]
    matching: Callable[[Filter], Iterable[Latents]]


@dataclass(frozen=True, slots=True)
class Operands:
    """Latents that go together, since all are of one model and of squares of one size.

    `Collection.operands` makes those of a collection, by the model that its latents are of.

    Attributes:
        autoencoder: what encodes and decodes.
        size: side of the squares that images are cut and scaled to.
        stored: where stored images come from, if there are any; their latents have to be this model's, of this size.
    """

    autoencoder: Autoencoder
    size: int = 512
    stored: LatentSource | None = None

    def latent(self, operand: Operand) -> Latents:
        """The latent of an image, (C, h, w).

        Raises:
            InvalidDocumentError: it cannot be read as an image.
            InvalidRequestError: it is a stored one, and there is no collection to have it from.
            DocumentNotFoundError: it is not in the collection.
        """
        latent: Latents
        if isinstance(operand, StoredImage):
            latent = self._source().latents([operand.document_id])[0]
        else:
            latent = self.autoencoder.encode(to_square(operand, self.size)[None])[0]
        return latent

    def mean(self, group: Group, left_out: Callable[[InvalidDocumentError], None] | None = None) -> tuple[Latents, int]:
        """The mean latent of a group of images, (C, h, w), and how many these are.

        Args:
            group: a folder, with the folders in it; what a filter matches; or images, one by one.
            left_out: told of each file in a folder that cannot be read as an image; without it, they are passed over.

        Raises:
            InvalidRequestError: there is no such folder, or there are no images.
            InvalidFilterError, and what `latent` raises.
        """
        total, count = np.zeros(()), 0
        for block in self._blocks(group, left_out or (lambda _: None)):
            total = total + block.sum(axis=0, dtype=np.float64)
            count += len(block)
        if not count:
            raise InvalidRequestError(_nothing_in(group))
        mean: Latents = (total / count).astype(np.float32)
        return mean, count

    def decode(self, latents: Latents) -> Images:
        """Images, (n, 3, size, size), of latents (n, C, h, w)."""
        return self.autoencoder.decode(latents, size=(self.size, self.size))

    def _blocks(self, group: Group, left_out: Callable[[InvalidDocumentError], None]) -> Iterator[Latents]:
        match group:
            case Path():
                squares = (to_square(pixels, self.size) for _, pixels in images_in(group, left_out))
                yield from (self.autoencoder.encode(np.stack(some)) for some in _in_blocks(squares))
            case StoredImages():
                yield from self._source().matching(group.filter)
            case _:
                yield from (self.latent(each)[None] for each in group)

    def _source(self) -> LatentSource:
        if self.stored is None:
            raise InvalidRequestError("an image is named by the id of a document: say which collection it is in")
        return self.stored


def _nothing_in(group: Group) -> str:
    match group:
        case Path():
            return f"{group} has no images in it: name a folder with at least one"
        case StoredImages():
            return f"no document matches {dict(group.filter)!r:.200}: give a filter that matches at least one"
    return "a group has no images: give at least one"


def _in_blocks(squares: Iterator[Pixels]) -> Iterator[list[Pixels]]:
    block: list[Pixels] = []
    for square in squares:
        block.append(square)
        if len(block) == _AT_ONCE:
            yield block
            block = []
    if block:
        yield block
