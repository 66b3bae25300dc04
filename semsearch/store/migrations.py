"""The numbered steps that bring `collection.db` from nothing to the present format, each applied once and frozen.

The format is SQLite's `user_version`; `application_id` marks the file as one of semsearch's.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Connection

from semsearch.errors import CorruptStoreError, FormatVersionError

APPLICATION_ID = 0x73656D73  # "sems"


def m001_first_format(connection: Connection) -> None:
    for statement in (
        """CREATE TABLE collection (
            id INTEGER PRIMARY KEY CHECK (id = 1), created TEXT NOT NULL, model TEXT, fingerprint TEXT, precision TEXT,
            max_tokens INTEGER, dim INTEGER NOT NULL CHECK (dim > 0), image_size INTEGER CHECK (image_size > 0),
            target_recall REAL NOT NULL, codec TEXT,
            chunking TEXT NOT NULL, chunk_tokens INTEGER, chunk_overlap INTEGER NOT NULL,
            terms TEXT NOT NULL, version INTEGER NOT NULL, layout INTEGER NOT NULL) STRICT""",
        """CREATE TABLE source_files (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
            modified_ns INTEGER NOT NULL, hash BLOB NOT NULL, reader TEXT NOT NULL, failures TEXT,
            read TEXT NOT NULL) STRICT""",
        """CREATE TABLE documents (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
            first_chunk INTEGER NOT NULL, last_chunk INTEGER NOT NULL,
            content_hash BLOB NOT NULL, details_hash BLOB NOT NULL,
            source_file INTEGER REFERENCES source_files (seq),
            title TEXT, source TEXT, metadata TEXT NOT NULL, places TEXT, text TEXT NOT NULL) STRICT""",
        """CREATE TABLE chunks (
            id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL REFERENCES documents (seq),
            start INTEGER NOT NULL, "end" INTEGER NOT NULL, heading TEXT, page INTEGER, tokens INTEGER, text_hash BLOB,
            CHECK (0 <= start AND start <= "end")) STRICT""",
        "CREATE INDEX ix_documents_source_file ON documents (source_file) WHERE source_file IS NOT NULL",
        "CREATE INDEX ix_chunks_document ON chunks (document)",
        "CREATE INDEX ix_chunks_text_hash ON chunks (text_hash) WHERE text_hash IS NOT NULL",
        """CREATE TABLE tail_vectors (
            chunk_id INTEGER PRIMARY KEY, vector BLOB NOT NULL) STRICT""",
        "CREATE TABLE latents (document INTEGER PRIMARY KEY REFERENCES documents (seq), data BLOB NOT NULL) STRICT",
        "CREATE TABLE tombstones (seq INTEGER PRIMARY KEY AUTOINCREMENT, chunk_id INTEGER NOT NULL) STRICT",
        "CREATE INDEX ix_tombstones_chunk_id ON tombstones (chunk_id)",
        """CREATE TABLE files (
            name TEXT PRIMARY KEY, kind TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
            details TEXT NOT NULL) STRICT""",
        """CREATE TABLE judgments (
            query TEXT NOT NULL, document_id TEXT NOT NULL, grade INTEGER NOT NULL CHECK (grade BETWEEN 0 AND 3),
            judged TEXT NOT NULL, PRIMARY KEY (query, document_id)) STRICT, WITHOUT ROWID""",
        "CREATE TABLE indexed_keys (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT",
        """CREATE TABLE indexed_values (
            key INTEGER NOT NULL, document INTEGER NOT NULL, type TEXT NOT NULL, value ANY,
            first_chunk INTEGER NOT NULL, last_chunk INTEGER NOT NULL,
            PRIMARY KEY (key, document)) STRICT, WITHOUT ROWID""",
        "CREATE INDEX ix_indexed_values ON indexed_values (key, type, value, first_chunk, last_chunk)",
        r"""CREATE VIRTUAL TABLE keyword USING fts5 (
            title, heading, text, parts, content = '', tokenize = "ascii tokenchars '-.@:/\&+#_$>'")""",
        "CREATE VIRTUAL TABLE keyword_terms USING fts5vocab (keyword, row)",
    ):
        connection.exec_driver_sql(statement)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (m001_first_format,)
FIRST = 3  # the number of the first format; those below it were all before the first release
FORMAT = FIRST + len(MIGRATIONS) - 1


def format_of(connection: Connection, path: Path, known: int = FORMAT) -> int:
    """The format of an open database.

    Raises:
        CorruptStoreError: the database is not semsearch's.
        FormatVersionError: it is from a newer semsearch, or from one before the first format.
    """
    if connection.exec_driver_sql("PRAGMA application_id").scalar_one() != APPLICATION_ID:
        raise CorruptStoreError(path, "it is an SQLite database, and not one of semsearch's")
    found = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if found > known or 0 < found < FIRST:
        raise FormatVersionError(path, found, known)
    return found


def migrate(
    connection: Connection, found: int, migrations: Sequence[Callable[[Connection], None]] = MIGRATIONS
) -> None:
    """Apply what is missing after format `found`, inside the caller's transaction."""
    for step in migrations[max(found - FIRST + 1, 0) :]:
        step(connection)
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version = {FIRST + len(migrations) - 1}")
