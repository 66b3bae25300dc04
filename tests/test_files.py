import errno
import fcntl
import hashlib
import os
import subprocess
import sys
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

    files.make_directory(tmp_path / "tmp")
    monkeypatch.setattr(os, "fsync", fsync)
    files.publish(tmp_path, "1", hello)
    assert seen == [("file", False), ("directory", True)]


def test_sweep_removes_what_is_not_kept_and_looks_nowhere_else(tmp_path: Path) -> None:
    for name in ("faiss/1", "faiss/2", "tmp/x", "vectors/v"):
        files.publish(tmp_path, name, hello)
    assert files.sweep(tmp_path, ("faiss", "tmp"), {"faiss/2"}) == ["faiss/1", "tmp/x"]
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["faiss/2", "vectors/v"]


def test_a_directory_and_its_parents_are_for_the_owner_only_and_each_entry_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    files.make_directory(tmp_path / "a" / "b" / "c")
    made = [tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700] * 3
    assert synced == [tmp_path, *made[:2]]
    files.make_directory(tmp_path / "a" / "b" / "c")
    assert len(synced) == 3


def test_a_tree_is_removed_in_order_and_what_is_not_part_of_it_is_left(tmp_path: Path) -> None:
    for name in ("first", "faiss/1", "faiss/own/2", "tmp/x", "lock"):
        (tmp_path / "c" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "c" / name).touch()
    seen = []
    with files.armed("remove_tree.removed", lambda: seen.append(len(list((tmp_path / "c").rglob("*"))))):
        assert files.remove_tree(tmp_path / "c", ("first", "absent", "faiss", "tmp", "lock")) == [tmp_path / "c/faiss"]
    assert seen == [7, 7, 6, 4, 3]
    assert (tmp_path / "c/faiss/own/2").exists()


def test_a_file_made_in_the_place_of_another_is_not_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"first")
    same = files.SameFile(tmp_path / "f")
    assert same.is_there()
    (tmp_path / "f").unlink()
    assert not same.is_there()
    (tmp_path / "f").write_bytes(b"second")  # a file system that has a free inode gives it to this one
    assert not same.is_there()


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


def test_a_lock_is_taken_though_the_disk_has_no_room_for_its_holders_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space")

    first, second = files.FileLock(tmp_path / "lock"), files.FileLock(tmp_path / "lock")
    monkeypatch.setattr(os, "pwrite", full)
    first.acquire("first")
    assert first.held
    with pytest.raises(BlockingIOError, match="another process"):
        second.acquire("second")
    first.release()
    second.acquire("second")
    second.release()


def test_a_lock_that_is_not_had_leaves_no_descriptor_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks here")

    lock, before = files.FileLock(tmp_path / "lock"), len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(fcntl, "flock", fails)
    with pytest.raises(OSError, match="no locks here"):
        lock.acquire("me")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert not lock.held


@pytest.mark.parametrize(
    ("in_the_child", "in_the_parent", "printed"),
    [
        ("print(lock.held)", "pass", "False"),
        ("lock.release(); print(locked())", "pass", "True"),  # a child cannot give back what it does not have
        ("os.read(reading, 1); print(locked())", "lock.release()", "False"),  # nor keep it by what it inherited
        ("os.read(reading, 1); lock.acquire('child'); print(lock.held)", "lock.release()", "True"),
    ],
)
def test_a_lock_belongs_to_the_process_that_took_it(
    tmp_path: Path, in_the_child: str, in_the_parent: str, printed: str
) -> None:
    code = f"""
import os, sys
from pathlib import Path
from semsearch.files import FileLock
lock = FileLock(Path(sys.argv[1]))
lock.acquire("parent")
reading, writing = os.pipe()
def locked():
    try:
        FileLock(Path(sys.argv[1])).acquire("other")
    except BlockingIOError:
        return True
    return False
if os.fork() == 0:
    {in_the_child}
else:
    {in_the_parent}
    os.write(writing, b"x")
    os.wait()
"""
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{printed}\n"


def test_a_failpoint_fires_only_while_it_is_armed() -> None:
    fired = []
    files.failpoint("here")
    with files.armed("here", lambda: fired.append(1)):
        files.failpoint("here")
        files.failpoint("there")
    files.failpoint("here")
    assert fired == [1]


def test_a_scratch_folder_is_its_owners_alone_and_goes_with_all_that_is_in_it() -> None:
    folder = files.make_scratch()
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/c").write_text("left")
    assert files.remove_scratch(folder)
    assert not folder.exists()


def test_a_scratch_folder_that_cannot_be_removed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_deep(folder: Path, ignore_errors: bool) -> None:
        raise RecursionError

    folder = files.make_scratch()
    with monkeypatch.context() as patch:
        patch.setattr(files.shutil, "rmtree", too_deep)
        assert not files.remove_scratch(folder)
    assert files.remove_scratch(folder)


# --- folders


def test_a_published_folder_has_its_files_and_nothing_else_is_left(tmp_path: Path) -> None:
    files.publish_folder(tmp_path / "models" / "m", {"a": b"one", "b": b"two"})
    assert {path.name: path.read_bytes() for path in (tmp_path / "models" / "m").iterdir()} == {
        "a": b"one",
        "b": b"two",
    }
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["m"]


def test_a_published_folder_is_never_overwritten(tmp_path: Path) -> None:
    files.publish_folder(tmp_path / "m", {"a": b"one"})
    with pytest.raises(FileExistsError, match="m exists already"):
        files.publish_folder(tmp_path / "m", {"a": b"two"})
    assert (tmp_path / "m" / "a").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_folder_that_could_not_be_written_is_not_there(tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "no space")

    with files.armed("publish.written", full), pytest.raises(OSError, match="no space"):
        files.publish_folder(tmp_path / "m", {"a": b"one", "b": b"two"})
    assert not (tmp_path / "m").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_published_folder_has_its_files_and_an_empty_one_is_filled(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new/deeper", "empty"):
        files.publish_folder(tmp_path / name, {"a": b"1", "b": b"2"})
        assert {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} == {"a": b"1", "b": b"2"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "new"]


def test_a_folder_or_file_that_is_there_is_not_published_over_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_bytes(b"")
    (tmp_path / "file").write_bytes(b"")
    for name in ("full", "file"):
        with pytest.raises(FileExistsError, match=f"{name} exists already"):
            files.publish_folder(tmp_path / name, {"a": b"1"})
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "mine"]
