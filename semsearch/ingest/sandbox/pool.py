"""Keeps the workers of one sandbox: starts, watches, lends and ends them; files and answers are not here.

One thread starts and watches them all. It watches because the thread that reads answers may be busy elsewhere, and it
starts because Linux ends a process that asked for it (PR_SET_PDEATHSIG) together with the thread that started it.
"""

import contextlib
import sys
import threading
import time
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from semsearch.errors import SandboxError
from semsearch.ingest.sandbox.process import WorkerProcess
from semsearch.types import Limits

_TICK = 0.05  # seconds between two looks at each worker
_LONGEST_TICK = 1.0  # charged to a file, though this process itself may have been stopped for longer


class WorkerPool:
    """Up to `most` workers; for one thread, apart from the one that it has itself."""

    def __init__(self, limits: Limits, registry: str, most: int) -> None:
        self._limits, self._registry, self._most = limits, registry, most
        self._idle: list[WorkerProcess] = []
        self._count = 0
        self._orders: SimpleQueue[Future[WorkerProcess]] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._keep, name="semsearch-sandbox", daemon=True)
        self._thread.start()

    @property
    def can_lend(self) -> bool:
        """Whether `borrow` has a worker to give."""
        return not self._closed and (bool(self._idle) or self._count < self._most)

    def borrow(self) -> WorkerProcess:
        """Lend a worker for the next file, one that is there or a new one.

        Raises:
            SandboxError: no process can be started.
            RuntimeError: all workers are lent, or the pool is closed.
        """
        if not self.can_lend:
            raise RuntimeError("the sandbox is closed, or all of its workers parse for iterators that have not ended")
        while self._idle:
            worker = self._idle.pop()
            if worker.is_reusable():
                return worker
            self.end(worker)
        order: Future[WorkerProcess] = Future()
        self._orders.put(order)
        try:
            worker = order.result()
        except OSError as error:
            raise SandboxError(
                f"no process can be started to parse files in: {error}; see that {sys.executable!r} is Python, and "
                "that there is room for a process and a temporary folder"
            ) from error
        self._count += 1
        return worker

    def give_back(self, worker: WorkerProcess) -> None:
        """Keep a worker that has nothing to do for later."""
        self._idle.append(worker)

    @property
    def enforced(self) -> tuple[str, ...]:
        """What a worker has denied itself; starts one if there is none."""
        worker = self.borrow()
        if worker.enforced is None:
            worker.take()
        self.give_back(worker)
        return worker.enforced or ()

    def end(self, worker: WorkerProcess) -> None:
        """End a worker that was lent; another one may take its place."""
        self._count -= 1
        worker.end()

    def close(self) -> None:
        """End all workers."""
        self._closed = True
        self._idle.clear()
        self._thread.join()

    def _keep(self) -> None:
        workers: list[WorkerProcess] = []
        before = time.monotonic()
        while not self._closed:
            with contextlib.suppress(Empty):
                self._start_worker(self._orders.get(timeout=_TICK), workers)
            now = time.monotonic()
            workers = [worker for worker in workers if worker.watch(min(now - before, _LONGEST_TICK))]
            before = now
        for worker in workers:
            worker.end()

    def _start_worker(self, order: Future[WorkerProcess], workers: list[WorkerProcess]) -> None:
        try:
            worker = WorkerProcess(self._limits, self._registry)
        except Exception as error:  # raised where the worker is waited for
            order.set_exception(error)
        else:
            workers.append(worker)
            order.set_result(worker)
