"""Metadata filters: JSON becomes a small tree. What it matches is found by `semsearch.store.matching`.

No SQL is here; the dialect is described for users in docs/filters.md.
"""

import math
import re
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from semsearch.errors import InvalidFilterError, InvalidRequestError
from semsearch.types import Filter

MAX_DEPTH = 8  # filters within filters
MAX_TERMS = 64
MAX_LIST_VALUES = 1_000
MAX_VALUES = 10_000  # of all terms together; SQLite binds at most 32,766 values a statement

Scalar: TypeAlias = str | int | float | bool | None


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


def parse_filter(filter: Filter) -> Condition:
    """Check a filter and turn it into a tree.

    Raises:
        InvalidFilterError: a key, an operator or a value is not understood, or the filter is too large.
    """
    condition = _parse(filter, "", depth=1)
    terms = list(terms_of(condition))
    if len(terms) > MAX_TERMS:
        raise _invalid("", f"it has {len(terms)} terms; at most {MAX_TERMS} are allowed: say it with fewer, or use $in")
    values = sum(len(term.values) for term in terms if isinstance(term, IsOneOf))
    if values > MAX_VALUES:
        raise _invalid("", f"it compares with {values} values; at most {MAX_VALUES:,} are allowed in all")
    return condition


def check_key(key: object) -> None:
    """Raise InvalidRequestError if no filter can have this key."""
    problem = _key_problem(key)
    if problem is not None:
        raise InvalidRequestError(problem)


def terms_of(condition: Condition) -> Iterator[Condition]:
    """The terms of a tree, without the logic between them; an AllOf of none is one, since it matches everything."""
    match condition:
        case AllOf(()):
            yield condition
        case AllOf(conditions) | AnyOf(conditions):
            for each in conditions:
                yield from terms_of(each)
        case Not(negated):
            yield from terms_of(negated)
        case _:
            yield condition


# JSON to tree. `where` is the place inside the filter, such as `$or[1].year`.


def _parse(value: object, where: str, *, depth: int) -> Condition:
    if not isinstance(value, Mapping):
        raise _invalid(where, f'{shown(value)} is not a filter; write an object such as {{"year": {{"$gte": 2020}}}}')
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
    problem = _key_problem(name)
    if problem is not None:
        raise _invalid(where, problem)
    return str(name)


def _key_problem(name: object) -> str | None:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", name):
        allowed = "1 to 64 of the characters A-Z a-z 0-9 _ . - and does not begin with . or -"
        return f"{shown(name)} is not a key; a key has {allowed}"
    if "" in name.split("."):
        return f"the key {shown(name)} has an empty part; one dot descends into a nested object"
    return None


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
            raise _invalid(where, f"the value {shown(value)} is a list; for one of several values use $in")
    allowed = "a string, a finite number (integers of 64 bits), true, false or null"
    raise _invalid(where, f"the value {shown(value)} is not allowed; give {allowed}")


def _scalars(value: object, where: str) -> tuple[Scalar, ...]:
    items = _list(value, where, "values")
    if len(items) > MAX_LIST_VALUES:
        raise _invalid(where, f"the list has {len(items)} values; at most {MAX_LIST_VALUES:,} are allowed")
    return tuple(_scalar(item, f"{where}[{i}]") for i, item in enumerate(items))


def _orderable(value: object, where: str) -> str | int | float:
    scalar = _scalar(value, where)
    if scalar is None or isinstance(scalar, bool):
        raise _invalid(where, f"{shown(value)} has no order; give a number or a string")
    return scalar


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise _invalid(where, f"the value {shown(value)} is not allowed; give true or false")
    return value


def _list(value: object, where: str, items: str) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise _invalid(where, f"the value {shown(value)} is not allowed; give a list of {items}")
    return value


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _unknown_operator(name: object, where: str) -> InvalidFilterError:
    known = f"below a key {' '.join(_OPERATORS)}; beside keys $and $or $not"
    return _invalid(where, f"the operator {shown(name)} is not known here; known are {known}")


def _invalid(where: str, problem: str) -> InvalidFilterError:
    return InvalidFilterError(f"filter at {where}: {problem}" if where else f"filter: {problem}")


def shown(value: object) -> str:
    """A value as a message has it, shortened."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return f"of type {type(value).__name__}, too long to show,"
