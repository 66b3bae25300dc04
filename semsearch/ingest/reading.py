"""Turns files, folders, globs and standard input into documents, one after the other, whatever is wrong with some.

What a format means is in `readers`; which files a path stands for is in `finding`.
"""

import contextlib
import logging
import sys
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from semsearch.errors import InvalidRequestError
from semsearch.ingest.finding import UnreadFile, find_files
from semsearch.ingest.readers import image
from semsearch.ingest.readers.contract import FoundFile, Reader
from semsearch.ingest.readers.jsonl import count_lines, read_jsonl
from semsearch.ingest.readers.language import with_language
from semsearch.ingest.readers.registry import READERS
from semsearch.ingest.sandbox.parent import Sandbox
from semsearch.machine import cores
from semsearch.types import Document, Failure, Limits

logger = logging.getLogger(__name__)
MAX_WORKERS = 8  # processes that parse files
_REGISTRY = "semsearch.ingest.readers.registry"
_A_DOCUMENT_A_LINE = {".jsonl", ".ndjson", ".csv", ".tsv"}  # or nearly so: a cell may hold line breaks


class Reading:
    """Reads files within limits; a context manager, since it starts processes for those that may harm whoever parses.

    One thread's, which takes the documents of one file after the other.

    Args:
        limits: what each file may cost.
        image_size: read images, and nothing else, as squares with sides of so many pixels.
    """

    def __init__(self, limits: Limits, image_size: int | None = None) -> None:
        self._limits, self._image_size = limits, image_size
        self.readers = readers_for(images=image_size is not None)
        registry = _REGISTRY if image_size is None else image.__name__
        self._sandbox = Sandbox(limits, workers=min(MAX_WORKERS, cores()), registry=registry)

    def __enter__(self) -> "Reading":
        return self

    def __exit__(self, *error: object) -> None:
        self._sandbox.close()

    def documents(self, file: FoundFile) -> Iterator[Document | Failure]:
        """Yield the documents of a file; whatever is wrong with it is a failure among them."""
        reader = self.reader_of(file)
        if reader.sandboxed:
            return _finished(reader, self._sandbox.read(self._asked(file)))
        return _finished(reader, _guarded(reader.read(file, self._limits), str(file.path), file.document_id))

    def all_documents(self, files: Sequence[FoundFile]) -> Generator[Iterator[Document | Failure], None, None]:
        """Yield the documents of each file, in their order; those in the sandbox are parsed several at a time."""
        beside = [self._asked(file) for file in files if self.reader_of(file).sandboxed]
        with contextlib.closing(self._sandbox.read_all(beside)) as parsed:
            for file in files:
                reader = self.reader_of(file)
                yield _finished(reader, next(parsed)[1]) if reader.sandboxed else self.documents(file)

    def reader_of(self, file: FoundFile) -> Reader:
        """What reads a file that was found among those that `readers` are for."""
        return self.readers[file.path.suffix.lower()]

    def standard_input(self) -> Iterator[Document | Failure]:
        """Yield the documents of JSON Lines on standard input.

        Raises:
            InvalidRequestError: images are read, which do not come that way.
        """
        if self._image_size is not None:
            raise InvalidRequestError(
                "a collection of images takes files, and not what standard input holds: name them"
            )
        lines = read_jsonl(sys.stdin.buffer, "<stdin>", max_document_bytes=self._limits.document_bytes)
        return _guarded(lines, "<stdin>", None)

    def _asked(self, file: FoundFile) -> FoundFile:
        return replace(file, image_size=self._image_size)


def readers_for(*, images: bool) -> Mapping[str, Reader]:
    """The readers of the files of a collection of images, or else of texts, by their suffixes."""
    return image.READERS if images else READERS


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
    with Reading(Limits(document_bytes=max_document_bytes)) as reading:
        for path in paths:
            yield from reading.standard_input() if path == "-" else _read_path(path, reading, base)


def _read_path(path: str, reading: Reading, base: Path | None) -> Iterator[Document | Failure]:
    passed_over: Counter[str] = Counter()
    for file in find_files(path, READERS, passed_over, base):
        match file:
            case FoundFile():
                yield from reading.documents(file)
            case UnreadFile():
                passed_over[file.kind] += 1
            case _:
                yield file
    log_passed_over(path, passed_over)


def count_documents(paths: Sequence[str], *, base: Path | None = None, images: bool = False) -> int | None:
    """Count what there is to be read, without reading more than newlines; `None` if it includes standard input.

    Every line of JSON Lines and CSV counts, so that it can be a little more than what comes.
    """
    if "-" in paths:
        return None
    readers = readers_for(images=images)
    return sum(_count(file) for path in paths for file in find_files(path, readers, Counter(), base))


def failures_only(paths: Sequence[str], *, base: Path | None = None, images: bool = False) -> list[Failure] | None:
    """Why there is nothing to be read at these paths; `None` as soon as there is something."""
    failures, readers = [], readers_for(images=images)
    for path in paths:
        if path == "-":
            return None
        for each in find_files(path, readers, Counter(), base):
            if isinstance(each, FoundFile):
                return None
            if isinstance(each, Failure):
                failures.append(each)
    return failures


def log_passed_over(path: str, passed_over: Counter[str]) -> None:
    """Tell what a folder holds that was not read, by kind."""
    if passed_over:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(passed_over.items()))
        logger.info("%s: passed over %d that are not read: %s", path, passed_over.total(), kinds)


def _count(file: FoundFile | UnreadFile | Failure) -> int:
    if isinstance(file, UnreadFile):
        return 0
    if isinstance(file, Failure) or file.path.suffix.lower() not in _A_DOCUMENT_A_LINE:
        return 1
    try:
        return count_lines(file.path)
    except OSError:
        return 1  # the failure that reading it will yield


def _finished(reader: Reader, items: Iterator[Document | Failure]) -> Iterator[Document | Failure]:
    """With the languages of the texts, which are told here, so that the model for that is loaded once."""
    return with_language(items) if reader.prose else items


def _guarded(items: Iterator[Document | Failure], where: str, document_id: str | None) -> Iterator[Document | Failure]:
    try:
        yield from items
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}; check its permissions, then add it again"
        yield Failure(where, reason, document_id)
