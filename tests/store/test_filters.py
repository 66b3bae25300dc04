"""Filters against an evaluator written in plain Python, and every way in which a filter is refused."""

import json
from collections.abc import Iterator

import pytest
from filter_oracle import LISTS, ROWS, Json, Object, filters, holds, operators_on, scalars_in
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, Connection, StaticPool, create_engine, event, select, text

from semsearch.errors import InvalidFilterError
from semsearch.store.conditions import on_documents
from semsearch.store.filters import AllOf, AnyOf, Contains, Exists, IsOneOf, Not, Ordered, parse_filter
from semsearch.store.schema import documents


@pytest.fixture(scope="module")
def database() -> Iterator[Connection]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE documents (seq INTEGER PRIMARY KEY, metadata TEXT NOT NULL)"))
        yield connection
    engine.dispose()


def fill(database: Connection, rows: list[Object]) -> None:
    database.execute(text("DELETE FROM documents"))
    values = [{"id": i, "metadata": json.dumps(row, ensure_ascii=i % 2 == 0)} for i, row in enumerate(rows)]
    database.execute(text("INSERT INTO documents VALUES (:id, :metadata)"), values)


def compiled(filter_: Json) -> ColumnElement[bool]:
    return on_documents(parse_filter(filter_))


def matches(database: Connection, filter_: Object) -> list[int]:
    return sorted(database.scalars(select(documents.c.seq).where(compiled(filter_))))


def executed(database: Connection, filter_: Object) -> tuple[str, Json]:
    """The statement and the parameters that reach SQLite."""
    seen: list[tuple[str, Json]] = []

    def record(_connection: object, _cursor: object, statement: str, parameters: Json, *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(database, "before_cursor_execute", record)
    try:
        matches(database, filter_)
    finally:
        event.remove(database, "before_cursor_execute", record)
    return seen[0]


def assert_agrees(database: Connection, filter_: Object, rows: list[Object]) -> None:
    expected = {number: holds(filter_, metadata) for number, metadata in enumerate(rows)}
    found = {row[0]: row[1] for row in database.execute(select(documents.c.seq, compiled(filter_)))}
    assert found == expected, filter_
    assert matches(database, filter_) == [number for number, held in expected.items() if held], filter_
    assert matches(database, {"$not": filter_}) == [number for number, held in expected.items() if not held], filter_


@settings(max_examples=200, deadline=None)
@given(ROWS.flatmap(lambda rows: st.tuples(st.just(rows), filters(rows))))
@example(([{"a": True}, {"a": 1}, {"a": None}, {}], {"$not": {"a": {"$in": [1, None]}}}))
def test_a_filter_and_its_negation_are_true_or_false_exactly_as_the_oracle_says(
    database: Connection, case: tuple[list[Object], Object]
) -> None:
    rows, filter_ = case
    fill(database, rows)
    assert_agrees(database, filter_, rows)


@settings(max_examples=50, deadline=None)
@given(ROWS, LISTS)
def test_each_operator_on_each_stored_scalar_is_as_the_oracle_says(
    database: Connection, rows: list[Object], others: list[Json]
) -> None:
    fill(database, rows)
    for key, operand in list(scalars_in(rows))[:5]:
        for name, right in operators_on(operand, others).items():
            assert_agrees(database, {key: {name: right}}, rows)


V = [1, True, "1", None, ["a", 1, None, True], "Abc", {"w": 2.0}, 2.5, '["a"]']
EXAMPLES: list[Object] = [*({"v": v} for v in V), {}]


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ({}, list(range(10))),
        ({"v": 1}, [0]),
        ({"v": 1.0}, [0]),
        ({"v": True}, [1]),
        ({"v": "1"}, [2]),
        ({"v": None}, [3, 9]),
        ({"v": {"$ne": None}}, [0, 1, 2, 4, 5, 6, 7, 8]),
        ({"v": {"$ne": 1}}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ({"v": {"$in": [True, "1", 2.5, None]}}, [1, 2, 3, 7, 9]),
        ({"v": {"$nin": [True, "1", 2.5, None]}}, [0, 4, 5, 6, 8]),
        ({"v": {"$in": []}}, []),
        ({"v": {"$nin": []}}, list(range(10))),
        ({"v": {"$gte": 1}}, [0, 7]),
        ({"v": {"$gt": 1, "$lte": 2.5}}, [7]),
        ({"v": {"$gte": "A"}}, [5, 8]),
        ({"v": {"$exists": True}}, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ({"v": {"$exists": False}}, [9]),
        ({"v": {"$contains": "a"}}, [4, 8]),
        ({"v": {"$contains": "bc"}}, [5]),
        ({"v": {"$contains": 1}}, [4]),
        ({"v": {"$contains": False}}, []),
        ({"v": {"$contains": None}}, [4]),
        ({"v": {"$contains": ""}}, [2, 5, 8]),
        ({"v.w": 2}, [6]),
        ({"v.0": "a"}, []),
        ({"$or": [{"v": 1}, {"v": "1"}], "$not": {"v": "1"}}, [0]),
        ({"$and": [{"v": {"$gt": 0}}, {"v": {"$lt": 2}}]}, [0]),
    ],
    ids=json.dumps,
)
def test_a_filter_matches_exactly_these_documents(database: Connection, filter_: Object, expected: list[int]) -> None:
    fill(database, EXAMPLES)
    assert matches(database, filter_) == expected


def test_parse_filter_gives_the_tree() -> None:
    filter_ = {
        "year": {"$gte": 2020, "$ne": 2022},
        "$or": [{"lang": {"$in": ["en", "de"]}}, {"$not": {"a.b": {"$exists": False}}}],
        "tags": {"$contains": "x"},
    }
    expected = AllOf(
        (
            AllOf((Ordered("year", "$gte", 2020), Not(IsOneOf("year", (2022,))))),
            AnyOf((IsOneOf("lang", ("en", "de")), Not(Not(Exists("a.b"))))),
            Contains("tags", "x"),
        )
    )
    assert parse_filter(filter_) == expected
    assert parse_filter({}) == AllOf(())


def nested(levels: int) -> Object:
    filter_: Object = {"a": 1}
    for _ in range(levels - 1):
        filter_ = {"$not": filter_}
    return filter_


ERRORS: list[tuple[Json, str, list[str]]] = [
    (None, "filter:", ["None is not a filter", '{"year": {"$gte": 2020}}']),
    ([{"a": 1}], "filter:", ["is not a filter"]),
    ({"$or": [{"a": 1}, "b"]}, "filter at $or[1]:", ["'b' is not a filter"]),
    ({"$not": 3}, "filter at $not:", ["3 is not a filter"]),
    ({"$not": [{"a": 1}]}, "filter at $not:", ["is not a filter"]),
    ({"$and": []}, "filter at $and:", ["empty", "at least one"]),
    ({"$or": {"a": 1}}, "filter at $or:", ["{'a': 1}", "a list of filters"]),
    ({"a": {}}, "filter at a:", ["an empty object", '{"$exists": true}']),
    ({"a": {"$gt": 1, "b": 2}}, "filter at a:", ['"b" stands among operators']),
    ({"a": {"b": 1}}, "filter at a:", ['write "a.b"']),
    ({"a": {"b c": 1}}, "filter at a:", ["'b c'", "is not a key"]),
    ({"$or": [{"x": 1}, {"year": {"$foo": 1}}]}, "filter at $or[1].year:", ["'$foo'", "$contains", "$gte", "$nin"]),
    ({"$gt": 1}, "filter:", ["'$gt'", "below a key $eq", "beside keys $and $or $not"]),
    ({"a": {"$not": {"$gt": 1}}}, "filter at a:", ["'$not'", "beside keys $and $or $not"]),
    ({"a": {"$GT": 1}}, "filter at a:", ["'$GT'"]),
    ({"a": [1, 2]}, "filter at a:", ["[1, 2] is a list", "$in"]),
    ({"a": {"$eq": [1]}}, "filter at a.$eq:", ["[1] is a list"]),
    ({"a": {"$ne": {"b": 1}}}, "filter at a.$ne:", ["{'b': 1}", "is not allowed"]),
    ({"a": {"$in": "en"}}, "filter at a.$in:", ["'en'", "a list of values"]),
    ({"a": {"$nin": [1, {}]}}, "filter at a.$nin[1]:", ["{}", "is not allowed"]),
    ({"a": {"$in": [0] * 1001}}, "filter at a.$in:", ["1001", "at most 1,000"]),
    ({"a": {"$exists": 1}}, "filter at a.$exists:", ["1", "true or false"]),
    ({"a": {"$contains": ["x"]}}, "filter at a.$contains:", ["['x'] is a list"]),
    *[
        ({"a.b": {name: operand}}, f"filter at a.b.{name}:", [repr(operand), "no order", "a number or a string"])
        for name in ["$gt", "$gte", "$lt", "$lte"]
        for operand in [True, None]
    ],
    ({"a": 2**63}, "filter at a:", ["9223372036854775808", "64 bits"]),
    ({"a": {"$in": [-(2**63) - 1]}}, "filter at a.$in[0]:", ["-9223372036854775809", "64 bits"]),
    ({"a": 10**5000}, "filter at a:", ["of type int, too long to show"]),
    ({"a": float("nan")}, "filter at a:", ["nan", "finite"]),
    ({"a": {"$lt": float("-inf")}}, "filter at a.$lt:", ["-inf", "finite"]),
    ({"a": "\ud800"}, "filter at a:", [r"'\ud800'", "is not allowed"]),
    ({"a": b"x"}, "filter at a:", ["b'x'", "is not allowed"]),
    ({1: 2}, "filter:", ["1 is not a key"]),
    *[
        ({"$and": [{key: 1}]}, "filter at $and[0]:", ["is not a key", "A-Z a-z 0-9 _ . -"])
        for key in ["", " a", "-a", ".a", "a b", "a\n", "é", "a" * 65, "a[0]", "a:b", "a%s", "a?"]
    ],
    *[({key: 1}, "filter:", [repr(key), "empty part"]) for key in ["a..b", "a.", "a.b."]],
    (nested(9), "filter at " + ".".join(["$not"] * 8) + ":", ["more than 8 deep"]),
    ({"$or": [{"a": 1}] * 65}, "filter:", ["65 terms", "at most 64"]),
    ({"$or": [{}] * 65}, "filter:", ["65 terms"]),
    ({"$or": [{"a": {"$in": [0] * 1000}}] * 10 + [{"b": 1}]}, "filter:", ["10001 values", "at most 10,000"]),
]


@pytest.mark.parametrize(("filter_", "start", "fragments"), ERRORS)
def test_the_error_names_the_place_the_offender_and_what_is_allowed(
    filter_: Json, start: str, fragments: list[str]
) -> None:
    with pytest.raises(InvalidFilterError) as caught:
        compiled(filter_)
    message = str(caught.value)
    assert message.startswith(start + " ")
    assert [fragment for fragment in fragments if fragment not in message] == []
    assert len(message) < 400


def test_the_largest_filter_that_is_allowed_runs(database: Connection) -> None:
    fill(database, [{"a": 999}, {"a": 1000}])
    lists = [{"a": {"$in": list(range(1000))}} for _ in range(10)]
    others = [{"a" * 64: {"$exists": False}} for _ in range(54)]
    assert matches(database, {"$and": lists + others}) == [0]
    assert matches(database, nested(8)) == [0, 1]


SIGNS = ["'", '"', "\\", "$", "$.a", ":a", "?", "%s", "a\0b", "é'\u2019\uff07", "\u202e", "[POSTCOMPILE_param_1]"]
CODE = ["' OR '1'='1", "'); DROP TABLE documents; --", '") OR 1=1 --', "$gt'; DELETE FROM documents; --"]


@pytest.mark.parametrize("hostile", SIGNS + CODE)
def test_a_hostile_key_or_operator_is_refused(hostile: str) -> None:
    for filter_ in ({hostile: 1}, {f"a{hostile}": 1}, {f"a.{hostile}.b": 1}, {"a": {f"${hostile}": 1}}):
        with pytest.raises(InvalidFilterError):
            compiled(filter_)


@pytest.mark.parametrize("hostile", SIGNS + CODE)
def test_a_hostile_value_matches_only_itself_and_is_not_in_the_statement(database: Connection, hostile: str) -> None:
    stored = hostile.replace("\0", "\ufffd")
    fill(database, [{"a": stored, "b": [stored]}, {"a": "other", "b": ["other"]}, {"a": "a", "b": ["a"]}, {}])
    expected = [0] if stored == hostile else []
    for filter_ in ({"a": hostile}, {"a": {"$in": [hostile]}}, {"b": {"$contains": hostile}}):
        assert matches(database, filter_) == expected
        plain = json.loads(json.dumps(filter_).replace(json.dumps(hostile), '"plain"'))
        assert executed(database, filter_)[0] == executed(database, plain)[0]
    assert database.scalar(text("SELECT count(*) FROM documents")) == 4


def test_the_path_and_the_values_are_parameters(database: Connection) -> None:
    statement, parameters = executed(database, {"author.year": {"$gte": 271828}})
    assert "json_extract(documents.metadata, ?) >= ?" in statement
    assert [word for word in ("author", "year", "271828") if word in statement] == []
    assert ('$."author"."year"' in parameters, 271828 in parameters) == (True, True)


def test_filters_of_one_shape_share_one_compiled_statement(database: Connection) -> None:
    cache: dict[Json, Json] = {}
    for first, values in ((1, ["x"]), (2, ["y", "z"])):
        filter_ = {"a": {"$gt": first}, "$or": [{"b": {"$in": values}}, {"c": {"$contains": values[0]}}]}
        statement = select(documents.c.seq).where(compiled(filter_))
        database.execute(statement, execution_options={"compiled_cache": cache}).all()
    assert len(cache) == 1
