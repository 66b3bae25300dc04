import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, inspect

from semsearch.errors import FormatVersionError
from semsearch.store import documents, migrations, schema
from semsearch.store.documents import DocumentStore
from semsearch.store.records import CollectionSpec


def m002_adds_a_column(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE documents ADD COLUMN language TEXT")


def test_the_tables_that_sqlalchemy_knows_are_the_tables_that_migrations_make(tmp_path: Path) -> None:
    store = DocumentStore.create(tmp_path / "c", CollectionSpec(4))
    found = inspect(create_engine(f"sqlite:///{store.path}"))
    names = [
        name for name in found.get_table_names() if not name.startswith("keyword")
    ]  # FTS5's are asked in SQL alone
    made = {name: {column["name"] for column in found.get_columns(name)} for name in names}
    assert made == {table.name: {column.name for column in table.columns} for table in schema.tables.sorted_tables}


def test_a_store_of_the_format_before_is_upgraded_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DocumentStore.create(tmp_path / "c", CollectionSpec(4))
    store.close()
    steps = (*migrations.MIGRATIONS, m002_adds_a_column)
    monkeypatch.setattr(documents.migrations, "MIGRATIONS", steps)
    monkeypatch.setattr(documents.migrations, "FORMAT", migrations.FORMAT + 1)
    monkeypatch.setattr(migrations.migrate, "__defaults__", (steps,))
    monkeypatch.setattr(migrations.format_of, "__defaults__", (migrations.FORMAT,))
    assert DocumentStore.open(store.root).spec.dim == 4
    connection = sqlite3.connect(store.path)
    assert "language" in [row[1] for row in connection.execute("PRAGMA table_info(documents)")]
    assert connection.execute("PRAGMA user_version").fetchone() == (migrations.FORMAT,)
    connection.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(connection: Connection) -> None:
        m002_adds_a_column(connection)
        raise RuntimeError("half way")

    store = DocumentStore.create(tmp_path / "c", CollectionSpec(4))
    store.close()
    steps = (*migrations.MIGRATIONS, breaks)
    monkeypatch.setattr(documents.migrations, "FORMAT", migrations.FORMAT + 1)
    monkeypatch.setattr(migrations.migrate, "__defaults__", (steps,))
    with pytest.raises(RuntimeError, match="half way"):
        DocumentStore.open(store.root)
    connection = sqlite3.connect(store.path)
    assert "language" not in [row[1] for row in connection.execute("PRAGMA table_info(documents)")]
    assert connection.execute("PRAGMA user_version").fetchone() == (migrations.FIRST,)
    connection.close()


def test_a_store_from_before_the_first_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    store = DocumentStore.create(tmp_path / "c", CollectionSpec(4))
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    with pytest.raises(FormatVersionError, match="has format 1 and .*: drop it, and add its documents again"):
        DocumentStore.open(store.root)
