"""The readers of mail: EML, a message a file, and MBOX, a file of many, of which each is a document.

The text is the plain part, or else that of the HTML part; of attachments only their names are taken.
"""

from collections.abc import Iterator
from datetime import UTC
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from email.utils import parsedate_to_datetime
from typing import BinaryIO

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.content import Content, document_of, of_file
from semsearch.ingest.readers.contract import FoundFile, Reader
from semsearch.ingest.readers.encoding import decode
from semsearch.ingest.readers.html import add_visible, parsed
from semsearch.ingest.readers.structure import TextBuilder
from semsearch.types import Document, Failure, Limits, Metadata

_ENCRYPTED = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\0")  # how a message begins that was saved in UTF-16


def parse_eml(opened: BinaryIO, limits: Limits) -> Content:
    """The title is the subject; from, to, cc, date and the names of attachments are metadata."""
    return parse_message(opened.read(), limits)


EML = Reader("eml", (".eml",), of_file("eml", parse_eml))


def parse_message(data: bytes, limits: Limits) -> Content:
    """What a message says (RFC 5322)."""
    if data.startswith(_WIDE) or data[1:2] == b"\0":
        data = decode(data)[0].encode()
    message = message_from_bytes(data, policy=policy.default)
    if not isinstance(message, EmailMessage) or not message.keys():
        raise InvalidDocumentError("has no header, as a mail has; name it after what it is")
    if message.get_content_type() in _ENCRYPTED:
        raise InvalidDocumentError("is encrypted; decrypt it first")
    metadata: Metadata = {"from": _header(message, "from"), "date": _date(message)}
    metadata |= {key: _addresses(message, key) for key in ("to", "cc")}
    metadata["attachments"] = [name for name in map(_filename, message.walk()) if name]
    return Content(_text(message, limits), _header(message, "subject"), metadata)


def _text(message: EmailMessage, limits: Limits) -> str:
    body = message.get_body(("plain", "html"))
    # a digest has no body of its own, and its messages are the text
    parts = [body] if body is not None else [part for part in message.walk() if part.get_content_maintype() == "text"]
    builder = TextBuilder(limits.text_characters)
    for part in parts:
        text = _decoded(part)
        if part.get_content_subtype() == "html":
            add_visible(builder, parsed(text))
        else:
            builder.add(text.replace("\r\n", "\n").strip("\n"))
    return builder.text


def _decoded(part: MIMEPart) -> str:
    """The text of a part in the encoding that it declares, or the one that it looks like."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    return decode(payload, part.get_content_charset())[0] if payload else ""


def _header(message: EmailMessage, name: str) -> str | None:
    try:
        value = message.get(name)
        return None if value is None else str(value)
    except Exception:  # the standard library's parser of headers fails on some; the text is worth more
        return None


def _addresses(message: EmailMessage, name: str) -> list[str]:
    try:
        return [str(address) for address in message[name].addresses] if name in message else []
    except Exception:  # as above
        return []


def _filename(part: EmailMessage) -> str | None:
    try:
        return part.get_filename()
    except Exception:  # as above
        return None


def _date(message: EmailMessage) -> str | None:
    try:
        date = parsedate_to_datetime(_header(message, "date") or "")
    except ValueError:
        return None
    if date.tzinfo is None:
        return date.isoformat()
    return f"{date.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _read_mbox(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    with file.path.open("rb") as opened:
        number = 0
        for number, message in enumerate(_messages(opened, limits.file_bytes), start=1):
            each = FoundFile(file.path, f"{file.document_id}#{number}")
            yield document_of(each, "mbox", limits, lambda data=message: _checked(data, limits))  # type: ignore[misc]
    if not number:
        reason = "has no messages in it, as a mailbox has; name it after what it is"
        yield Failure(str(file.path), reason, file.document_id)


MBOX = Reader("mbox", (".mbox",), _read_mbox)


def _checked(data: bytes | None, limits: Limits) -> Content:
    if data is None:
        raise InvalidDocumentError(f"has more than {limits.file_bytes:,} bytes, and larger messages are not read")
    return parse_message(data, limits)


def _messages(opened: BinaryIO, most: int) -> Iterator[bytes | None]:
    """Yield each message without its `From ` line, and `None` for one above `most` bytes (RFC 4155)."""
    lines: list[bytes] = []
    size, blank, begun = 0, True, False
    while line := opened.readline(most):
        if blank and line.startswith(b"From "):
            if begun:
                yield b"".join(lines) if size <= most else None
            lines, size, begun = [], 0, True
        else:
            size += len(line)
            if size <= most:
                lines.append(line[1:] if line.startswith(b">From ") else line)
            else:
                lines.clear()
        blank = not line.strip()
    if begun:
        yield b"".join(lines) if size <= most else None
