"""Connections to `collection.db`: pragmas, transactions, and SQLite's errors in our words; no table is named here.

Readers open the file read-only and hold one snapshot a transaction. All writes and checkpoints go through one
connection of the process that holds the write lock, which keeps clear of SQLite's WAL-reset bug (before 3.51.3).
"""

import contextlib
import functools
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import NoResultFound, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from semsearch.errors import CollectionLockedError, CorruptStoreError, SemsearchError, StoreError, StoreFullError

PAGE_SIZE = 8192  # a 384-dim float16 vector fills 4 KiB pages badly: x1.34 on disk against x1.07
_BUSY_SECONDS = 5
_READERS = 8  # connections that are kept
_READER_CACHE = 16 * 2**10  # KiB of pages each; a search by words takes a seventh longer with the usual 2 MB
_LOG_BYTES = 64 * 2**20  # to which a log that readers let grow is cut again
_SAFETY = ("foreign_keys = ON", "trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0")


def reader_engine(path: Path) -> Engine:
    """Read-only connections, one a thread at a time; a transaction is a snapshot."""
    pragmas = ("query_only = ON", f"cache_size = -{_READER_CACHE}")
    return _engine(path, mode="ro", begin="BEGIN", pragmas=pragmas, pool_size=_READERS)


def writer_engine(path: Path, *, create: bool = False) -> Engine:
    """The one connection that writes: durable when COMMIT returns."""
    # the page size of a database is fixed when its journal mode becomes WAL
    pragmas = (
        f"page_size = {PAGE_SIZE}",
        "auto_vacuum = INCREMENTAL",
        "journal_mode = WAL",
        "synchronous = FULL",
        f"journal_size_limit = {_LOG_BYTES}",
        "secure_delete = FAST",  # ON, as some builds have it, writes every page once more that is let go of
    )
    return _engine(path, mode="rwc" if create else "rw", begin="BEGIN IMMEDIATE", pragmas=pragmas, pool_size=1)


def _engine(path: Path, *, mode: str, begin: str, pragmas: tuple[str, ...], pool_size: int) -> Engine:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        # isolation_level=None: the driver begins nothing by itself, the event below does
        connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in (*pragmas, *_SAFETY):
                connection.execute(f"PRAGMA {pragma}").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection

    overflow = 0 if pool_size == 1 else 64
    engine = create_engine(
        "sqlite+pysqlite://", creator=connect, poolclass=QueuePool, pool_size=pool_size, max_overflow=overflow
    )
    event.listen(engine, "begin", functools.partial(_begin, begin))
    return engine


def _begin(statement: str, connection: Connection) -> None:
    driver = connection.connection.driver_connection
    if driver is not None and not driver.in_transaction:
        driver.execute(statement)


class ReadTransactions:
    """Transactions that read, on connections that wait for the next one; threads may share an instance.

    A search has one of them, and SQLAlchemy's own pool and transactions would take a fifth of the time of a search by
    meaning: they begin and end here, and SQLAlchemy finds itself in one when it is first asked.

    Args:
        path: of the database.
        on_connect: called when a connection was made, and may raise.
    """

    def __init__(self, path: Path, on_connect: Callable[[], None]) -> None:
        self.engine, self._path, self._on_connect = reader_engine(path), path, on_connect
        self._waiting: list[Connection] = []
        self._is_closed = False

    @contextlib.contextmanager
    def one(self) -> Iterator[Connection]:
        """As `transaction`."""
        with translated(self._path):
            connection = self._taken() or self._made()
            try:
                driver = connection.connection
                driver.cursor().execute("BEGIN")
                yield connection
                if connection.in_transaction():
                    connection.commit()
                else:
                    driver.commit()
            except BaseException:
                connection.close()
                raise
            if self._is_closed or len(self._waiting) >= _READERS:
                connection.close()
            else:
                self._waiting.append(connection)

    def close(self) -> None:
        """Give the connections back; those of running transactions follow at their end."""
        self._is_closed = True
        while connection := self._taken():
            connection.close()
        self.engine.dispose()

    def _made(self) -> Connection:
        connection = self.engine.connect()
        try:
            self._on_connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def _taken(self) -> Connection | None:
        with contextlib.suppress(IndexError):  # another thread took the last one
            return self._waiting.pop()
        return None


@contextlib.contextmanager
def transaction(engine: Engine, path: Path) -> Iterator[Connection]:
    """One transaction: committed when the block ends, rolled back when it raises; SQLite's errors become ours."""
    with translated(path), engine.begin() as connection:
        yield connection


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's and SQLAlchemy's errors as StoreError and its children."""
    try:
        yield
    except SemsearchError:
        raise
    except NoResultFound as error:
        raise CorruptStoreError(path, "a row that every collection has is missing") from error
    except SQLAlchemyError as error:
        raise _in_our_words(getattr(error, "orig", None) or error, path) from error
    except sqlite3.Error as error:
        raise _in_our_words(error, path) from error


def _in_our_words(error: BaseException, path: Path) -> SemsearchError:
    name = getattr(error, "sqlite_errorname", "")
    if name in {"SQLITE_NOTADB", "SQLITE_IOERR_SHORT_READ"} or name.startswith("SQLITE_CORRUPT"):
        return CorruptStoreError(path, f"SQLite says: {error}")
    if name in {"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"}:
        return StoreFullError(path)
    if name.startswith("SQLITE_BUSY"):
        return CollectionLockedError(path, "another process")
    return StoreError(f"{path} cannot be used: {error} ({name or type(error).__name__})")
