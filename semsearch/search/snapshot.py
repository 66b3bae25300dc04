"""What a reader has loaded of a collection, kept in step with the store; every search gets one consistent pair."""

import contextlib
import functools
import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from semsearch.errors import CorruptStoreError, MissingDependencyError, NotFoundError
from semsearch.index.collection_index import CollectionIndex, Measured
from semsearch.index.device import Device, DeviceFailedError
from semsearch.index.device_scan import DeviceRows, DeviceScan
from semsearch.index.exact import ExactIndex
from semsearch.index.ids import IdSet
from semsearch.index.sealed import read_index, read_segments
from semsearch.index.segment import Segment
from semsearch.search.filter_costs import FilterCosts
from semsearch.store.documents import DocumentStore
from semsearch.store.matching import answerable_keys
from semsearch.store.reader import StoreReader
from semsearch.store.records import State
from semsearch.types import Filter, Ids, Vectors

logger = logging.getLogger(__name__)
_ATTEMPTS = 5
_KEPT_IDS = 4_000_000  # of all filters of a state together: 32 MB


class AllowedIds:
    """What filters allow in one state of the collection, as far as it was asked before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[str, IdSet] = {}

    def of(self, filter: Filter, reader: StoreReader, costs: FilterCosts) -> IdSet:
        """The chunk ids that a filter matches; the same filter costs no SQL the second time."""
        key = json.dumps(filter, sort_keys=True)
        with self._lock:
            known = self._ids.pop(key, None)
        ids = IdSet(_resolved(filter, reader, costs)) if known is None else known
        with self._lock:
            self._ids[key] = ids  # the most recent one is the last
            while len(self._ids) > 1 and sum(map(len, self._ids.values())) > _KEPT_IDS:
                del self._ids[next(iter(self._ids))]
        return ids


def _resolved(filter: Filter, reader: StoreReader, costs: FilterCosts) -> Ids:
    start = time.perf_counter()
    ids = reader.chunk_ids(filter)
    milliseconds = (time.perf_counter() - start) * 1_000
    costs.record(answerable_keys(filter) - reader.indexed_keys().keys(), milliseconds)
    return ids


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Rows as of `state`, deleted ones masked, and what filters allow in it."""

    state: State
    measured: Measured | None
    segments: dict[str, Segment]  # by the name of the file, in order
    tail: ExactIndex
    last_chunk: int  # of the tail
    last_tombstone: int
    degraded: str | None
    allowed: AllowedIds
    scan: DeviceScan | None = None  # of the same segments, from the first search on
    off_device: str | None = None  # why there is none, where there should be


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of the collection: a transaction, and an index over exactly its vectors."""

    reader: StoreReader
    index: CollectionIndex
    allowed: AllowedIds
    costs: FilterCosts
    state: State

    def chunk_ids(self, filter: Filter) -> IdSet:
        """Ids of the chunks whose documents a filter matches, ascending."""
        return self.allowed.of(filter, self.reader, self.costs)

    def vectors(self, chunk_ids: Sequence[int]) -> Vectors:
        """The stored vectors (n, dim) of these chunks, in their order; an id may stand twice.

        Raises:
            NotFoundError: this state of the collection has no vector for one of them.
        """
        wanted = np.asarray(chunk_ids, dtype=np.int64)
        ids, rows = self.index.rows(np.unique(wanted))
        missing = np.setdiff1d(wanted, ids)
        if len(missing):
            raise NotFoundError(f"chunk {missing[0]} has no vector in this state of the collection")
        return rows[np.searchsorted(ids, wanted)]


@dataclass(frozen=True, slots=True)
class Status:
    """How many vectors are not sealed, and why an index that the manifest names is not used.

    `device` is where sealed vectors are searched; `off_device` says why it, or the last building, is not on the device
    that was asked for. Until the first search it is that device.
    """

    tail: int
    degraded: str | None
    device: str = "cpu"
    off_device: str | None = None


class SnapshotCache:
    """Loads once, then catches up with what was committed since.

    A read transaction begins and the cache catches up with it under one lock, so that states only go forward and the
    index never knows more or less than the transaction that goes with it.
    """

    def __init__(self, store: DocumentStore, device: Device | None = None) -> None:
        self._store, self._dim, self._device = store, store.spec.dim, device
        self._rows = None if device is None else DeviceRows(device, store.spec.dim)
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None
        self._known_index: tuple[_Loaded, CollectionIndex] | None = None
        self.filter_costs = FilterCosts()  # of all searches through this cache

    @contextlib.contextmanager
    def current(self) -> Iterator[Snapshot]:
        """The newest snapshot."""
        with self._caught_up(on_device=True) as (reader, loaded):
            yield Snapshot(reader, self._index_over(loaded), loaded.allowed, self.filter_costs, loaded.state)

    def status(self) -> Status:
        """The state of the newest snapshot."""
        with self._caught_up() as (_, loaded):
            if self._device is None:
                return Status(len(loaded.tail), loaded.degraded, "cpu", None)
            device = self._device.name if loaded.off_device is None else "cpu"
            return Status(len(loaded.tail), loaded.degraded, device, loaded.off_device or self._device.trouble)

    @contextlib.contextmanager
    def _caught_up(self, *, on_device: bool = False) -> Iterator[tuple[StoreReader, _Loaded]]:
        missing: FileNotFoundError | None = None
        for attempt in range(1, _ATTEMPTS + 1):
            with self._store.read() as reader:
                try:
                    with self._lock:
                        loaded = self._load(reader, last_attempt=attempt == _ATTEMPTS)
                        loaded = self._loaded = self._put_on_device(loaded) if on_device else loaded
                except FileNotFoundError as error:  # a writer replaced the file after this snapshot began
                    missing = error
                    continue
                yield reader, loaded
                return
        raise CorruptStoreError(self._store.root, f"a file that its manifest names is missing: {missing}")

    def _index_over(self, loaded: _Loaded) -> CollectionIndex:
        """The index over what is loaded, the same one until something else is."""
        known = self._known_index
        if known is None or known[0] is not loaded:
            index = CollectionIndex(
                loaded.measured,
                tuple(loaded.segments.values()),
                loaded.tail,
                functools.partial(self._degrade, loaded),
                scan=loaded.scan,
                on_device_failure=self._leave_device,
            )
            known = self._known_index = loaded, index
        return known[1]

    def _degrade(self, damaged: _Loaded, reason: str) -> None:
        """Search without an index that was found to be damaged; one that has taken its place since is another."""
        with self._lock:
            if self._loaded is not None and self._loaded.state.layout == damaged.state.layout:
                logger.warning("the index of %s is damaged, searches scan all vectors: %s", self._store.root, reason)
                self._loaded = replace(self._loaded, measured=None, degraded=reason)

    def _leave_device(self, reason: str) -> None:
        with self._lock:
            if self._rows is not None and self._loaded is not None:
                logger.warning("searches of %s go on without the device: %s", self._store.root, reason)
                self._rows.release()
                self._loaded = replace(self._loaded, scan=None, off_device=reason)

    def _put_on_device(self, loaded: _Loaded) -> _Loaded:
        """The same with a search of its segments on the device, if there is one, or with why there is none."""
        if self._rows is None or not loaded.segments or loaded.scan is not None or loaded.off_device is not None:
            return loaded
        try:
            return replace(loaded, scan=self._rows.hold(loaded.segments))
        except DeviceFailedError as error:
            logger.warning("%s is not searched on the device: %s", self._store.root, error)
            return replace(loaded, off_device=str(error))

    def _load(self, reader: StoreReader, *, last_attempt: bool) -> _Loaded:
        state, loaded = reader.state(), self._loaded
        if loaded is not None and loaded.state == state:
            return loaded
        if loaded is not None and loaded.state.layout == state.layout:
            return self._advanced(loaded, reader, state)
        manifest, (deleted, last_tombstone) = reader.manifest(), reader.deleted_chunks()
        sealed = read_segments(self._store.root, manifest, deleted)
        segments = {each.files[0].name: each.segment for each in sealed}
        measured, degraded = None, None
        try:
            measured = read_index(self._store.root, manifest, tuple(segments.values()), deleted)
        except MissingDependencyError:
            raise
        except Exception as error:  # a damaged file fails in as many ways as FAISS and numpy have readers
            if isinstance(error, FileNotFoundError) and not last_attempt:
                raise
            logger.warning("the index of %s cannot be used, searches scan all vectors: %s", self._store.root, error)
            degraded = str(error)
        tail = ExactIndex.empty(self._dim)
        fresh = _Loaded(state, measured, segments, tail, 0, last_tombstone, degraded, AllowedIds())
        return self._advanced(fresh, reader, state)

    def _advanced(self, loaded: _Loaded, reader: StoreReader, state: State) -> _Loaded:
        deleted, last_tombstone = reader.deleted_chunks(loaded.last_tombstone)
        measured, segments, tail, last_chunk = loaded.measured, loaded.segments, loaded.tail, loaded.last_chunk
        scan = loaded.scan
        if len(deleted):
            measured = measured.without(deleted) if measured is not None else None
            segments = {name: segment.without(deleted) for name, segment in segments.items()}
            tail = tail.without(deleted)
            scan = scan.over(tuple(segments.values())) if scan is not None else None
        for ids, vectors in reader.tail(after=last_chunk):
            tail, last_chunk = tail.extended(ids, vectors), int(ids[-1])
        return replace(
            loaded,
            state=state,
            measured=measured,
            segments=segments,
            tail=tail,
            last_chunk=last_chunk,
            last_tombstone=last_tombstone,
            allowed=AllowedIds(),
            scan=scan,
        )
