"""The write path: documents are checked, cut, embedded and stored, a batch a transaction.

The caller's thread reads, cuts and commits; a thread beside it has the model, with always a batch waiting for it, so
that all else is done while the model computes.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from semsearch.errors import CorruptStoreError, InvalidRequestError, MissingDependencyError, StoreError
from semsearch.index import sizing
from semsearch.ingest.batch import Batch, Embedded
from semsearch.ingest.committing import Committing
from semsearch.ingest.contents.contract import Contents
from semsearch.ingest.items import Item
from semsearch.ingest.maintenance import seal
from semsearch.ingest.preparing import Preparation
from semsearch.ingest.tally import Tally
from semsearch.machine import quick_turns
from semsearch.reports import AddReport, Progress, ProgressCallback
from semsearch.store.documents import DocumentStore
from semsearch.types import Document

logger = logging.getLogger(__name__)
# What a commit holds, or less: seconds of embedding on two cores, so that progress is seen and kept.
_BATCH_ITEMS = 1_024
_AHEAD = 2  # batches that are prepared and not embedded


def add_documents(
    store: DocumentStore,
    contents: Contents,
    items: Iterable[Item],
    progress: ProgressCallback | None = None,
    *,
    remove_vanished: bool = False,
) -> AddReport:
    """Insert or replace documents by id; what is stored unchanged already is skipped, without embedding it.

    `contents` knows what documents of the collection's kind are made of.
    Every document is stored as a whole or not at all. `progress` is called after each commit, with what is durable.
    A Failure among the documents (from a reader) goes into the report as it is.

    Raises:
        InvalidRequestError: `items` is one document, or anything else that cannot be iterated over.
    """
    try:
        iterator = iter(items)
    except TypeError as error:
        kind = type(items).__name__
        raise InvalidRequestError(f"documents is a {kind}; pass several semsearch.Document, as in a list") from error
    store.lock()
    run = _Run(store, contents, remove_vanished=remove_vanished)
    with quick_turns():
        for done in run.through(_batches(iterator, contents)):
            if progress is not None:
                progress(done)
    return run.tally.report()


def try_maintenance(work: Callable[[], object]) -> str | None:
    """Do what derives index and files from documents that are stored; what prevented it is logged and returned.

    Raises:
        CorruptStoreError: what the documents themselves are in is damaged.
    """
    try:
        work()
    except CorruptStoreError:
        raise
    except (StoreError, MissingDependencyError, OSError) as error:
        logger.warning("the index or the files could not be brought up to date; documents are stored: %s", error)
        return str(error)
    return None


class _Run:
    """One call of `add_documents`: what it has seen and done so far."""

    def __init__(self, store: DocumentStore, contents: Contents, *, remove_vanished: bool) -> None:
        self._store, self._contents = store, contents
        self.tally = Tally()
        self._preparation = Preparation(store, contents, self.tally)
        self._committing = Committing(store, self.tally, self._preparation.seen, remove_vanished=remove_vanished)
        self._documents = 0
        self._stopped = threading.Event()  # by an error, or because all is done
        self._sealing = True  # until it fails: what kept one batch from it keeps the next one from it, too
        with store.read() as reader:
            self._unsealed = reader.tail_rows()  # at most; what is replaced meanwhile counts twice

    def through(self, batches: Iterable[Sequence[Item]]) -> Iterator[Progress]:
        """Take batches through all parts; yields after each commit."""
        waiting: deque[tuple[Batch, Future[Embedded]]] = deque()
        executor = ThreadPoolExecutor(1, thread_name_prefix="semsearch-embed")
        try:
            for items in batches:
                batch = self._preparation.batch(items)
                waiting.append((batch, self._embedded(batch, executor)))
                while waiting and (len(waiting) > _AHEAD or waiting[0][1].done()):
                    yield self._commit(*waiting.popleft())
            while waiting:
                yield self._commit(*waiting.popleft())
        finally:
            self._stopped.set()
            executor.shutdown(cancel_futures=True)

    def _embedded(self, batch: Batch, executor: ThreadPoolExecutor) -> "Future[Embedded]":
        """What is made of what has to be embedded; it is there at once if that is nothing."""
        if batch.to_embed:
            return executor.submit(self._contents.embed, batch, self._stopped.is_set)
        nothing: Future[Embedded] = Future()
        nothing.set_result({})
        return nothing

    def _commit(self, batch: Batch, embedded: "Future[Embedded]") -> Progress:
        chunks = self._committing.commit(batch, embedded.result())
        self._documents += batch.size
        logger.info("committed: %d documents read, %d chunks embedded", self._documents, self.tally.chunks)
        self._unsealed += chunks
        if self._sealing and self._unsealed >= sizing.SEAL_FROM:
            self._sealing = try_maintenance(lambda: seal(self._store)) is None
            self._unsealed = 0
        return Progress(self._documents, self.tally.chunks, self.tally.tokens)


def _batches(items: Iterable[Item], contents: Contents) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += contents.size(item) if isinstance(item, Document) else 0
        if len(batch) >= _BATCH_ITEMS or size >= contents.batch_size:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
