"""Changes to a collection, inside one transaction: all of them become durable together or not at all."""

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, astuple
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Executable,
    Insert,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from semsearch.errors import ConflictError
from semsearch.store import terms
from semsearch.store.batches import IN_LIST, batched
from semsearch.store.conditions import place_in_document, scalar_at
from semsearch.store.filters import check_key
from semsearch.store.reader import StoreReader
from semsearch.store.records import Entry
from semsearch.store.schema import (
    chunks,
    collection,
    documents,
    files,
    indexed_keys,
    indexed_values,
    judgments,
    latents,
    source_files,
    tail_vectors,
    tombstones,
)
from semsearch.types import Document, Filter, Judgment, ManifestFile, Span

MAX_INDEXED_KEYS = 16
_INDEXED_AT_ONCE = 10_000  # documents a step, so that progress is seen
Row: TypeAlias = dict[str, Any]


class StoreWriter(StoreReader):
    """One transaction that writes; obtained from `DocumentStore.write`, which commits it."""

    def put(self, entries: Sequence[Entry]) -> None:
        """Insert documents, or replace them with their chunks: a document keeps its place, its chunks get new ids."""
        known = self._rows(entry.document.id for entry in entries)
        self._delete_chunks(list(known.values()))
        seqs = itertools.count(self._last_id("documents") + 1)
        next_chunk = self._last_id("chunks") + 1
        rows = _Rows(self.source_files.numbers(entry.source_file for entry in entries if entry.source_file))
        for entry in entries:
            old = known.get(entry.document.id)
            rows.add(entry, old[0] if old else next(seqs), next_chunk, is_new=old is None)
            next_chunk += len(entry.spans)
        self._insert(documents, rows.new)
        self._run(update(documents).where(documents.c.seq == bindparam("key")), rows.replaced)
        self._insert(chunks, rows.chunks)
        self._insert(tail_vectors, rows.vectors)
        self._insert(latents, rows.latents)
        self.keyword.add(rows.documents)
        self._index([row["seq"] for row in rows.new] + [row["key"] for row in rows.replaced])

    def update_details(self, changed: Sequence[tuple[Document, bytes, str | None]]) -> None:
        """Replace metadata, source and file of documents whose content is as stored: (it, details hash, file)."""
        numbers = self.source_files.numbers(path for *_, path in changed if path)
        rows = [
            {"key": each.id, "details_hash": details_hash, **_details(each, numbers.get(path or ""))}
            for each, details_hash, path in changed
        ]
        self._run(update(documents).where(documents.c.id == bindparam("key")), rows)
        self._index([seq for seq, _, _ in self._rows(each.id for each, *_ in changed).values()])

    def remove(self, document_ids: Iterable[str]) -> set[str]:
        """Remove those of the documents that exist, and return their ids."""
        known = self._rows(document_ids)
        self._delete_documents(list(known.values()))
        return set(known)

    def remove_matching(self, filter: Filter) -> int:
        """Remove the documents that a filter matches, and return their number."""
        columns = (documents.c.seq, documents.c.first_chunk, documents.c.last_chunk)
        rows = self._connection.execute(self._matching().filtered(select(*columns), filter)).all()
        self._delete_documents([(row[0], row[1], row[2]) for row in rows])
        return len(rows)

    def index_key(self, key: str, progress: Callable[[int], None] | None = None) -> bool:
        """Make the index over a metadata key; False if it is there. `progress` is told how many documents are in it.

        Raises:
            InvalidRequestError: no filter can have this key.
            ConflictError: MAX_INDEXED_KEYS are indexed already.
        """
        check_key(key)
        known = self.indexed_keys()
        if key in known:
            return False
        if len(known) >= MAX_INDEXED_KEYS:
            raise ConflictError(
                f"{key} cannot be indexed: {MAX_INDEXED_KEYS} keys are, and no more can be ({', '.join(known)}); "
                "drop the index over one that filters do without"
            )
        number = max(known.values(), default=0) + 1
        self._connection.execute(insert(indexed_keys).values(number=number, key=key))
        done = 0
        for start in range(0, self._last_id("documents"), _INDEXED_AT_ONCE):
            some = documents.c.seq.between(start + 1, start + _INDEXED_AT_ONCE)
            done += self._connection.execute(_index_rows(key, number, some)).rowcount
            if progress is not None:
                progress(done)
        return True

    def drop_key_index(self, key: str) -> bool:
        """Remove the index over a metadata key; False if there is none."""
        number = self.indexed_keys().get(key)
        if number is None:
            return False
        self._connection.execute(delete(indexed_values).where(indexed_values.c.key == number))
        self._connection.execute(delete(indexed_keys).where(indexed_keys.c.number == number))
        return True

    def judge(self, judgment: Judgment) -> None:
        """Keep a judgment, in place of the one there is of the same query and document."""
        row = {column.name: getattr(judgment, column.name) for column in judgments.columns}
        self._connection.execute(insert(judgments).prefix_with("OR REPLACE").values(row))

    def change_files(self, removed: Iterable[str], added: Iterable[ManifestFile]) -> None:
        """Take files out of the manifest and put others into it; readers load anew."""
        for some in batched(removed, IN_LIST):
            self._connection.execute(delete(files).where(files.c.name.in_(some)))
        self._run(insert(files), [{**asdict(file), "details": to_json(file.details)} for file in added])
        self._connection.execute(update(collection).values(layout=collection.c.layout + 1))

    def take_from_tail(self, through: int) -> None:
        """Remove the tail's vectors up to this chunk id, which a sealed file has now."""
        newest = self._connection.execute(select(func.max(tail_vectors.c.chunk_id))).scalar_one()
        if newest is not None and newest <= through:
            self._connection.execute(delete(tail_vectors))  # without a condition SQLite lets go of the pages unwritten
        elif newest is not None:
            self._connection.execute(delete(tail_vectors).where(tail_vectors.c.chunk_id <= through))

    def forget_tombstones(self, chunk_ids: Iterable[int]) -> None:
        """Remove the tombstones of chunks that no file has any more."""
        for some in batched(chunk_ids, IN_LIST):
            self._connection.execute(delete(tombstones).where(tombstones.c.chunk_id.in_(some)))

    def renew_terms(self) -> None:
        """Make the keyword index anew, if it was made by another version of what terms are."""
        if self.keyword.version() != terms.VERSION:
            self.keyword.rebuild()
            self._connection.execute(update(collection).values(terms=terms.VERSION))

    def finish(self) -> None:
        """Count this commit; called once, by the store, before COMMIT."""
        self._connection.execute(update(collection).values(version=collection.c.version + 1))

    def _rows(self, document_ids: Iterable[str]) -> dict[str, tuple[int, int, int]]:
        columns = (documents.c.id, documents.c.seq, documents.c.first_chunk, documents.c.last_chunk)
        found = {}
        for some in batched(document_ids, IN_LIST):
            for row in self._connection.execute(select(*columns).where(documents.c.id.in_(some))):
                found[row[0]] = (row[1], row[2], row[3])
        return found

    def _last_id(self, table: str) -> int:
        statement = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?"
        return int(self._connection.exec_driver_sql(statement, (table,)).scalar_one())

    def _delete_documents(self, rows: Sequence[tuple[int, int, int]]) -> None:
        """Delete documents with all that is theirs; the files that they are from have to be read again."""
        self._delete_chunks(rows)
        numbers = self.indexed_keys().values()
        in_indexes = indexed_values.c.key.in_(numbers)
        for some in batched((seq for seq, _, _ in rows), IN_LIST):
            origins = select(documents.c.source_file).where(documents.c.seq.in_(some))
            self._connection.execute(update(source_files).where(source_files.c.seq.in_(origins)).values(hash=b""))
            self._connection.execute(delete(documents).where(documents.c.seq.in_(some)))
            if numbers:
                self._connection.execute(delete(indexed_values).where(in_indexes, indexed_values.c.document.in_(some)))

    def _index(self, seqs: Sequence[int]) -> None:
        """Bring the rows of these documents in all indexes over keys up to date."""
        for key, number in self.indexed_keys().items():
            for some in batched(seqs, IN_LIST):
                self._connection.execute(_index_rows(key, number, documents.c.seq.in_(some)))

    def _delete_chunks(self, rows: Sequence[tuple[int, int, int]]) -> None:
        """Delete the chunks, and whatever else documents are made anew with: (seq, first chunk, last chunk) of each."""
        self.keyword.remove(rows)
        for some in batched((seq for seq, *_ in rows), IN_LIST):
            self._connection.execute(delete(latents).where(latents.c.document.in_(some)))
        ranges = [{"first": first, "last": last} for _, first, last in rows]
        for ids in (tail_vectors.c.chunk_id, chunks.c.id):
            self._run(delete(ids.table).where(ids.between(bindparam("first"), bindparam("last"))), ranges)
        dead = [{"chunk_id": chunk_id} for _, first, last in rows for chunk_id in range(first, last + 1)]
        self._run(insert(tombstones), dead)

    def _insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows by the driver: SQLAlchemy takes longer to bind their values than SQLite to store them."""
        if rows:
            statement = insert(table).compile(self._connection, column_keys=list(rows[0]))
            values = [[row[name] for name in statement.positiontup or ()] for row in rows]
            self._connection.connection.cursor().executemany(str(statement), values)

    def _run(self, statement: Executable, rows: Sequence[Row]) -> None:
        """Run a statement once a row; not at all without rows, where SQLAlchemy would run it once."""
        if rows:
            self._connection.execute(statement, rows)


class _Rows:
    """What a batch of entries is in the tables."""

    def __init__(self, source_files: dict[str, int]) -> None:
        self._source_files = source_files
        self.documents: list[tuple[int, int, int]] = []  # seq, first_chunk, last_chunk
        self.new: list[Row] = []
        self.replaced: list[Row] = []
        self.chunks: list[Row] = []
        self.vectors: list[Row] = []
        self.latents: list[Row] = []

    def add(self, entry: Entry, seq: int, first_chunk: int, *, is_new: bool) -> None:
        ids = range(first_chunk, first_chunk + len(entry.spans))
        document = entry.document
        self.documents.append((seq, ids[0], ids[-1]))
        values = {
            "id": document.id,
            "title": document.title,
            "text": document.text,
            **_details(document, self._source_files.get(entry.source_file or "")),
            "places": to_json([astuple(place) for place in document.places]) if document.places else None,
            "content_hash": entry.content_hash,
            "details_hash": entry.details_hash,
            "first_chunk": ids[0],
            "last_chunk": ids[-1],
        }
        if is_new:
            self.new.append({"seq": seq, **values})
        else:
            self.replaced.append({"key": seq, **values})
        self.chunks += [_chunk_row(id, seq, span) for id, span in zip(ids, entry.spans, strict=True)]
        vectors = zip(ids, entry.vectors.astype("<f2"), strict=True)
        self.vectors += [{"chunk_id": id, "vector": vector.tobytes()} for id, vector in vectors]
        if entry.latent is not None:
            self.latents.append({"document": seq, "data": entry.latent})


def _details(document: Document, source_file: int | None) -> Row:
    return {"metadata": to_json(document.metadata), "source": document.source, "source_file": source_file}


def _chunk_row(chunk_id: int, seq: int, span: Span) -> Row:
    return {
        "id": chunk_id,
        "document": seq,
        "start": span.start,
        "end": span.end,
        "heading": span.heading,
        "page": span.page,
        "tokens": span.tokens,
        "text_hash": span.text_hash,
    }


def _index_rows(key: str, number: int, where: ColumnElement[bool]) -> Insert:
    """Puts the rows of the documents for which `where` holds into the index over a key, in place of those before."""
    columns, place = documents.c, place_in_document(key)
    row = {
        "key": literal(number),
        "document": columns.seq,
        "type": place.type,
        "value": scalar_at(place),
        "first_chunk": columns.first_chunk,
        "last_chunk": columns.last_chunk,
    }
    return insert(indexed_values).prefix_with("OR REPLACE").from_select(list(row), select(*row.values()).where(where))


def to_json(value: object) -> str:
    """JSON as it is stored: compact, readable, no NaN."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
