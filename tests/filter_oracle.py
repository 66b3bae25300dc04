"""The dialect of filters again, over dicts in plain Python; and random metadata, with filters that often match it."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from hypothesis import strategies as st

Json: TypeAlias = Any  # what json.loads gives
Object: TypeAlias = dict[str, Any]

ABSENT = object()
JSON_KINDS = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}


def kind(value: Json) -> str:
    return JSON_KINDS.get(type(value), "other")


def same(left: Json, right: Json) -> bool:
    return kind(left) == kind(right) != "other" and left == right


def look_up(metadata: Json, key: str) -> Json:
    for part in key.split("."):
        if not isinstance(metadata, dict) or part not in metadata:
            return ABSENT
        metadata = metadata[part]
    return metadata


def equals(value: Json, operand: Json) -> bool:
    return (operand is None and value is ABSENT) or same(value, operand)


def contains(value: Json, operand: Json) -> bool:
    if isinstance(value, list):
        return any(same(element, operand) for element in value)
    return isinstance(value, str) and isinstance(operand, str) and operand in value


OPERATORS: dict[str, Callable[[Json, Json], bool]] = {
    "$eq": equals,
    "$ne": lambda value, operand: not equals(value, operand),
    "$in": lambda value, operands: any(equals(value, each) for each in operands),
    "$nin": lambda value, operands: not any(equals(value, each) for each in operands),
    "$gt": lambda value, operand: kind(value) == kind(operand) and value > operand,
    "$gte": lambda value, operand: kind(value) == kind(operand) and value >= operand,
    "$lt": lambda value, operand: kind(value) == kind(operand) and value < operand,
    "$lte": lambda value, operand: kind(value) == kind(operand) and value <= operand,
    "$exists": lambda value, there: (value is not ABSENT) == there,
    "$contains": contains,
}


def holds(filter_: Object, metadata: Object) -> bool:
    return all(member_holds(name, operand, metadata) for name, operand in filter_.items())


def member_holds(name: str, operand: Json, metadata: Object) -> bool:
    match name:
        case "$and":
            return all(holds(each, metadata) for each in operand)
        case "$or":
            return any(holds(each, metadata) for each in operand)
        case "$not":
            return not holds(operand, metadata)
    value = look_up(metadata, name)
    operators = operand if isinstance(operand, dict) else {"$eq": operand}
    return all(OPERATORS[each](value, right) for each, right in operators.items())


# Keys and operands of filters come from the metadata as often as not.

NAMES = st.sampled_from(["a", "b", "a-1", "0"])
KEYS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
NUMBERS = (
    st.sampled_from([0, 1, -1, 2, 0.0, 1.0, 0.5, 2.0**53, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 1e300, 5e-324])
    | st.integers(-(2**63), 2**63 - 1)
    | st.decimals(-(10**6), 10**6, places=3).map(float)
)
STRINGS = (
    st.text(st.sampled_from("aAé\uffff\U0001f600%_'\"\\1[] "), max_size=3)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
    | st.sampled_from(["1", "true", "null", "[]", '["a"]', "{}"])
)
SCALARS = st.none() | st.booleans() | NUMBERS | STRINGS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
LISTS = st.lists(SCALARS, max_size=3)
ROWS = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), min_size=1, max_size=8)


def scalars_in(value: Json, key: str = "") -> Iterator[tuple[str, Json]]:
    """Each scalar with the key at which it, or the array around it, is found; of a string a part of it, too."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from scalars_in(inner, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from scalars_in(inner, key)
    else:
        yield key, value
        if isinstance(value, str):
            yield key, value[1:]


def operators_on(operand: Json, others: list[Json]) -> Object:
    has_order = kind(operand) in ("number", "string")
    lists = {"$in": [operand, *others], "$nin": [operand, *others]}
    names = ["$eq", "$ne", "$contains"] + ["$gt", "$gte", "$lt", "$lte"] * has_order
    return {**dict.fromkeys(names, operand), **lists, "$exists": bool(others)}


@st.composite
def terms(draw: st.DrawFn, rows: list[Object]) -> Object:
    met = st.sampled_from(list(scalars_in(rows)) or [("a", None)])
    key, operand = draw(met | st.tuples(KEYS, SCALARS))
    operators = operators_on(operand, draw(LISTS))
    chosen = draw(st.lists(st.sampled_from(sorted(operators)), max_size=2))
    return {key: {name: operators[name] for name in chosen} or operand}


def logical(inner: st.SearchStrategy[Object]) -> st.SearchStrategy[Object]:
    lists = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries({}, optional={"$and": lists, "$or": lists, "$not": inner, "a": SCALARS})


def filters(rows: list[Object]) -> st.SearchStrategy[Object]:
    """Filters on such metadata."""
    return st.recursive(terms(rows), logical, max_leaves=4)
