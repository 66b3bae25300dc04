"""The reader of CSV and TSV: a document a row, the first row giving the names of the columns.

A row that is wrong or too long is a failure, and the rows after it still come. The file may be of any size.
"""

import csv
import io
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import BinaryIO, NamedTuple

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.columns import Columns, columns_of
from semsearch.ingest.readers.content import explained
from semsearch.ingest.readers.contract import FoundFile, Reader
from semsearch.ingest.readers.encoding import encoding_of
from semsearch.types import Document, Failure, Limits

_DELIMITERS = ",;\t|"
_SAMPLE = 1 << 16  # characters by which the delimiter is chosen
_TYPED = 1_000  # rows by which a column is taken to be of numbers
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d+)?$")  # what is written otherwise (007, +49) may be no amount


class _Row(NamedTuple):
    number: int  # of the row, from 1 on, the header apart
    line: int  # on which it begins
    cells: list[str] | None  # None: it is too long


class _Lines:
    """The lines of a file for csv.reader, which asks for another one only within quotes.

    Of a row above `most` characters only what may end its quotes is passed on, so that the next row is found.
    """

    def __init__(self, file: io.TextIOBase, most: int) -> None:
        self._file = file
        self._most = most + 2  # the end of the line does not count
        self.line = 0
        self._size = self._passed_on = 0  # characters of the row so far

    def __iter__(self) -> Iterator[str]:
        while line := self._whole_line():
            if self.is_too_long and self._passed_on and '"' not in line:
                continue
            self._passed_on += len(line)
            if self._passed_on > 2 * self._most:
                raise InvalidDocumentError("has a row that never ends: a quote is opened and not closed; correct it")
            yield line

    @property
    def is_too_long(self) -> bool:
        return self._size >= self._most

    def begin_row(self) -> None:
        self._size = self._passed_on = 0

    def _whole_line(self) -> str:
        """The next line; of a very long one its quotes and its end."""
        piece = self._file.readline(self._most)
        self.line += 1
        self._size += len(piece)
        if len(piece) < self._most:
            return piece
        quotes = piece.count('"')
        while piece and piece[-1] not in "\r\n":
            piece = self._file.readline(self._most)
            quotes += piece.count('"')
        return '"' * quotes + "\n"


def _read(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    where = str(file.path)
    with file.path.open("rb") as opened:
        try:
            yield from _documents(file, opened, limits)
        except (InvalidDocumentError, UnicodeDecodeError, csv.Error) as error:
            yield Failure(where, explained(error, "csv"), file.document_id)


CSV = Reader("csv", (".csv", ".tsv"), _read, prose=False, sandboxed=False)


def _documents(file: FoundFile, opened: BinaryIO, limits: Limits) -> Iterator[Document | Failure]:
    most = limits.document_bytes
    if csv.field_size_limit() < 3 * most:
        csv.field_size_limit(3 * most)  # of the process; there is no other way to read long cells
    with io.TextIOWrapper(opened, encoding_of(opened), newline="") as text:
        sample = text.read(_SAMPLE)
        text.seek(0)
        rows = _rows(text, _delimiter(sample, file.path.suffix), most)
        header = next(rows, None)
        if header is None or header.cells is None:
            raise InvalidDocumentError("has no row with the names of its columns; write one, or leave it out")
        columns = columns_of([name.strip() for name in header.cells], str(file.path))
        first = list(_sample(rows))
        if not first:
            raise InvalidDocumentError("has no rows below the names of its columns; fill it or leave it out")
        numeric = _numeric(columns, first)
        for row in chain(first, rows):
            yield _document(row, columns, numeric, file, most)


def _document(row: _Row, columns: Columns, numeric: set[int], file: FoundFile, most: int) -> Document | Failure:
    document_id, where = f"{file.document_id}#{row.number}", f"{file.path}:{row.line}"
    if row.cells is None:
        reason = f"is longer than max_document_bytes ({most:,}); split it or raise the setting"
        return Failure(where, reason, document_id)
    if any(row.cells[len(columns.names) :]):
        reason = f"has {len(row.cells)} cells, and there are {len(columns.names)} columns; put quotes around its commas"
        return Failure(where, reason, document_id)
    cells = [cell if number == columns.text else cell.strip() for number, cell in enumerate(row.cells)]
    cells = [*cells[: len(columns.names)], *[""] * (len(columns.names) - len(cells))]
    values = [_typed(cell) if number in numeric else cell for number, cell in enumerate(cells)]
    document = columns.document(cells, values, document_id, str(file.path))
    if not document.text.strip() and not document.title:
        return Failure(where, "has no text in it; fill it or leave it out", document.id)
    return document


def _rows(text: io.TextIOBase, delimiter: str, most: int) -> Iterator[_Row]:
    """Yield the header as row 0, then each row that is not blank."""
    lines = _Lines(text, most)
    number, line = 0, 1
    for cells in csv.reader(lines, delimiter=delimiter):
        if lines.is_too_long:
            yield _Row(number, line, None)
            number += 1
        elif any(cell.strip() for cell in cells):
            yield _Row(number, line, cells)
            number += 1
        line = lines.line + 1
        lines.begin_row()


def _delimiter(sample: str, suffix: str) -> str:
    """The delimiter that gives the most rows of one width, wider rows before narrower ones."""
    if suffix.lower() == ".tsv":
        return "\t"

    def regularity(delimiter: str) -> tuple[float, int]:
        rows = list(islice(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), 50))
        widths = [len(row) for row in rows if row]
        width = max(set(widths), key=widths.count, default=1)
        return (0.0 if width == 1 else widths.count(width) / len(widths), width)

    return max(_DELIMITERS, key=regularity)


def _sample(rows: Iterator[_Row]) -> Iterator[_Row]:
    """Yield some of the rows, for a look at them before the first is used."""
    size = 0
    for row in islice(rows, _TYPED):
        yield row
        size += sum(map(len, row.cells or ()))
        if size > _SAMPLE * 16:
            return


def _numeric(columns: Columns, rows: list[_Row]) -> set[int]:
    """The columns of which all cells that are not blank are numbers."""
    numeric = set()
    for number in range(len(columns.names)):
        cells = [row.cells[number].strip() for row in rows if row.cells and len(row.cells) > number]
        filled = [cell for cell in cells if cell]
        if filled and all(map(_NUMBER.match, filled)):
            numeric.add(number)
    return numeric


def _typed(cell: str) -> str | int | float:
    if not _NUMBER.match(cell):
        return cell
    return float(cell) if "." in cell else int(cell)
