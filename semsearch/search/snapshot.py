"""What a reader has loaded of a collection, kept in step with the store; every search gets one consistent pair."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

from semsearch.errors import CorruptStoreError, MissingDependencyError
from semsearch.index.collection_index import CollectionIndex
from semsearch.index.exact import ExactIndex
from semsearch.index.ivf import IvfIndex
from semsearch.index.sealed import read_index, read_segments
from semsearch.index.segment import Segment
from semsearch.store.documents import DocumentStore
from semsearch.store.reader import StoreReader
from semsearch.store.records import State

logger = logging.getLogger(__name__)
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Rows as of `state`, deleted ones masked."""

    state: State
    payload: IvfIndex | None
    segments: tuple[Segment, ...]
    tail: ExactIndex
    last_chunk: int  # of the tail
    last_tombstone: int
    degraded: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """How many vectors are not sealed, and why an index that the manifest names is not used."""

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
        with self._caught_up() as (reader, loaded):
            yield reader, CollectionIndex(loaded.payload, loaded.segments, loaded.tail, self._degrade)

    def status(self) -> Status:
        """The state of the newest snapshot."""
        with self._caught_up() as (_, loaded):
            return Status(len(loaded.tail), loaded.degraded)

    @contextlib.contextmanager
    def _caught_up(self) -> Iterator[tuple[StoreReader, _Loaded]]:
        missing: FileNotFoundError | None = None
        for attempt in range(1, _ATTEMPTS + 1):
            with self._store.read() as reader:
                try:
                    with self._lock:
                        loaded = self._loaded = self._load(reader, last_attempt=attempt == _ATTEMPTS)
                except FileNotFoundError as error:  # a writer replaced the file after this snapshot began
                    missing = error
                    continue
                yield reader, loaded
                return
        raise CorruptStoreError(self._store.root, f"a file that its manifest names is missing: {missing}")

    def _degrade(self, reason: str) -> None:
        with self._lock:
            if self._loaded is not None:
                logger.warning("the index of %s is damaged, searches scan all vectors: %s", self._store.root, reason)
                self._loaded = replace(self._loaded, payload=None, degraded=reason)

    def _load(self, reader: StoreReader, *, last_attempt: bool) -> _Loaded:
        state, loaded = reader.state(), self._loaded
        if loaded is not None and loaded.state == state:
            return loaded
        if loaded is not None and loaded.state.layout == state.layout:
            return self._advanced(loaded, reader, state)
        manifest, (deleted, last_tombstone) = reader.manifest(), reader.deleted_chunks()
        segments = tuple(each.segment for each in read_segments(self._store.root, manifest, deleted))
        payload, degraded = None, None
        try:
            payload = read_index(self._store.root, manifest, segments, deleted)
        except MissingDependencyError:
            raise
        except Exception as error:  # a damaged file fails in as many ways as FAISS and numpy have readers
            if isinstance(error, FileNotFoundError) and not last_attempt:
                raise
            logger.warning("the index of %s cannot be used, searches scan all vectors: %s", self._store.root, error)
            degraded = str(error)
        tail = ExactIndex.empty(self._dim)
        return self._advanced(_Loaded(state, payload, segments, tail, 0, last_tombstone, degraded), reader, state)

    def _advanced(self, loaded: _Loaded, reader: StoreReader, state: State) -> _Loaded:
        deleted, last_tombstone = reader.deleted_chunks(loaded.last_tombstone)
        payload, segments, tail, last_chunk = loaded.payload, loaded.segments, loaded.tail, loaded.last_chunk
        if len(deleted):
            payload = payload.without(deleted) if payload is not None else None
            segments = tuple(segment.without(deleted) for segment in segments)
            tail = tail.without(deleted)
        for ids, vectors in reader.tail(after=last_chunk):
            tail, last_chunk = tail.extended(ids, vectors), int(ids[-1])
        return _Loaded(state, payload, segments, tail, last_chunk, last_tombstone, loaded.degraded)
