"""Turns files, folders, globs and standard input into documents, one after the other, whatever is wrong with some.

What a format means is in `readers`; which files a path stands for is in `finding`.
"""

import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from semsearch.ingest.finding import find_files
from semsearch.ingest.readers.contract import FoundFile, Limits
from semsearch.ingest.readers.jsonl import count_lines, read_jsonl
from semsearch.ingest.readers.registry import READERS
from semsearch.types import Document, Failure

logger = logging.getLogger(__name__)


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
    limits = Limits(document_bytes=max_document_bytes)
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
                yield from _guarded(READERS[file.path.suffix.lower()].read(file, limits), str(file.path))
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
