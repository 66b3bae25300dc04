"""Hits in the order of a value in their documents' metadata."""

from collections.abc import Sequence

from semsearch.types import Hit, Metadata


def sorted_by(hits: Sequence[Hit], sort: str) -> tuple[Hit, ...]:
    """Hits by the value at a key, with a `-` in front of it the largest first; those without a value come last.

    Numbers come before texts, and texts before truth values; equal ones stay in their order.
    """
    key = sort.removeprefix("-")
    values = [(hit, _order_of(hit.metadata, key)) for hit in hits]
    present = [(hit, order) for hit, order in values if order is not None]
    present.sort(key=lambda each: each[1], reverse=sort.startswith("-"))
    return (*(hit for hit, _ in present), *(hit for hit, order in values if order is None))


def _order_of(metadata: Metadata, key: str) -> tuple[int, float, str] | None:
    """What the value at a key is sorted by; `None` where there is none that has an order."""
    value: object = metadata
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    match value:
        case bool():
            return 2, value, ""
        case int() | float():
            return 0, value, ""
        case str():
            return 1, 0, value
        case _:
            return None
