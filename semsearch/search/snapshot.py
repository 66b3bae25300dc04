"""What a reader has loaded of a collection, kept in step with the store; every search gets one consistent pair."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

from semsearch.index.collection_index import CollectionIndex
from semsearch.index.exact import ExactIndex
from semsearch.index.ivf import IvfIndex
from semsearch.store.documents import DocumentStore
from semsearch.store.reader import StoreReader
from semsearch.store.records import ManifestFile, State

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Rows as of `state`; `base` are the payload's rows as they are stored, loaded when first asked for."""

    state: State
    payload: IvfIndex | None
    tail: ExactIndex
    base: ExactIndex | None
    last_chunk: int
    last_tombstone: int
    degraded: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """How many vectors are scanned outside the index, and why an index that the manifest names is not used."""

    tail: int
    degraded: str | None


class SnapshotCache:
    """Loads once, then catches up with what was committed since.

    A read transaction begins and the cache catches up with it under one lock, so that states only go forward and the
    index never knows more or less than the transaction that goes with it.
    """

    def __init__(self, store: DocumentStore) -> None:
        self._store, self._dim = store, store.spec.dim
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None

    @contextlib.contextmanager
    def current(self) -> Iterator[tuple[StoreReader, CollectionIndex]]:
        """The newest snapshot, as a transaction and an index over exactly its vectors."""
        with self._store.read() as reader:
            with self._lock:
                loaded = self._caught_up(reader)
            yield reader, self._index(loaded, reader)

    def status(self) -> Status:
        """The state of the newest snapshot."""
        with self._store.read() as reader, self._lock:
            loaded = self._caught_up(reader)
        return Status(len(loaded.tail), loaded.degraded)

    def _index(self, loaded: _Loaded, reader: StoreReader) -> CollectionIndex:
        def base() -> ExactIndex:
            return self._base(loaded, reader)

        return CollectionIndex(self._dim, loaded.payload, loaded.tail, base)

    def _caught_up(self, reader: StoreReader) -> _Loaded:
        state, loaded = reader.state(), self._loaded
        if loaded is None or loaded.state.layout != state.layout:
            loaded = self._load(reader, state)
        elif loaded.state != state:
            loaded = self._advanced(loaded, reader, state)
        self._loaded = loaded
        return loaded

    def _load(self, reader: StoreReader, state: State) -> _Loaded:
        payload, degraded = self._read_payload(reader.manifest())
        last_chunk = int(payload.ids[-1]) if payload is not None and len(payload.ids) else 0
        empty = _Loaded(state, payload, ExactIndex.empty(self._dim), None, last_chunk, 0, degraded)
        return self._advanced(empty, reader, state)

    def _advanced(self, loaded: _Loaded, reader: StoreReader, state: State) -> _Loaded:
        deleted, last_tombstone = reader.deleted_chunks(loaded.last_tombstone)
        payload, tail, base, last_chunk = loaded.payload, loaded.tail, loaded.base, loaded.last_chunk
        if len(deleted):
            payload = payload.without(deleted) if payload is not None else None
            base = base.without(deleted) if base is not None else None
            tail = tail.without(deleted)
        for ids, vectors in reader.vectors(after=last_chunk):
            tail, last_chunk = tail.extended(ids, vectors), int(ids[-1])
        return _Loaded(state, payload, tail, base, last_chunk, last_tombstone, loaded.degraded)

    def _base(self, loaded: _Loaded, reader: StoreReader) -> ExactIndex:
        if loaded.base is not None:
            return loaded.base
        base = ExactIndex.empty(self._dim)
        through = int(loaded.payload.ids[-1]) if loaded.payload is not None else 0
        for ids, vectors in reader.vectors(through=through):
            base = base.extended(ids, vectors)
        with self._lock:
            if self._loaded is loaded:
                self._loaded = replace(loaded, base=base)
        return base

    def _read_payload(self, manifest: list[ManifestFile]) -> tuple[IvfIndex | None, str | None]:
        by_kind = {file.kind: file for file in manifest}
        if not by_kind:
            return None, None
        try:
            for file in manifest:
                _check_size(self._store, file)
            ivf, ids = by_kind["ivf"], by_kind["ids"]
            curve = tuple((nprobe, recall) for nprobe, recall in ivf.details["curve"])
            return IvfIndex.read(self._store.root / ivf.name, self._store.root / ids.name, curve), None
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            logger.warning("the index of %s cannot be used, searches scan all vectors: %s", self._store.root, error)
            return None, str(error)


def _check_size(store: DocumentStore, file: ManifestFile) -> None:
    found = (store.root / file.name).stat().st_size
    if found != file.bytes:
        raise ValueError(f"{file.name} has {found} bytes; {file.bytes} were published")
