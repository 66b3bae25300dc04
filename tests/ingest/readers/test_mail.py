"""Mail: what a message says, and what is known of it."""

import base64
from pathlib import Path

import pytest
from made_files import document_of, items_of, reason_of

from semsearch.ingest.readers.mail import EML, MBOX
from semsearch.types import Document, Failure, Limits

HEADER = (
    "From: Ann <ann@example.org>\nTo: bob@example.org,\n Carol <carol@example.org>\nCc: dan@example.org\n"
    "Date: Wed, 31 Jan 2024 13:00:00 +0100\nSubject: =?utf-8?q?Caf=C3=A9?=\n at noon\n"
)
MIXED = (
    f'{HEADER}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n--B\n'
    'Content-Type: multipart/alternative; boundary="C"\n\n--C\nContent-Type: text/plain; charset=iso-8859-1\n'
    "Content-Transfer-Encoding: quoted-printable\n\ncaf=E9\n\nsecond\n--C\nContent-Type: text/html\n\n"
    '<p>html</p>\n--C--\n--B\nContent-Type: application/pdf; name="plan.pdf"\n'
    'Content-Disposition: attachment; filename="plan.pdf"\n\nxx\n--B--\n'
)


def read(tmp_path: Path, content: str | bytes) -> Document:
    path = tmp_path / "a.eml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return document_of(EML, path)


def test_a_message_is_its_plain_part_with_what_its_header_says(tmp_path: Path) -> None:
    document = read(tmp_path, MIXED)
    assert (document.title, document.text) == ("Café at noon", "café\n\nsecond")
    assert document.metadata == {
        "format": "eml",
        "from": "Ann <ann@example.org>",
        "to": ["bob@example.org", "Carol <carol@example.org>"],
        "cc": ["dan@example.org"],
        "date": "2024-01-31T12:00:00Z",
        "attachments": ["plan.pdf"],
    }


def test_html_is_read_where_there_is_no_plain_part(tmp_path: Path) -> None:
    html = base64.b64encode("<title>x</title><p>Grüße</p><p>Ann</p>".encode()).decode()
    message = f"{HEADER}Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n{html}\n"
    assert read(tmp_path, message).text == "Grüße\n\nAnn"


def test_a_name_with_a_comma_is_one_address(tmp_path: Path) -> None:
    message = 'From: a@b.c\nTo: "Doe, Jane" <jane@example.org>, bob@example.org\n\ntext\n'
    assert read(tmp_path, message).metadata["to"] == ['"Doe, Jane" <jane@example.org>', "bob@example.org"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_message_that_was_saved_as_utf16_is_read(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, f"{HEADER}\nsome text\n".encode(encoding)).text == "some text"


def test_a_part_in_another_encoding_than_it_declares_is_read(tmp_path: Path) -> None:
    message = f"{HEADER}Content-Type: text/plain; charset=us-ascii\n\n".encode() + "Grüße aus Köln".encode("cp1252")
    assert read(tmp_path, message).text == "Grüße aus Köln"


def test_headers_that_cannot_be_understood_are_left_out(tmp_path: Path) -> None:
    message = "From: =?x?q?=\nTo: <>,;\nDate: some day\nSubject:\nX-Odd\n\ntext\n"
    document = read(tmp_path, message)
    assert document.text.endswith("text")
    assert "date" not in document.metadata
    assert document.title is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "has no header, as a mail has; name it after what it is"),
        (f"{HEADER}\n\n", "has no text in it; fill it or leave it out"),
        (f"{HEADER}Content-Type: application/pkcs7-mime\n\nxx\n", "is encrypted; decrypt it first"),
    ],
)
def test_a_message_without_text_is_a_failure_that_says_why(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "a.eml"
    path.write_text(content)
    assert reason_of(EML, path) == reason


def test_a_mailbox_is_a_document_a_message_and_one_that_is_too_long_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    messages = [
        f"{HEADER}\nA line\nFrom here on\n\n>From the start\nnot From\n",
        f"{HEADER}\n{'x' * 900}\n",
        f"{HEADER}\nlast\n",
    ]
    path.write_text("".join(f"From ann Wed Jan 31\n{message}\n" for message in messages))
    first, second, third = items_of(MBOX, path, Limits(file_bytes=600))
    assert isinstance(first, Document)
    assert (first.id, first.text) == ("a.mbox#1", "A line\nFrom here on\n\nFrom the start\nnot From")
    assert isinstance(second, Failure)
    assert second.reason == "has more than 600 bytes, and larger messages are not read"
    assert isinstance(third, Document)
    assert (third.id, third.text, third.metadata["format"]) == ("a.mbox#3", "last", "mbox")


def test_a_file_without_messages_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    path.write_text("text\n")
    assert reason_of(MBOX, path) == "has no messages in it, as a mailbox has; name it after what it is"
