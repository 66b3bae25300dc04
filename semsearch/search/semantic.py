"""Semantic search: a query vector to hits; FAISS proposes chunks, SQLite disposes."""

import numpy as np

from semsearch.errors import InvalidRequestError
from semsearch.index.contract import Neighbours
from semsearch.index.ids import IdSet
from semsearch.search.profile import Stopwatch
from semsearch.search.snapshot import Snapshot
from semsearch.store.reader import StoreReader
from semsearch.store.records import ChunkRecord
from semsearch.types import Filter, Hit, Profile, SearchMode, Vectors


def check_mode(mode: str) -> SearchMode:
    """The mode of this name; raises InvalidRequestError if there is none."""
    try:
        return SearchMode(mode)
    except ValueError as error:
        known = ", ".join(SearchMode)
        raise InvalidRequestError(f"mode is {mode!r}; it has to be one of: {known}") from error


def check_k(k: int) -> None:
    """Raise InvalidRequestError unless it is a whole number, at least 1."""
    if isinstance(k, bool) or not hasattr(k, "__index__") or k < 1:
        raise InvalidRequestError(f"k is {k!r}; ask for a whole number of hits, at least 1")


def search_semantic(
    snapshot: Snapshot,
    query: Vectors,
    k: int,
    *,
    filter: Filter | None,
    target_recall: float,
    watch: Stopwatch,
) -> tuple[tuple[Hit, ...], Profile]:
    """The k best chunks for a normalised query (1, dim), in one snapshot: min(k, chunks that match) hits.

    What the index proposes and the snapshot does not have, or the filter does not allow, is dropped, and the search
    goes deeper instead; if that is not enough, it is repeated over the stored vectors themselves.
    """
    with watch.stage("filter"):
        allowed = None if filter is None else snapshot.chunk_ids(filter)
    findable = len(snapshot.index) if allowed is None else len(allowed)
    depth = k
    while True:
        with watch.stage("search"):
            found = snapshot.index.search(query, depth, target_recall=target_recall, allowed_ids=allowed)
        with watch.stage("fetch"):
            hits = _hits(found, allowed, snapshot.reader, k)
        if len(hits) >= min(k, findable) or (depth >= findable and found.path == "exact"):
            return hits, _profile(found, allowed, watch)
        if depth >= findable:
            target_recall = 1.0
        depth = min(2 * depth, findable)


def _hits(found: Neighbours, allowed: IdSet | None, reader: StoreReader, k: int) -> tuple[Hit, ...]:
    scores, ids = found.scores[0], found.ids[0]
    if allowed is not None:
        permitted = np.isin(ids, allowed.ids)
        scores, ids = scores[permitted], ids[permitted]
    proposed = list(zip(scores.tolist(), ids.tolist(), strict=True))
    records = reader.chunks(chunk_id for _, chunk_id in proposed)
    live = [(score, records[chunk_id]) for score, chunk_id in proposed if chunk_id in records]
    return tuple(_hit(rank, score, record) for rank, (score, record) in enumerate(live[:k], 1))


def _hit(rank: int, score: float, record: ChunkRecord) -> Hit:
    chunk = record.chunk
    return Hit(
        rank=rank,
        score=score,
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
    )


def _profile(found: Neighbours, allowed: IdSet | None, watch: Stopwatch) -> Profile:
    matches = None if allowed is None else len(allowed)
    return Profile(found.path, found.device, found.scanned, found.nprobe, matches, watch.milliseconds)
