"""The one thread of the service that keeps the files of its collections in shape, beside searches and additions."""

import logging
import threading

from semsearch.collection import Collection
from semsearch.errors import SemsearchError

logger = logging.getLogger(__name__)


class MaintenanceThread:
    """Maintains what it is told of, one collection after the other; use as a context manager."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._waiting: dict[int, Collection] = {}  # by identity: told of twice, done once
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="semsearch-maintenance", daemon=True)

    def __enter__(self) -> "MaintenanceThread":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish what is being done, and leave the rest for the next start."""
        with self._news:
            self._stopping = True
            self._news.notify()
        self._thread.join()

    def soon(self, collection: Collection) -> None:
        """Maintain this collection, after those that wait already."""
        with self._news:
            self._waiting[id(collection)] = collection
            self._news.notify()

    def _run(self) -> None:
        while (collection := self._next()) is not None:
            try:
                collection.maintain()
            except SemsearchError as error:  # it was dropped or closed meanwhile, or is damaged, as searches say too
                logger.warning("%r could not be maintained: %s", collection, error)

    def _next(self) -> Collection | None:
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._stopping)
            if self._stopping:
                return None
            return self._waiting.pop(next(iter(self._waiting)))
