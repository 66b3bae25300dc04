"""What the store knows of the files that documents were read from, inside one transaction."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from datetime import UTC, datetime

from sqlalchemy import Connection, Row, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from semsearch.store.batches import IN_LIST, batched
from semsearch.store.records import SourceFile
from semsearch.store.schema import documents, source_files
from semsearch.types import Failure

_KEPT_FAILURES = 100  # of one file
_DOCUMENTS = (
    select(func.count()).select_from(documents).where(documents.c.source_file == source_files.c.seq).scalar_subquery()
)


class SourceFiles:
    """Files by the paths that they were given as."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def known(self, paths: Iterable[str]) -> dict[str, SourceFile]:
        """Those of the files that are known."""
        found = {}
        for some in batched(paths, IN_LIST):
            statement = select(source_files, _DOCUMENTS.label("documents")).where(source_files.c.path.in_(some))
            found.update({row.path: _source_file(row) for row in self._connection.execute(statement)})
        return found

    def paths(self) -> list[str]:
        """Of all of them, in their order."""
        return list(self._connection.execute(select(source_files.c.path).order_by(source_files.c.path)).scalars())

    def count(self) -> int:
        return int(self._connection.execute(select(func.count()).select_from(source_files)).scalar_one())

    def documents(self, path: str) -> list[str]:
        """The ids of the documents that were read from a file."""
        statement = select(documents.c.id).join_from(documents, source_files).where(source_files.c.path == path)
        return list(self._connection.execute(statement.order_by(documents.c.seq)).scalars())

    def quarantined(self) -> list[SourceFile]:
        """Those that were not read, or not wholly, by their paths."""
        statement = select(source_files, _DOCUMENTS.label("documents")).where(source_files.c.failures.is_not(None))
        return [_source_file(row) for row in self._connection.execute(statement.order_by(source_files.c.path))]

    def put(self, files: Iterable[SourceFile]) -> None:
        """Insert files or replace what is known of them; their documents stay theirs."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for some in batched(files, IN_LIST):
            statement = insert(source_files)
            replaced = {column.name: column for column in statement.excluded if column.name not in {"seq", "path"}}
            upsert = statement.on_conflict_do_update(index_elements=[source_files.c.path], set_=replaced)
            self._connection.execute(upsert, [_values(file, now) for file in some])

    def numbers(self, paths: Iterable[str]) -> dict[str, int]:
        """The numbers by which documents refer to their files."""
        found: dict[str, int] = {}
        for some in batched(set(paths), IN_LIST):
            statement = select(source_files.c.path, source_files.c.seq).where(source_files.c.path.in_(some))
            found.update({row.path: row.seq for row in self._connection.execute(statement)})
        return found

    def forget(self, paths: Sequence[str]) -> None:
        """Remove files that have no documents."""
        for some in batched(paths, IN_LIST):
            self._connection.execute(delete(source_files).where(source_files.c.path.in_(some)))


def _source_file(row: Row[tuple[object, ...]]) -> SourceFile:
    failures = tuple(Failure(*each) for each in json.loads(row.failures or "[]"))
    return SourceFile(row.path, row.size, row.modified_ns, row.hash, row.reader, failures, row.documents)


def _values(file: SourceFile, now: str) -> dict[str, object]:
    failures = [astuple(failure) for failure in file.failures[:_KEPT_FAILURES]]
    return {
        "path": file.path,
        "size": file.size,
        "modified_ns": file.modified_ns,
        "hash": file.hash,
        "reader": file.reader,
        "failures": json.dumps(failures) if failures else None,
        "read": now,
    }
