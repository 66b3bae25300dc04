"""Many values in statements that may bind only some each."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

IN_LIST = 900  # bound values a statement; SQLite before 3.32 refuses more than 999
_T = TypeVar("_T")


def batched(items: Iterable[_T], size: int) -> Iterator[Sequence[_T]]:
    """Lists of up to `size` items each (itertools.batched of Python 3.12)."""
    iterator = iter(items)
    while some := list(itertools.islice(iterator, size)):
        yield some
