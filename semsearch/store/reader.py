"""What can be asked of a collection inside one snapshot; rows leave as dataclasses, never as SQLAlchemy's."""

import contextlib
import functools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, Table, bindparam, column, exists, func, literal_column, select
from sqlalchemy.dialects import sqlite

from semsearch.errors import CorruptStoreError, DocumentNotFoundError, InvalidRequestError
from semsearch.store.batches import IN_LIST, batched
from semsearch.store.cursors import from_cursor, to_cursor
from semsearch.store.facets import facet
from semsearch.store.keyword import KeywordIndex
from semsearch.store.matching import Matching
from semsearch.store.overview import Overview
from semsearch.store.records import ChunkRecord, CollectionSpec, Counts, State
from semsearch.store.schema import (
    chunks,
    collection,
    documents,
    files,
    indexed_keys,
    judgments,
    latents,
    tail_vectors,
    tombstones,
)
from semsearch.store.source_files import SourceFiles
from semsearch.store.surroundings import Surroundings
from semsearch.store.texts import is_storable
from semsearch.types import (
    Chunk,
    Chunking,
    Document,
    DocumentSummary,
    FacetValue,
    Filter,
    Ids,
    Judgment,
    ManifestFile,
    Page,
    Place,
    StoredVectors,
)

MAX_PAGE_SIZE = 10_000
_BLOCK = 8_192  # vectors a block


class StoreReader:
    """Questions to one snapshot; obtained from `DocumentStore.read`."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection, self._path = connection, path

    @functools.cached_property
    def source_files(self) -> SourceFiles:
        return SourceFiles(self._connection)

    @functools.cached_property
    def overview(self) -> Overview:
        return Overview(self._connection)

    @functools.cached_property
    def keyword(self) -> KeywordIndex:
        return KeywordIndex(self._connection, self._path)

    @functools.cached_property
    def surroundings(self) -> Surroundings:
        return Surroundings(self._connection)

    def spec(self) -> CollectionSpec:
        row = self._connection.execute(select(collection)).one()
        return CollectionSpec(
            dim=row.dim,
            model=row.model,
            fingerprint=row.fingerprint,
            precision=row.precision,
            max_tokens=row.max_tokens,
            image_size=row.image_size,
            created=row.created,
            target_recall=row.target_recall,
            codec=row.codec,
            chunking=Chunking(row.chunking, row.chunk_tokens, row.chunk_overlap),
            terms=row.terms,
        )

    def state(self) -> State:
        for version, layout in self._ask(_state_sql()):
            return State(version, layout)
        raise CorruptStoreError(self._path, "a row that every collection has is missing")

    def manifest(self) -> list[ManifestFile]:
        rows = self._connection.execute(select(files).order_by(files.c.name))
        return [ManifestFile(row.name, row.kind, row.bytes, row.sha256, self._object(row.details)) for row in rows]

    def counts(self) -> Counts:
        return Counts(*(self._count(table) for table in (documents, chunks, tail_vectors, tombstones)))

    def tail_rows(self) -> int:
        """Vectors that are not sealed."""
        return self._count(tail_vectors)

    def count(self, filter: Filter | None) -> int:
        """Documents that a filter matches, all of them for `None`."""
        return self._count(documents) if filter is None else len(self._matching().ranges(filter))

    def hashes(self, document_ids: Iterable[str]) -> dict[str, tuple[bytes, bytes]]:
        """(content hash, details hash) of those documents that exist."""
        columns = (documents.c.id, documents.c.content_hash, documents.c.details_hash)
        found = {}
        for some in batched(document_ids, IN_LIST):
            rows = self._connection.execute(select(*columns).where(documents.c.id.in_(some)))
            found.update({row.id: (row.content_hash, row.details_hash) for row in rows})
        return found

    def document(self, document_id: str) -> Document:
        """One document; raises DocumentNotFoundError."""
        statement = select(documents).where(documents.c.id == document_id)
        try:
            row = self._connection.execute(statement).one_or_none()
        except UnicodeEncodeError as error:  # a lone surrogate, which no stored id has
            raise DocumentNotFoundError(document_id) from error
        if row is None:
            raise DocumentNotFoundError(document_id)
        places = tuple(Place(*place) for place in json.loads(row.places or "[]"))
        return Document(row.id, row.text, self._object(row.metadata), row.title, row.source, places=places)

    def page(self, filter: Filter | None, cursor: str | None, size: int) -> Page:
        """Up to `size` documents after a cursor.

        Raises:
            InvalidRequestError: the size is not 1 to MAX_PAGE_SIZE, or the cursor is none of ours.
        """
        if not 1 <= size <= MAX_PAGE_SIZE:
            raise InvalidRequestError(f"page_size is {size}; a page has 1 to {MAX_PAGE_SIZE:,} documents")
        rows = self.summaries(filter, 0 if cursor is None else from_cursor(cursor), size + 1)
        more = to_cursor(rows[size - 1][0]) if len(rows) > size else None
        return Page(tuple(summary for _, summary in rows[:size]), more)

    def summaries(self, filter: Filter | None, after: int, size: int) -> list[tuple[int, DocumentSummary]]:
        """Up to `size` (seq, document) pairs with a seq above `after`, in that order."""
        columns = documents.c
        chunk_count = columns.last_chunk - columns.first_chunk + 1
        statement = select(
            columns.seq,
            columns.id,
            columns.title,
            columns.source,
            columns.metadata,
            func.length(columns.text),
            chunk_count,
        )
        if filter is not None:
            statement = self._matching().filtered(statement, filter)
        rows = self._connection.execute(statement.where(columns.seq > after).order_by(columns.seq).limit(size))
        return [(row[0], DocumentSummary(row[1], row[2], row[3], self._object(row[4]), row[5], row[6])) for row in rows]

    def judgments(self) -> tuple[Judgment, ...]:
        """All judgments, by query and document id."""
        told = judgments.c
        known = exists().where(documents.c.id == told.document_id)
        statement = select(told.query, told.document_id, told.grade, told.judged, known)
        rows = self._connection.execute(statement.order_by(told.query, told.document_id))
        return tuple(Judgment(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows)

    def chunk_ids(self, filter: Filter) -> Ids:
        """Ids of the chunks of all documents that a filter matches, ascending."""
        return _expand(self._matching().ranges(filter))

    def facet(self, key: str, filter: Filter | None, chunk_ids: Ids | None) -> tuple[FacetValue, ...]:
        """As `semsearch.store.facets.facet`."""
        return facet(self._connection, self.indexed_keys(), key, filter, chunk_ids)

    def indexed_keys(self) -> dict[str, int]:
        """The metadata keys that are indexed, in order, each with its number."""
        rows = self._connection.execute(select(indexed_keys.c.key, indexed_keys.c.number).order_by(indexed_keys.c.key))
        return {row.key: row.number for row in rows}

    def chunks(self, chunk_ids: Iterable[int]) -> dict[int, ChunkRecord]:
        """Those of the chunks that exist in this snapshot, by id."""
        found = {}
        for row in self._ask(_chunk_sql(), json.dumps(list(chunk_ids))):
            id, start, end, heading, page, text, document_id, title, metadata, source, first, last = row
            chunk = Chunk(id, document_id, start, end, text, heading, page)
            found[id] = ChunkRecord(chunk, title, self._object(metadata), source, first, last)
        return found

    def tail(self, *, after: int = 0) -> Iterator[tuple[Ids, StoredVectors]]:
        """Vectors that are not sealed, with chunk ids above `after`, in blocks of ((n,), (n, dim)), ascending.

        Raises:
            CorruptStoreError: a vector has another length than the collection's.
        """
        dim = self.spec().dim
        statement = select(tail_vectors.c.chunk_id, tail_vectors.c.vector).where(tail_vectors.c.chunk_id > after)
        for rows in self._connection.execute(statement.order_by(tail_vectors.c.chunk_id)).partitions(_BLOCK):
            ids, blobs = zip(*rows, strict=True)
            data = b"".join(blobs)
            if len(data) != 2 * dim * len(ids):
                raise CorruptStoreError(
                    self._path, f"a vector between chunk {ids[0]} and chunk {ids[-1]} does not have {dim} numbers"
                )
            yield np.array(ids, dtype=np.int64), np.frombuffer(data, dtype="<f2").reshape(-1, dim)

    def documents_of_chunks(self, chunk_ids: Iterable[int]) -> dict[int, str]:
        """The ids of the chunks' documents."""
        found = {}
        for some in batched(chunk_ids, IN_LIST):
            statement = select(chunks.c.id, documents.c.id.label("document")).join_from(chunks, documents)
            rows = self._connection.execute(statement.where(chunks.c.id.in_(some)))
            found.update({row.id: row.document for row in rows})
        return found

    def chunks_by_text(self, hashes: Iterable[bytes]) -> dict[bytes, int]:
        """The chunk that each of these texts was embedded for, of the texts that were; any of several."""
        found = {}
        for some in batched(hashes, IN_LIST):
            statement = select(chunks.c.text_hash, chunks.c.id).where(chunks.c.text_hash.in_(some))
            found.update({row.text_hash: row.id for row in self._connection.execute(statement)})
        return found

    def chunks_of_document(self, document_id: str) -> Ids:
        """The ids of a document's chunks, ascending; raises DocumentNotFoundError."""
        statement = select(documents.c.first_chunk, documents.c.last_chunk).where(documents.c.id == document_id)
        row = self._connection.execute(statement).one_or_none() if is_storable(document_id) else None
        if row is None:
            raise DocumentNotFoundError(document_id)
        return np.arange(row.first_chunk, row.last_chunk + 1, dtype=np.int64)

    def tail_vectors(self, chunk_ids: Iterable[int]) -> dict[int, bytes]:
        """The vectors of those of the chunks that are not sealed, as they are stored."""
        found = {}
        for some in batched(chunk_ids, IN_LIST):
            statement = select(tail_vectors).where(tail_vectors.c.chunk_id.in_(some))
            found.update({row.chunk_id: row.vector for row in self._connection.execute(statement)})
        return found

    def latents(self, document_ids: Iterable[str]) -> dict[str, bytes]:
        """What the images of these documents are drawn from, packed, of those that have one."""
        found = {}
        for some in batched(document_ids, IN_LIST):
            statement = select(documents.c.id, latents.c.data).join_from(latents, documents)
            rows = self._connection.execute(statement.where(documents.c.id.in_(some)))
            found.update({row.id: row.data for row in rows})
        return found

    def latents_of_chunks(self, chunk_ids: Iterable[int]) -> dict[int, bytes]:
        """As `latents`, of the documents of chunks, by the chunks' ids."""
        found = {}
        for some in batched(chunk_ids, IN_LIST):
            statement = select(chunks.c.id, latents.c.data).join(latents, latents.c.document == chunks.c.document)
            rows = self._connection.execute(statement.where(chunks.c.id.in_(some)))
            found.update({row.id: row.data for row in rows})
        return found

    def deleted_chunks(self, after: int = 0) -> tuple[Ids, int]:
        """Ids of deleted chunks, of the tombstones above number `after`, and the number of the last one."""
        statement = select(tombstones.c.seq, tombstones.c.chunk_id).where(tombstones.c.seq > after)
        rows = self._connection.execute(statement.order_by(tombstones.c.seq)).all()
        return np.array([row.chunk_id for row in rows], dtype=np.int64), (rows[-1].seq if rows else after)

    def _ask(self, sql: str, *values: str) -> list[Any]:
        """Rows by the driver itself, for what every search asks: SQLAlchemy would take longer than SQLite."""
        return self._connection.connection.cursor().execute(sql, values).fetchall()  # type: ignore[no-any-return]

    def _matching(self) -> Matching:
        return Matching(self._connection, self.indexed_keys())

    def _object(self, text: str) -> dict[str, Any]:
        if text == "{}":
            return {}
        with contextlib.suppress(ValueError):
            value = json.loads(text)
            if isinstance(value, dict):
                return value
        raise CorruptStoreError(self._path, f"it has {text!r:.80} where a JSON object has to be")

    def _count(self, table: Table) -> int:
        return int(self._connection.execute(select(func.count()).select_from(table)).scalar_one())


_CHUNK_ROWS = select(
    chunks.c.id,
    chunks.c.start,
    chunks.c.end,
    chunks.c.heading,
    chunks.c.page,
    func.substr(documents.c.text, chunks.c.start + literal_column("1"), chunks.c.end - chunks.c.start).label("text"),
    documents.c.id.label("document_id"),
    documents.c.title,
    documents.c.metadata,
    documents.c.source,
    documents.c.first_chunk,
    documents.c.last_chunk,
).join_from(chunks, documents)


@functools.cache
def _chunk_sql() -> str:
    """Of chunks whose ids are given as a JSON array."""
    ids: Select[Any] = select(column("value")).select_from(func.json_each(bindparam("ids")))
    return str(_CHUNK_ROWS.where(chunks.c.id.in_(ids)).compile(dialect=sqlite.dialect()))


@functools.cache
def _state_sql() -> str:
    return str(select(collection.c.version, collection.c.layout).compile(dialect=sqlite.dialect()))


def _expand(ranges: Ids) -> Ids:
    """[[first, last], ...] to all the numbers in these ranges; (n, 2) to (m,)."""
    lengths = ranges[:, 1] - ranges[:, 0] + 1
    starts = np.repeat(ranges[:, 0], lengths)
    steps = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    expanded: Ids = starts + steps
    return expanded
