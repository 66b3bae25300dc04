import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from semsearch import files


def hello(write: Callable[[bytes], int]) -> None:
    write(b"hello ")
    write(b"world")


def test_a_published_file_has_its_bytes_and_their_hash(tmp_path: Path) -> None:
    published = files.publish(tmp_path, "faiss/1.ivf", hello)
    assert (tmp_path / "faiss/1.ivf").read_bytes() == b"hello world"
    assert published == files.Published("faiss/1.ivf", 11, hashlib.sha256(b"hello world").hexdigest())
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_published_file_is_never_overwritten(tmp_path: Path) -> None:
    files.publish(tmp_path, "1", hello)
    with pytest.raises(FileExistsError, match="never overwritten"):
        files.publish(tmp_path, "1", lambda write: write(b"other"))
    assert (tmp_path / "1").read_bytes() == b"hello world"


def test_an_error_while_writing_leaves_no_file(tmp_path: Path) -> None:
    def full(write: Callable[[bytes], int]) -> None:
        write(b"half")
        raise OSError(errno.ENOSPC, "no space")

    with pytest.raises(OSError, match="no space"):
        files.publish(tmp_path, "1", full)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_failed_fsync_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="the disk is gone"):
        files.publish(tmp_path, "1", hello)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_file_is_synced_before_it_is_renamed_and_the_directory_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        kind = "directory" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file"
        seen.append((kind, (tmp_path / "1").exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    files.publish(tmp_path, "1", hello)
    assert seen == [("file", False), ("directory", True)]


def test_sweep_removes_what_is_not_kept_and_looks_nowhere_else(tmp_path: Path) -> None:
    for name in ("faiss/1", "faiss/2", "tmp/x", "vectors/v"):
        files.publish(tmp_path, name, hello)
    assert files.sweep(tmp_path, ("faiss", "tmp"), {"faiss/2"}) == ["faiss/1", "tmp/x"]
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["faiss/2", "vectors/v"]


def test_the_lock_has_one_holder_whose_name_is_told(tmp_path: Path) -> None:
    first, second = files.FileLock(tmp_path / "lock"), files.FileLock(tmp_path / "lock")
    first.acquire("a long name of the first holder")
    with pytest.raises(BlockingIOError, match="the first holder"):
        second.acquire("the second")
    first.release()
    second.acquire("2nd")
    with pytest.raises(BlockingIOError, match="^2nd$"):
        first.acquire("again")
    second.release()


def test_a_failpoint_fires_only_while_it_is_armed() -> None:
    fired = []
    files.failpoint("here")
    with files.armed("here", lambda: fired.append(1)):
        files.failpoint("here")
        files.failpoint("there")
    files.failpoint("here")
    assert fired == [1]
