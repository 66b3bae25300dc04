"""A collection's database: created once, opened often, read in snapshots, written by one process at a time."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert

from semsearch import files
from semsearch.errors import CollectionExistsError, CollectionLockedError, CollectionNotFoundError, StoreError
from semsearch.store import migrations, schema
from semsearch.store.database import reader_engine, transaction, translated, writer_engine
from semsearch.store.reader import StoreReader
from semsearch.store.records import CollectionSpec
from semsearch.store.writer import StoreWriter

DATABASE = "collection.db"
LOCK = "write.lock"


class DocumentStore:
    """The truth of a collection.

    Any number of threads and processes may `read`; `write` takes the collection's write lock, which this process then
    keeps until `close`. Threads of one process take turns in `write`.
    """

    def __init__(self, root: Path, spec: CollectionSpec) -> None:
        self.root, self.spec = root, spec
        self.path = root / DATABASE
        self._lock = files.FileLock(root / LOCK)
        self._turn = threading.Lock()
        self._readers = reader_engine(self.path)
        self._writer = writer_engine(self.path)

    @classmethod
    def create(cls, root: Path, spec: CollectionSpec) -> "DocumentStore":
        """Make an empty collection at `root`, at once and as a whole.

        Raises:
            CollectionExistsError: something is there already.
        """
        _check_free(root)
        files.make_directory(root)
        files.make_directory(root / "tmp")
        lock = files.FileLock(root / LOCK)
        take_lock(lock, root)
        try:
            _check_free(root)
            unborn = root / "tmp" / DATABASE
            files.discard(unborn)
            _write_empty(unborn, spec)
            files.adopt(unborn, root / DATABASE)
            files.sync_directory(root.parent)
        finally:
            lock.release()
        return cls.open(root)

    @classmethod
    def open(cls, root: Path) -> "DocumentStore":
        """Open what is there, bringing an older format up to date; never creates.

        Raises:
            CollectionNotFoundError, CorruptStoreError, FormatVersionError
        """
        path = root / DATABASE
        if not path.is_file():
            raise CollectionNotFoundError(root)
        engine = reader_engine(path)
        try:
            with transaction(engine, path) as connection:
                found = migrations.format_of(connection, path)
                spec = StoreReader(connection, path).spec() if found == migrations.FORMAT else None
        finally:
            engine.dispose()
        if spec is None:
            spec = _upgrade(root, path)
        return cls(root, spec)

    @contextlib.contextmanager
    def read(self) -> Iterator[StoreReader]:
        """One snapshot; commits made meanwhile are not seen in it."""
        with transaction(self._readers, self.path) as connection:
            yield StoreReader(connection, self.path)

    @contextlib.contextmanager
    def write(self) -> Iterator[StoreWriter]:
        """One transaction: durable when the block ends, without effect when it raises.

        Raises:
            CollectionLockedError: another process is the writer.
            StoreFullError: the disk is full.
        """
        with self._turn:
            take_lock(self._lock, self.root)
            with transaction(self._writer, self.path) as connection:
                writer = StoreWriter(connection, self.path)
                yield writer
                writer.finish()
                files.failpoint("store.precommit")
        files.failpoint("store.postcommit")

    def release_space(self) -> None:
        """Give the database's free pages back to the file system, as far as no reader needs the log with them."""
        self.lock()
        with self._turn, translated(self.path), contextlib.closing(self._writer.raw_connection()) as connection:
            # a step a page, and only a script is stepped to its end
            connection.cursor().executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")

    def lock(self) -> None:
        """Become the collection's writer, until `close`; raises CollectionLockedError."""
        with self._turn:
            take_lock(self._lock, self.root)

    def close(self) -> None:
        """Give back connections and the write lock; the store cannot be used afterwards."""
        with translated(self.path):
            self._readers.dispose()
            self._writer.dispose()
        self._lock.release()


def take_lock(lock: files.FileLock, root: Path) -> None:
    """Take a collection's write lock or raise CollectionLockedError."""
    try:
        lock.acquire(f"process {os.getpid()} ({Path(sys.argv[0]).name or 'python'})")
    except BlockingIOError as error:
        raise CollectionLockedError(root, str(error)) from error
    except OSError as error:
        raise StoreError(f"{root} cannot be written: {error}") from error


def _check_free(root: Path) -> None:
    # what an interrupted creation leaves behind is no collection
    if root.exists() and (not root.is_dir() or {path.name for path in root.iterdir()} - {"tmp", LOCK}):
        raise CollectionExistsError(f"{root} exists already: open it, drop it, or choose another name")


def _write_empty(path: Path, spec: CollectionSpec) -> None:
    engine = writer_engine(path, create=True)
    with transaction(engine, path) as connection:
        migrations.migrate(connection, 0)
        values = {
            "id": 1,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "model": spec.model,
            "fingerprint": spec.fingerprint,
            "precision": spec.precision,
            "max_tokens": spec.max_tokens,
            "dim": spec.dim,
            "version": 0,
            "layout": 0,
        }
        connection.execute(insert(schema.collection).values(values))
    engine.dispose()  # the last connection moves the log into the file and removes it


def _upgrade(root: Path, path: Path) -> CollectionSpec:
    lock = files.FileLock(root / LOCK)
    take_lock(lock, root)
    engine = writer_engine(path)
    try:
        with transaction(engine, path) as connection:
            migrations.migrate(connection, migrations.format_of(connection, path))
            return StoreReader(connection, path).spec()
    finally:
        engine.dispose()
        lock.release()
