"""What the collection's model has made of texts and images already, wherever it is now."""

from collections.abc import Iterable, Sequence

import numpy as np

from semsearch.index.sealed import SealedSegment, read_segments
from semsearch.store.documents import DocumentStore
from semsearch.store.reader import StoreReader
from semsearch.types import Ids, StoredVectors

_NONE_DELETED = np.empty(0, dtype=np.int64)
_ATTEMPTS = 10  # to be ahead of a maintenance that replaces files


class AlreadyEmbedded:
    """The texts, or images, behind a collection's chunks, by their hash."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self._layout = -1
        self._segments: Sequence[SealedSegment] = ()

    def vectors(self, hashes: Iterable[bytes]) -> dict[bytes, StoredVectors]:
        """The vectors (dim,) of those that are embedded."""
        wanted = set(hashes)
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._vectors(wanted)
            except FileNotFoundError:
                continue
        return self._vectors(wanted)

    def latents(self, hashes: Iterable[bytes]) -> dict[bytes, bytes]:
        """What those images that are embedded are drawn from, packed."""
        with self._store.read() as reader:
            chunks = reader.chunks_by_text(hashes)
            found = reader.latents_of_chunks(chunks.values())
        return {image: found[id] for image, id in chunks.items() if id in found}

    def _vectors(self, hashes: set[bytes]) -> dict[bytes, StoredVectors]:
        with self._store.read() as reader:
            chunks = reader.chunks_by_text(hashes)
            if not chunks:
                return {}
            ids = np.unique(np.fromiter(chunks.values(), np.int64, len(chunks)))
            rows = {id: np.frombuffer(row, "<f2") for id, row in reader.tail_vectors(ids.tolist()).items()}
            if len(rows) < len(ids):
                rows.update(self._sealed(reader, ids))
        return {text: rows[id] for text, id in chunks.items() if id in rows}

    def _sealed(self, reader: StoreReader, ids: Ids) -> dict[int, StoredVectors]:
        layout = reader.state().layout
        if layout != self._layout:
            self._segments = read_segments(self._store.root, reader.manifest(), _NONE_DELETED)
            self._layout = layout
        rows: dict[int, StoredVectors] = {}
        for each in self._segments:
            found, stored = each.segment.rows(ids)
            rows.update(zip(found.tolist(), stored, strict=True))
        return rows
