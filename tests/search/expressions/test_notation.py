"""Expressions as text and as JSON: what they are read as, and where the mistake is in those that cannot be read."""

import contextlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.errors import (
    DimensionMismatchError,
    InvalidExpressionError,
    InvalidFilterError,
    InvalidVectorError,
)
from semsearch.search.expressions.notation import MAX_PARTS, Allowed, image_part, read_expression
from semsearch.search.expressions.parts import (
    CentroidPart,
    ChunkPart,
    DocumentPart,
    Expression,
    ImagePart,
    Part,
    TextPart,
    VectorPart,
)


def parts(text: str) -> Expression:
    return read_expression(text, Allowed(2))


READ = [
    ("king", [Part(TextPart("king"))]),
    ("king - man + woman", [Part(TextPart("king")), Part(TextPart("man"), -1), Part(TextPart("woman"))]),
    ('+"king" -"man" +"woman"', [Part(TextPart("king")), Part(TextPart("man"), -1), Part(TextPart("woman"))]),
    ('"king"-"man"+"woman"', [Part(TextPart("king")), Part(TextPart("man"), -1), Part(TextPart("woman"))]),
    ('0.5*"budget" - doc:2019', [Part(TextPart("budget"), 0.5), Part(DocumentPart("2019"), -1)]),
    (" - .5 * budget\n+\t2.*doc:x ", [Part(TextPart("budget"), -0.5), Part(DocumentPart("x"), 2)]),
    ("doc:leave", [Part(DocumentPart("leave"))]),
    ('doc:"annual report 2019"', [Part(DocumentPart("annual report 2019"))]),
    ("doc:a/b-c+d:e*f#1 + x", [Part(DocumentPart("a/b-c+d:e*f#1")), Part(TextPart("x"))]),
    ("doc:doc:x", [Part(DocumentPart("doc:x"))]),
    ("chunk:12 - chunk:7", [Part(ChunkPart(12)), Part(ChunkPart(7), -1)]),
    ("vector:[0, 2] - 3*vector: [1,0]", [Part(VectorPart((0.0, 1.0))), Part(VectorPart((1.0, 0.0)), -3)]),
    ('filter:{"year": {"$gte": 2020}}', [Part(CentroidPart({"year": {"$gte": 2020}}))]),
    ('filter:{"a": "}\\" - x"}-y', [Part(CentroidPart({"a": '}" - x'})), Part(TextPart("y"), -1)]),
    ("multi-agent - c++", [Part(TextPart("multi-agent")), Part(TextPart("c++"), -1)]),
    ("2019", [Part(TextPart("2019"))]),
    ("doc", [Part(TextPart("doc"))]),
    ("数据库 - 'naïve'", [Part(TextPart("数据库")), Part(TextPart("'naïve'"), -1)]),
    (r'"a \"b\" \\ \n"', [Part(TextPart(r'a "b" \ \n'))]),
    (r'doc:"\\"', [Part(DocumentPart("\\"))]),
    ('"- + 2*doc:x"', [Part(TextPart("- + 2*doc:x"))]),
    ('"two\nlines"', [Part(TextPart("two\nlines"))]),
    ('"a\x00b"', [Part(TextPart("a\ufffdb"))]),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_a_text_is_read_as_these_parts(text: str, expected: list[Part]) -> None:
    assert parts(text) == tuple(expected)


MISTAKES = [
    ("", "the expression is empty"),
    (" \n", "the expression is empty"),
    ("king man", "character 6, in front of 'man': expected + or - between two parts"),
    ('"king" "man"', "character 8, in front of '\"man\"': expected + or -"),
    ('king"', "character 5, in front of '\"': expected + or -"),
    ("king -", "character 7, at the end: expected a word"),
    ("king - - man", "character 8, in front of '- man': expected a word"),
    ("king --man", "character 7, in front of '-man': expected a word"),
    ('- "king', "character 3, in front of '\"king': this quote is never closed"),
    ('"king\\"', "character 1, in front of '\"king\\\\\"': this quote is never closed"),
    ('x + ""', "character 5: a text has nothing in it"),
    ("title:x", "character 1, in front of 'title:x': expected a word"),
    ("a*b", "character 1, in front of 'a*b': expected a word"),
    ('2*3*"x"', "character 3, in front of '3*\"x\"': expected a word"),
    ("2*", "character 3, at the end: expected a word"),
    ("king - 0*man", "character 8: expected a weight, a number above or below 0, not 0"),
    ("9" * 400 + "*x", "character 1: expected a weight, a number above or below 0, not inf"),
    ("doc: x", "character 5, in front of ' x': expected the id of a document"),
    ("doc:", "character 5, at the end: expected the id of a document"),
    ("x + chunk:first", "character 5: expected a whole number, not 'first'"),
    ("chunk:0", "character 1: expected a whole number, not 0"),
    ("chunk:9223372036854775808", "character 1: expected a whole number, not 9223372036854775808"),
    ("chunk:" + "9" * 5_000, "character 1: expected a whole number, not '999"),
    ("chunk:٣", "character 1: expected a whole number, not '٣'"),
    ('filter:{"a"}', "character 12, in front of '}': expected JSON (Expecting ':' delimiter)"),
    ("vector:", "character 8, at the end: expected JSON (Expecting value)"),
    ("vector:[1,0]x", "character 13, in front of 'x': expected + or -"),
    ("vector:" + "[" * 100_000, "character 8, in front of '[[[[[[[[[[[[[[[[[[[[[[[[…': expected JSON"),
    ("vector:[" + "9" * 5_000 + "]", "character 8, in front of '[99999999999999999999999…': expected JSON"),
    (" + ".join("x" * (MAX_PARTS + 1)), f"the expression has more than {MAX_PARTS} parts"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_a_mistake_is_told_with_its_place_and_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(InvalidExpressionError, match=re.escape(message)):
        parts(text)


def test_what_is_inside_a_vector_or_a_filter_is_refused_as_everywhere() -> None:
    with pytest.raises(DimensionMismatchError):
        parts("vector:[1, 2, 3]")
    with pytest.raises(InvalidVectorError, match="all zero"):
        parts("vector:[0, 0]")
    with pytest.raises(InvalidVectorError, match="NaN"):
        parts("vector:[1, NaN]")
    with pytest.raises(InvalidFilterError, match=r"\$near"):
        parts('filter:{"a": {"$near": 1}}')


KINDS = ["text", "doc", "chunk", "filter", "vector"]

JSON_READ = [
    ([{"text": "king"}, {"text": "man", "weight": -1}], "king - man"),
    ([{"weight": 0.5, "text": "budget"}, {"doc": "2019", "weight": -1.0}], "0.5*budget - doc:2019"),
    ([{"doc": "annual report"}], 'doc:"annual report"'),
    (({"chunk": 12},), "chunk:12"),
    ([{"vector": [0, 2]}, {"vector": np.array([3.0, 0.0]), "weight": np.float32(2)}], "vector:[0,1] + 2*vector:[1,0]"),
    ([{"filter": {"year": 2019}, "weight": 1}], 'filter:{"year": 2019}'),
]


@pytest.mark.parametrize(("given", "text"), JSON_READ)
def test_json_is_read_as_the_same_parts_as_the_text(given: object, text: str) -> None:
    assert read_expression(given, Allowed(2)) == parts(text)


PAGE = (Path(__file__).parents[3] / "docs/expressions.md").read_text(encoding="utf-8")
TABLE = re.findall(r"^\| `(.+?)` \| `(\{.+?\})` \|", PAGE, re.MULTILINE)


def test_the_docs_have_a_row_for_each_kind_of_part_and_for_weights() -> None:
    assert [next(iter(json.loads(as_json))) for _, as_json in TABLE] == ["text", *KINDS, "doc"]


@pytest.mark.parametrize(("text", "as_json"), TABLE)
def test_the_two_forms_in_a_row_of_the_docs_are_the_same(text: str, as_json: str) -> None:
    assert parts(text) == read_expression([json.loads(as_json)], Allowed(2))


@pytest.mark.parametrize(
    ("text", "path", "weight"),
    [
        ("image:a.jpg", "a.jpg", 1),
        ('-2*image:"my photos/a b.jpg"', "my photos/a b.jpg", -2),
        ("image:../x/y:z*1.png", "../x/y:z*1.png", 1),
    ],
)
def test_an_image_is_named_by_its_path(text: str, path: str, weight: float) -> None:
    [part] = read_expression(text, Allowed(2, files=True))
    assert part == Part(ImagePart.of(Path(path)), weight)
    assert part.source.image == Path(path)


def test_images_are_told_apart_by_what_they_hold() -> None:
    images = [Path("a"), b"a", b"b", *(np.full((3, 4, 4), value, np.uint8) for value in (1, 2))]
    parts_of = [image_part(image, "", is_latent=False, files=True) for image in images]
    parts_of.append(image_part(np.ones((3, 4, 4)), "", is_latent=True, files=False))
    assert len(set(parts_of)) == len(set(map(repr, parts_of))) == len(images) + 1
    assert image_part(b"a", "", is_latent=False, files=False) == parts_of[1]


JSON_MISTAKES = [
    ([], "the expression is empty"),
    (None, "an expression is a text or a list of parts, and this is a NoneType"),
    ({"text": "x"}, "an expression is a text or a list of parts, and this is a dict"),
    (b"x", "an expression is a text or a list of parts, and this is a bytes"),
    (["x"], 'wrong at [0]: expected an object such as {"text": "king"}, not \'x\''),
    ([{"text": "x"}, {"word": "y"}], "wrong at [1]: expected one of text, vector, doc, chunk, filter"),
    ([{"text": "x", "doc": "y"}], "wrong at [0]: expected one of text"),
    ([{"weight": 2}], "wrong at [0]: expected one of text"),
    ([{"text": 5}], "wrong at [0].text: expected text, not 5"),
    ([{"text": " "}], "wrong at [0].text: a text has nothing in it"),
    ([{"doc": 5}], "wrong at [0].doc: expected text, not 5"),
    ([{"chunk": "5"}], "wrong at [0].chunk: expected a whole number, not '5'"),
    ([{"chunk": True}], "wrong at [0].chunk: expected a whole number, not True"),
    ([{"chunk": 10**5_000}], "wrong at [0].chunk: expected a whole number, not of type int"),
    ([{"text": "x", "weight": 0}], "wrong at [0].weight: expected a weight"),
    ([{"text": "x", "weight": None}], "wrong at [0].weight: expected a weight"),
    ([{"text": "x", "weight": "2"}], "wrong at [0].weight: expected a weight"),
    ([{"text": "x", "weight": True}], "wrong at [0].weight: expected a weight"),
    ([{"text": "x", "weight": float("nan")}], "wrong at [0].weight: expected a weight"),
    ([{"text": "x", "weight": 10**400}], "wrong at [0].weight: expected a weight"),
    ([{"text": "x"}] * (MAX_PARTS + 1), "more than"),
]


@pytest.mark.parametrize(("given", "message"), JSON_MISTAKES)
def test_a_mistake_in_json_is_told_with_its_place(given: object, message: str) -> None:
    with pytest.raises(InvalidExpressionError, match=re.escape(message)):
        read_expression(given, Allowed(2))


TEXTS = st.text(min_size=1, max_size=10).filter(lambda text: bool(text.strip()))
WEIGHTS = st.integers(1, 99).map(lambda hundredths: hundredths / 100) | st.integers(1, 50)
SPACES = st.sampled_from(["", " ", "\n", "  "])


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def in_both_forms(draw: st.DrawFn) -> tuple[str, list[dict[str, object]]]:
    text, as_json = "", []
    for at in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(KINDS))
        value: object = draw(
            {
                "text": TEXTS,
                "doc": TEXTS,
                "chunk": st.integers(1, 2**63 - 1),
                "filter": st.dictionaries(st.sampled_from("ab"), TEXTS | st.integers(-9, 9), max_size=2),
                "vector": st.tuples(st.integers(1, 9), st.integers(-9, 9)).map(list),
            }[kind]
        )
        weight, is_negative, spaces = draw(WEIGHTS), draw(st.booleans()), draw(SPACES)
        sign = "-" if is_negative else "+" if at else draw(st.sampled_from(["", "+"]))
        # a sign ends nothing but a quote and JSON: behind a number it would be part of it
        text += f"{' ' if at else ''}{sign}{spaces}{weight}{spaces}*{spaces}"
        text += quoted(str(value)) if kind == "text" else f"{kind}:"
        if kind != "text":
            text += quoted(value) if isinstance(value, str) else json.dumps(value)
        as_json.append({kind: value, "weight": -weight if is_negative else weight})
    return text, as_json


@given(in_both_forms())
@settings(max_examples=300, deadline=None)
def test_what_is_said_in_both_forms_is_the_same(forms: tuple[str, list[dict[str, object]]]) -> None:
    text, as_json = forms
    assert parts(text) == read_expression(as_json, Allowed(2))


@given(st.text() | st.text(st.sampled_from('ab"\\*+-:. 0129[]{}dochunkfiltervect')))
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_or_refused_for_a_documented_reason(text: str) -> None:
    with contextlib.suppress(InvalidExpressionError, InvalidVectorError, InvalidFilterError):
        found = parts(text)
        assert 1 <= len(found) <= MAX_PARTS
        assert all(part.weight for part in found)
