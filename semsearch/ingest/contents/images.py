"""Documents that are images: brought to the square that the model reads; each is one chunk, found by its latent."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from semsearch.errors import InvalidRequestError, InvalidVectorError
from semsearch.images.embedder import to_square
from semsearch.images.packing import pack
from semsearch.images.protocol import ImageEmbedder, Pixels
from semsearch.ingest.batch import Batch, Brought, Embedded, Made, Outcome, Prepared
from semsearch.ingest.contents.made import stored_or_errors
from semsearch.ingest.reuse import AlreadyEmbedded
from semsearch.store.documents import DocumentStore
from semsearch.types import Document, Span

_BATCH_PIXELS = 1 << 23  # 128 images of 256 x 256, and 25 MB of them
_PIECE_PIXELS = 1 << 21  # between two of these an interruption is heeded


class ImageContents:
    """The contents of a collection of images.

    Args:
        store: the collection.
        embedder: gives its model, and is called when an image first has to be embedded.
        size: side of the squares that images are brought to.
    """

    def __init__(self, store: DocumentStore, embedder: Callable[[], ImageEmbedder], size: int) -> None:
        self._dim, self._embedder, self._size = store.spec.dim, embedder, size
        self._embedded = AlreadyEmbedded(store)

    @property
    def batch_size(self) -> int:
        return _BATCH_PIXELS

    def size(self, document: Document) -> int:
        return self._size**2

    def brought(self, document: Document) -> Brought:
        """The image as a square; raises InvalidDocumentError if it is none."""
        square = to_square(b"" if document.image is None else document.image, self._size)
        return Brought(_key(square), square=square)

    def cut(self, items: Sequence[Prepared], batch: Batch) -> None:
        squares = {item.brought.key: item.brought.square for item in items if item.brought.square is not None}
        batch.new = [(item, [Span(0, len(item.document.text), text_hash=item.brought.key)]) for item in items]
        latents = self._embedded.latents(squares)
        vectors = self._embedded.vectors(latents)
        batch.known = {key: Made(vector, latents[key]) for key, vector in vectors.items()}
        batch.squares = {key: square for key, square in squares.items() if key not in batch.known}

    def embed(self, batch: Batch, is_stopped: Callable[[], bool]) -> Embedded:
        embedder = self._embedder()
        embedded: dict[bytes, Outcome] = {}
        keys, step = list(batch.squares), max(1, _PIECE_PIXELS // self._size**2)
        for start in range(0, len(keys), step):
            if is_stopped():
                break
            some = keys[start : start + step]
            outcomes = self._outcomes(embedder, np.stack([batch.squares[key] for key in some]))
            embedded.update(zip(some, outcomes, strict=True))
        return embedded

    def _outcomes(self, embedder: ImageEmbedder, squares: Pixels) -> list[Outcome]:
        """What the model makes of each square, (n, 3, size, size); one that it refuses is refused by itself."""
        try:
            vectors, latents = embedder.embed_images(squares)
        except InvalidRequestError as error:
            if len(squares) == 1:
                return [InvalidVectorError(str(error))]
            return [outcome for square in squares for outcome in self._outcomes(embedder, square[None])]
        return stored_or_errors(vectors, self._dim, pack(latents))


def _key(square: Pixels) -> bytes:
    """SHA-256 of the pixels, 128 bits of it; processors have instructions for it, and there are many pixels."""
    return hashlib.sha256(square.tobytes()).digest()[:16]
