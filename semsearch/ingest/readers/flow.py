"""Paragraphs and tables of office documents, nested in each other as they may be, as the lines of a text.

A cell is on one line, cells are separated by tabs; a table in a cell becomes part of it.
"""

from semsearch.ingest.readers.structure import LINE, PARAGRAPH, TextBuilder


class Flow:
    """Adds what a document has, in its order, to a text."""

    def __init__(self, builder: TextBuilder) -> None:
        self.builder = builder
        self._rows: list[list[str]] = []  # one for each table that is open
        self._cells: list[list[str]] = []  # the paragraphs of each cell that is open

    def add_paragraph(self, text: str, level: int | None = None, gap: int = PARAGRAPH) -> None:
        """Add a paragraph, or a heading of this level; headings in tables are no places."""
        if self._cells:
            self._cells[-1].append(" ".join(text.split()))
            return
        if level is not None and text.strip():
            self.builder.begin_heading(level, text)
        self.builder.add(text.strip("\n"), gap)

    def begin_row(self) -> None:
        self._rows.append([])

    def begin_cell(self) -> None:
        self._cells.append([])

    def end_cell(self) -> None:
        cell = " ".join(filter(None, self._cells.pop()))
        if self._rows:
            self._rows[-1].append(cell)
        else:
            self.builder.add(cell, PARAGRAPH)

    def end_row(self) -> None:
        row = "\t".join(self._rows.pop()).rstrip("\t")
        if self._cells:
            self._cells[-1].append(" ".join(row.split()))
        else:
            self.builder.add(row, LINE)

    def end_table(self) -> None:
        if not self._cells:
            self.builder.part(PARAGRAPH)
