"""Any text is an expression, or is refused for a documented reason; and it finds what a literal reading of it allows.

The literal reading is a second one: it goes through the text character by character, and adds up vectors in numpy.
"""

import itertools
import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from fakes import FakeEmbedder
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from semsearch import Collection, Document
from semsearch.errors import (
    ChunkNotFoundError,
    DocumentNotFoundError,
    InvalidExpressionError,
    InvalidFilterError,
    InvalidVectorError,
)

DIM = 4
DOCUMENTS = {
    "a": "king",
    "b-1": "queen of hearts",
    "annual report": "money and leave",
    'q"\\': "quotes",
    "ключ": "数据库 ключ",
    "doc:a": "a colon",
    "+": "plus",
}
YEARS = {id: 2018 + at for at, id in enumerate(DOCUMENTS)}
DOCUMENTED = (
    InvalidExpressionError,
    InvalidVectorError,
    InvalidFilterError,
    DocumentNotFoundError,
    ChunkNotFoundError,
)

PARTS = ["king", "数据库", '"queen of hearts"', "doc:a", "doc:b-1", 'doc:"annual report"', 'doc:"q\\"\\\\"', "doc:ключ"]
PARTS += [
    "doc:+",
    "doc:nobody",
    "doc:",
    "chunk:1",
    "chunk:99",
    "chunk:x",
    "vector:[1,0,0,0]",
    "vector:[1]",
    "vector:[0,0,0,0]",
]
PARTS += ['filter:{"year": 2019}', 'filter:{"year": {"$gte": 2020}}', 'filter:{"year": 1}', "filter:{}", "filter:["]
SIGNS = [" + ", " - ", " -", "\n+", " + 0.5*", " - 2 * ", " -.5*"]
MARKS = ["+", "-", " ", "0*", "*", '"', "\\", '\\"', ":", "\x00", "{}", "\ud800", "\u00a0", "\u2212", "“x”", "e\u0301"]
MARKS += ["1e5*", "٣*", "title:", "[", "--", "++", "🙂"]
EXPRESSIONS = (
    st.text(max_size=30)
    | st.lists(st.sampled_from(PARTS + SIGNS + MARKS), max_size=8).map("".join)
    | st.lists(st.tuples(st.sampled_from(SIGNS), st.sampled_from(PARTS)).map("".join), max_size=4).map("".join)
    | st.lists(st.tuples(st.sampled_from(SIGNS), st.text(max_size=6)).map('{0[0]}"{0[1]}"'.format), max_size=3).map(
        "".join
    )
)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    with Collection.create(tmp_path_factory.mktemp("fuzz") / "c", model=FakeEmbedder(dim=DIM)) as made:
        documents = [Document(id, text, {"year": YEARS[id]}) for id, text in DOCUMENTS.items()]
        assert made.add(documents).added == len(DOCUMENTS)
        yield made


class Named(NamedTuple):
    """What a text names outside its quotes, as a reader of it would say."""

    documents: set[str]
    chunks: set[int]


def named_in(text: str) -> Named:
    """A part begins at the beginning, or behind a sign; whatever is in quotes is read over."""
    named = Named(set(), set())
    at = 0
    while at < len(text):
        if text[at] == '"':
            _, at = read_quoted(text, at)
        elif text.startswith(("doc:", "chunk:"), at):
            kind, at = ("doc", at + 4) if text[at] == "d" else ("chunk", at + 6)
            if text[at : at + 1] == '"':
                name, at = read_quoted(text, at)
            else:
                name = "".join(itertools.takewhile(lambda each: each != '"' and not each.isspace(), text[at:]))
                at += len(name)
            if kind == "doc":
                named.documents.add(name)
            elif name.isascii() and name.isdigit():
                named.chunks.add(int(name))
        else:
            at += 1
    return named


def read_quoted(text: str, at: int) -> tuple[str, int]:
    """What is in the quotes that begin here, and where they end."""
    read, at = "", at + 1
    while at < len(text) and text[at] != '"':
        at += text[at] == "\\" and text[at + 1 : at + 2] in ('"', "\\")
        read, at = read + text[at : at + 1], at + 1
    return read, at + 1


def check_expression(collection: Collection, text: str) -> None:
    try:
        result = collection.search(expression=text, k=99)
    except DOCUMENTED:
        return
    named = named_in(text)
    allowed = DOCUMENTS.keys() - named.documents
    assert named.documents <= DOCUMENTS.keys()
    assert {hit.document_id for hit in result.hits} <= allowed
    assert not {hit.chunk_id for hit in result.hits} & named.chunks
    assert len(result.hits) == len(allowed - {list(DOCUMENTS)[chunk - 1] for chunk in named.chunks})
    assert all(-1 <= hit.score <= result.nearest <= 1 for hit in result.hits)


@given(EXPRESSIONS)
@example("doc:a")
@example('doc:"q\\"\\\\" - king')
@example("doc:a + doc:b-1 - chunk:3")
@example('"doc:a"')
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_an_expression_or_is_refused(collection: Collection, text: str) -> None:
    check_expression(collection, text)


@pytest.mark.slow
@given(EXPRESSIONS)
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_of_ten_thousand_texts_is_an_expression_or_is_refused(collection: Collection, text: str) -> None:
    check_expression(collection, text)


@pytest.mark.parametrize(
    "text",
    [
        *(each * 30_001 for each in ("xxx", '"', "+", "-", "(", "1*", '"\\', "a ", "doc:", '"x"+', "数", "+ doc:a ")),
        *("filter:" + '{"a":' * 50_000, "vector:[" + "1," * 50_000),
    ],
)
def test_a_very_long_text_is_an_expression_or_is_refused(collection: Collection, text: str) -> None:
    check_expression(collection, text)


# Expressions that are right: what is found is what numpy finds.

Row = npt.NDArray[np.float64]


def unit(row: Row) -> Row:
    return row / np.linalg.norm(row)


def stored() -> dict[str, Row]:
    rows = FakeEmbedder(dim=DIM).embed_documents(list(DOCUMENTS.values())).astype(np.float16).astype(np.float64)
    return dict(zip(DOCUMENTS, rows, strict=True))


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Term(NamedTuple):
    """A part as it is written, its vector, and the document that it names."""

    written: str
    vector: Row
    names: str | None = None


STORED = stored()
TERMS = (
    st.text(min_size=1, max_size=8)
    .filter(lambda text: text.strip() and "\x00" not in text and text.isprintable())
    .map(lambda text: Term(quoted(text), FakeEmbedder(dim=DIM).embed_queries([text])[0].astype(np.float64)))
    | st.sampled_from(list(DOCUMENTS)).map(lambda id: Term(f"doc:{quoted(id)}", unit(STORED[id]), id))
    | st.sampled_from(list(enumerate(DOCUMENTS, 1))).map(
        lambda numbered: Term(f"chunk:{numbered[0]}", unit(STORED[numbered[1]]), numbered[1])
    )
    | st.lists(st.integers(-9, 9), min_size=DIM, max_size=DIM)
    .filter(any)
    .map(lambda row: Term(f"vector:{json.dumps(row)}", unit(np.array(row, dtype=np.float64))))
    | st.integers(2018, 2022).map(
        lambda year: Term(
            f'filter:{{"year": {{"$gte": {year}}}}}',
            unit(np.mean([row for id, row in STORED.items() if YEARS[id] >= year], axis=0)),
        )
    )
)
WEIGHTED = st.lists(st.tuples(TERMS, st.sampled_from([1, -1, 0.5, -0.25, 3])), min_size=1, max_size=5)


@given(WEIGHTED)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_an_expression_finds_is_what_numpy_finds(
    collection: Collection, weighted: list[tuple[Term, float]]
) -> None:
    written = " ".join(f"{'-' if weight < 0 else '+'} {abs(weight)}*{term.written}" for term, weight in weighted)
    total = np.sum([weight * term.vector for term, weight in weighted], axis=0)
    assume(np.linalg.norm(total) > 0.05)  # or else next to nothing is left, of which the direction is chance
    scores = {id: min(1.0, float(row @ unit(total))) for id, row in STORED.items()}
    result = collection.search(expression=written, k=99)
    left_out = {term.names for term, _ in weighted}
    assert {hit.document_id: hit.score for hit in result.hits} == {
        id: pytest.approx(score, abs=1e-4) for id, score in scores.items() if id not in left_out
    }
    assert result.nearest == pytest.approx(max(scores.values()), abs=1e-4)
