"""Readers of text files, of which each is one document, and of JSON Lines; none of them needs a sandbox."""

import os
from collections.abc import Callable, Iterator

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.contract import FoundFile, Read, Reader
from semsearch.ingest.readers.jsonl import read_jsonl
from semsearch.ingest.readers.markup import Content, parse_html, parse_markdown, parse_plain, parse_rst
from semsearch.types import Document, Failure, Limits


def one_document(parse: Callable[[bytes], Content]) -> Read:
    """Make a reader of files that hold one document each."""

    def read(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
        where = str(file.path)
        try:
            title, text = parse(_read_bytes(file, limits.document_bytes))
        except InvalidDocumentError as error:
            yield Failure(where, str(error), file.document_id)
            return
        if text.strip():
            yield Document(file.document_id, text, title=title, source=where)
        else:
            yield Failure(where, "has no text in it; fill it or leave it out", file.document_id)

    return read


def _read_bytes(file: FoundFile, most: int) -> bytes:
    with file.path.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        if size > most:
            raise InvalidDocumentError(
                f"has {size:,} bytes, above max_document_bytes ({most:,}); split it or raise the setting"
            )
        return opened.read(size)


def _read_jsonl(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    with file.path.open("rb") as opened:
        yield from read_jsonl(opened, str(file.path), max_document_bytes=limits.document_bytes)


TEXT = Reader("text", (".txt",), one_document(parse_plain), sandboxed=False)
MARKDOWN = Reader("markdown", (".md",), one_document(parse_markdown), sandboxed=False)
RST = Reader("rst", (".rst",), one_document(parse_rst), sandboxed=False)
HTML = Reader("html", (".htm", ".html"), one_document(parse_html), sandboxed=False)
JSONL = Reader("jsonl", (".jsonl",), _read_jsonl, sandboxed=False)
