"""What happens to a store around its use: made on a bad day, dropped half way, replaced, closed, moved away from."""

import os
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from semsearch import Collection, files
from semsearch.errors import CollectionExistsError, InvalidRequestError, NotFoundError, StoreError, StoreFullError
from semsearch.store import database, documents
from semsearch.store.documents import DATABASE, PARTS, DocumentStore
from semsearch.store.records import CollectionSpec, Entry
from semsearch.types import Document, Span

DIM = 8


@pytest.fixture
def store(tmp_path: Path) -> DocumentStore:
    return DocumentStore.create(tmp_path / "c", CollectionSpec(DIM))


def put(store: DocumentStore, document_id: str) -> None:
    entry = Entry(Document(document_id, "text"), b"content", b"details", (Span(0, 4),), np.ones((1, DIM), np.float16))
    with store.write() as writer:
        writer.put([entry])


def ids(store: DocumentStore) -> list[str]:
    with store.read() as reader:
        return [summary.id for _, summary in reader.summaries(None, 0, 10)]


def stop() -> None:
    raise InterruptedError


# --- creating


def interrupt_a_drop(root: Path, after: int) -> None:
    """Remove the first parts of a collection that has all of them, whose log holds what was acknowledged."""
    store = DocumentStore.open(root)
    put(store, "a")
    for folder, name in (("vectors", "3-0.f16"), ("vectors", "3-0.ids.npy"), ("faiss", "3.base"), ("tmp", "x.tmp")):
        files.make_directory(root / folder)
        (root / folder / name).write_bytes(b"x")
    parts = {part: [(path, path.read_bytes()) for path in each_file(root / part)] for part in PARTS}
    store.close()  # moves the log into the file, which a kill does not
    for part in PARTS:
        for path, data in parts[part]:
            path.write_bytes(data)
    turns = iter(range(1, len(PARTS) + 1))
    with (
        files.armed("remove_tree.removed", lambda: stop() if next(turns) == after else None),
        pytest.raises(InterruptedError),
    ):
        Collection.drop(root)


def each_file(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]


@pytest.mark.parametrize("after", range(1, len(PARTS) + 1))
def test_a_drop_that_is_interrupted_leaves_no_collection_and_no_obstacle(store: DocumentStore, after: int) -> None:
    store.close()
    interrupt_a_drop(store.root, after)
    with pytest.raises(NotFoundError):
        DocumentStore.open(store.root)
    again = DocumentStore.create(store.root, CollectionSpec(DIM))
    assert ids(again) == []
    put(again, "b")
    left = {path.name for path in store.root.rglob("*") if path.is_file()}
    assert left == {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", "write.lock"}


@pytest.mark.parametrize("name", ["vectors/drawing.svg", "faiss/1.ivf/x", "tmp/letter.txt", "latents/1.npy"])
def test_creating_where_a_folder_holds_something_else_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "c" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    with pytest.raises(CollectionExistsError):
        DocumentStore.create(tmp_path / "c", CollectionSpec(DIM))
    assert path.read_bytes() == b"mine"


def test_a_database_whose_log_cannot_be_moved_into_it_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = []
    real = documents.migrations.migrate

    def migrate_under_a_reader(connection: object, found: int) -> None:
        reader = sqlite3.connect(tmp_path / "c" / "tmp" / DATABASE, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM sqlite_schema").fetchall()  # its snapshot keeps the log from being moved
        readers.append(reader)
        real(connection, found)

    monkeypatch.setattr(database, "_BUSY_SECONDS", 0)
    monkeypatch.setattr(documents.migrations, "migrate", migrate_under_a_reader)
    with pytest.raises(StoreError, match="cannot be finished"):
        DocumentStore.create(tmp_path / "c", CollectionSpec(DIM))
    assert not (tmp_path / "c" / DATABASE).exists()
    readers[0].close()
    monkeypatch.undo()
    assert DocumentStore.create(tmp_path / "c", CollectionSpec(DIM)).spec.dim == DIM


def test_no_room_for_the_shared_memory_of_the_log_is_a_full_disk(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
    with pytest.raises(StoreFullError), database.translated(tmp_path / DATABASE):
        raise error


# --- staying the same


def test_a_store_that_was_dropped_and_made_anew_is_neither_read_nor_written(store: DocumentStore) -> None:
    other = DocumentStore.open(store.root)
    put(other, "old")
    other.close()
    Collection.drop(store.root)
    with pytest.raises(NotFoundError, match="replaced or removed meanwhile: open it again"):
        ids(store)
    with pytest.raises(NotFoundError, match="replaced or removed"):
        put(store, "a")
    assert not store.root.exists()
    new = DocumentStore.create(store.root, CollectionSpec(DIM + 1))
    for use in (lambda: ids(store), lambda: put(store, "a"), store.lock, store.release_space):
        with pytest.raises(NotFoundError, match="replaced or removed"):
            use()
    assert ids(new) == []
    new.lock()


def test_a_store_that_is_replaced_while_a_connection_is_made_is_not_read(
    store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store._reading.one

    def replaced_first() -> object:
        Collection.drop(store.root)
        DocumentStore.create(store.root, CollectionSpec(DIM))
        return real()

    monkeypatch.setattr(store._reading, "one", replaced_first)
    with pytest.raises(NotFoundError, match="replaced or removed"):
        ids(store)


def test_a_relative_path_means_the_same_collection_in_another_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    created = DocumentStore.create(Path("c"), CollectionSpec(DIM))
    opened = DocumentStore.open(Path("c"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    put(created, "a")
    assert ids(opened) == ["a"]
    assert created.root == opened.root == tmp_path / "c"
    assert list(Path.cwd().iterdir()) == []


# --- closing


def test_a_closed_store_is_not_opened_again_by_its_use(store: DocumentStore) -> None:
    put(store, "a")
    before = set(os.listdir("/proc/self/fd"))
    store.close()
    store.close()
    closed = set(os.listdir("/proc/self/fd"))
    for use in (lambda: ids(store), lambda: put(store, "b"), store.lock, store.release_space):
        with pytest.raises(InvalidRequestError, match="closed: open it again"):
            use()
    assert set(os.listdir("/proc/self/fd")) == closed < before
    again = DocumentStore.open(store.root)
    assert ids(again) == ["a"]
    again.lock()


def test_closing_waits_for_a_running_write(store: DocumentStore) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def write() -> None:
        with store.write():
            inside.set()
            go_on.wait(10)

    writing, closing = threading.Thread(target=write), threading.Thread(target=store.close)
    writing.start()
    assert inside.wait(10)
    closing.start()
    closing.join(0.2)
    assert closing.is_alive()
    go_on.set()
    writing.join()
    closing.join()
    DocumentStore.open(store.root).lock()


def connections(store: DocumentStore) -> list[object]:
    """Those that wait, as the driver has them."""
    return [each.connection.dbapi_connection for each in store._reading._waiting]


def test_a_read_takes_the_connection_that_waits_and_one_within_another_its_own(store: DocumentStore) -> None:
    ids(store)
    [first] = connections(store)
    with store.read() as outer:
        assert connections(store) == []
        put(store, "a")
        assert ids(store) == ["a"]
        assert outer.count(None) == 1  # its snapshot begins with its first question
    assert len(set(connections(store))) == 2
    assert first in connections(store)


def test_only_so_many_connections_wait(store: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_READERS", 2)
    with store.read(), store.read(), store.read():
        pass
    assert len(connections(store)) == 2


def test_a_read_that_fails_leaves_neither_a_transaction_nor_a_connection(store: DocumentStore) -> None:
    ids(store)
    with pytest.raises(InterruptedError), store.read() as reader:
        assert reader.count(None) == 0
        stop()
    assert connections(store) == []
    put(store, "a")
    assert ids(store) == ["a"]


def test_a_read_that_runs_while_the_store_is_closed_ends_well_and_leaves_no_connection(store: DocumentStore) -> None:
    put(store, "a")
    ids(store)
    with store.read() as reader:
        store.close()
        assert reader.count(None) == 1
    assert connections(store) == []
