"""Archives in files are unpacked no further than allowed, whatever they say about themselves."""

import io
import struct
import zipfile

import pytest
from made_files import zipped

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.archive import Archive

MEMBERS = {"word/Document.xml": "<a>text</a>", "b/c.txt": "x" * 1_000}


def archive(data: bytes, most: int = 10_000) -> Archive:
    return Archive(io.BytesIO(data), most)


@pytest.mark.parametrize("name", ["word/Document.xml", "/word/document.xml", "word\\x\\..\\DOCUMENT.XML"])
def test_members_are_found_by_any_spelling_of_their_names(name: str) -> None:
    opened = archive(zipped(MEMBERS))
    assert name in opened
    assert opened.read(name) == b"<a>text</a>"
    assert [event.name for event in opened.events(name)] == ["a", "text", "a"]


def test_all_that_is_unpacked_counts_together() -> None:
    opened = archive(zipped(MEMBERS), 2_500)
    opened.read("b/c.txt")
    opened.read("b/c.txt")
    with pytest.raises(InvalidDocumentError, match=r"unpacks to more than 2,500 bytes; split it"):
        opened.read("b/c.txt")


def test_a_bomb_is_stopped_though_it_says_that_it_is_small() -> None:
    data = bytearray(zipped({"a": b"\0" * 50_000_000}))
    assert len(data) < 100_000
    directory = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, directory + 24, 10)  # the size before compression
    with pytest.raises((InvalidDocumentError, zipfile.BadZipFile)):
        archive(bytes(data), 1_000_000).read("a")
    with pytest.raises(InvalidDocumentError, match="unpacks to more than"):
        archive(zipped({"a": b"\0" * 50_000_000}), 1_000_000).read("a")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_whose_blocks_have_no_bound_are_refused(method: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        made.writestr("a", "text")
    with pytest.raises(InvalidDocumentError, match="another method than deflate"):
        archive(file.getvalue()).read("a")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is damaged or of another kind"),
        (b"text", "is damaged or of another kind"),
        (zipped(MEMBERS)[:-30], "is damaged or of another kind"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "is encrypted, or an Office file of before 2007"),
    ],
)
def test_what_is_no_archive_is_refused_with_a_guess_at_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        archive(data)
    assert str(caught.value).startswith(reason)


def test_members_that_are_missing_or_encrypted_are_told() -> None:
    with pytest.raises(InvalidDocumentError, match=r"is damaged: it has no 'x\.xml' in it"):
        archive(zipped(MEMBERS)).read("x.xml")
    data = bytearray(zipped({"a": "text"}))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InvalidDocumentError, match="is encrypted"):
        archive(bytes(data)).read("a")
