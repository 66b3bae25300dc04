"""What filters cost in this process, and which keys that suggests to index; nothing is resolved or stored here."""

import shlex
import threading
from collections.abc import Collection, Iterable

from semsearch.reports import SuggestedKey

_FROM_SEARCHES = 10
_FROM_MILLISECONDS = 20.0  # in the mean
_KEPT_KEYS = 100  # those of the most recent filters; filters may come with any number of keys


class FilterCosts:
    """Searches with a filter on a key that is not indexed, and their time; threads may share an instance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent: dict[str, tuple[int, float]] = {}  # key: searches, milliseconds in all; the latest is the last

    def record(self, keys: Iterable[str], milliseconds: float) -> None:
        """Count one search whose filter has these keys, none of which is indexed, and took so long to resolve."""
        with self._lock:
            for key in keys:
                searches, before = self._spent.pop(key, (0, 0.0))
                self._spent[key] = searches + 1, before + milliseconds
            while len(self._spent) > _KEPT_KEYS:
                del self._spent[next(iter(self._spent))]

    def suggestions(self, collection: str, indexed: Collection[str]) -> tuple[SuggestedKey, ...]:
        """The keys that an index would help with, dearest first; not those that are indexed by now."""
        with self._lock:
            spent = dict(self._spent)
        means = {key: milliseconds / searches for key, (searches, milliseconds) in spent.items()}
        return tuple(
            SuggestedKey(key, spent[key][0], round(mean, 1), shlex.join(["semsearch", "index-key", collection, key]))
            for key, mean in sorted(means.items(), key=lambda item: -item[1])
            if spent[key][0] >= _FROM_SEARCHES and mean > _FROM_MILLISECONDS and key not in indexed
        )
