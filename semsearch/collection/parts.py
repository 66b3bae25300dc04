"""What a collection is made of, for the two halves of its methods."""

import threading

from semsearch.embedders.pinned import PinnedEmbedder
from semsearch.embedders.reranker import ChosenReranker
from semsearch.errors import InvalidRequestError
from semsearch.images.pinned import PinnedImageEmbedder
from semsearch.index.device import Device
from semsearch.search.image_vectors import ImageVectors
from semsearch.search.query_vectors import QueryVectors
from semsearch.search.snapshot import SnapshotCache
from semsearch.store.documents import DocumentStore
from semsearch.store.records import Kind


class Parts:
    """A store, the model that goes with it, and what is loaded of them."""

    def __init__(
        self,
        store: DocumentStore,
        embedder: PinnedEmbedder | PinnedImageEmbedder,
        device: Device | None,
        reranker: ChosenReranker,
    ) -> None:
        """Use `Collection.create` or `Collection.open` instead."""
        self._store, self._embedder, self._device = store, embedder, device
        self._reranker = reranker
        self._snapshots = SnapshotCache(store, device)
        dim, kind = store.spec.dim, store.spec.kind
        self._query_vectors = QueryVectors(self._texts.for_queries, dim) if kind is Kind.TEXTS else None
        self._image_vectors = None
        if isinstance(embedder, PinnedImageEmbedder):
            self._image_vectors = ImageVectors(embedder.get, dim)
        self._adding = threading.RLock()  # one add at a time, whose `progress` may add, too

    @property
    def _texts(self) -> PinnedEmbedder:
        """The model of a collection of texts; raises InvalidRequestError in one of images."""
        if isinstance(self._embedder, PinnedImageEmbedder):
            raise InvalidRequestError(
                f"{self._store.root} is a collection of images, whose model knows nothing of words: "
                "search with an image"
            )
        return self._embedder

    @property
    def _images(self) -> PinnedImageEmbedder:
        """The model of a collection of images; raises InvalidRequestError in any other."""
        if isinstance(self._embedder, PinnedImageEmbedder):
            return self._embedder
        raise InvalidRequestError(f"{self._store.root} is no collection of images: there is nothing to draw in it")

    @property
    def image_size(self) -> int | None:
        """Side of the squares that images are brought to; `None`: this is no collection of images."""
        return self._store.spec.image_size
