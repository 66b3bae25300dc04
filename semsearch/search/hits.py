"""Candidates become hits: SQLite says of each whether it is there, and what it is."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from semsearch.store.reader import StoreReader
from semsearch.store.records import ChunkRecord
from semsearch.types import Explanation, Hit


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk on its way to become a hit."""

    chunk_id: int
    score: float
    explanation: Explanation


def hits_of(candidates: Iterable[Candidate], reader: StoreReader, k: int) -> tuple[Hit, ...]:
    """The first k candidates, best first, that exist in the snapshot; or as many as do."""
    waiting = iter(candidates)
    hits: list[Hit] = []
    while some := list(itertools.islice(waiting, k - len(hits))):
        records = reader.chunks(each.chunk_id for each in some)
        live = [each for each in some if each.chunk_id in records]
        hits += [_hit(rank, each, records[each.chunk_id]) for rank, each in enumerate(live, len(hits) + 1)]
    return tuple(hits)


def _hit(rank: int, candidate: Candidate, record: ChunkRecord) -> Hit:
    chunk = record.chunk
    return Hit(
        rank=rank,
        score=candidate.score,
        document_id=chunk.document_id,
        chunk_id=chunk.id,
        start=chunk.start,
        end=chunk.end,
        page=chunk.page,
        heading=chunk.heading,
        text=chunk.text,
        title=record.title,
        metadata=record.metadata,
        source=record.source,
        explanation=candidate.explanation,
    )
