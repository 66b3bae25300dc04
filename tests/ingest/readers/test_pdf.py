"""PDF: the text of each page, and which of the ways there are in which a file has none."""

from pathlib import Path

import pytest
from made_files import document_of, pdf, reason_of

from semsearch.ingest.readers.pdf import PDF, iso_date
from semsearch.types import Limits, Place


def made(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "a.pdf"
    path.write_bytes(data)
    return path


def test_pages_are_places_and_one_without_text_is_none(tmp_path: Path) -> None:
    document = document_of(PDF, made(tmp_path, pdf("First page", "", "Third page")))
    assert document.text == "First page\n\nThird page"
    assert document.places == (Place(0, None, 1), Place(12, None, 3))
    assert document.metadata == {"format": "pdf", "page_count": 3}
    assert document.title is None


def test_what_the_file_says_of_itself_is_title_and_metadata(tmp_path: Path) -> None:
    info = "/Title (Microsoft Word - report.docx) /Author (Ann) /CreationDate (D:20240131130000+01'00') /ModDate (soon)"
    document = document_of(PDF, made(tmp_path, pdf("text", info=info)))
    assert document.title == "report.docx"
    assert document.metadata == {"format": "pdf", "author": "Ann", "created": "2024-01-31T12:00:00Z", "page_count": 1}


def test_a_title_that_says_nothing_is_none(tmp_path: Path) -> None:
    document = document_of(PDF, made(tmp_path, pdf("text", info="/Title (Untitled) /Author ((anonymous))")))
    assert document.title is None
    assert "author" not in document.metadata


def test_a_word_that_is_divided_at_the_end_of_a_line_is_put_together(tmp_path: Path) -> None:
    text = "divi-) Tj 0 -14 Td (ded Lucene-) Tj 0 -14 Td (BM25 end"
    assert document_of(PDF, made(tmp_path, pdf(text))).text == "divided Lucene-BM25 end"


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("D:20240131120000Z", "2024-01-31T12:00:00Z"),
        ("D:20240131120000+01'30'", "2024-01-31T10:30:00Z"),
        ("D:20240131120000-08", "2024-01-31T20:00:00Z"),
        ("D:20240131120000", "2024-01-31T12:00:00"),
        ("D:2024", "2024-01-01T00:00:00"),
        ("D:20241331", None),
        ("31 January 2024", None),
        ("D:99991231235959-23'00'", None),
    ],
)
def test_dates_are_iso_8601_and_in_utc_where_their_zone_is_known(value: str, date: str | None) -> None:
    assert iso_date(value) == date


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pdf("", ""), "has no text on any of its pages (2): it is scanned, or drawn; recognise its text (OCR) first"),
        (pdf("text", encrypted=True), "is encrypted; save it without a password"),
        (b"text", "is damaged or of another kind: "),
        (pdf("text")[:200], "is damaged or of another kind: "),
        (b"", "is damaged or of another kind: "),
    ],
)
def test_a_file_without_text_is_a_failure_that_says_why(tmp_path: Path, data: bytes, reason: str) -> None:
    assert reason_of(PDF, made(tmp_path, data)).startswith(reason)


def test_each_limit_is_a_failure_that_names_it(tmp_path: Path) -> None:
    path = made(tmp_path, pdf("One page", "another"))
    assert reason_of(PDF, path, Limits(pages=1)) == "has 2 pages, and more than 1 are not read; split it"
    assert reason_of(PDF, path, Limits(text_characters=9)) == "has more than 9 characters of text; split it"
    assert reason_of(PDF, path, Limits(file_bytes=99)).endswith("files of more than 99 are not read; split it")
