"""The reader of XLSX: the cells of each sheet, a line a row with tabs between, with the sheet's name as heading.

A cell has the value that was last calculated for it, not its formula; dates are ISO 8601, whatever they look like.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import BinaryIO

from semsearch.ingest.readers.archive import Archive
from semsearch.ingest.readers.content import Content, of_file
from semsearch.ingest.readers.contract import Reader
from semsearch.ingest.readers.ooxml import Related, main_part, properties, related
from semsearch.ingest.readers.structure import LINE, PARAGRAPH, TextBuilder, too_long
from semsearch.ingest.readers.xml import START, TEXT
from semsearch.types import Limits

_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})  # ECMA-376, 18.8.30
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.')  # of a number format, what is not about the number
_COLUMN = re.compile(r"[A-Z]{1,3}")
_LAST_COLUMN = 16_384


class _Cells:
    """What cells refer to: texts that they share, and which of their styles are dates."""

    def __init__(self, archive: Archive, parts: Related, *, from_1904: bool, most: int) -> None:
        self.texts = [text for name in parts.of_type("sharedStrings")[:1] for text in _texts(archive, name, most)]
        self.dates = [is_date for name in parts.of_type("styles")[:1] for is_date in _date_styles(archive, name)]
        self._epoch = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30)  # sheets have no zones

    def shown(self, value: str, kind: str, style: str) -> str:
        """A cell's value as text, from its own text, its type and its style."""
        if kind == "s":
            index = int(value or -1)
            return self.texts[index] if 0 <= index < len(self.texts) else ""
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind not in {"", "n"} or not value.strip():
            return value
        number = float(value)
        if style.isdigit() and int(style) < len(self.dates) and self.dates[int(style)]:
            return self._date(number) or value
        return str(int(number)) if number.is_integer() and abs(number) < 10**15 else f"{number:.15g}"

    def _date(self, days: float) -> str | None:
        try:
            moment = self._epoch + timedelta(seconds=round(days * 86_400))
        except OverflowError:
            return None
        if 0 <= days < 1:
            return moment.time().isoformat()
        return moment.date().isoformat() if days == int(days) else moment.isoformat()


def parse_xlsx(opened: BinaryIO, limits: Limits) -> Content:
    """The title is that of the properties; sheets are in their order, hidden ones too."""
    archive = Archive(opened, limits.unpacked_bytes)
    part = main_part(archive)
    parts = related(archive, part)
    sheets, from_1904 = [], False
    for event in archive.events(part):
        if event.kind == START and event.name == "sheet":
            sheets.append((event.attributes.get("name", ""), event.attributes.get("r:id", "")))
        elif event.kind == START and event.name == "workbookPr":
            from_1904 = event.attributes.get("date1904") in {"1", "true"}
    cells = _Cells(archive, parts, from_1904=from_1904, most=limits.text_characters)
    builder = TextBuilder(limits.text_characters)
    for name, relationship in sheets:
        kind, member = parts.get(relationship, ("", ""))
        if kind == "worksheet":
            builder.begin_heading(1, name)
            builder.part(PARAGRAPH)
            for row in _rows(archive, member, cells):
                builder.add(row, LINE)
    title, metadata = properties(archive)
    return Content(builder.text, title, metadata, builder.places)


XLSX = Reader("xlsx", (".xlsx", ".xlsm"), of_file("xlsx", parse_xlsx))


def _rows(archive: Archive, member: str, cells: _Cells) -> Iterator[str]:
    row: list[str] = []
    kind = style = ""
    pieces: list[str] = []
    takes = False
    for event in archive.events(member):
        if event.kind == TEXT:
            if takes:
                pieces.append(event.name)
        elif event.kind == START:
            takes = event.name in {"v", "t"}
            if event.name == "c":
                pieces = []
                kind, style = event.attributes.get("t", ""), event.attributes.get("s", "")
                row += [""] * (_column(event.attributes.get("r", "")) - len(row))
        elif event.name == "c":
            row.append(" ".join(cells.shown("".join(pieces), kind, style).split()))
        elif event.name == "row":
            yield "\t".join(row).rstrip("\t")
            row = []
        else:
            takes = False


def _column(reference: str) -> int:
    """The number of the column of a reference (0 of `A7`), 0 if it says none."""
    letters = _COLUMN.match(reference)
    number = 0
    for letter in letters[0] if letters else "":
        number = number * 26 + ord(letter) - ord("A") + 1
    return min(max(number - 1, 0), _LAST_COLUMN)


def _texts(archive: Archive, name: str, most: int) -> Iterator[str]:
    pieces: list[str] = []
    takes, phonetic, size = False, False, 0
    for event in archive.events(name):
        if event.kind == TEXT:
            if takes and not phonetic:
                pieces.append(event.name)
                size += len(event.name)
                if size > most:
                    raise too_long(most)
        elif event.name == "rPh":  # how it is pronounced
            phonetic = event.kind == START
        elif event.name == "t":
            takes = event.kind == START
        elif event.name == "si" and event.kind != START:
            yield "".join(pieces)
            pieces = []


def _date_styles(archive: Archive, name: str) -> Iterator[bool]:
    """Whether each of the cell styles, in their order, shows a date or a time."""
    dates = set(_DATE_FORMATS)
    within = False
    for event in archive.events(name):
        values = event.attributes
        if event.name == "cellXfs":
            within = event.kind == START
        elif event.kind == START and event.name == "numFmt":
            number = int(values.get("numFmtId", 0))
            shows_date = bool(set("ymdhs") & set(_QUOTED.sub("", values.get("formatCode", "")).lower()))
            dates = dates | {number} if shows_date else dates - {number}
        elif event.kind == START and event.name == "xf" and within:
            yield int(values.get("numFmtId", 0)) in dates
