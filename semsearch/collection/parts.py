"""What a collection is made of, for the two halves of its methods."""

import threading

from semsearch.embedders.pinned import PinnedEmbedder
from semsearch.embedders.reranker import ChosenReranker
from semsearch.index.device import Device
from semsearch.search.query_vectors import QueryVectors
from semsearch.search.snapshot import SnapshotCache
from semsearch.store.documents import DocumentStore


class Parts:
    """A store, the model that goes with it, and what is loaded of them."""

    def __init__(
        self, store: DocumentStore, embedder: PinnedEmbedder, device: Device | None, reranker: ChosenReranker
    ) -> None:
        """Use `Collection.create` or `Collection.open` instead."""
        self._store, self._embedder, self._device = store, embedder, device
        self._reranker = reranker
        self._snapshots = SnapshotCache(store, device)
        has_model = store.spec.model is not None
        self._query_vectors = QueryVectors(embedder.for_queries, store.spec.dim) if has_model else None
        self._adding = threading.RLock()  # one add at a time, whose `progress` may add, too
