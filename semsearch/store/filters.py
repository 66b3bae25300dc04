"""Metadata filters: JSON becomes a small tree (`parse_filter`), the tree an SQL condition (`compile_filter`).

No statement is run here and no table is defined; the dialect is described for users in docs/filters.md.

Every term compiles to 0 or 1 and never to NULL, so that NOT, AND and OR are plain logic: each comparison of a value
is joined with a test of its JSON type that holds only where there is a value.
"""

import math
import operator
import re
import reprlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

from sqlalchemy import ColumnElement, String, and_, exists, false, func, literal, literal_column, not_, or_, true

from semsearch.errors import InvalidFilterError
from semsearch.types import Filter

MAX_DEPTH = 8  # filters within filters
MAX_TERMS = 64
MAX_LIST_VALUES = 1_000
MAX_VALUES = 10_000  # of all terms together; SQLite binds at most 32,766 values a statement

Scalar: TypeAlias = str | int | float | bool | None
Column: TypeAlias = ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Each of the conditions holds; of none, always."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the conditions holds."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class IsOneOf:
    """The value has the type and the value of one of these; an absent key counts as null."""

    key: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Ordered:
    """The value has the operand's type and stands in this order (`$gt`, `$gte`, `$lt`, `$lte`) to it."""

    key: str
    order: str
    operand: str | int | float


@dataclass(frozen=True, slots=True)
class Exists:
    """The key is there, whatever it holds."""

    key: str


@dataclass(frozen=True, slots=True)
class Contains:
    """The value is an array with this element, or a string with this substring."""

    key: str
    operand: Scalar


Condition: TypeAlias = AllOf | AnyOf | Not | IsOneOf | Ordered | Exists | Contains


def compile_filter(filter: Filter) -> ColumnElement[bool]:
    """The condition on `documents.metadata` that a filter stands for, for the WHERE of a SELECT from `documents`.

    It is true or false for every row and never NULL. An index on `json_extract(metadata, '$."key"')` serves it.

    Raises:
        InvalidFilterError: a key, an operator or a value is not understood, or the filter is too large.
    """
    return _compile(parse_filter(filter))


def parse_filter(filter: Filter) -> Condition:
    """Check a filter and turn it into a tree; raises InvalidFilterError like `compile_filter`."""
    condition = _parse(filter, "", depth=1)
    terms = list(_terms(condition))
    if len(terms) > MAX_TERMS:
        raise _invalid("", f"it has {len(terms)} terms; at most {MAX_TERMS} are allowed: say it with fewer, or use $in")
    values = sum(len(term.values) for term in terms if isinstance(term, IsOneOf))
    if values > MAX_VALUES:
        raise _invalid("", f"it compares with {values} values; at most {MAX_VALUES:,} are allowed in all")
    return condition


# JSON to tree. `where` is the place inside the filter, such as `$or[1].year`.


def _parse(value: object, where: str, *, depth: int) -> Condition:
    if not isinstance(value, Mapping):
        raise _invalid(where, f'{_shown(value)} is not a filter; write an object such as {{"year": {{"$gte": 2020}}}}')
    if depth > MAX_DEPTH:
        raise _invalid(where, f"filters are nested more than {MAX_DEPTH} deep; write it flatter")
    return _all_of([_parse_member(name, operand, where, depth=depth) for name, operand in value.items()])


def _parse_member(name: object, operand: object, where: str, *, depth: int) -> Condition:
    if not _is_operator(name):
        key = _key(name, where)
        return _parse_key(key, operand, _join(where, key))
    if name not in ("$and", "$or", "$not"):
        raise _unknown_operator(name, where)
    where = _join(where, name)
    if name == "$not":
        return Not(_parse(operand, where, depth=depth + 1))
    items = _list(operand, where, "filters")
    if not items:
        raise _invalid(where, "the list is empty; give at least one filter")
    conditions = tuple(_parse(item, f"{where}[{i}]", depth=depth + 1) for i, item in enumerate(items))
    return AllOf(conditions) if name == "$and" else AnyOf(conditions)


def _parse_key(key: str, value: object, where: str) -> Condition:
    if not isinstance(value, Mapping):
        return IsOneOf(key, (_scalar(value, where),))
    if not value:
        raise _invalid(where, 'an empty object says nothing; for "the key is there" write {"$exists": true}')
    plain = [_key(name, where) for name in value if not _is_operator(name)]
    if len(plain) == len(value):
        raise _invalid(where, f'"{plain[0]}" is not an operator; for a nested key write "{key}.{plain[0]}"')
    if plain:
        raise _invalid(where, f'the key "{plain[0]}" stands among operators; give it a condition of its own')
    return _all_of([_parse_operator(key, name, operand, where) for name, operand in value.items()])


def _parse_operator(key: str, name: str, operand: object, where: str) -> Condition:
    if name not in _OPERATORS:
        raise _unknown_operator(name, where)
    return _OPERATORS[name](key, operand, _join(where, name))


_OPERATORS: dict[str, Callable[[str, object, str], Condition]] = {
    "$eq": lambda key, operand, where: IsOneOf(key, (_scalar(operand, where),)),
    "$ne": lambda key, operand, where: Not(IsOneOf(key, (_scalar(operand, where),))),
    "$gt": lambda key, operand, where: Ordered(key, "$gt", _orderable(operand, where)),
    "$gte": lambda key, operand, where: Ordered(key, "$gte", _orderable(operand, where)),
    "$lt": lambda key, operand, where: Ordered(key, "$lt", _orderable(operand, where)),
    "$lte": lambda key, operand, where: Ordered(key, "$lte", _orderable(operand, where)),
    "$in": lambda key, operand, where: IsOneOf(key, _scalars(operand, where)),
    "$nin": lambda key, operand, where: Not(IsOneOf(key, _scalars(operand, where))),
    "$exists": lambda key, operand, where: Exists(key) if _flag(operand, where) else Not(Exists(key)),
    "$contains": lambda key, operand, where: Contains(key, _scalar(operand, where)),
}


def _all_of(conditions: list[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else AllOf(tuple(conditions))


def _is_operator(name: object) -> bool:
    return isinstance(name, str) and name.startswith("$")


def _key(name: object, where: str) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", name):
        allowed = "1 to 64 of the characters A-Z a-z 0-9 _ . - and does not begin with . or -"
        raise _invalid(where, f"{_shown(name)} is not a key; a key has {allowed}")
    if "" in name.split("."):
        raise _invalid(where, f"the key {_shown(name)} has an empty part; one dot descends into a nested object")
    return name


def _scalar(value: object, where: str) -> Scalar:
    match value:
        case None | bool():
            return value
        case int() if -(2**63) <= value < 2**63:
            return value
        case float() if math.isfinite(value):
            return value
        case str() if not re.search("[\ud800-\udfff]", value):
            return value
        case list() | tuple():
            raise _invalid(where, f"the value {_shown(value)} is a list; for one of several values use $in")
    allowed = "a string, a finite number (integers of 64 bits), true, false or null"
    raise _invalid(where, f"the value {_shown(value)} is not allowed; give {allowed}")


def _scalars(value: object, where: str) -> tuple[Scalar, ...]:
    items = _list(value, where, "values")
    if len(items) > MAX_LIST_VALUES:
        raise _invalid(where, f"the list has {len(items)} values; at most {MAX_LIST_VALUES:,} are allowed")
    return tuple(_scalar(item, f"{where}[{i}]") for i, item in enumerate(items))


def _orderable(value: object, where: str) -> str | int | float:
    scalar = _scalar(value, where)
    if scalar is None or isinstance(scalar, bool):
        raise _invalid(where, f"{_shown(value)} has no order; give a number or a string")
    return scalar


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise _invalid(where, f"the value {_shown(value)} is not allowed; give true or false")
    return value


def _list(value: object, where: str, items: str) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise _invalid(where, f"the value {_shown(value)} is not allowed; give a list of {items}")
    return value


def _terms(condition: Condition) -> Iterator[Condition]:
    match condition:
        case AllOf(()):
            yield condition
        case AllOf(conditions) | AnyOf(conditions):
            for each in conditions:
                yield from _terms(each)
        case Not(negated):
            yield from _terms(negated)
        case _:
            yield condition


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _unknown_operator(name: object, where: str) -> InvalidFilterError:
    known = f"below a key {' '.join(_OPERATORS)}; beside keys $and $or $not"
    return _invalid(where, f"the operator {_shown(name)} is not known here; known are {known}")


def _invalid(where: str, problem: str) -> InvalidFilterError:
    return InvalidFilterError(f"filter at {where}: {problem}" if where else f"filter: {problem}")


def _shown(value: object) -> str:
    try:
        return reprlib.repr(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return f"of type {type(value).__name__}, too long to show,"


# Tree to SQL.

_ORDERS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def _compile(condition: Condition) -> ColumnElement[bool]:
    match condition:
        case AllOf(conditions):
            return and_(true(), *map(_compile, conditions))
        case AnyOf(conditions):
            return or_(false(), *map(_compile, conditions))
        case Not(negated):
            return not_(_compile(negated))
        case IsOneOf(key, values):
            return _is_one_of(_value(key), _type(key), values)
        case Ordered(key, order, operand):
            return and_(_ORDERS[order](_value(key), operand), _has_type_of(_type(key), operand))
        case Exists(key):
            return _type(key) != ""
        case Contains(key, operand):
            return _contains(key, operand)
        case _:
            assert_never(condition)


def _is_one_of(value: Column, type_: Column, candidates: Sequence[Scalar]) -> ColumnElement[bool]:
    """One term for each JSON type among the candidates, since SQLite has true = 1."""
    by_type: dict[tuple[str, ...], list[Scalar]] = defaultdict(list)
    for candidate in candidates:
        by_type[_json_types(candidate)].append(candidate)
    return or_(false(), *(_is_among(value, type_, group) for group in by_type.values()))


def _is_among(value: Column, type_: Column, group: Sequence[Scalar]) -> ColumnElement[bool]:
    if group[0] is None:
        return value.is_(None)
    return and_(value.in_(group), _has_type_of(type_, group[0]))


def _contains(key: str, operand: Scalar) -> ColumnElement[bool]:
    elements = func.json_each(_METADATA, _path(key)).table_valued("value", "type")
    found = exists().where(_is_one_of(elements.c.value, elements.c.type, [operand]))
    in_array = and_(_type(key) == "array", found)
    if not isinstance(operand, str):
        return in_array
    return or_(in_array, and_(_type(key) == "text", func.instr(_value(key), operand) > 0))


def _has_type_of(type_: Column, operand: Scalar) -> ColumnElement[bool]:
    return type_.in_(_json_types(operand))


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


_METADATA: Column = literal_column("documents.metadata")


def _value(key: str) -> Column:
    """The value below the key, NULL if it is null or absent; bare, so that an expression index serves it."""
    return func.json_extract(_METADATA, _path(key))


def _type(key: str) -> Column:
    """The JSON type below the key, '' if it is absent."""
    return func.coalesce(func.json_type(_METADATA, _path(key)), "")


def _path(key: str) -> Column:
    """The JSON path as an escaped literal of the statement: a bound one would disable expression indexes."""
    path = "$." + ".".join(f'"{part}"' for part in key.split("."))
    return literal(path, String(), literal_execute=True)
