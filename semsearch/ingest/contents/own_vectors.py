"""Documents that bring their vectors: each is one chunk, and no model runs."""

from collections.abc import Callable, Sequence

from semsearch.index.vectors import as_stored, as_vector
from semsearch.ingest.batch import Batch, Brought, Embedded, Prepared
from semsearch.ingest.contents.texts import BATCH_CHARACTERS, characters
from semsearch.types import Document, Span


class OwnVectors:
    """The contents of a collection without a model; `dim` is the length of its vectors."""

    def __init__(self, dim: int) -> None:
        self._dim = dim

    @property
    def batch_size(self) -> int:
        return BATCH_CHARACTERS

    def size(self, document: Document) -> int:
        return characters(document)

    def brought(self, document: Document) -> Brought:
        """The vector; raises InvalidVectorError."""
        stored = as_stored(as_vector(() if document.vector is None else document.vector, self._dim))[0]
        return Brought(stored.tobytes(), vector=stored)

    def cut(self, items: Sequence[Prepared], batch: Batch) -> None:
        batch.new = [(item, [Span(0, len(item.document.text))]) for item in items]

    def embed(self, batch: Batch, is_stopped: Callable[[], bool]) -> Embedded:
        return {}
