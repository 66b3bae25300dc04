"""The reader of PPTX: a page for each slide in the order of the show, with its title as heading and its notes below."""

from typing import BinaryIO

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.archive import Archive
from semsearch.ingest.readers.content import Content, of_file
from semsearch.ingest.readers.contract import Reader
from semsearch.ingest.readers.flow import Flow
from semsearch.ingest.readers.ooxml import main_part, properties, related, starts
from semsearch.ingest.readers.structure import LINE, PARAGRAPH, TextBuilder
from semsearch.ingest.readers.xml import Event, Walker
from semsearch.types import Limits

_TITLES = frozenset({"title", "ctrTitle"})
_FURNITURE = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})  # placeholders that are the same on every slide
_SHAPES = frozenset({"sp", "graphicFrame", "pic", "cxnSp"})


class _Slide(Walker):
    """Gives the paragraphs and tables of a slide, or of its notes, to a flow."""

    def __init__(self, flow: Flow) -> None:
        super().__init__({"Fallback"})
        self._flow = flow
        self._placeholder = ""
        self._pieces: list[str] | None = None  # of the paragraph that is open
        self._in_text = False

    def _text(self, text: str) -> None:
        if self._in_text and self._pieces is not None:
            self._pieces.append(text)

    def _start(self, event: Event) -> None:
        match event.name:
            case "ph":
                self._placeholder = event.attributes.get("type", "body")
            case "p":
                self._pieces = []
            case "t":
                self._in_text = True
            case "br" if self._pieces is not None:
                self._pieces.append("\n")
            case "tr":
                self._flow.begin_row()
            case "tc":
                self._flow.begin_cell()

    def _end(self, name: str) -> None:
        match name:
            case "p":
                self._close("".join(self._pieces or ()))
                self._pieces = None
            case "t":
                self._in_text = False
            case "tc":
                self._flow.end_cell()
            case "tr":
                self._flow.end_row()
            case _ if name in _SHAPES:
                self._flow.builder.part(PARAGRAPH)
                self._placeholder = ""

    def _close(self, text: str) -> None:
        if self._placeholder in _FURNITURE:
            return
        self._flow.add_paragraph(text, 1 if self._placeholder in _TITLES else None, LINE)


def parse_pptx(opened: BinaryIO, limits: Limits) -> Content:
    """The title is that of the properties."""
    archive = Archive(opened, limits.unpacked_bytes)
    part = main_part(archive)
    builder = TextBuilder(limits.text_characters)
    parts = related(archive, part)
    ids = [event.attributes.get("r:id", "") for event in starts(archive.events(part), "sldId")]
    slides = [parts[each][1] for each in ids if each in parts]
    if len(slides) > limits.pages:
        raise InvalidDocumentError(f"has {len(slides):,} slides, and more than {limits.pages:,} are not read; split it")
    for number, slide in enumerate(slides, start=1):
        builder.begin_page(number)
        for name in (slide, *related(archive, slide).of_type("notesSlide")):
            _Slide(Flow(builder)).walk(archive.events(name))
            builder.part(PARAGRAPH)
    title, metadata = properties(archive)
    return Content(builder.text, title, metadata | {"page_count": len(slides)}, builder.places)


PPTX = Reader("pptx", (".pptx", ".pptm"), of_file("pptx", parse_pptx))
