"""A filter's tree as an SQL condition, on documents or on the rows of the index over a key; nothing is run here.

Every term compiles to 0 or 1 and never to NULL, so that NOT, AND and OR are plain logic: each comparison of a value
is joined with a test of its JSON type that holds only where there is a value. Both sources have the two columns that
a term is about, the value at a key and its type, so that they cannot disagree.
"""

import operator
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias, assert_never

from sqlalchemy import ColumnElement, and_, case, exists, false, func, not_, null, or_, true

from semsearch.store.filters import AllOf, AnyOf, Condition, Contains, Exists, IsOneOf, Not, Ordered, Scalar
from semsearch.store.schema import documents, indexed_values

Column: TypeAlias = ColumnElement[Any]


class Place(NamedTuple):
    """What a document holds at a key: the value (of arrays and objects of no use), and its JSON type, '' if absent."""

    value: Column
    type: Column


Places: TypeAlias = Callable[[str], Place]


def on_documents(condition: Condition) -> ColumnElement[bool]:
    """For the WHERE of a SELECT from `documents`; true or false for every row and never NULL."""
    return _compile(condition, place_in_document)


def on_indexed_values(condition: Condition) -> ColumnElement[bool]:
    """For the WHERE of a SELECT from `indexed_values`, of the rows of the one key that the condition is about."""
    return _compile(condition, lambda _: Place(indexed_values.c.value, indexed_values.c.type))


def place_in_document(key: str) -> Place:
    """The columns at a key of `documents.metadata`."""
    kind = func.coalesce(func.json_type(documents.c.metadata, path_of(key)), "")
    return Place(func.json_extract(documents.c.metadata, path_of(key)), kind)


def scalar_at(place: Place) -> Column:
    """The value at a place, or NULL where it is an array or an object."""
    return case((place.type.in_(("array", "object")), null()), else_=place.value)


_ORDERS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def _compile(condition: Condition, places: Places) -> ColumnElement[bool]:
    match condition:
        case AllOf(conditions):
            return and_(true(), *(_compile(each, places) for each in conditions))
        case AnyOf(conditions):
            return or_(false(), *(_compile(each, places) for each in conditions))
        case Not(negated):
            return not_(_compile(negated, places))
        case IsOneOf(key, values):
            return _is_one_of(places(key), values)
        case Ordered(key, order, operand):
            place = places(key)
            return and_(_ORDERS[order](place.value, operand), _has_type_of(place, operand))
        case Exists(key):
            return places(key).type > ""
        case Contains(key, operand):
            return _contains(key, operand)
        case _:
            assert_never(condition)


def _is_one_of(place: Place, candidates: Sequence[Scalar]) -> ColumnElement[bool]:
    """One term for each JSON type among the candidates, since SQLite has true = 1."""
    by_type: dict[tuple[str, ...], list[Scalar]] = defaultdict(list)
    for candidate in candidates:
        by_type[_json_types(candidate)].append(candidate)
    return or_(false(), *(_is_among(place, group) for group in by_type.values()))


def _is_among(place: Place, group: Sequence[Scalar]) -> ColumnElement[bool]:
    if group[0] is None:
        return place.type.in_(("null", ""))
    return and_(place.value.in_(group), _has_type_of(place, group[0]))


def _contains(key: str, operand: Scalar) -> ColumnElement[bool]:
    """On documents only, since an index has no elements of arrays."""
    place = place_in_document(key)
    elements = func.json_each(documents.c.metadata, path_of(key)).table_valued("value", "type")
    found = exists().where(_is_one_of(Place(elements.c.value, elements.c.type), [operand]))
    in_array = and_(place.type == "array", found)
    if not isinstance(operand, str):
        return in_array
    return or_(in_array, and_(place.type == "text", func.instr(place.value, operand) > 0))


def _has_type_of(place: Place, operand: Scalar) -> ColumnElement[bool]:
    return place.type.in_(_json_types(operand))


def _json_types(value: Scalar) -> tuple[str, ...]:
    """What SQLite's json_type says of values that compare with this one."""
    match value:
        case None:
            return ("null",)
        case bool():
            return ("true",) if value else ("false",)
        case int() | float():
            return ("integer", "real")
        case str():
            return ("text",)
        case _:
            assert_never(value)


def path_of(key: str) -> str:
    """A key as a path of SQLite's JSON functions."""
    return "$." + ".".join(f'"{part}"' for part in key.split("."))
