"""The reader of DOCX: paragraphs, tables, text boxes and notes, with headings as places.

Left out are headers and footers, the table of contents, comments, and what tracked changes have deleted or moved away.
"""

import re
from typing import BinaryIO

from semsearch.ingest.readers.archive import Archive
from semsearch.ingest.readers.content import Content, of_file
from semsearch.ingest.readers.contract import Reader
from semsearch.ingest.readers.flow import Flow
from semsearch.ingest.readers.ooxml import main_part, properties, related
from semsearch.ingest.readers.structure import TextBuilder
from semsearch.ingest.readers.xml import START, Event, Walker
from semsearch.types import Limits

_SKIPPED = frozenset({"Fallback", "moveFrom", "del", "instrText", "delText"})
_IN_RUNS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
_CONTENTS = re.compile(r"toc [1-9]")  # a line of the table of contents
_DEEPEST = 20  # styles that one is based on


class _Paragraph:
    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.style = ""
        self.level: int | None = None
        self.inner: list[_Paragraph] = []  # of text boxes that are anchored in it


class _Styles:
    """Which paragraph styles are headings, and of which level."""

    def __init__(self, archive: Archive, part: str) -> None:
        self.names: dict[str, str] = {}
        self._levels: dict[str, int] = {}
        self._parents: dict[str, str] = {}
        style = ""
        for name in related(archive, part).of_type("styles")[:1]:
            for event in archive.events(name):
                if event.kind == START:
                    style = event.attributes.get("styleId", "") if event.name == "style" else style
                    self._take(style, event)

    def level(self, style: str) -> int | None:
        for _ in range(_DEEPEST):
            if style in self._levels:
                return self._levels[style]
            style = self._parents.get(style, "")
        return None

    def _take(self, style: str, event: Event) -> None:
        value = event.attributes.get("val", "")
        if event.name == "name":
            self.names[style] = value.lower()
            if heading := _HEADING.fullmatch(value):
                self._levels[style] = int(heading[1])
        elif event.name == "outlineLvl":
            _take_level(self._levels, style, value)
        elif event.name == "basedOn":
            self._parents[style] = value


def _take_level(levels: dict[str, int], style: str, value: str) -> None:
    if value in {*"012345678"}:  # 9 is body text
        levels.setdefault(style, int(value) + 1)


class _Body(Walker):
    """Gives the paragraphs and tables of a part to a flow."""

    def __init__(self, flow: Flow, styles: _Styles) -> None:
        super().__init__(_SKIPPED)
        self.title: str | None = None
        self._flow, self._styles = flow, styles
        self._open: list[_Paragraph] = []
        self._runs = 0
        self._in_text = False

    def _text(self, text: str) -> None:
        if self._in_text and self._open:
            self._open[-1].pieces.append(text)

    def _start(self, event: Event) -> None:
        match event.name:
            case "p":
                self._open.append(_Paragraph())
            case "t":
                self._in_text = True
            case "r":
                self._runs += 1
            case "tr" if not self._open:
                self._flow.begin_row()
            case "tc" if not self._open:
                self._flow.begin_cell()
            case "pStyle" | "outlineLvl" | "tab" | "ptab" | "br" | "cr" | "noBreakHyphen" if self._open:
                self._mark(self._open[-1], event)

    def _mark(self, paragraph: _Paragraph, event: Event) -> None:
        value = event.attributes.get("val", "")
        if event.name == "pStyle":
            paragraph.style = value
        elif event.name == "outlineLvl":
            paragraph.level = int(value) + 1 if value in {*"012345678"} else None
        elif self._runs:  # a tab outside a run is the definition of a tab stop
            paragraph.pieces.append(_IN_RUNS[event.name])

    def _end(self, name: str) -> None:
        match name:
            case "p":
                self._close(self._open.pop())
            case "t":
                self._in_text = False
            case "r":
                self._runs -= 1
            case "tc" if not self._open:
                self._flow.end_cell()
            case "tr" if not self._open:
                self._flow.end_row()
            case "tbl" if not self._open:
                self._flow.end_table()

    def _close(self, paragraph: _Paragraph) -> None:
        if self._open:  # it is in a text box, and comes after what it is anchored in
            self._open[-1].inner += [paragraph, *paragraph.inner]
            return
        for each in (paragraph, *paragraph.inner):
            text = "".join(each.pieces)
            if self.title is None and self._styles.names.get(each.style) == "title" and text.strip():
                self.title = text
            if not _CONTENTS.fullmatch(self._styles.names.get(each.style, "")):
                self._flow.add_paragraph(text, each.level or self._styles.level(each.style))


def parse_docx(opened: BinaryIO, limits: Limits) -> Content:
    """The title is that of the properties, else the first paragraph of the style Title."""
    archive = Archive(opened, limits.unpacked_bytes)
    part = main_part(archive)
    builder = TextBuilder(limits.text_characters)
    body = _Body(Flow(builder), _Styles(archive, part))
    parts = related(archive, part)
    for name in (part, *parts.of_type("footnotes"), *parts.of_type("endnotes")):
        if name in archive:
            body.walk(archive.events(name))
    title, metadata = properties(archive)
    return Content(builder.text, title or body.title, metadata, builder.places)


DOCX = Reader("docx", (".docx", ".docm"), of_file("docx", parse_docx))
