"""Which documents a filter matches: found in the indexes over metadata keys where they know, else in the documents.

An index has one row a document, also where the key is absent, so that it answers every condition on its key, negated
or not. Sets of documents are arrays of (first chunk, last chunk), which tell documents apart since no two share a
chunk; numpy joins them three times as fast as SQL. How the rows are made is `semsearch.store.writer`'s.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, func, select

from semsearch.store.conditions import on_documents, on_indexed_values
from semsearch.store.filters import AllOf, AnyOf, Condition, Contains, Not, parse_filter, terms_of
from semsearch.store.schema import documents, indexed_values
from semsearch.types import Filter, Ids

# Where an index leaves no more documents than this, the other terms are looked up in these alone, at 5 us each:
FEW = 10_000  # if otherwise the other indexes, or the first documents of a page, would do
SHARE = 0.1  # of all documents, if otherwise these would have to be read, at 1 us each


def answerable_keys(filter: Filter) -> set[str]:
    """The keys of a filter's terms that an index over them could answer."""
    return {key for key in _keys(parse_filter(filter)) if key is not None}


class Matching:
    """Filters against one snapshot.

    Args:
        connection: in its transaction.
        indexed: the number of each indexed key.
    """

    def __init__(self, connection: Connection, indexed: Mapping[str, int]) -> None:
        self._connection, self._indexed = connection, indexed

    def ranges(self, filter: Filter) -> Ids:
        """[[first chunk, last chunk], ...] of the documents that a filter matches, ascending; (n, 2)."""
        return self._ranges(_pushed_down(parse_filter(filter)))

    def filtered(self, statement: Select[Any], filter: Filter) -> Select[Any]:
        """A SELECT from `documents`, of those that a filter matches."""
        condition = parse_filter(filter)
        return statement.where(on_documents(condition), *self._among_few(_pushed_down(condition), FEW))

    def _ranges(self, condition: Condition) -> Ids:
        key = self._sole_index(condition)
        if key is not None:
            rows = indexed_values.c
            return self._selected(rows.first_chunk, rows.last_chunk, *self._rows(key, condition))
        answered = _keys(condition) <= self._indexed.keys()
        few = self._among_few(condition, FEW if answered else self._many())
        if few or not answered or not isinstance(condition, AllOf | AnyOf):
            rows = documents.c
            return self._selected(rows.first_chunk, rows.last_chunk, on_documents(condition), *few)
        by_index, rest = self._parts(condition)
        join = _both if isinstance(condition, AllOf) else _either
        return reduce(join, map(self._ranges, [*by_index.values(), *rest]))

    def _among_few(self, condition: Condition, few: int) -> list[ColumnElement[bool]]:
        """That a document is among those that an index leaves, if one leaves only a few; else nothing."""
        by_index, _ = self._parts(condition if isinstance(condition, AllOf) else AllOf((condition,)))
        for key, part in by_index.items():
            left = select(indexed_values.c.document).where(*self._rows(key, part))
            number = select(func.count()).select_from(left.limit(few + 1).subquery())
            if self._connection.execute(number).scalar_one() <= few:
                return [documents.c.seq.in_(left)]
        return []

    def _many(self) -> int:
        last = self._connection.execute(select(func.max(documents.c.seq))).scalar_one()
        return int(SHARE * (last or 0))

    def _rows(self, key: str, condition: Condition) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return indexed_values.c.key == self._indexed[key], on_indexed_values(condition)

    def _selected(self, first: ColumnElement[int], last: ColumnElement[int], *where: ColumnElement[bool]) -> Ids:
        # as two texts: a tuple a row would take twice the time, all of it under Python's lock
        statement = select(func.group_concat(first), func.group_concat(last)).where(*where)
        texts = self._connection.execute(statement).one()
        ranges = np.stack([np.fromstring(text or "", dtype=np.int64, sep=",") for text in texts], axis=1)  # (n, 2)
        return ranges[np.argsort(ranges[:, 0])]

    def _sole_index(self, condition: Condition) -> str | None:
        """The key whose index answers all of it, if there is one."""
        [key, *others] = _keys(condition)
        return key if not others and key in self._indexed else None

    def _parts(self, condition: AllOf | AnyOf) -> tuple[dict[str, Condition], list[Condition]]:
        """What each index answers of it, and what no single index does."""
        by_index: dict[str, list[Condition]] = defaultdict(list)
        rest: list[Condition] = []
        for each in condition.conditions:
            key = self._sole_index(each)
            (rest if key is None else by_index[key]).append(each)
        kind = type(condition)
        return {key: kind(tuple(some)) for key, some in by_index.items()}, rest


def _keys(condition: Condition) -> set[str | None]:
    """The keys of the terms; None stands for what no index answers, as also for having no terms."""
    return {None if isinstance(term, Contains) else getattr(term, "key", None) for term in terms_of(condition)} or {
        None
    }


def _pushed_down(condition: Condition, *, negated: bool = False) -> Condition:
    """The same with NOT only at the terms, and without AND in AND or OR in OR."""
    match condition:
        case Not(inner):
            return _pushed_down(inner, negated=not negated)
        case AllOf(conditions) | AnyOf(conditions):
            kind = AllOf if isinstance(condition, AllOf) != negated else AnyOf
            parts = [_pushed_down(each, negated=negated) for each in conditions]
            flat = [each.conditions if isinstance(each, kind) else (each,) for each in parts]
            return kind(tuple(each for some in flat for each in some))
        case _:
            return Not(condition) if negated else condition


def _both(left: Ids, right: Ids) -> Ids:
    found: Ids = left[np.isin(left[:, 0], right[:, 0], assume_unique=True)]
    return found


def _either(left: Ids, right: Ids) -> Ids:
    both = np.concatenate([left, right])
    _, first = np.unique(both[:, 0], return_index=True)
    found: Ids = both[first]
    return found
