"""The reader of ODT: paragraphs, lists, tables and notes, with headings as places.

Left out are headers and footers, comments, and what tracked changes have deleted.
"""

from typing import BinaryIO

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.archive import Archive
from semsearch.ingest.readers.content import Content, of_file
from semsearch.ingest.readers.contract import Reader
from semsearch.ingest.readers.flow import Flow
from semsearch.ingest.readers.ooxml import starts
from semsearch.ingest.readers.structure import TextBuilder
from semsearch.ingest.readers.xml import START, TEXT, Event, Walker
from semsearch.types import Limits, Metadata

_SKIPPED = frozenset({"tracked-changes", "annotation", "note-citation", "forms"})
_KEYS = {"initial-creator": "author", "creator": "author", "creation-date": "created", "date": "modified"}
_MOST_SPACES = 100  # that one element may stand for


class _Paragraph:
    def __init__(self, level: int | None) -> None:
        self.level = level
        self.pieces: list[str] = []
        self.inner: list[_Paragraph] = []  # of notes and frames that are anchored in it

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class _Body(Walker):
    """Gives the paragraphs and tables of the content to a flow."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(_SKIPPED)
        self._flow = flow
        self._open: list[_Paragraph] = []

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1].pieces.append(_collapsed(text))

    def _start(self, event: Event) -> None:
        match event.name:
            case "p" | "h":
                level = event.attributes.get("outline-level", "1") if event.name == "h" else ""
                self._open.append(_Paragraph(int(level) if level.isdigit() else None))
            case "s" if self._open:
                count = event.attributes.get("c", "1")
                self._open[-1].pieces.append(" " * min(int(count) if count.isdigit() else 1, _MOST_SPACES))
            case "tab" if self._open:
                self._open[-1].pieces.append("\t")
            case "line-break" if self._open:
                self._open[-1].pieces.append("\n")
            case "table-row" if not self._open:
                self._flow.begin_row()
            case "table-cell" | "covered-table-cell" if not self._open:
                self._flow.begin_cell()

    def _end(self, name: str) -> None:
        match name:
            case "p" | "h":
                self._close(self._open.pop())
            case "table-row" if not self._open:
                self._flow.end_row()
            case "table-cell" | "covered-table-cell" if not self._open:
                self._flow.end_cell()
            case "table" if not self._open:
                self._flow.end_table()

    def _close(self, paragraph: _Paragraph) -> None:
        if self._open:
            self._open[-1].inner += [paragraph, *paragraph.inner]
            return
        for each in (paragraph, *paragraph.inner):
            self._flow.add_paragraph(each.text.strip(" "), each.level)


def parse_odt(opened: BinaryIO, limits: Limits) -> Content:
    """The title is that of the properties."""
    archive = Archive(opened, limits.unpacked_bytes)
    manifest = "META-INF/manifest.xml"
    if manifest in archive and any(starts(archive.events(manifest), "encryption-data")):
        raise InvalidDocumentError("is encrypted; save it without a password")
    builder = TextBuilder(limits.text_characters)
    body = _Body(Flow(builder))
    body.walk(archive.events("content.xml"))
    title, metadata = _properties(archive)
    return Content(builder.text, title, metadata, builder.places)


ODT = Reader("odt", (".odt",), of_file("odt", parse_odt))


def _properties(archive: Archive) -> tuple[str | None, Metadata]:
    found: dict[str, str] = {}
    metadata: Metadata = {}
    name = ""
    for event in archive.events("meta.xml") if "meta.xml" in archive else ():
        if event.kind == TEXT:
            found[name] = found.get(name, "") + event.name
        else:
            name = event.name if event.kind == START else ""
            pages = event.attributes.get("page-count", "")
            if pages.isdigit():
                metadata["page_count"] = int(pages)
    for key, value in found.items():
        if key in _KEYS:
            metadata.setdefault(_KEYS[key], value.strip())
    return found.get("title", "").strip() or None, metadata


def _collapsed(text: str) -> str:
    """White space as ODF means it: any run of it is a space."""
    if not text.strip():
        return " " if text else ""
    return f"{' ' * text[0].isspace()}{' '.join(text.split())}{' ' * text[-1].isspace()}"
