"""Finds the files that a path stands for, and gives each its document id; no file is opened here.

A folder, or the part of a glob before its first wildcard, is never left: symbolic links below it are not followed.
"""

import glob
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from semsearch.ingest.readers.contract import FoundFile
from semsearch.types import Failure


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """A regular file that no reader is for, and its kind: the suffix."""

    path: str
    kind: str


def find_files(
    path: str, suffixes: Collection[str], passed_over: Counter[str], base: Path | None = None
) -> Iterator[FoundFile | UnreadFile | Failure]:
    """Yield the files of a file's, a folder's or a glob's path, in a stable order, or why there are none.

    A relative path starts at `base`, or at the current folder. The id is the file's path as it was given, so that no
    two folders of one name share ids; a glob gives the ids that its folder would give. What is below a folder and not
    looked at (hidden, not a regular file) is counted by kind in `passed_over`; a file of another suffix is yielded as
    unread there, and is a failure if it was named.
    """
    target, given = _absolute(path, base), PurePath(os.path.normpath(path))
    try:
        mode = target.stat().st_mode if path else None
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    except (OSError, ValueError) as error:
        yield Failure(path, f"cannot be looked up: {_explained(error)}; check the path and its permissions")
        return
    if mode is None:
        yield from _find_by_glob(path, target, suffixes, passed_over)
    elif stat.S_ISDIR(mode):
        yield from _select(_Root(target, given), _walk(target, passed_over), suffixes)
    elif not stat.S_ISREG(mode):
        yield Failure(path, "is neither a file nor a folder; name a file, or pipe JSON Lines into '-'")
    elif target.suffix.lower() not in suffixes:
        kind = f"{target.suffix} files" if target.suffix else "files without a suffix"
        remedy = "convert it to text, HTML or PDF (images: to JPEG or PNG), or install a reader for them"
        yield Failure(path, f"{kind} are not read in a collection like this; {remedy}")
    else:
        yield _found(target, given.as_posix())


@dataclass(frozen=True, slots=True)
class _Root:
    """A folder, and what it was called when it was given."""

    path: Path
    given: PurePath

    def document_id(self, path: Path) -> str:
        return (self.given / path.relative_to(self.path)).as_posix()


def _absolute(path: str, base: Path | None) -> Path:
    absolute = (base or Path()).absolute() / path
    # ".." is resolved; elsewhere a link keeps its own name, which outlives its target's
    return Path(os.path.realpath(absolute)) if ".." in absolute.parts else absolute


def _explained(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _found(path: Path, document_id: str) -> FoundFile | Failure:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        where = os.fsencode(path).decode(errors="backslashreplace")
        return Failure(where, "its name is not UTF-8, so no document can be named after it; rename it")
    return FoundFile(path, document_id)


def _select(
    root: _Root, paths: Iterable[Path | Failure], suffixes: Collection[str]
) -> Iterator[FoundFile | UnreadFile | Failure]:
    for path in paths:
        if isinstance(path, Failure):
            yield path
        elif path.suffix.lower() in suffixes:
            yield _found(path, root.document_id(path))
        else:
            yield UnreadFile(root.document_id(path), path.suffix.lower() or "no suffix")


def _walk(root: Path, passed_over: Counter[str]) -> Iterator[Path | Failure]:
    """Yield a folder's regular files by name, then those of its folders by name."""
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            files, folders = _list(folder, passed_over)
        except OSError as error:
            yield Failure(str(folder), f"the folder cannot be read: {_explained(error)}; check its permissions")
            continue
        yield from files
        pending += reversed(folders)


def _list(folder: Path, passed_over: Counter[str]) -> tuple[list[Path], list[Path]]:
    files, folders = [], []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                passed_over["hidden"] += 1
            elif entry.is_symlink():
                passed_over["symbolic links"] += 1
            elif entry.is_dir():
                folders.append(Path(entry))
            elif entry.is_file():
                files.append(Path(entry))
            else:
                passed_over["special files"] += 1
    return files, folders


def _find_by_glob(
    path: str, target: Path, suffixes: Collection[str], passed_over: Counter[str]
) -> Iterator[FoundFile | UnreadFile | Failure]:
    if not glob.has_magic(path):
        yield Failure(path, "does not exist; check its spelling and the current folder")
        return
    root = next(parent for parent in target.parents if parent.is_dir())
    pattern = target.relative_to(root)
    given = PurePath(*PurePath(os.path.normpath(path)).parts[: -len(pattern.parts)])
    if pattern.name == "**":  # since 3.13 this means files as well as folders
        pattern /= "*"
    try:
        paths = sorted(root.glob(str(pattern)))
    except (OSError, ValueError) as error:
        yield Failure(path, f"cannot be expanded: {_explained(error)}; correct the pattern, or name the folder")
        return
    if not paths:
        yield Failure(path, "matches nothing; check its spelling and the current folder")
    yield from _select(_Root(root, given), _visible_files(root, pattern, paths, passed_over), suffixes)


def _visible_files(root: Path, pattern: Path, paths: Iterable[Path], passed_over: Counter[str]) -> Iterator[Path]:
    """Leave out what a walk through the folder would pass over."""
    real_root = Path(os.path.realpath(root))
    for path in paths:
        inner = path.relative_to(root)
        if any(part.startswith(".") and part not in pattern.parts for part in inner.parts):
            passed_over["hidden"] += 1
        elif os.path.realpath(path) != str(real_root / inner):
            passed_over["symbolic links"] += 1
        elif path.is_file():
            yield path
        else:
            passed_over["folders" if path.is_dir() else "special files"] += 1
