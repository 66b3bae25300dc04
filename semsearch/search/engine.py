"""From a query to hits: the legs of its mode search one snapshot, fusion joins what they found, candidates become hits.

The ways of searching are in `legs`, and the making of hits in `hits`.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from semsearch.index.contract import Neighbours
from semsearch.index.ids import positions_of
from semsearch.search.explaining import explained
from semsearch.search.expressions.combining import combine
from semsearch.search.fusion import convex, reciprocal_rank
from semsearch.search.hits import Candidate, hits_of
from semsearch.search.legs import keyword_leg, semantic_leg, with_cosines_of, without
from semsearch.search.profile import Stopwatch
from semsearch.search.query import Fusion, Query, embedded
from semsearch.search.query_vectors import QueryVectors
from semsearch.search.snapshot import Snapshot, SnapshotCache
from semsearch.store.keyword_query import KeywordQuery, parse_query
from semsearch.store.records import Ranking
from semsearch.types import Explanation, Hit, LegScore, Profile, SearchMode, SearchResult

FUSED_DEPTH = 50  # chunks that each leg gives to fusion, or k if that is more


def search(snapshots: SnapshotCache, query: Query, vectors: QueryVectors | None) -> SearchResult:
    """Answer a query from the newest snapshot; `vectors` are by the collection's model, `None` if it has none."""
    watch = Stopwatch()
    with watch.stage("embed"):
        query = embedded(query, vectors)
    with snapshots.current() as snapshot:
        if query.expression is not None:
            with watch.stage("combine"):
                vector, named = combine(query.expression, snapshot)
            query = replace(query, vector=vector, left_out=named)
        asked = _Search(snapshot, query, watch)
        hits, profile = asked.answer()
        nearest = None if query.expression is None else asked.nearest()
        if query.explain:
            with watch.stage("explain"):
                model = None if vectors is None else vectors.model
                hits = explained(hits, query, asked.words, snapshot.reader.keyword, model)
    return SearchResult(query.text, query.mode, hits, profile, nearest)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a round of searching proposes, best first; `is_all` if a deeper one would propose nothing else."""

    candidates: Iterator[Candidate]
    is_all: bool
    neighbours: Neighbours | None = None  # of the semantic leg
    scanned: int = 0  # vectors


class _Search:
    """One search in one snapshot."""

    def __init__(self, snapshot: Snapshot, query: Query, watch: Stopwatch) -> None:
        self._snapshot, self._query, self._watch = snapshot, query, watch
        with watch.stage("filter"):
            self._allowed = None if query.filter is None else snapshot.chunk_ids(query.filter)
        self._findable = len(snapshot.index) if self._allowed is None else len(self._allowed)
        self._left_out = np.empty(0, dtype=np.int64) if query.left_out is None else query.left_out
        if self._allowed is not None:
            self._left_out = self._allowed.ids[positions_of(self._left_out, self._allowed.ids)]
        self._nearest: list[float] = []  # cosines of the first of what was found by meaning

    @functools.cached_property
    def words(self) -> KeywordQuery:
        """What the query's words ask for."""
        return parse_query(self._query.text or "")

    def answer(self) -> tuple[tuple[Hit, ...], Profile]:
        """The k best chunks of those that the filter allows: as many of them as there are, or as have words asked for.

        What is proposed and is not in the snapshot is dropped, and the search goes deeper instead; if that is not
        enough, it is repeated over the stored vectors themselves.
        """
        k, mode = self._query.k, self._query.mode
        enough = k if mode is SearchMode.KEYWORD else min(k, self._findable - len(self._left_out))
        depth = (max(k, FUSED_DEPTH) if mode is SearchMode.HYBRID else k) + len(self._left_out)
        target_recall = self._query.target_recall
        while True:
            found = self._round(depth, target_recall)
            with self._watch.stage("fetch"):
                hits = hits_of(found.candidates, self._snapshot.reader, k)
            if len(hits) >= enough or found.is_all:
                return hits, self._profile(found)
            if depth >= self._findable:
                target_recall = 1.0
            depth *= 2

    def nearest(self) -> float | None:
        """The cosine of the chunk nearest to the vector, of all there are, after `answer`; `None` if there are none."""
        if self._allowed is not None and self._query.vector is not None:
            with self._watch.stage("nearest"):
                found = self._snapshot.index.search(self._query.vector, 1, target_recall=self._query.target_recall)
            self._nearest += found.scores[0].tolist()
        return max(self._nearest, default=None)

    def _round(self, depth: int, target_recall: float) -> _Found:
        vector = self._query.vector
        if vector is None:
            by_words = self._keyword_leg(depth)
            return _Found(_candidates(by_words, keyword=_Places(by_words)), len(by_words.ids) < depth)
        with self._watch.stage("vectors"):
            by_meaning, neighbours = semantic_leg(self._snapshot, vector, depth, self._allowed, target_recall)
        self._nearest += neighbours.scores[0, :1].tolist()
        by_meaning = without(self._left_out, by_meaning)
        is_all = depth >= self._findable and neighbours.path == "exact"
        if self._query.mode is SearchMode.SEMANTIC:
            candidates = _candidates(by_meaning, semantic=_Places(by_meaning))
            return _Found(candidates, is_all, neighbours, neighbours.scanned)
        by_words = self._keyword_leg(depth)
        whole, scanned = by_meaning, neighbours.scanned
        with self._watch.stage("fusion"):
            if self._query.fusion is Fusion.CONVEX:
                whole, more = with_cosines_of(by_words.ids, by_meaning, self._snapshot, vector)
                fused, scanned = convex(whole, by_words), scanned + more
            else:
                fused = reciprocal_rank(by_meaning, by_words)
        candidates = _candidates(fused, _Places(whole, len(by_meaning.ids)), _Places(by_words))
        return _Found(candidates, is_all and len(by_words.ids) < depth, neighbours, scanned)

    def _keyword_leg(self, depth: int) -> Ranking:
        with self._watch.stage("keyword"):
            return without(self._left_out, keyword_leg(self._snapshot, self.words, depth, self._allowed))

    def _profile(self, found: _Found) -> Profile:
        neighbours, matches = found.neighbours, None if self._allowed is None else len(self._allowed)
        if neighbours is None:
            return Profile(None, None, 0, None, matches, self._watch.milliseconds)
        how = neighbours.path, neighbours.device, found.scanned, neighbours.nprobe
        return Profile(*how, matches, self._watch.milliseconds)


class _Places:
    """What a ranking says of single chunks; those behind the first `found` have a score and no rank."""

    def __init__(self, ranking: Ranking, found: int | None = None) -> None:
        self._ranking, self._found = ranking, len(ranking.ids) if found is None else found
        self._at = {id: at for at, id in enumerate(ranking.ids.tolist())}

    def of(self, chunk_id: int) -> LegScore | None:
        at = self._at.get(chunk_id)
        return None if at is None else LegScore(at + 1 if at < self._found else None, float(self._ranking.scores[at]))


def _candidates(
    ranking: Ranking, semantic: _Places | None = None, keyword: _Places | None = None
) -> Iterator[Candidate]:
    """The chunks of a ranking, each with what the legs say of it; of two legs the ranking is the fused one."""
    is_fused = semantic is not None and keyword is not None
    for score, id in zip(ranking.scores.tolist(), ranking.ids.tolist(), strict=True):
        by_meaning = None if semantic is None else semantic.of(id)
        by_words = None if keyword is None else keyword.of(id)
        yield Candidate(id, score, Explanation(by_meaning, by_words, score if is_fused else None))
