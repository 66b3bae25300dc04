"""The ranking that a query gives: the legs of its mode search one snapshot, and fusion joins what they found.

The ways of searching are in `legs`; which candidates of a ranking become hits is said in `selection`.
"""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from semsearch.index.contract import Neighbours
from semsearch.index.ids import positions_of
from semsearch.search.fusion import convex, reciprocal_rank
from semsearch.search.hits import Candidate, Proposal, candidates_of
from semsearch.search.legs import keyword_leg, semantic_leg, with_cosines_of, without
from semsearch.search.profile import Stopwatch
from semsearch.search.query import Fusion, Query
from semsearch.search.snapshot import Snapshot
from semsearch.store.keyword_query import KeywordQuery, parse_query
from semsearch.store.records import ChunkRecord, Ranking
from semsearch.types import Explanation, Ids, LegScore, Profile, SearchMode

FUSED_DEPTH = 50  # chunks that each leg gives to fusion at first
_DEEPER = 4  # times as many in the next round


@dataclass(frozen=True, slots=True)
class _Found:
    """What a round of searching proposes, best first; `is_all` if a deeper one would propose nothing else."""

    proposals: Iterator[Proposal]
    is_all: bool
    neighbours: Neighbours | None = None  # of the semantic leg
    scanned: int = 0  # vectors


class Ranked:
    """One search in one snapshot: all chunks that the filter allows, as deep as somebody looks.

    It is made in rounds, and what an earlier one has found stays in front. So the beginning of a ranking is the same,
    however much of it is looked at; in hybrid mode the scores of a later round may be above the last of the one before.

    Attributes:
        findable: chunks that the filter allows, less those that are no hits of this query.
    """

    def __init__(self, snapshot: Snapshot, query: Query, watch: Stopwatch) -> None:
        self._snapshot, self._query, self._watch = snapshot, query, watch
        with watch.stage("filter"):
            self._allowed = None if query.filter is None else snapshot.chunk_ids(query.filter)
        self._left_out = np.empty(0, dtype=np.int64) if query.left_out is None else query.left_out
        if self._allowed is not None:
            self._left_out = self._allowed.ids[positions_of(self._left_out, self._allowed.ids)]
        allowed = len(snapshot.index) if self._allowed is None else len(self._allowed)
        self.findable = allowed - len(self._left_out)
        self._nearest: list[float] = []  # cosines of the first of what was found by meaning
        self._neighbours: Neighbours | None = None
        self._scanned = 0

    @functools.cached_property
    def words(self) -> KeywordQuery:
        """What the query's words ask for."""
        return parse_query(self._query.text or "")

    def candidates(self) -> Iterator[Candidate]:
        """Each chunk once, best first.

        What is proposed and is not in the snapshot is dropped, and the search goes deeper instead; if that is not
        enough, it is repeated over the stored vectors themselves.
        """
        seen: set[int] = set()
        block = self._query.shaping.depth(self._query.k)
        depth = FUSED_DEPTH if self._query.mode is SearchMode.HYBRID else block
        target_recall = self._query.target_recall
        while True:
            found = self._round(depth, target_recall)
            self._neighbours, self._scanned = found.neighbours, self._scanned + found.scanned
            new = (each for each in found.proposals if each.chunk_id not in seen)
            while some := list(itertools.islice(new, block)):
                with self._watch.stage("fetch"):
                    live = list(candidates_of(some, self._snapshot.reader))
                seen.update(each.id for each in live)
                yield from filter(self._is_near_enough, live)
            if found.is_all or len(seen) >= self.findable:
                return
            if depth >= self.findable:
                target_recall = 1.0
            depth *= _DEEPER

    def chunks_of(self, record: ChunkRecord) -> int:
        """How many chunks of a document can be found."""
        ends = [record.first_chunk, record.last_chunk + 1]
        first, end = ends if self._allowed is None else np.searchsorted(self._allowed.ids, ends)
        left_out = np.searchsorted(self._left_out, ends)
        return int(end - first - (left_out[1] - left_out[0]))

    def found_by_words(self) -> Ids:
        """All chunks that have words of the query."""
        return self._keyword_leg(max(self.findable, 1)).ids

    def nearest(self) -> float | None:
        """The cosine of the chunk nearest to the vector, of all there are; `None` if there are none.

        It is known when the first candidate is.
        """
        if self._allowed is not None and self._query.vector is not None:
            with self._watch.stage("nearest"):
                found = self._snapshot.index.search(self._query.vector, 1, target_recall=self._query.target_recall)
            self._nearest += found.scores[0].tolist()
        return max(self._nearest, default=None)

    def profile(self, reranked: int = 0) -> Profile:
        """What it did so far, and what that cost; `reranked` candidates were put into another order."""
        neighbours, matches = self._neighbours, None if self._allowed is None else len(self._allowed)
        if neighbours is None:
            return Profile(None, None, 0, None, matches, reranked, self._watch.milliseconds)
        how = neighbours.path, neighbours.device, self._scanned, neighbours.nprobe
        return Profile(*how, matches, reranked, self._watch.milliseconds)

    def _round(self, wanted: int, target_recall: float) -> _Found:
        """What is found when each leg gives so many chunks, those that are no hits aside."""
        depth = wanted + len(self._left_out)
        vector = self._query.vector
        if vector is None:
            by_words = self._keyword_leg(depth)
            return _Found(_proposals(by_words, keyword=_Places(by_words)), len(by_words.ids) < depth)
        with self._watch.stage("vectors"):
            by_meaning, neighbours = semantic_leg(self._snapshot, vector, depth, self._allowed, target_recall)
        self._nearest += neighbours.scores[0, :1].tolist()
        by_meaning = without(self._left_out, by_meaning)
        is_all = wanted >= self.findable and neighbours.path == "exact"
        is_far = not all(map(self._is_near, by_meaning.scores[-1:]))  # and so is all that would follow
        if self._query.mode is SearchMode.SEMANTIC:
            proposals = _proposals(by_meaning, semantic=_Places(by_meaning))
            return _Found(proposals, is_all or is_far, neighbours, neighbours.scanned)
        by_words = self._keyword_leg(depth)
        whole, scanned = by_meaning, neighbours.scanned
        with self._watch.stage("fusion"):
            if self._query.fusion is Fusion.CONVEX or self._query.shaping.min_score is not None:
                whole, more = with_cosines_of(by_words.ids, by_meaning, self._snapshot, vector)
                scanned += more
            fuse = convex if self._query.fusion is Fusion.CONVEX else reciprocal_rank
            fused = fuse(whole if fuse is convex else by_meaning, by_words)
        proposals = _proposals(fused, _Places(whole, len(by_meaning.ids)), _Places(by_words))
        return _Found(proposals, is_far or (is_all and len(by_words.ids) < depth), neighbours, scanned)

    def _is_near_enough(self, candidate: Candidate) -> bool:
        semantic = candidate.explanation.semantic
        return semantic is None or self._is_near(semantic.score)

    def _is_near(self, cosine: float) -> bool:
        least = self._query.shaping.min_score
        return least is None or cosine >= least

    def _keyword_leg(self, depth: int) -> Ranking:
        with self._watch.stage("keyword"):
            return without(self._left_out, keyword_leg(self._snapshot, self.words, depth, self._allowed))


class _Places:
    """What a ranking says of single chunks; those behind the first `found` have a score and no rank."""

    def __init__(self, ranking: Ranking, found: int | None = None) -> None:
        self._ranking, self._found = ranking, len(ranking.ids) if found is None else found
        self._at = {id: at for at, id in enumerate(ranking.ids.tolist())}

    def of(self, chunk_id: int) -> LegScore | None:
        at = self._at.get(chunk_id)
        return None if at is None else LegScore(at + 1 if at < self._found else None, float(self._ranking.scores[at]))


def _proposals(ranking: Ranking, semantic: _Places | None = None, keyword: _Places | None = None) -> Iterator[Proposal]:
    """The chunks of a ranking, each with what the legs say of it; of two legs the ranking is the fused one."""
    is_fused = semantic is not None and keyword is not None
    for score, id in zip(ranking.scores.tolist(), ranking.ids.tolist(), strict=True):
        by_meaning = None if semantic is None else semantic.of(id)
        by_words = None if keyword is None else keyword.of(id)
        yield Proposal(id, score, Explanation(by_meaning, by_words, score if is_fused else None))
