"""The reader of RTF, by striprtf: its text without any formatting."""

from typing import BinaryIO

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.content import Content, of_file
from semsearch.ingest.readers.contract import Reader
from semsearch.types import Limits


def parse_rtf(opened: BinaryIO, limits: Limits) -> Content:
    """The text; RTF is ASCII, and says itself what is not."""
    from striprtf.striprtf import rtf_to_text

    data = opened.read()
    if not data.lstrip().startswith(b"{\\rtf"):
        raise InvalidDocumentError("is not RTF; save it again, or name it after what it is")
    text: str = rtf_to_text(data.decode("latin-1"), errors="replace")  # type: ignore[no-untyped-call]
    return Content(text.strip("\n"))


RTF = Reader("rtf", (".rtf",), of_file("rtf", parse_rtf))
