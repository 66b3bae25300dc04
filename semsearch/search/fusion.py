"""Two rankings of chunks become one: by their scores, or by their ranks; pure functions, and no search is done here."""

import numpy as np

from semsearch.store.records import Ranking
from semsearch.types import Ids, Scores

SEMANTIC_WEIGHT = 0.75  # of the convex combination; see docs/adr/0010-hybrid-search.md
RRF_K = 60
_DECIMALS = 9  # of fused scores, to which they are rounded before they are sorted
_LEAST_COSINE, _LEAST_BM25 = -1.0, 0.0


def convex(semantic: Ranking, keyword: Ranking, weight: float = SEMANTIC_WEIGHT) -> Ranking:
    """The weighted mean of cosine and BM25, each stretched from the least that it can be to 0, and the best to 1.

    TM2C2 of Bruch, Gai, Ingber: An Analysis of Fusion Functions for Hybrid Retrieval (2023). A chunk that one of the
    rankings does not have gets 0 from it. A leg to which all chunks are about the same has little to say.
    """
    ids = np.union1d(semantic.ids, keyword.ids)
    return _ranking(
        weight * _stretched(semantic, _LEAST_COSINE, ids) + (1 - weight) * _stretched(keyword, _LEAST_BM25, ids), ids
    )


def reciprocal_rank(semantic: Ranking, keyword: Ranking, rrf_k: int = RRF_K) -> Ranking:
    """The sum of 1 / (rrf_k + rank) over the rankings that have a chunk, ranks from 1 on.

    Cormack, Clarke, Buettcher: Reciprocal Rank Fusion outperforms Condorcet and ... Rank Learning Methods (2009).
    """
    ids = np.union1d(semantic.ids, keyword.ids)
    scores = np.zeros(len(ids))
    for ranking in (semantic, keyword):
        scores[np.searchsorted(ids, ranking.ids)] += 1 / (rrf_k + 1 + np.arange(len(ranking.ids)))
    return _ranking(scores, ids)


def _stretched(ranking: Ranking, least: float, ids: Ids) -> Scores:
    """Scores of the ids (n,), ascending, in [0, 1]."""
    scores = np.zeros(len(ids))
    span = ranking.scores.max(initial=least) - least
    if span > 0:
        scores[np.searchsorted(ids, ranking.ids)] = (ranking.scores - least) / span
    return scores


def _ranking(scores: Scores, ids: Ids) -> Ranking:
    rounded: Scores = scores.round(_DECIMALS)
    order = np.lexsort((ids, -rounded))
    return Ranking(rounded[order], ids[order])
