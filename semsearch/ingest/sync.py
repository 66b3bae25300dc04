"""Brings a collection up to date with files: tells what has changed since they were read, and reads only that.

A file is as it was if its size and time of modification are, or else its content; what it is compared with is in the
store, by the path that it was given as. Which files a path stands for is in `finding`; what they hold, in `reading`.
"""

import contextlib
import hashlib
import itertools
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TypeAlias

from semsearch.ingest.finding import UnreadFile, find_files
from semsearch.ingest.items import FileBegins, FileEnds, FileSkipped, FileVanished, Item
from semsearch.ingest.readers.contract import FoundFile
from semsearch.ingest.reading import Reading, log_passed_over
from semsearch.store.batches import batched
from semsearch.store.documents import DocumentStore
from semsearch.store.records import SourceFile
from semsearch.types import Document, Failure

_AT_ONCE = 256  # files whose state is looked up together
# A file may change within the clock tick in which it was read: of one this young, only the content is trusted.
_RACY_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Compared:
    """A file beside what is known of it.

    Attributes:
        present: what it is now, with an empty hash if it cannot be looked at.
        known: what it was when it was read; None: never.
        changed: it has to be read.
        touched: only its size and time have to be noted.
    """

    file: FoundFile
    present: SourceFile
    known: SourceFile | None
    changed: bool
    touched: bool = False


Found: TypeAlias = Compared | Failure | FileVanished | UnreadFile


class Sync:
    """Reads what has changed among the files of some paths, and each of them once; one call's.

    Args:
        store: what knows the files.
        reading: reads them.
        base: where relative paths start, the current folder if nothing is said.
        retry_failed: read again what is in quarantine, though it has not changed.
    """

    def __init__(
        self, store: DocumentStore, reading: Reading, *, base: Path | None = None, retry_failed: bool = False
    ) -> None:
        self._store, self._reading, self._base, self._retry = store, reading, base, retry_failed
        self._seen: set[str] = set()  # paths of files, as they were given

    def items(self, paths: Sequence[str]) -> Iterator[Item]:
        """Yield what is to be done for these paths: files, folders, globs, and `-` for JSON Lines on standard input."""
        for path in paths:
            if path == "-":
                yield from self._reading.standard_input()
            else:
                yield from self._items_of(path)

    def _items_of(self, path: str) -> Iterator[Item]:
        for some in self._compared_groups(path):
            changed = [each.file for each in some if isinstance(each, Compared) and each.changed]
            with contextlib.closing(self._reading.all_documents(changed)) as documents:
                for each in some:
                    match each:
                        case Compared(changed=True):
                            yield from _read(each, next(documents))
                        case Compared():
                            yield FileSkipped(each.present, each.touched)
                        case _:
                            yield each

    def compare(self, path: str) -> Iterator[Found]:
        """Yield the files of a path beside what is known of them, and in the end those that have vanished from it."""
        return itertools.chain.from_iterable(self._compared_groups(path))

    def _compared_groups(self, path: str) -> Iterator[list[Found]]:
        passed_over: Counter[str] = Counter()
        found: set[str] = set()
        whole = True
        for some in batched(find_files(path, self._reading.readers, passed_over, self._base), _AT_ONCE):
            whole = whole and not any(isinstance(each, Failure) for each in some)
            yield self._compared_group([each for each in some if _path(each) not in self._seen])
            found.update(filter(None, map(_path, some)))
            self._seen |= found
        log_passed_over(path, passed_over)
        if whole and found:  # a folder in which nothing is found is more likely not mounted than empty
            yield list(self._vanished(path, found))

    def _compared_group(self, some: Sequence[FoundFile | UnreadFile | Failure]) -> list[Found]:
        with self._store.read() as reader:
            known = reader.source_files.known(each.document_id for each in some if isinstance(each, FoundFile))
        return [
            self._compared(each, known.get(each.document_id)) if isinstance(each, FoundFile) else each for each in some
        ]

    def _compared(self, file: FoundFile, known: SourceFile | None) -> Compared:
        reader = self._reading.reader_of(file)
        name = f"{reader.name}/{reader.version}"
        try:
            state = file.path.stat()
            present = SourceFile(file.document_id, state.st_size, _trusted_time(state), b"", name)
            if known is None or known.reader != name or not known.hash or (known.failures and self._retry):
                return Compared(file, replace(present, hash=hash_of(file.path)), known, changed=True)
            if (known.size, known.modified_ns) == (state.st_size, state.st_mtime_ns):
                return Compared(file, known, known, changed=False)
            present = replace(present, hash=hash_of(file.path))
        except OSError:  # which is the failure that reading it will yield
            return Compared(file, SourceFile(file.document_id, reader=name), known, changed=True)
        if present.hash != known.hash:
            return Compared(file, present, known, changed=True)
        present = replace(known, size=present.size, modified_ns=present.modified_ns)
        return Compared(file, present, known, changed=False, touched=True)

    def _vanished(self, path: str, found: set[str]) -> Iterator[FileVanished]:
        folder = (self._base or Path()) / path
        if not folder.is_dir():
            return
        given = PurePath(os.path.normpath(path)).as_posix()
        with self._store.read() as reader:
            known = [each for each in reader.source_files.paths() if _is_below(each, given) and each not in found]
            files = reader.source_files.known(known)
        for each in known:
            yield FileVanished(files[each])


def _read(compared: Compared, documents: Iterable[Document | Failure]) -> Iterator[Item]:
    yield FileBegins(compared.present.path, compared.known)
    yield from documents
    yield FileEnds(_if_unchanged(compared.present, compared.file.path))


def _path(found: FoundFile | UnreadFile | Failure) -> str | None:
    """As it was given."""
    match found:
        case FoundFile():
            return found.document_id
        case UnreadFile():
            return found.path
    return None


def hash_of(path: Path) -> bytes:
    """BLAKE2b (128 bits) of a file's content; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()


def _trusted_time(state: os.stat_result) -> int:
    return 0 if state.st_mtime_ns > time.time_ns() - _RACY_NS else state.st_mtime_ns


def _if_unchanged(file: SourceFile, path: Path) -> SourceFile:
    """What is known of a file that was read; one that has changed meanwhile will be read again."""
    try:
        state = path.stat()
    except OSError:
        return replace(file, hash=b"")
    as_it_was = state.st_size == file.size and file.modified_ns in (0, state.st_mtime_ns)
    return file if as_it_was else replace(file, hash=b"")


def _is_below(path: str, folder: str) -> bool:
    if folder == ".":
        return not path.startswith(("/", "../"))
    return path.startswith(folder.rstrip("/") + "/")
