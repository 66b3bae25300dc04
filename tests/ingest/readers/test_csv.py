"""CSV and TSV: a document a row, whatever the dialect, and no row keeps the next one from being read."""

import csv
import io
import logging
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_files import document_of, items_of, reason_of

from semsearch.ingest.readers.columns import metadata_key
from semsearch.ingest.readers.csv import CSV
from semsearch.types import Document, Failure, Limits


def read(tmp_path: Path, content: str | bytes, name: str = "a.csv", most: int = 10_000) -> list[Document | Failure]:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return items_of(CSV, path, Limits(document_bytes=most))


def documents(tmp_path: Path, content: str | bytes, name: str = "a.csv") -> list[Document]:
    items = read(tmp_path, content, name)
    assert all(isinstance(item, Document) for item in items), items
    return [item for item in items if isinstance(item, Document)]


# what becomes of a row


def test_a_row_is_a_document_of_its_text_with_the_other_columns_as_metadata(tmp_path: Path) -> None:
    first, second = documents(tmp_path, "Title,text,year,tag\nOne, a text,2020,x\n,another,,\n")
    assert first == Document("a.csv#1", " a text", {"year": 2020, "tag": "x"}, "One", str(tmp_path / "a.csv"))
    assert second == Document("a.csv#2", "another", {}, None, str(tmp_path / "a.csv"))


@pytest.mark.parametrize("name", ["text", "Content", "BODY", "description", "abstract"])
def test_the_text_is_the_column_that_is_called_so(tmp_path: Path, name: str) -> None:
    [document] = documents(tmp_path, f"x,{name}\n1,the text\n")
    assert (document.text, document.metadata) == ("the text", {"x": 1})


def test_of_two_columns_that_could_be_the_text_the_first_by_rank_is(tmp_path: Path) -> None:
    [document] = documents(tmp_path, "description,text\nD,T\n")
    assert (document.text, document.metadata) == ("T", {"description": "D"})


def test_without_such_a_column_all_of_them_are_the_text_as_they_are_written(tmp_path: Path) -> None:
    [document] = documents(tmp_path, "id,name,price,,empty\n7,Ann,1.50,x,\n")
    assert document.text == "name: Ann\nprice: 1.50\nx"
    assert (document.id, document.metadata) == ("7", {"name": "Ann", "price": 1.5, "column_4": "x"})


@pytest.mark.parametrize("name", ["id", "_id", "ID"])
def test_a_row_has_the_id_of_its_column_or_else_its_number(tmp_path: Path, name: str) -> None:
    assert [document.id for document in documents(tmp_path, f"{name},text\n07,a\n,b\n\nz,c\n")] == [
        "07",
        "a.csv#2",
        "z",
    ]


def test_columns_of_which_all_values_are_numbers_have_numbers_in_the_metadata(tmp_path: Path) -> None:
    rows = "text,year,price,zip,mixed,phone\na,2020,1.5,01234,1,+49\nb,-3,2,99999,x,1\nc,,,,,\n"
    first, second, third = documents(tmp_path, rows)
    assert first.metadata == {"year": 2020, "price": 1.5, "zip": "01234", "mixed": "1", "phone": "+49"}
    assert second.metadata == {"year": -3, "price": 2, "zip": "99999", "mixed": "x", "phone": "1"}
    assert third.metadata == {}


def test_a_value_that_is_no_number_stays_what_it_is_in_a_column_of_numbers(tmp_path: Path) -> None:
    found = documents(tmp_path, "text,n\n" + "a,1\n" * 1_000 + "a,many\n")
    assert [document.metadata["n"] for document in found[-2:]] == [1, "many"]


def test_columns_are_called_so_that_filters_can_name_them_and_it_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="semsearch"):
        [document] = documents(tmp_path, "text,year,a.b,a b,a_b,Größe,名前\nt,1,2,3,4,5,6\n")
    assert document.metadata == {"year": 1, "a_b": 2, "a_b_2": 3, "a_b_3": 4, "Gro_e": 5, "column_7": 6}
    [message] = caplog.messages
    assert message.endswith("'a.b' is a_b, 'a b' is a_b_2, 'a_b' is a_b_3, 'Größe' is Gro_e, '名前' is column_7")


@given(st.text())
def test_every_name_gives_a_key_that_filters_can_name_or_nothing(name: str) -> None:
    key = metadata_key(name)
    assert len(key) <= 64
    assert all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in key)
    assert not key.startswith("-")


# dialects and encodings


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_the_delimiter_is_the_one_that_gives_rows_of_one_width(tmp_path: Path, delimiter: str, newline: str) -> None:
    rows = [
        ["id", "text", "n"],
        ["a", "one, two; three", "1"],
        ["b", "four | five", "2"],
        ["c", 'say "six"\nseven', "3"],
    ]
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=newline).writerows(rows)
    found = documents(tmp_path, file.getvalue())
    assert [(document.id, document.text, document.metadata) for document in found] == [
        ("a", "one, two; three", {"n": 1}),
        ("b", "four | five", {"n": 2}),
        ("c", 'say "six"\nseven', {"n": 3}),
    ]


def test_a_tsv_is_delimited_by_tabs_whatever_else_is_in_it(tmp_path: Path) -> None:
    [document] = documents(tmp_path, "text,more;and\n1,2;3\n", "a.tsv")
    assert document.text == "text,more;and: 1,2;3"


def test_decimal_commas_are_not_taken_for_delimiters(tmp_path: Path) -> None:
    first, _ = documents(tmp_path, "text;price\na;1,5\nb;2,5\n")
    assert first.metadata == {"price": "1,5"}


def test_a_single_column_is_read(tmp_path: Path) -> None:
    assert [document.text for document in documents(tmp_path, "text\none\ntwo\n")] == ["one", "two"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "cp1251"])
def test_any_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    text = "Привет, как дела сегодня" if encoding == "cp1251" else "Die Größe der Häuser überraschte"
    [document] = documents(tmp_path, f'text,n\n"{text}",1\n'.encode(encoding))
    assert (document.text, document.metadata) == (text, {"n": 1})


@settings(max_examples=50)
@given(st.lists(st.tuples(*[st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)] * 2), min_size=1))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    file = io.StringIO()
    csv.writer(file).writerows([["text", "value"], *((f"t{text}", value) for text, value in rows)])
    found = documents(tmp_path_factory.mktemp("csv"), file.getvalue())
    assert [document.text for document in found] == [f"t{text}" for text, _ in rows]


# what is wrong with a row or a file


def test_a_row_with_more_cells_than_columns_is_a_failure_and_one_with_fewer_is_not(tmp_path: Path) -> None:
    first, second, third, fourth = read(tmp_path, "text,n,m\na,1,2,3\nb\nc,1,2,,\n\n\n ,1,2\n")
    assert first == Failure(
        f"{tmp_path}/a.csv:2", "has 4 cells, and there are 3 columns; put quotes around its commas", "a.csv#1"
    )
    assert isinstance(second, Document)
    assert isinstance(third, Document)
    assert third.metadata == {"n": 1, "m": 2}
    assert fourth == Failure(f"{tmp_path}/a.csv:7", "has no text in it; fill it or leave it out", "a.csv#4")


@pytest.mark.parametrize(
    "row",
    [
        "x" * 300,
        f'"{"x" * 300}"',
        f'"{"x" * 80}\n{"y" * 300}\n{"z" * 80}"',
        '"' + "line\n" * 60 + '"',
        f'"a ""quote"" and\n{"x" * 300} ""more""\nend"',
    ],
)
def test_a_row_above_the_limit_is_a_failure_and_the_next_one_is_read(tmp_path: Path, row: str) -> None:
    first, second, third = read(tmp_path, f"text,n\ngood,1\n{row},2\nlast,3\n", most=200)
    assert isinstance(first, Document)
    assert second == Failure(
        f"{tmp_path}/a.csv:3", "is longer than max_document_bytes (200); split it or raise the setting", "a.csv#2"
    )
    assert isinstance(third, Document)
    assert (third.id, third.text) == ("a.csv#3", "last")


def test_a_row_is_read_up_to_the_limit(tmp_path: Path) -> None:
    assert len(documents(tmp_path, f"text\n{'x' * 9_990}\n")) == 1
    assert isinstance(read(tmp_path, f"text\n{'x' * 200}\n", most=200)[0], Document)
    assert isinstance(read(tmp_path, f"text\n{'x' * 202}\n", most=200)[0], Failure)


def test_a_quote_that_is_never_closed_costs_no_memory_and_ends_in_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.write(b'text\n"begins\n' + (b"x" * 79 + b"\n") * 100_000)
    tracemalloc.start()
    try:
        items = items_of(CSV, path, Limits(document_bytes=10_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [type(item) for item in items] == [Failure]
    assert peak < 5_000_000


def test_many_quotes_in_a_row_that_never_ends_are_no_endless_memory_either(tmp_path: Path) -> None:
    assert "never ends" in reason_of_csv(tmp_path, 'text\n"a' + '""b\n' * 5_000)


def reason_of_csv(tmp_path: Path, content: str | bytes) -> str:
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return reason_of(CSV, path, Limits(document_bytes=500))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "has no row with the names of its columns"),
        (b"\n \n", "has no row with the names of its columns"),
        (b"text,n\n", "has no rows below the names of its columns"),
        (b"PK\x03\x04\xff\xfe", "is not text: byte 2 is 0x03"),
        (b"x" * 1_000, "has no row with the names of its columns"),
    ],
)
def test_a_file_without_rows_is_a_failure(tmp_path: Path, content: bytes, reason: str) -> None:
    assert reason_of_csv(tmp_path, content).startswith(reason)


def test_a_file_may_be_larger_than_a_document(tmp_path: Path) -> None:
    assert len(read(tmp_path, "text\n" + "some text\n" * 500, most=100)) == 500


def test_a_document_of_a_row_says_where_it_is_from(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text\nx\n")
    assert document_of(CSV, path).source == str(path)
