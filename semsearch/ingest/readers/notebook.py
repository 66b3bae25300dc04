"""The reader of Jupyter notebooks: their cells of text and of code, without what the code has printed or drawn."""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.content import Content, of_file
from semsearch.ingest.readers.contract import Reader
from semsearch.ingest.readers.markup import markdown_headings
from semsearch.ingest.readers.structure import Heading, TextBuilder, places_of
from semsearch.types import Limits


def parse_notebook(opened: BinaryIO, limits: Limits) -> Content:
    """The title is that of the notebook's metadata, else the first heading (https://nbformat.readthedocs.io)."""
    notebook = json.load(opened)
    if not isinstance(notebook, dict):
        raise InvalidDocumentError("is no notebook: it is JSON, and no object; name it after what it is")
    builder = TextBuilder(limits.text_characters)
    headings: list[Heading] = []
    for kind, source in _cells(notebook):
        builder.add(source)
        if kind == "markdown" and source.strip():
            start = len(builder) - len(source)
            headings += [heading._replace(start=start + heading.start) for heading in markdown_headings(source)]
    declared = _object(notebook, "metadata")
    title = declared.get("title")
    if not isinstance(title, str):
        title = headings[0].title if headings else None
    return Content(builder.text, title, {"code_language": _language(declared)}, places_of(headings))


NOTEBOOK = Reader("ipynb", (".ipynb",), of_file("ipynb", parse_notebook))


def _cells(notebook: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the kind and the source of each cell; before version 4 they were on worksheets, and code was `input`."""
    sheets = notebook.get("worksheets")
    for sheet in sheets if isinstance(sheets, list) else [notebook]:
        cells = sheet.get("cells") if isinstance(sheet, dict) else None
        for cell in cells if isinstance(cells, list) else []:
            if isinstance(cell, dict):
                source = cell.get("source", cell.get("input", ""))
                text = "".join(map(str, source)) if isinstance(source, list) else str(source)
                yield str(cell.get("cell_type")), text.strip("\n")


def _language(declared: dict[str, Any]) -> str:
    kernel, language = _object(declared, "kernelspec"), _object(declared, "language_info")
    name = language.get("name") or kernel.get("language") or ""
    return name.lower() if isinstance(name, str) else ""


def _object(values: dict[str, Any], key: str) -> dict[str, Any]:
    value = values.get(key)
    return value if isinstance(value, dict) else {}
