"""The one place that writes, syncs, renames and unlinks files; it does not know what the bytes mean.

A file is published under a name that nobody used before: written to `tmp/`, its length checked, synced, renamed, and
the directory synced. Whoever publishes commits the manifest row afterwards, so that a crash in between leaves a file
that nothing refers to, which `sweep` removes.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import uuid
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

_failpoints: dict[str, Callable[[], None]] = {}


def failpoint(name: str) -> None:
    """Do nothing, unless a test has armed this name."""
    if _failpoints and name in _failpoints:
        _failpoints[name]()


@contextlib.contextmanager
def armed(name: str, action: Callable[[], None]) -> Iterator[None]:
    """Run `action` whenever `failpoint(name)` is passed, for fault tests."""
    _failpoints[name] = action
    try:
        yield
    finally:
        del _failpoints[name]


@dataclass(frozen=True, slots=True)
class Published:
    """A file that is on disk for good: its name, size in bytes and SHA-256."""

    name: str
    bytes: int
    sha256: str


class _HashingFile:
    """A binary file that counts and hashes what passes through `write`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash, self.bytes = file, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self._file.write(data)
        self.bytes += len(data)
        return len(data)

    def sha256(self) -> str:
        return self._hash.hexdigest()


def publish(root: Path, name: str, write: Callable[[Callable[[bytes], int]], None]) -> Published:
    """Publish `root/name` with what `write` gives to the function it is handed.

    Raises:
        FileExistsError: the name is taken; published files are never overwritten.
        OSError: the disk refused; nothing is left under `name`.
    """
    target, temporary = root / name, root / "tmp" / f"{name.replace('/', '-')}.tmp"
    make_directory(target.parent)
    make_directory(temporary.parent)
    if target.exists():
        raise FileExistsError(f"{target} exists already, and published files are never overwritten")
    try:
        with temporary.open("wb") as file:
            hashing = _HashingFile(file)
            write(hashing.write)
            file.flush()
            _check_length(file, hashing.bytes)
            failpoint("publish.written")
            os.fsync(file.fileno())
        failpoint("publish.fsynced")
        temporary.rename(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    failpoint("publish.renamed")
    sync_directory(target.parent)
    failpoint("publish.dirsynced")
    return Published(name, hashing.bytes, hashing.sha256())


def publish_bytes(root: Path, name: str, data: bytes) -> Published:
    """Publish `root/name` with these bytes; raises what `publish` does."""
    return publish(root, name, partial(_write, data))


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, as a whole or not at all; raises FileExistsError and other OSErrors."""
    with path.open("xb") as file:
        try:
            file.write(data)
        except BaseException:
            path.unlink()
            raise


def _check_length(file: BinaryIO, expected: int) -> None:
    found = os.fstat(file.fileno()).st_size
    if found != expected:
        raise OSError(f"{file.name} has {found} bytes on disk and {expected} were written to it")


def adopt(temporary: Path, target: Path) -> None:
    """Give a finished and closed file its final name; raises FileExistsError if the name is taken."""
    if target.exists():
        raise FileExistsError(f"{target} exists already")
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.rename(target)
    sync_directory(target.parent)


def publish_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Publish a folder of these files, as a whole; an empty one may be there.

    Raises:
        FileExistsError: something is there.
        OSError: the disk refused; nothing is left of it.
    """
    target = folder.absolute()
    temporary = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
    make_directory(temporary)
    try:
        for file, content in contents.items():
            publish_bytes(temporary, file, content)
        (temporary / "tmp").rmdir()
        _rename_folder(temporary, target)
    except BaseException:
        remove_tree(temporary, [*contents, "tmp"])
        raise
    sync_directory(target.parent)


def _write(content: bytes, write: Callable[[bytes], int]) -> None:
    write(content)


def _rename_folder(folder: Path, target: Path) -> None:
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise FileExistsError(f"{target} exists already") from error
        raise


def discard(path: Path) -> None:
    """Unlink a file that nothing refers to, if it is there."""
    path.unlink(missing_ok=True)


def sync_directory(path: Path) -> None:
    """Make renames and unlinks inside `path` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Create a directory and its parents, durably and readable by their owner only; existing ones are left alone."""
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        sync_directory(path.parent)


def sweep(root: Path, folders: Collection[str], keep: Collection[str]) -> list[str]:
    """Unlink the files in these folders of `root` whose names are not in `keep`; only the writer may call this."""
    removed = []
    for folder in folders:
        for path in sorted((root / folder).glob("*")):
            name = f"{folder}/{path.name}"
            if name not in keep and path.is_file():
                path.unlink()
                removed.append(name)
    return removed


def remove_tree(root: Path, parts: Sequence[str]) -> list[Path]:
    """Remove these files and folders of `root`, each durably before the next; returns what was left alone.

    What is left are files of other names, and folders with folders in them; `root` goes as well where nothing is left.
    """
    for part in parts:
        _remove(root / part)
        sync_directory(root)
        failpoint("remove_tree.removed")
    left = sorted(root.iterdir())
    if not left:
        root.rmdir()
        sync_directory(root.parent)
    return left


def _remove(path: Path) -> None:
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for each in path.iterdir():
        if not each.is_dir():
            each.unlink()
    if not any(path.iterdir()):
        path.rmdir()


def make_scratch() -> Path:
    """Make an empty folder, readable by its owner only, among the system's temporary ones."""
    return Path(tempfile.mkdtemp(prefix="semsearch-"))


def remove_scratch(folder: Path) -> bool:
    """Remove such a folder with whatever is in it, and tell whether it is gone."""
    with contextlib.suppress(RecursionError):  # nested to break whoever removes it
        shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def size_on_disk(root: Path) -> int:
    """Bytes of all files below `root`; files that vanish meanwhile count nothing."""
    total = 0
    for path in root.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                total += path.stat().st_size
    return total


class SameFile:
    """Whether a path still leads to the file that it led to at first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if sys.platform == "linux":
            # Linux gives a freed inode to the next file, which a descriptor prevents; one of O_PATH, since closing any
            # other one of a database would end the locks (fcntl) that SQLite has on it in this process
            weakref.finalize(self, os.close, os.open(path, os.O_PATH | os.O_CLOEXEC))
        self._first = path.stat()

    def is_there(self) -> bool:
        try:
            return os.path.samestat(self._first, self._path.stat())
        except (FileNotFoundError, NotADirectoryError):
            return False


class FileLock:
    """An advisory lock (flock) that ends with the process; the file's text only tells people who holds it.

    A process that is forked off does not hold its parent's lock, and can neither give it back nor keep it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._owner: int | None = None  # the process that took it

    @property
    def held(self) -> bool:
        """Whether this process has the lock by this object."""
        return self._descriptor is not None and self._owner == os.getpid()

    def acquire(self, holder: str) -> None:
        """Take the lock at once or raise BlockingIOError, whose message is the present holder's text."""
        if self.held:
            return
        self.release()
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock_at_once(descriptor, holder)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor, self._owner = descriptor, os.getpid()

    def release(self) -> None:
        """Give the lock back; the file stays, since unlinking it would let two writers in."""
        if self._descriptor is None:
            return
        if self.held:  # closing alone would leave it to a process that was forked off meanwhile
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)
        self._descriptor = None


def _lock_at_once(descriptor: int, holder: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        text = os.read(descriptor, 200).decode("utf-8", "replace").strip()
        raise BlockingIOError(text or "another process") from error
    with contextlib.suppress(OSError):  # the text is for people only, and a full disk has no room for it
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder.encode(), 0)
