"""The reader of PDF, by PDFium: the text of each page, as far as it is text and not a picture of it."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.content import Content, of_file
from semsearch.ingest.readers.contract import Reader
from semsearch.ingest.readers.structure import PARAGRAPH, TextBuilder
from semsearch.types import Limits

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-])(\d\d)'?(\d\d)?'?)?")
_DIVIDED = re.compile("[\x02\ufffe](.?)")  # PDFium's sign of a hyphen at the end of a line, and what follows
_PRINTED = re.compile(r"^Microsoft (?:Word|PowerPoint|Excel) - ")  # what Windows puts before the name of a file
_PASSWORD, _SECURITY = 4, 5  # https://pdfium.googlesource.com/pdfium/+/main/public/fpdfview.h, FPDF_ERR_*


def parse_pdf(opened: BinaryIO, limits: Limits) -> Content:
    """Words that are divided at the ends of lines are put together again."""
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        document = PdfDocument(opened)
    except PdfiumError as error:
        if error.err_code in {_PASSWORD, _SECURITY}:
            raise InvalidDocumentError("is encrypted; save it without a password") from error
        raise InvalidDocumentError(f"is damaged or of another kind: {error}; save it again") from error
    try:
        return _content(document, limits)
    finally:
        document.close()


PDF = Reader("pdf", (".pdf",), of_file("pdf", parse_pdf))


def _content(document: "PdfDocument", limits: Limits) -> Content:
    count = len(document)
    if count > limits.pages:
        raise InvalidDocumentError(f"has {count:,} pages, and more than {limits.pages:,} are not read; split it")
    builder = TextBuilder(limits.text_characters)
    for number in range(count):
        builder.begin_page(number + 1)
        builder.add(_page_text(document, number), PARAGRAPH)
    if not len(builder):
        raise InvalidDocumentError(
            f"has no text on any of its pages ({count}): it is scanned, or drawn; recognise its text (OCR) first"
        )
    values = document.get_metadata_dict(skip_empty=True)
    metadata = {
        "author": values.get("Author"),
        "created": iso_date(values.get("CreationDate", "")),
        "modified": iso_date(values.get("ModDate", "")),
        "page_count": count,
    }
    return Content(builder.text, _PRINTED.sub("", values.get("Title", "")), metadata, builder.places)


def _page_text(document: "PdfDocument", number: int) -> str:
    page = document[number]
    text_page = page.get_textpage()
    text: str = text_page.get_text_bounded()
    text_page.close()
    page.close()
    text = _DIVIDED.sub(lambda found: found[1] if found[1].islower() else f"-{found[1]}", text)
    return text.replace("\r\n", "\n").strip()


def iso_date(value: str) -> str | None:
    """A date of PDF (`D:20240131120000+01'00'`) in ISO 8601, in UTC if it says its zone; `None` if it is none."""
    if (found := _DATE.match(value)) is None:
        return None
    year, month, day, hour, minute, second = (int(part) if part else None for part in found.groups()[:6])
    try:
        moment = datetime(year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0)
        if found[7]:
            offset = timedelta(hours=int(found[8]), minutes=int(found[9] or 0))
            moment -= offset if found[7] == "+" else -offset
    except (ValueError, OverflowError):
        return None
    return moment.isoformat() + "Z" * (found[7] is not None or "Z" in found[0])
