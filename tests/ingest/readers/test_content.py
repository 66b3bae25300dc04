"""What the readers of files of one document each have in common."""

from pathlib import Path

import pytest
from made_files import document_of, reason_of

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.code import CODE, LANGUAGES
from semsearch.ingest.readers.content import Content, load, of_bytes, of_file, of_text
from semsearch.ingest.readers.contract import FoundFile, Reader
from semsearch.ingest.readers.plain import MARKDOWN, TEXT
from semsearch.types import Limits, Place


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "a.x").write_text("text")
    return tmp_path / "a.x"


def reader(content: Content | Exception) -> Reader:
    def parse(data: bytes, limits: Limits) -> Content:
        if isinstance(content, Exception):
            raise content
        return content

    return Reader("x", (".x",), of_bytes("x", parse))


def test_a_document_has_all_that_its_content_says(path: Path) -> None:
    content = Content("text", " A\n title ", {"author": "Ann", "tags": ["a", "b"], "n": 0}, (Place(0, "H", 1),))
    document = document_of(reader(content), path)
    assert (document.id, document.title, document.text, document.source) == ("a.x", "A title", "text", str(path))
    assert document.metadata == {"format": "x", "author": "Ann", "tags": ["a", "b"], "n": 0}
    assert document.places == (Place(0, "H", 1),)


def test_metadata_that_says_nothing_is_left_out_and_what_cannot_be_stored_is_replaced(path: Path) -> None:
    metadata = {"author": "(anonymous)", "a": None, "b": " ", "c": [], "d": "x\0\ud800\n y"}
    document = document_of(reader(Content("text", "Untitled", metadata)), path)
    assert document.metadata == {"format": "x", "d": "x\ufffd\ufffd y"}
    assert document.title is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidDocumentError("is wrong; correct it"), "is wrong; correct it"),
        (KeyError("x"), "cannot be read as x, it is damaged or of another kind: KeyError: 'x'"),
        (RecursionError(), "cannot be read as x, it is damaged or of another kind: RecursionError"),
        (MemoryError(), "cannot be read as x, it is damaged or of another kind: MemoryError"),
        (OSError("in the parser"), "cannot be read as x, it is damaged or of another kind: OSError: in the parser"),
        (ValueError("two\nlines"), "cannot be read as x, it is damaged or of another kind: ValueError: two lines"),
    ],
)
def test_whatever_a_parser_raises_is_a_reason_in_one_line(path: Path, error: Exception, reason: str) -> None:
    assert reason_of(reader(error), path) == reason


def test_a_long_reason_is_shortened(path: Path) -> None:
    assert len(reason_of(reader(ValueError("x" * 5_000)), path)) < 300


def test_text_that_is_blank_or_too_long_is_a_failure(path: Path) -> None:
    assert reason_of(reader(Content(" \n")), path) == "has no text in it; fill it or leave it out"
    assert reason_of(reader(Content("x" * 11)), path, Limits(text_characters=10)) == (
        "has more than 10 characters of text; split it"
    )


def test_text_files_have_the_limit_of_documents_and_others_one_of_their_own(path: Path) -> None:
    small = Limits(document_bytes=3, file_bytes=3)
    whole = Reader("x", (".x",), of_file("x", lambda opened, _: Content(opened.read().decode())))
    assert reason_of(reader(Content("t")), path, small) == (
        "has 4 bytes, above max_document_bytes (3); split it or raise the setting"
    )
    assert reason_of(whole, path, small) == "has 4 bytes, and files of more than 3 are not read; split it"
    assert document_of(whole, path, Limits(document_bytes=3, file_bytes=4)).text == "text"


def test_a_file_that_cannot_be_opened_is_for_the_caller(tmp_path: Path) -> None:
    for read in (of_text("x", Content), of_file("x", lambda opened, _: Content("t"))):
        with pytest.raises(FileNotFoundError):
            list(read(FoundFile(tmp_path / "none", "none"), Limits()))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_kept_to_the_character_and_an_encoding_other_than_utf8_is_told(tmp_path: Path, encoding: str) -> None:
    text = "Die Größe\r\nder Häuser\n\n\tüberrascht.\x0c"
    for suffix, each in ((".txt", TEXT), (".md", MARKDOWN)):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(text.encode(encoding))
        document = document_of(each, path)
        assert document.text == text
        told = {} if encoding.startswith("utf-8") else {"encoding": encoding}
        assert document.metadata == {"format": each.name, **told}


def test_source_code_is_kept_as_it_is_and_its_language_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.RS"
    path.write_text("fn main() {}\n")
    document = document_of(CODE, path)
    assert (document.text, document.title) == ("fn main() {}\n", None)
    assert document.metadata == {"format": "code", "code_language": "rust"}


def test_every_suffix_of_source_code_has_one_language() -> None:
    assert len(LANGUAGES) > 50
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in LANGUAGES)


def test_a_library_that_is_missing_is_told_with_its_extra() -> None:
    with pytest.raises(
        ImportError, match=r"^cannot be read: nosuch is not installed; pip install 'semsearch\[extra\]'$"
    ):
        load("nosuch.module", "extra")
