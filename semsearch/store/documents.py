"""A collection's database: created once, opened often, read in snapshots, written by one process at a time."""

import contextlib
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from semsearch import files
from semsearch.errors import (
    CollectionExistsError,
    CollectionLockedError,
    CollectionNotFoundError,
    CorruptStoreError,
    InvalidRequestError,
    NotFoundError,
    StoreError,
)
from semsearch.store import migrations, schema, terms
from semsearch.store.database import ReadTransactions, reader_engine, transaction, translated, writer_engine
from semsearch.store.keyword import KeywordIndex
from semsearch.store.reader import StoreReader
from semsearch.store.records import CollectionSpec
from semsearch.store.writer import StoreWriter

logger = logging.getLogger(__name__)

DATABASE = "collection.db"
LOCK = "write.lock"
_LOGS = (f"{DATABASE}-wal", f"{DATABASE}-shm")
FOLDERS = ("vectors", "faiss", "tmp")
# All of a collection, in the order in which it is removed: without its log the database would open and lack documents,
# and the lock is held to the very end.
PARTS = (DATABASE, *_LOGS, *FOLDERS, LOCK)
_IN_FOLDERS = re.compile(
    rf"vectors/[\d-]+\.(f16|ids\.npy)|faiss/[\d-]+\.((base|delta)(\.ids\.npy)?|queries\.npy)|tmp/(.+\.tmp|{re.escape(DATABASE)}(-\w+)?)"
)


class DocumentStore:
    """The truth of a collection.

    Any number of threads and processes may `read`; `write` takes the collection's write lock, which this process then
    keeps until `close`. Threads of one process take turns in `write`.
    """

    def __init__(self, root: Path, spec: CollectionSpec, database: files.SameFile) -> None:
        """Use `create` or `open` instead."""
        self.root, self.spec = root, spec
        self.path = root / DATABASE
        self._database: files.SameFile | None = database  # None once it is closed
        self._lock = files.FileLock(root / LOCK)
        self._turn = threading.Lock()
        self.changing = threading.RLock()  # held while this process makes files anew: one change of them at a time
        # a connection made just now may lead to what was put in its place just now
        self._reading = ReadTransactions(self.path, self._check_usable)
        self._writer = writer_engine(self.path)

    @classmethod
    def create(cls, root: Path, spec: CollectionSpec) -> "DocumentStore":
        """Make an empty collection at `root`, at once and as a whole.

        Raises:
            CollectionExistsError: something is there already.
        """
        root = root.absolute()
        check_free(root)
        files.make_directory(root / "tmp")
        lock = files.FileLock(root / LOCK)
        take_lock(lock, root)
        try:
            check_free(root)
            _clear(root)
            unborn = root / "tmp" / DATABASE
            _write_empty(unborn, spec)
            files.adopt(unborn, root / DATABASE)
            files.sync_directory(root.parent)
        finally:
            lock.release()
        return cls.open(root)

    @classmethod
    def open(cls, root: Path) -> "DocumentStore":
        """Open what is there, bringing an older format and a keyword index of other terms up to date; never creates.

        A keyword index that cannot be made anew now is left as it is, and refuses to be searched.

        Raises:
            CollectionNotFoundError, CorruptStoreError, FormatVersionError
            CollectionLockedError: the format is older, and another process is writing.
        """
        root = root.absolute()
        path = root / DATABASE
        if not path.is_file():
            raise CollectionNotFoundError(root)
        database = files.SameFile(path)
        engine = reader_engine(path)
        try:
            with transaction(engine, path) as connection:
                found = migrations.format_of(connection, path)
                spec = StoreReader(connection, path).spec() if found == migrations.FORMAT else None
        finally:
            engine.dispose()
        if spec is None:
            spec = _upgrade(root, path)
        elif spec.terms != terms.VERSION:
            spec = _with_new_terms(root, path, spec)
        return cls(root, spec, database)

    @contextlib.contextmanager
    def read(self) -> Iterator[StoreReader]:
        """One snapshot; commits made meanwhile are not seen in it.

        Raises:
            NotFoundError: the collection was removed, or another one was made in its place.
            InvalidRequestError: the store was closed.
        """
        self._check_usable()
        with self._reading.one() as connection:
            yield StoreReader(connection, self.path)

    @contextlib.contextmanager
    def write(self) -> Iterator[StoreWriter]:
        """One transaction: durable when the block ends, without effect when it raises.

        Raises:
            CollectionLockedError: another process is the writer.
            StoreFullError: the disk is full.
            NotFoundError, InvalidRequestError: as `read`.
        """
        with self._turn:
            self._become_writer()
            with transaction(self._writer, self.path) as connection:
                self._check_usable()
                writer = StoreWriter(connection, self.path)
                writer.renew_terms()  # another process may have made them its own since this one opened
                yield writer
                writer.finish()
                files.failpoint("store.precommit")
        files.failpoint("store.postcommit")

    def release_space(self) -> None:
        """Join the keyword index's segments, and give free pages back, as far as no reader needs the log with them."""
        with self._turn:
            self._become_writer()
            with transaction(self._writer, self.path) as connection:
                KeywordIndex(connection, self.path).optimize()
            with translated(self.path), contextlib.closing(self._writer.raw_connection()) as connection:
                # a step a page, and only a script is stepped to its end
                connection.cursor().executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")

    def lock(self) -> None:
        """Become the collection's writer, until `close`; raises CollectionLockedError."""
        with self._turn:
            self._become_writer()

    def close(self) -> None:
        """Give back connections and the write lock, once a running write is done; nothing else works afterwards."""
        with self._turn, translated(self.path):
            self._database = None
            self._reading.close()
            self._writer.dispose()
            self._lock.release()

    def _become_writer(self) -> None:
        self._check_usable()  # first, since taking the lock makes a file
        take_lock(self._lock, self.root)

    def _check_usable(self) -> None:
        database = self._database
        if database is None:
            raise InvalidRequestError(f"the collection {self.root} was closed: open it again")
        if not database.is_there():
            raise NotFoundError(f"{self.root} was replaced or removed meanwhile: open it again")


def list_collections(indexes: Path) -> list[str]:
    """Names of the collections in a folder, sorted; none if there is no such folder."""
    return sorted(path.parent.name for path in indexes.glob(f"*/{DATABASE}"))


def remove_collection(root: Path) -> list[Path]:
    """Delete the collection at `root`, a damaged one too; returns the files there that are not part of it.

    Raises:
        CollectionNotFoundError: there is none.
        CollectionLockedError: another process is writing to it.
    """
    if not (root / DATABASE).is_file():
        raise CollectionNotFoundError(root)
    lock = files.FileLock(root / LOCK)
    take_lock(lock, root)
    try:
        return files.remove_tree(root, PARTS)
    finally:
        lock.release()


def take_lock(lock: files.FileLock, root: Path) -> None:
    """Take a collection's write lock or raise CollectionLockedError."""
    try:
        lock.acquire(f"process {os.getpid()} ({Path(sys.argv[0]).name or 'python'})")
    except BlockingIOError as error:
        raise CollectionLockedError(root, str(error)) from error
    except OSError as error:
        raise StoreError(f"{root} cannot be written: {error}") from error


def check_free(root: Path) -> None:
    """Raise CollectionExistsError if a collection cannot be created there."""
    if root.exists() and not (root.is_dir() and all(_is_leftover(path) for path in root.iterdir())):
        remedy = "open it, drop it, or choose another name"
        if not (root / DATABASE).exists():
            remedy = "it is no collection and not empty: choose another name, or empty it"
        raise CollectionExistsError(f"{root} exists already: {remedy}")


def _is_leftover(path: Path) -> bool:
    """Whether it is what a creation or a drop that was interrupted leaves behind."""
    if path.name in FOLDERS and path.is_dir():
        return all(_IN_FOLDERS.fullmatch(f"{path.name}/{each.name}") and each.is_file() for each in path.iterdir())
    return path.name in (*_LOGS, LOCK) and path.is_file()


def _clear(root: Path) -> None:
    """Discard leftovers, durably: the log of another database would be taken for the new one's."""
    files.sweep(root, FOLDERS, ())
    for log in _LOGS:
        files.discard(root / log)
    files.sync_directory(root)


def _write_empty(path: Path, spec: CollectionSpec) -> None:
    engine = writer_engine(path, create=True)
    try:
        with transaction(engine, path) as connection:
            migrations.migrate(connection, 0)
            connection.execute(insert(schema.collection).values(_first_row(spec)))
        _move_log_into_file(engine, path)
    finally:
        engine.dispose()  # removes the log


def _first_row(spec: CollectionSpec) -> dict[str, Any]:
    return {
        "id": 1,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": spec.model,
        "fingerprint": spec.fingerprint,
        "precision": spec.precision,
        "max_tokens": spec.max_tokens,
        "dim": spec.dim,
        "image_size": spec.image_size,
        "target_recall": spec.target_recall,
        "codec": spec.codec,
        "chunking": spec.chunking.method,
        "chunk_tokens": spec.chunking.tokens,
        "chunk_overlap": spec.chunking.overlap,
        "terms": spec.terms,
        "version": 0,
        "layout": 0,
    }


def _move_log_into_file(engine: Engine, path: Path) -> None:
    """Checkpoint, since SQLite does so when the last connection is closed and is silent where that fails."""
    with translated(path), contextlib.closing(engine.raw_connection()) as connection:
        busy, *_ = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    log = path.with_name(f"{path.name}-wal")
    if busy or (log.exists() and log.stat().st_size):
        raise StoreError(f"{path} cannot be finished: its log {log.name} is in use; try again")


def _upgrade(root: Path, path: Path) -> CollectionSpec:
    lock = files.FileLock(root / LOCK)
    take_lock(lock, root)
    engine = writer_engine(path)
    try:
        with transaction(engine, path) as connection:
            migrations.migrate(connection, migrations.format_of(connection, path))
            writer = StoreWriter(connection, path)
            writer.renew_terms()
            writer.finish()
            return writer.spec()
    finally:
        engine.dispose()
        lock.release()


def _with_new_terms(root: Path, path: Path, spec: CollectionSpec) -> CollectionSpec:
    try:
        return _upgrade(root, path)
    except CorruptStoreError:
        raise
    except (CollectionLockedError, StoreError) as error:
        logger.warning("%s is not searched by words, its keyword index has to be made anew: %s", root, error)
        return spec
