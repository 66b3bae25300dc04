"""What the write path has to know of a kind of documents; the kinds are the modules beside this."""

from collections.abc import Callable, Sequence
from typing import Protocol

from semsearch.ingest.batch import Batch, Brought, Embedded, Prepared
from semsearch.types import Document


class Contents(Protocol):
    """One kind of documents, from what they bring to what they are found by; one call's."""

    @property
    def batch_size(self) -> int:
        """The `size` that a batch has, or a little more."""

    def size(self, document: Document) -> int:
        """Of a document that has passed no gate: what embedding it takes, in any unit."""

    def brought(self, document: Document) -> Brought:
        """What a document, which has passed the gate, brings besides its text.

        Raises:
            InvalidRequestError: it cannot be used.
        """

    def cut(self, items: Sequence[Prepared], batch: Batch) -> None:
        """Cut documents, at least one, into chunks: into the batch, with what has to be embedded for them."""

    def embed(self, batch: Batch, is_stopped: Callable[[], bool]) -> Embedded:
        """What the model makes of what is `to_embed` in a batch, or why that cannot be used; less if it is stopped.

        It is called in the thread that has the model, and not at all where nothing has to be embedded.
        """
