"""The first candidates in the order of a cross-encoder; the model itself is in `semsearch.embedders.reranker`."""

from collections.abc import Sequence
from dataclasses import replace

from semsearch.embedders.protocol import Reranker
from semsearch.search.hits import Candidate
from semsearch.types import LegScore

_DECIMALS = 6  # of what is told


def reranked(candidates: Sequence[Candidate], query: str, reranker: Reranker) -> list[Candidate]:
    """The candidates by how well their texts answer the query, best first; equal ones stay in their order."""
    relevance = reranker.score(query, [_text_of(each) for each in candidates])
    order = sorted(range(len(candidates)), key=lambda at: -relevance[at])
    return [_told(candidates[at], rank, float(relevance[at])) for rank, at in enumerate(order, 1)]


def _text_of(candidate: Candidate) -> str:
    """What is embedded of a chunk, more or less: title, headings and text, each on its line."""
    chunk = candidate.record.chunk
    return "\n".join(part for part in (candidate.record.title, chunk.heading, chunk.text) if part)


def _told(candidate: Candidate, rank: int, relevance: float) -> Candidate:
    explanation = replace(candidate.explanation, reranked=LegScore(rank, round(relevance, _DECIMALS)))
    return candidate._replace(explanation=explanation)
