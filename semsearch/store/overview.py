"""What a careful person looks for in a collection's documents, counted by SQL."""

import json
from collections import Counter
from typing import NamedTuple

from sqlalchemy import Connection, func, null, select

from semsearch.store.conditions import place_in_document
from semsearch.store.schema import chunks, documents

_LANGUAGE = func.json_extract(documents.c.metadata, "$.language")
_PAGES = func.json_extract(documents.c.metadata, "$.page_count")


class Owner(NamedTuple):
    """A document that has chunks, from the first one on; its value at a metadata key, if that is a scalar."""

    first_chunk: int
    id: str
    label: str | None


class Overview:
    """Of one snapshot; where ids are listed, they are in the order of `list`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def languages(self) -> dict[str, int]:
        """Documents by their metadata's `language`, most first; those without are under an empty key."""
        rows = self._connection.execute(select(_LANGUAGE, func.count()).group_by(_LANGUAGE))
        counts = Counter({("" if language is None else str(language)): count for language, count in rows})
        return dict(counts.most_common())

    def owners(self, key: str | None = None) -> list[Owner]:
        """The documents that have chunks, in the order of these, with their values at a metadata key."""
        columns, rows = documents.c, select(documents.c.first_chunk, documents.c.id, null(), null())
        if key is not None:
            value, kind = place_in_document(key)
            rows = select(columns.first_chunk, columns.id, value, kind)
        rows = rows.where(columns.first_chunk <= columns.last_chunk).order_by(columns.first_chunk)
        return [Owner(row[0], row[1], _label(row[2], row[3])) for row in self._connection.execute(rows)]

    def longest(self, size: int) -> list[tuple[str, int]]:
        """The documents with most characters, each with their number."""
        length = func.length(documents.c.text)
        rows = self._connection.execute(
            select(documents.c.id, length).order_by(length.desc(), documents.c.seq).limit(size)
        )
        return [(row[0], row[1]) for row in rows]

    def truncated(self, max_tokens: int) -> list[tuple[str, int]]:
        """Documents with chunks of more tokens than the model reads, each with the number of these chunks."""
        statement = select(documents.c.id, func.count()).join_from(chunks, documents)
        rows = self._connection.execute(statement.where(chunks.c.tokens > max_tokens).group_by(documents.c.seq))
        return [(row[0], row[1]) for row in rows]

    def empty_pages(self) -> list[tuple[str, tuple[int, ...]]]:
        """Documents of which some pages have no text, each with the numbers of these pages."""
        rows = self._connection.execute(select(documents.c.id, _PAGES, documents.c.places).where(_PAGES.is_not(None)))
        found = []
        for document_id, pages, places in rows:
            with_text = {page for _, _, page in json.loads(places or "[]")}
            empty = tuple(page for page in range(1, int(pages) + 1) if page not in with_text)
            if empty and with_text - {None}:
                found.append((document_id, empty))
        return found

    def same_texts(self) -> list[tuple[str, ...]]:
        """Ids of documents that have the same text and title, a group each, the largest first."""
        repeated = select(documents.c.content_hash).group_by(documents.c.content_hash).having(func.count() > 1)
        columns = select(documents.c.content_hash, documents.c.id).where(documents.c.content_hash.in_(repeated))
        groups: dict[bytes, list[str]] = {}
        for row in self._connection.execute(columns.order_by(documents.c.seq)):
            groups.setdefault(row.content_hash, []).append(row.id)
        return [tuple(group) for group in sorted(groups.values(), key=len, reverse=True)]


def _label(value: object, kind: str | None) -> str | None:
    if kind in ("true", "false"):
        return kind
    return str(value) if kind in ("text", "integer", "real") else None
