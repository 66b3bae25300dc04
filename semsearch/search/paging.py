"""Where a page of hits ended, as an opaque text that is good for the same search of the same state of a collection.

A page is found by ranking anew, and passing over the hits of the pages before; nothing is kept between two pages.
"""

import base64
import binascii
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter

import numpy as np

from semsearch.errors import ConflictError, InvalidRequestError
from semsearch.search.query import Query
from semsearch.search.shaping import Shaping

MAX_PAGED = 10_000  # hits of all pages together
_PLAIN = {bool, int, float, str}
_BESIDE = {"explain", "shaping", "expand", "facets", "sort", "cursor"}  # what changes no ranking
_OF_QUERY, _OF_SHAPING = (
    attrgetter(*(each.name for each in fields(of) if each.name not in _BESIDE)) for of in (Query, Shaping)
)


class Cursors:
    """The cursors of one search.

    Args:
        query: what was asked, as it was before it was embedded.
        created: when the collection was made.
        version: of its state.
    """

    def __init__(self, query: Query, created: str, version: int) -> None:
        self._query, self._created, self._version = query, created, version

    @functools.cached_property
    def _search(self) -> str:
        return _digest(self._query, self._created)

    def hits_before(self) -> int:
        """How many hits there were on the pages before, 0 where the query has no cursor.

        Raises:
            InvalidRequestError: the cursor did not come from here, or is of another search.
            ConflictError: the collection has changed since.
        """
        cursor = self._query.shaping.cursor
        if cursor is None:
            return 0
        search, version, hits = _parsed(cursor)
        if search != self._search:
            raise InvalidRequestError(
                "the cursor is of another search: give it with the same arguments as the page before, "
                "or start again without a cursor"
            )
        if version != self._version:
            raise ConflictError(
                "the collection has changed since the page that this cursor ended, and hits might be missed or come "
                "twice: start again without a cursor"
            )
        if hits + self._query.k > MAX_PAGED:
            raise InvalidRequestError(
                f"pages have {MAX_PAGED:,} hits in all, and this one would go beyond: narrow the search by a filter, "
                "or ask for all of them at once by a larger k"
            )
        return hits

    def after(self, hits: int) -> str:
        """The cursor behind so many hits."""
        return base64.urlsafe_b64encode(json.dumps([self._search, self._version, hits]).encode()).decode()


def _parsed(cursor: str) -> tuple[str, int, int]:
    try:
        search, version, hits = json.loads(base64.urlsafe_b64decode(str(cursor).encode()))
        if type(search) is str and type(version) is int and type(hits) is int and hits >= 0:
            return search, version, hits
    except (ValueError, TypeError, binascii.Error, RecursionError):
        pass
    raise InvalidRequestError(f"cursor is {cursor!r:.80}; it has to be one that a page before ended with")


def _digest(query: Query, created: str) -> str:
    """Of all that a ranking depends on."""
    said = _OF_QUERY(query) + _OF_SHAPING(query.shaping)
    # every search has a cursor, and JSON of all of it takes three times as long
    told = repr([created, *map(_plain, said)])
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _plain(value: object) -> object:
    """What has the same `repr` where the value is the same."""
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True, default=str)
    return value.tobytes() if isinstance(value, np.ndarray) else value
