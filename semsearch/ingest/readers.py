"""Turns files, folders, globs and standard input into documents, one after the other, whatever is wrong with some.

A file format is one function and one entry in `READERS`. What a format means is in `markup` and `jsonl`; which files a
path stands for is in `finding`.
"""

import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.finding import FoundFile, find_files
from semsearch.ingest.jsonl import count_lines, read_jsonl
from semsearch.ingest.markup import Content, parse_html, parse_markdown, parse_plain, parse_rst
from semsearch.types import Document, Failure

logger = logging.getLogger(__name__)

Reader: TypeAlias = Callable[[FoundFile, int], Iterator[Document | Failure]]  # (file, max_document_bytes)


def read_paths(
    paths: Sequence[str], *, base: Path | None = None, max_document_bytes: int = 10_000_000
) -> Iterator[Document | Failure]:
    """Yield the documents at these paths, in the order of the paths and then of the files' names.

    A path is a file, a folder, a glob (if nothing has it for a name), or `-` for JSON Lines on standard input. What
    cannot be read is yielded as a failure in its place, and reading goes on. What a folder holds besides is passed
    over, and logged by kind.

    Args:
        paths: files, folders and globs; a document's id is its path as it was given here.
        base: where relative paths start, the current folder if nothing is said.
        max_document_bytes: larger files, and longer lines of JSON Lines, are refused without being read.
    """
    for path in paths:
        if path == "-":
            lines = read_jsonl(sys.stdin.buffer, "<stdin>", max_document_bytes=max_document_bytes)
            yield from _guarded(lines, "<stdin>")
            continue
        passed_over: Counter[str] = Counter()
        for file in find_files(path, READERS, passed_over, base):
            if isinstance(file, Failure):
                yield file
            else:
                yield from _guarded(READERS[file.path.suffix.lower()](file, max_document_bytes), str(file.path))
        _log(path, passed_over)


def count_documents(paths: Sequence[str], *, base: Path | None = None) -> int | None:
    """Count what `read_paths` will yield, without reading more than newlines; `None` if it includes standard input.

    Blank lines of JSON Lines count too, so that it can be a little more than what comes.
    """
    if "-" in paths:
        return None
    return sum(_count(file) for path in paths for file in find_files(path, READERS, Counter(), base))


def _count(file: FoundFile | Failure) -> int:
    if isinstance(file, Failure) or file.path.suffix.lower() != ".jsonl":
        return 1
    try:
        return count_lines(file.path)
    except OSError:
        return 1  # the failure that reading it will yield


def _guarded(items: Iterator[Document | Failure], where: str) -> Iterator[Document | Failure]:
    try:
        yield from items
    except OSError as error:
        yield Failure(where, f"cannot be read: {error.strerror or error}; check its permissions, then add it again")


def _log(path: str, passed_over: Counter[str]) -> None:
    if passed_over:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(passed_over.items()))
        logger.info("%s: passed over %d that are not read: %s", path, passed_over.total(), kinds)


def _one_document(parse: Callable[[bytes], Content]) -> Reader:
    """Make a reader of files that hold one document each."""

    def read(file: FoundFile, max_document_bytes: int) -> Iterator[Document | Failure]:
        where = str(file.path)
        try:
            title, text = parse(_read_bytes(file, max_document_bytes))
        except InvalidDocumentError as error:
            yield Failure(where, str(error), file.document_id)
            return
        if text.strip():
            yield Document(file.document_id, text, title=title, source=where)
        else:
            yield Failure(where, "has no text in it; fill it or leave it out", file.document_id)

    return read


def _read_bytes(file: FoundFile, max_document_bytes: int) -> bytes:
    with file.path.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        if size > max_document_bytes:
            raise InvalidDocumentError(
                f"has {size:,} bytes, above max_document_bytes ({max_document_bytes:,}); split it or raise the setting"
            )
        return opened.read(size)


def _read_jsonl(file: FoundFile, max_document_bytes: int) -> Iterator[Document | Failure]:
    with file.path.open("rb") as opened:
        yield from read_jsonl(opened, str(file.path), max_document_bytes=max_document_bytes)


READERS: dict[str, Reader] = {
    ".htm": _one_document(parse_html),
    ".html": _one_document(parse_html),
    ".jsonl": _read_jsonl,
    ".md": _one_document(parse_markdown),
    ".rst": _one_document(parse_rst),
    ".txt": _one_document(parse_plain),
}
