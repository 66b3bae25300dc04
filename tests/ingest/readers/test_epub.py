"""EPUB: the pages of a book in the order of reading."""

from pathlib import Path

from made_files import document_of, epub, reason_of, zipped

from semsearch.ingest.readers.epub import EPUB
from semsearch.types import Limits, Place

ONE, TWO = "<h1>One</h1><h2>Sub</h2><nav>kept</nav>", "<h1>Two</h1><p>text</p>"


def test_pages_come_in_the_order_of_reading_with_their_headings(tmp_path: Path) -> None:
    path = tmp_path / "a.epub"
    path.write_bytes(epub({"two.xhtml": TWO, "one.xhtml": ONE}))
    document = document_of(EPUB, path)
    assert document.text == "One\n\nSub\n\nkept\n\nTwo\n\ntext"
    assert document.places == (Place(0, "One"), Place(5, "One > Sub"), Place(16, "Two"))
    assert (document.title, document.metadata) == ("T", {"format": "epub", "author": "Ann", "date": "2024-01-31"})


def test_a_protected_book_is_told_and_fonts_may_be_obfuscated(tmp_path: Path) -> None:
    path = tmp_path / "a.epub"
    reference = '<encryption><CipherReference URI="OEBPS/{}"/></encryption>'
    path.write_bytes(epub({"one.xhtml": "noise"}, encryption=reference.format("one.xhtml")))
    assert reason_of(EPUB, path) == "is encrypted, as with copy protection; add an unprotected copy"
    path.write_bytes(epub({"one.xhtml": "text"}, encryption=reference.format("font.otf")))
    assert document_of(EPUB, path).text == "text"


def test_a_book_without_a_container_or_a_package_or_beyond_the_limits_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.epub"
    for data, reason in (
        (zipped({"a": "b"}), "is damaged: it has no 'META-INF/container.xml' in it; save it again"),
        (
            zipped({"META-INF/container.xml": "<container/>"}),
            "is damaged: its container names no package; save it again",
        ),
        (epub({}), "has no text in it; fill it or leave it out"),
    ):
        path.write_bytes(data)
        assert reason_of(EPUB, path) == reason
    path.write_bytes(epub({"one.xhtml": "x" * 3_000}))
    assert reason_of(EPUB, path, Limits(unpacked_bytes=3_000)) == "unpacks to more than 3,000 bytes; split it"
    assert reason_of(EPUB, path, Limits(text_characters=99)) == "has more than 99 characters of text; split it"
