"""The write path: documents are checked, cut, embedded and stored, a batch a transaction.

The caller's thread reads, cuts and commits; a thread beside it has the model, with always a batch waiting for it, so
that all else is done while the model computes.
"""

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from semsearch.embedders.protocol import Embedder
from semsearch.errors import (
    CorruptStoreError,
    InvalidRequestError,
    InvalidVectorError,
    MissingDependencyError,
    StoreError,
)
from semsearch.index import sizing
from semsearch.index.vectors import as_stored, as_vectors
from semsearch.ingest.batch import Batch
from semsearch.ingest.committing import Committing, Embedded
from semsearch.ingest.items import Item
from semsearch.ingest.maintenance import seal
from semsearch.ingest.preparing import Preparation
from semsearch.ingest.tally import Tally
from semsearch.reports import AddReport, Progress, ProgressCallback
from semsearch.store.documents import DocumentStore
from semsearch.types import Document, StoredVectors, Vectors

logger = logging.getLogger(__name__)
# What a commit holds: seconds of embedding on two cores, so that progress is seen and kept.
_BATCH_ITEMS = 1_024
_BATCH_CHARACTERS = 200_000  # some 50,000 tokens
_AHEAD = 2  # batches that are prepared and not embedded
_PIECE_CHARACTERS = 120_000  # between two of these an interruption is heeded: some three seconds on two cores


def add_documents(
    store: DocumentStore,
    embedder: Callable[[], Embedder] | None,
    items: Iterable[Item],
    progress: ProgressCallback | None = None,
    *,
    remove_vanished: bool = False,
) -> AddReport:
    """Insert or replace documents by id; what is stored unchanged already is skipped, without embedding it.

    `embedder` gives the model, and is called when a text first has to be embedded; `None`: documents bring vectors.
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
    run = _Run(store, embedder, remove_vanished=remove_vanished)
    for done in run.through(_batches(iterator)):
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

    def __init__(self, store: DocumentStore, embedder: Callable[[], Embedder] | None, *, remove_vanished: bool) -> None:
        self._store, self._embedder = store, embedder
        self.tally = Tally()
        self._preparation = Preparation(store, embedder, self.tally)
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
        """The vectors of the texts that have to be embedded; they are there at once if that is none."""
        if self._embedder is not None and batch.texts:
            return executor.submit(self._embed, batch, self._embedder)
        nothing: Future[Embedded] = Future()
        nothing.set_result({})
        return nothing

    def _embed(self, batch: Batch, model: Callable[[], Embedder]) -> Embedded:
        """The vectors of its texts, or why they cannot be used."""
        embedder, dim = model(), self._store.spec.dim
        embedded: dict[bytes, StoredVectors | InvalidVectorError] = {}
        for keys in _pieces(batch.texts):
            if self._stopped.is_set():  # nobody waits for it
                break
            rows = embedder.embed_documents([batch.texts[key] for key in keys])  # (n, dim)
            embedded.update(zip(keys, _stored_or_errors(rows, dim), strict=True))
        return embedded

    def _commit(self, batch: Batch, embedded: "Future[Embedded]") -> Progress:
        chunks = self._committing.commit(batch, embedded.result())
        self._documents += batch.size
        logger.info("committed: %d documents read, %d chunks embedded", self._documents, self.tally.chunks)
        self._unsealed += chunks
        if self._sealing and self._unsealed >= sizing.SEAL_FROM:
            self._sealing = try_maintenance(lambda: seal(self._store)) is None
            self._unsealed = 0
        return Progress(self._documents, self.tally.chunks, self.tally.tokens)


def _pieces(texts: Mapping[bytes, str]) -> Iterator[list[bytes]]:
    """The keys of texts, the shortest first, for so many characters at a time."""
    piece: list[bytes] = []
    characters = 0
    for key in sorted(texts, key=lambda key: len(texts[key])):
        piece.append(key)
        characters += len(texts[key])
        if characters >= _PIECE_CHARACTERS:
            yield piece
            piece, characters = [], 0
    if piece:
        yield piece


def _stored_or_errors(rows: Vectors, dim: int) -> Iterable[StoredVectors | InvalidVectorError]:
    with contextlib.suppress(InvalidVectorError):
        return as_stored(as_vectors(rows, dim))
    return [_stored_or_error(row, dim) for row in rows]


def _stored_or_error(row: Vectors, dim: int) -> StoredVectors | InvalidVectorError:
    try:
        return as_stored(as_vectors(row, dim)).reshape(dim)
    except InvalidVectorError as error:
        return error


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    characters = 0
    for item in items:
        batch.append(item)
        characters += len(item.text) if isinstance(item, Document) and isinstance(item.text, str) else 0
        if len(batch) >= _BATCH_ITEMS or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
