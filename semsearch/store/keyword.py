"""The full-text index over the chunks: an FTS5 table that holds terms only, changed in the transaction of its chunks.

A row is a chunk, under its id. The table keeps no text (`content=''`): what has to be deleted is worked out from the
document again, which is exact as long as `terms.VERSION` is the one that the index was made by. What terms are is in
`terms`, and what a query asks for in `keyword_query`.
"""

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from sqlalchemy import Connection

from semsearch.errors import ConflictError
from semsearch.store import terms
from semsearch.store.keyword_query import KeywordQuery
from semsearch.store.records import Ranking
from semsearch.store.terms import columns_of
from semsearch.types import Ids

StoredDocuments: TypeAlias = Iterable[tuple[int, int, int]]  # documents.seq, first_chunk, last_chunk
Row: TypeAlias = tuple[int, str, str, str, str]  # chunk id; the terms of title, heading and text; the parts

_DECIMALS = 9  # of a score
MAX_TERMS = 128  # of a query; the rarest ones
# If a query's rarest words are in so few chunks together, and yet in enough, only these are ranked, by all words: FTS5
# would give a score to every chunk that has any of them, and most of those have nothing but the most frequent ones.
RANKED = 2_000
_ADD = "INSERT INTO keyword (rowid, title, heading, text, parts) VALUES (?, ?, ?, ?, ?)"
_REMOVE = "INSERT INTO keyword (keyword, rowid, title, heading, text, parts) VALUES ('delete', ?, ?, ?, ?, ?)"
_MERGED = 0.2  # of what it costs to rank a chunk, what it costs to see that the filter forbids it
# a word counts twice in a title or a heading; a part of a word, or a hyphened compound in one, a third
_BEST = """SELECT rowid, bm25(keyword, 2.0, 2.0, 1.0, 0.3) AS score FROM keyword
    WHERE keyword MATCH :expression {} ORDER BY score, rowid LIMIT :depth"""
_EVERY = _BEST.format("")
# no chunk that is forbidden gets a score, which is what takes the time
_ALLOWED = _BEST.format("AND rowid BETWEEN :first AND :last AND substr(:mask, (rowid - :first) % :size + 1, 1) = x'01'")
_MASK = 2**22  # bytes at most
_FREQUENCIES = "SELECT term, doc FROM keyword_terms WHERE term IN (SELECT value FROM json_each(?))"


class KeywordIndex:
    """The index in one transaction, which has to be one that writes for what changes it."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection, self._path = connection, path

    def add(self, documents: StoredDocuments) -> None:
        """Index the chunks of documents that are stored; a chunk without any term has no row."""
        self._cursor().executemany(_ADD, self._rows(documents))

    def remove(self, documents: StoredDocuments) -> None:
        """Take the chunks of documents out, which have to be stored still as they were when they were added."""
        self._cursor().executemany(_REMOVE, self._rows(documents))

    def rebuild(self) -> None:
        """Make the index anew from all documents."""
        self._cursor().execute("INSERT INTO keyword (keyword) VALUES ('delete-all')")
        self.add(self._cursor().execute("SELECT seq, first_chunk, last_chunk FROM documents ORDER BY seq"))

    def optimize(self) -> None:
        """Join the segments that additions have left, if there are several."""
        [(segments,)] = self._cursor().execute("SELECT count(DISTINCT segid) FROM keyword_idx").fetchall()
        if segments > 1:
            self._cursor().execute("INSERT INTO keyword (keyword) VALUES ('optimize')")

    def version(self) -> str:
        """Of the terms that it was made of."""
        [(version,)] = self._cursor().execute("SELECT terms FROM collection").fetchall()
        return str(version)

    def frequencies(self, asked: Iterable[str]) -> dict[str, int]:
        """In how many chunks each of the terms is; those that are in none are left out.

        Raises:
            ConflictError: the index was made of other terms than those of this process.
        """
        if (version := self.version()) != terms.VERSION:
            raise ConflictError(
                f"{self._path} is searched by words with the terms {version!r}, and those of this process are "
                f"{terms.VERSION!r}: open it anew once no other process writes to it, which makes its keyword index "
                "anew; a search with the mode semantic needs none"
            )
        return dict(self._cursor().execute(_FREQUENCIES, (json.dumps(list(asked)),)).fetchall())

    def rarity(self, asked: Iterable[str]) -> dict[str, float]:
        """A weight above 0 for each of the terms that is in the index, the larger the fewer chunks it is in."""
        [(chunks,)] = self._cursor().execute("SELECT count(*) FROM keyword_docsize").fetchall()
        frequencies = self.frequencies(asked)
        return {term: math.log(1 + (chunks - found + 0.5) / (found + 0.5)) for term, found in frequencies.items()}

    def search(self, query: KeywordQuery, depth: int, allowed: Ids | None = None, *, share: float = 1.0) -> Ranking:
        """The `depth` best chunks, or all there are if those are fewer.

        Args:
            query: what they have to hold; nothing finds nothing.
            depth: chunks asked for.
            allowed: ids of the chunks that may be found, ascending.
            share: of all chunks, about how many these are; it changes the time that is taken, and no hit.
        """
        frequencies = self.frequencies(query.terms)
        known = sorted(frequencies, key=lambda term: (frequencies[term], term))[:MAX_TERMS]
        rare = len(known) if query.phrases else _rare([frequencies[term] for term in known], depth, share)
        found = self._best(query, known[:rare], known[rare:], depth, allowed)
        if len(found.ids) < depth and rare < len(known):
            found = self._best(query, known, (), depth, allowed)
        return found

    def _best(
        self, query: KeywordQuery, terms: Sequence[str], frequent: Sequence[str], depth: int, allowed: Ids | None
    ) -> Ranking:
        """The best chunks that have a phrase, a prefix or one of `terms`; the frequent ones only give them scores."""
        expression = _expression(query, terms, frequent)
        if not expression or (allowed is not None and not len(allowed)):
            return Ranking(np.empty(0), np.empty(0, dtype=np.int64))
        values = {"expression": expression, "depth": depth}
        if allowed is None:
            rows = self._cursor().execute(_EVERY, values).fetchall()
        else:
            rows = self._cursor().execute(_ALLOWED, values | _masked(allowed, depth)).fetchall()
        ids = np.array([id for id, _ in rows], dtype=np.int64)
        scores = np.array([-score for _, score in rows], dtype=np.float64)
        scores = (scores / (2 if frequent else 1)).round(_DECIMALS)  # twice: see _expression
        if allowed is not None:
            permitted = allowed[np.minimum(np.searchsorted(allowed, ids), len(allowed) - 1)] == ids
            ids, scores = ids[permitted][:depth], scores[permitted][:depth]
        order = np.lexsort((ids, -scores))  # rounding may have made some equal
        return Ranking(scores[order], ids[order])

    def _rows(self, documents: StoredDocuments) -> Iterator[Row]:
        """What is indexed of each chunk."""
        ask = self._cursor().execute
        for seq, first, last in documents:
            [(title, text)] = ask("SELECT title, text FROM documents WHERE seq = ?", (seq,)).fetchall()
            title_columns = columns_of(title or "")
            spans = 'SELECT id, start, "end", heading FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id'
            for chunk_id, start, end, heading in ask(spans, (first, last)).fetchall():
                columns = (title_columns, columns_of(heading or ""), columns_of(text[start:end]))
                parts = " ".join(filter(None, (each.parts for each in columns)))
                if any(each.terms for each in columns):
                    yield chunk_id, *(each.terms for each in columns), parts

    def _cursor(self) -> sqlite3.Cursor:
        """The driver's own: SQLAlchemy would take longer than SQLite, and has no words for FTS5."""
        return self._connection.connection.cursor()  # type: ignore[return-value]


def _masked(allowed: Ids, depth: int) -> dict[str, object]:
    """A byte for each id in turn, 1 where it is allowed; where ids lie too far apart, several share a byte.

    In that case all that pass are asked for, since some of them are not allowed.
    """
    first, last = int(allowed[0]), int(allowed[-1])
    span = last - first + 1
    mask = np.zeros(min(span, _MASK), dtype=np.uint8)
    offsets, few = (allowed - first, depth) if span <= _MASK else ((allowed - first) % _MASK, -1)
    mask[offsets] = 1
    return {"first": first, "last": last, "mask": mask.tobytes(), "size": len(mask), "depth": few}


def _rare(frequencies: Sequence[int], depth: int, share: float) -> int:
    """How many of the terms, rarest first, it takes to find `depth` chunks, and more as long as there is room."""
    chunks = 0
    for number, frequency in enumerate(frequencies):
        if chunks * share >= depth and (chunks + frequency) * max(share, _MERGED) > RANKED:
            return number
        chunks += frequency
    return len(frequencies)


def _expression(query: KeywordQuery, terms: Sequence[str], frequent: Sequence[str]) -> str:
    """FTS5's expression; every term is a quoted string, in which nothing is an operator.

    FTS5 scores all that an expression names, as often as it is named: what is required is named again among what may be
    there, and where that is words, the rest is named twice as well.
    """
    # parts stand side by side in their column, and do not in any text
    phrases = [f"{{title heading text}} : {_quoted(' '.join(phrase))}" for phrase in query.phrases]
    options = [*(f"{_quoted(prefix)} *" for prefix in query.prefixes), *map(_quoted, terms)]
    more = [*map(_quoted, frequent)]
    if phrases:
        return " AND ".join([*phrases, f"({_any([*phrases, *options])})"])
    return f"({_any(options)}) AND ({_any([*options, *more, *more])})" if more else _any(options)


def _any(operands: Iterable[str]) -> str:
    return " OR ".join(operands)


def _quoted(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""'))
