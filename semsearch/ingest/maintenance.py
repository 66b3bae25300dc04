"""Keeping a collection's files in shape: what is sealed, joined, rewritten and indexed, and when.

What is done follows from sizes (`semsearch.index.sizing`) and from measured recall, and is published in one commit
(`semsearch.ingest.change`). Readers go on with what they have mapped, writers go on writing: rows that come meanwhile
stay in the tail, and a deletion is a tombstone for as long as a file has its row.
"""

import logging
import os

from semsearch.errors import InvalidRequestError
from semsearch.index import sizing
from semsearch.index.device import Device
from semsearch.index.sizing import Codec, Coverage, Step
from semsearch.ingest.change import Change, tail_source
from semsearch.machine import give_memory_back
from semsearch.store.documents import DocumentStore
from semsearch.store.reader import StoreReader
from semsearch.types import Curve, Vectors

logger = logging.getLogger(__name__)


def seal(store: DocumentStore) -> None:
    """Move the tail into a segment of its own, if it has become large, and files are not being changed anyway."""
    if not store.changing.acquire(blocking=False):
        return
    try:
        with store.read() as reader:
            if reader.tail_rows() >= sizing.SEAL_FROM:
                change = _begin(store, reader)
                tail = tail_source(reader.tail, reader.tail_rows())
                change.rewrite([*([source] for source in change.sources()), [tail]])
                change.commit()
    finally:
        store.changing.release()


def maintain(
    store: DocumentStore,
    *,
    memory: int | None = None,
    damaged: bool = False,
    everything: bool = False,
    device: Device | None = None,
) -> bool:
    """Do what sizes ask for; tells whether anything was changed.

    Args:
        store: the collection.
        memory: bytes that the index may hold in the memory of each process; half of the machine's if nothing is said.
        damaged: the index cannot be used; it is built anew, or given up where the collection needs none.
        everything: leave no deleted row in a file, no small segments, and no row outside the index of a large one.
        device: where indexes are built, `None` for the CPU.
    """
    with store.changing, store.read() as reader:
        tail = reader.tail_rows()
        change = _begin(store, reader, device)
        if damaged:
            change.remove_index()
        now = change.coverage(tail)
        step = sizing.next_step(now, everything=everything)
        _arrange(change, reader, tail, step, everything=everything)
        _index(change, step, now, _memory() if memory is None else memory)
        if not change.is_worth_a_commit(everything=everything):
            return False
        change.commit()
    give_memory_back()
    return True


def tune(store: DocumentStore, queries: Vectors | None) -> Curve:
    """Measure the index anew on the collection's rows and on queries (q, dim), which are kept for later indexes too.

    Raises:
        InvalidRequestError: there is no index.
    """
    with store.changing, store.read() as reader:
        change = _begin(store, reader)
        if queries is not None:
            change.keep_queries(queries)
        if not change.has_index:
            raise InvalidRequestError(
                f"{store.root} has no index to tune: it is small, and every search compares with all vectors"
            )
        curve = change.measure().curve
        change.commit()
    return curve


def _begin(store: DocumentStore, reader: StoreReader, device: Device | None = None) -> Change:
    return Change(store, reader.manifest(), reader.deleted_chunks()[0], reader.state().layout + 1, device)


def _arrange(change: Change, reader: StoreReader, tail: int, step: Step, *, everything: bool) -> None:
    """Make the segments that the step needs; those that were replaced are in no one's memory afterwards."""
    sources = change.sources()
    grows = step in {Step.EXTEND, Step.MERGE, Step.TRAIN}
    if tail and (grows or tail >= sizing.SEAL_FROM or (everything and sources)):
        sources.append(tail_source(reader.tail, tail))
    if step in {Step.MERGE, Step.TRAIN} or everything:
        change.join(sources, everything=everything)
    elif sources and sources[-1].is_tail:
        change.rewrite([[source] for source in sources])


def _index(change: Change, step: Step, now: Coverage, memory: int) -> None:
    """Take the step; measure and train anew where what was known no longer holds."""
    if step is Step.GIVE_UP:
        change.remove_index()
    elif step is Step.TRAIN:
        _train(change, now, memory)
    elif step in {Step.EXTEND, Step.MERGE}:
        logger.info("putting %d vectors into the index (%s)", now.outside, step)
        if step is Step.EXTEND:
            change.extend_delta()
        else:
            change.extend_base()
        index = change.read_index()
        if not change.is_well_measured(index) and change.is_worn(change.measure(index)):
            logger.info("the centroids no longer fit what was added")
            _train(change, now, memory)


def _train(change: Change, now: Coverage, memory: int) -> None:
    spec = change.store.spec
    plan = sizing.plan(now.live, spec.dim, memory, None if spec.codec is None else Codec(spec.codec))
    if plan is not None:
        logger.info("building an index over %d vectors: %s, %d lists", now.live, plan.codec, plan.nlist)
        change.train_index(plan)


def _memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
