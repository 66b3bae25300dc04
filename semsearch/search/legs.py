"""The two ways of finding chunks: by meaning, in the index over vectors, and by words, in the full-text index.

Each gives a ranking of chunks that its snapshot has and a filter allows. What becomes of them is in `engine`.
"""

import numpy as np

from semsearch.index.contract import Neighbours
from semsearch.index.ids import IdSet
from semsearch.search.snapshot import Snapshot
from semsearch.store.keyword_query import KeywordQuery
from semsearch.store.records import Ranking
from semsearch.types import Ids, Vectors


def semantic_leg(
    snapshot: Snapshot, vector: Vectors, depth: int, allowed: IdSet | None, target_recall: float
) -> tuple[Ranking, Neighbours]:
    """The chunks nearest to a vector (1, dim), of those that the filter allows, and what finding them cost."""
    found = snapshot.index.search(vector, depth, target_recall=target_recall, allowed_ids=allowed)
    scores, ids = found.scores[0], found.ids[0]
    if allowed is not None:  # FAISS proposes
        permitted = allowed.holds(ids)
        scores, ids = scores[permitted], ids[permitted]
    return Ranking(scores, ids), found


def keyword_leg(snapshot: Snapshot, query: KeywordQuery, depth: int, allowed: IdSet | None) -> Ranking:
    """The chunks that answer the words of a query best, of those that the filter allows."""
    if allowed is None:
        return snapshot.reader.keyword.search(query, depth)
    share = len(allowed) / max(len(snapshot.index), 1)
    return snapshot.reader.keyword.search(query, depth, allowed.ids, share=share)


def with_cosines_of(ids: Ids, ranking: Ranking, snapshot: Snapshot, vector: Vectors) -> tuple[Ranking, int]:
    """A semantic ranking, and behind it those of the chunks `ids` that it lacks; and how many vectors were compared."""
    others = np.setdiff1d(ids, ranking.ids)
    if not len(others):
        return ranking, 0
    found = snapshot.index.search(vector, len(others), target_recall=1.0, allowed_ids=IdSet(others))
    whole = Ranking(np.concatenate([ranking.scores, found.scores[0]]), np.concatenate([ranking.ids, found.ids[0]]))
    return whole, found.scanned


def without(ids: Ids, ranking: Ranking) -> Ranking:
    """The ranking less these chunks."""
    if not len(ids):
        return ranking
    others = ~np.isin(ranking.ids, ids)
    return Ranking(ranking.scores[others], ranking.ids[others])
