"""Parses files in other processes, several at a time, and hands their documents on in order, without holding many.

What a worker does is in `worker`, what it may do in `confinement`, and what it may cost in `types.Limits`.
"""

import select
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Self

from semsearch.errors import InvalidRequestError
from semsearch.ingest.readers.contract import FoundFile
from semsearch.ingest.sandbox.frames import Note
from semsearch.ingest.sandbox.pool import WorkerPool
from semsearch.ingest.sandbox.process import WorkerEndedError, WorkerProcess
from semsearch.types import Document, Failure, Limits

_REGISTRY = "semsearch.ingest.readers.registry"
_WATCHED = ("time", "memory", "cpu")  # from here, on every system
_FILES_AHEAD = 16  # for each worker: parsed, and waiting for a slow one before them
_BYTES_AHEAD = 16_000_000  # of messages of files that are not being handed on yet
_ITEM_BYTES = 1_000  # what a document takes beside its text


class Sandbox:
    """Processes of one thread's that parse files for it; a context manager, since they have to be ended.

    A file that is above a limit, or crashes its parser, is a failure that says so, after the documents that came before
    it; the files beside it and after it are not affected.

    Args:
        limits: what each file may cost.
        workers: how many files are parsed at a time. A process is started when there is a file for it, and parses
            many.
        registry: the module whose `READERS` has a reader for each suffix.
    """

    def __init__(self, limits: Limits, *, workers: int = 1, registry: str = _REGISTRY) -> None:
        if workers < 1:
            raise InvalidRequestError(f"a sandbox of {workers} workers parses nothing; give it one or more")
        self._pool = WorkerPool(limits, registry, workers)
        self._workers = workers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes, whatever they are doing, and remove their temporary folders."""
        self._pool.close()

    @property
    def enforced(self) -> tuple[str, ...]:
        """What is limited or denied on this system.

        Always `time`, `memory`, `cpu`, `file_size`; `network`, `processes` (starting any) and `writes` (outside a
        temporary folder) where the system can.

        Raises:
            SandboxError: no process can be started.
            RuntimeError: as `read_all`.
        """
        return (*_WATCHED, *self._pool.enforced)

    def read(self, file: FoundFile) -> Iterator[Document | Failure]:
        """Yield what is in a file while it is parsed; see `read_all`."""
        for _, items in self.read_all((file,)):
            yield from items

    def read_all(
        self, files: Iterable[FoundFile]
    ) -> Generator[tuple[FoundFile, Iterator[Document | Failure]], None, None]:
        """Yield each file, in the order given, with what is in it, which is to be taken before the next file is.

        The files after it are parsed meanwhile, as far as their documents fit into a few megabytes, pipes included;
        then their processes wait. Giving up a file's items, or all of it, ends the processes that were not done.

        Raises:
            SandboxError: no process can be started; no document is at fault.
            RuntimeError: all workers are lent to iterators that have not ended, or the sandbox is closed.
        """
        return _Reading(self._pool, iter(files), self._workers * _FILES_AHEAD).pairs()


class _Parsing:
    """One file on its way: who parses it, until all has come, and what has come and was not yet handed on."""

    def __init__(self, file: FoundFile, worker: WorkerProcess) -> None:
        self.file = file
        self.worker: WorkerProcess | None = worker
        self.held: deque[tuple[Document | Failure, int]] = deque()  # with their sizes in bytes


class _Reading:
    """Files in their order, the first of which is handed on."""

    def __init__(self, pool: WorkerPool, files: Iterator[FoundFile], most: int) -> None:
        self._pool, self._files, self._most = pool, files, most
        self._begun: deque[_Parsing] = deque()
        self._bytes = 0

    def pairs(self) -> Generator[tuple[FoundFile, Iterator[Document | Failure]], None, None]:
        try:
            while self._begin_files():
                first = self._begun[0]
                yield first.file, self._items(first)
                self._give_up(self._begun.popleft())
        finally:
            while self._begun:
                self._give_up(self._begun.popleft())

    def _begin_files(self) -> bool:
        """Have files parsed as far as there is room; tell whether there is one to hand on."""
        while len(self._begun) < self._most and self._bytes < _BYTES_AHEAD:
            if self._begun and not self._pool.can_lend:
                break
            file = next(self._files, None)
            if file is None:
                break
            worker = self._pool.borrow()
            self._begun.append(_Parsing(file, worker))
            worker.give(file)
        return bool(self._begun)

    def _items(self, parsing: _Parsing) -> Iterator[Document | Failure]:
        while parsing.held or parsing.worker:
            if not parsing.held:
                self._receive()
                continue
            item, size = parsing.held.popleft()
            self._bytes -= size
            yield item

    def _receive(self) -> None:
        """Wait for messages about the first file, and take those about others as well while there is room for them."""
        self._begin_files()
        room = self._bytes < _BYTES_AHEAD
        poll, waiting = select.poll(), {}
        for parsing in self._begun if room else [self._begun[0]]:
            if parsing.worker:
                poll.register(parsing.worker.descriptor, select.POLLIN)
                waiting[parsing.worker.descriptor] = parsing, parsing.worker
        for descriptor, _ in poll.poll():
            self._take(*waiting[descriptor])

    def _take(self, parsing: _Parsing, worker: WorkerProcess) -> None:
        try:
            item, size = worker.take()
        except WorkerEndedError as error:
            parsing.worker = None
            self._pool.end(worker)
            item, size = Failure(str(parsing.file.path), str(error), parsing.file.document_id), 0
        if item is Note.DONE:
            parsing.worker = None
            self._pool.give_back(worker)
        elif not isinstance(item, Note):
            parsing.held.append((item, size + _ITEM_BYTES))
            self._bytes += size + _ITEM_BYTES

    def _give_up(self, parsing: _Parsing) -> None:
        """End what goes on for a file that is not wanted, or not to its end."""
        self._bytes -= sum(size for _, size in parsing.held)
        parsing.held.clear()
        if parsing.worker:
            self._pool.end(parsing.worker)
            parsing.worker = None
