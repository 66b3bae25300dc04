"""What a reader has loaded of a collection, kept in step with the store; every search gets one consistent pair."""

import contextlib
import json
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
from semsearch.types import Filter, Ids

logger = logging.getLogger(__name__)
_ATTEMPTS = 5
_KEPT_IDS = 4_000_000  # of all filters of a state together: 32 MB


class AllowedIds:
    """What filters allow in one state of the collection, as far as it was asked before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[str, Ids] = {}

    def of(self, filter: Filter, reader: StoreReader) -> Ids:
        """The chunk ids that a filter matches; the same filter costs no SQL the second time."""
        key = json.dumps(filter, sort_keys=True)
        with self._lock:
            known = self._ids.pop(key, None)
        ids = reader.chunk_ids(filter) if known is None else known
        with self._lock:
            self._ids[key] = ids  # the most recent one is the last
            while len(self._ids) > 1 and sum(map(len, self._ids.values())) > _KEPT_IDS:
                del self._ids[next(iter(self._ids))]
        return ids


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Rows as of `state`, deleted ones masked, and what filters allow in it."""

    state: State
    payload: IvfIndex | None
    segments: tuple[Segment, ...]
    tail: ExactIndex
    last_chunk: int  # of the tail
    last_tombstone: int
    degraded: str | None
    allowed: AllowedIds


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of the collection: a transaction, and an index over exactly its vectors."""

    reader: StoreReader
    index: CollectionIndex
    allowed: AllowedIds

    def chunk_ids(self, filter: Filter) -> Ids:
        """Ids of the chunks whose documents a filter matches, ascending."""
        return self.allowed.of(filter, self.reader)


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
    def current(self) -> Iterator[Snapshot]:
        """The newest snapshot."""
        with self._caught_up() as (reader, loaded):
            index = CollectionIndex(loaded.payload, loaded.segments, loaded.tail, self._degrade)
            yield Snapshot(reader, index, loaded.allowed)

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
        return self._advanced(
            _Loaded(state, payload, segments, tail, 0, last_tombstone, degraded, AllowedIds()), reader, state
        )

    def _advanced(self, loaded: _Loaded, reader: StoreReader, state: State) -> _Loaded:
        deleted, last_tombstone = reader.deleted_chunks(loaded.last_tombstone)
        payload, segments, tail, last_chunk = loaded.payload, loaded.segments, loaded.tail, loaded.last_chunk
        if len(deleted):
            payload = payload.without(deleted) if payload is not None else None
            segments = tuple(segment.without(deleted) for segment in segments)
            tail = tail.without(deleted)
        for ids, vectors in reader.tail(after=last_chunk):
            tail, last_chunk = tail.extended(ids, vectors), int(ids[-1])
        return _Loaded(state, payload, segments, tail, last_chunk, last_tombstone, loaded.degraded, AllowedIds())
