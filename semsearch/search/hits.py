"""Proposals become candidates, and candidates hits: SQLite says of each whether it is there, and what it is."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from semsearch.store.reader import StoreReader
from semsearch.store.records import ChunkRecord
from semsearch.types import Explanation, Hit


class Proposal(NamedTuple):
    """A chunk that a way of searching has found, whether it is there or not."""

    chunk_id: int
    score: float
    explanation: Explanation


class Candidate(NamedTuple):
    """A chunk that is there, on its way to become a hit."""

    record: ChunkRecord
    score: float
    explanation: Explanation

    @property
    def id(self) -> int:
        return self.record.chunk.id


def candidates_of(proposals: Sequence[Proposal], reader: StoreReader) -> Iterator[Candidate]:
    """Those of the proposals that exist in the snapshot, in their order."""
    records = reader.chunks(each.chunk_id for each in proposals)
    for each in proposals:
        if each.chunk_id in records:
            yield Candidate(records[each.chunk_id], each.score, each.explanation)


def hit_of(candidate: Candidate, rank: int, duplicates: Sequence[int] = ()) -> Hit:
    """The hit that a candidate becomes, which the chunks `duplicates` are nearly the same as."""
    record, chunk = candidate.record, candidate.record.chunk
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
        duplicates=tuple(duplicates),
    )
