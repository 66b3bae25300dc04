"""Which candidates of a ranking become hits, and in which order; the ranking itself is `ranking`'s."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from semsearch.search.diversity import first_near, mmr_order, nearness
from semsearch.search.hits import Candidate
from semsearch.search.profile import Stopwatch
from semsearch.search.query import Query
from semsearch.search.ranking import Ranked
from semsearch.types import Scores, SearchMode, Vectors


class Selection:
    """Takes candidates from a ranking, a block at a time, and gives those that become hits, as long as more are needed.

    What is chosen first does not depend on how many are asked for.

    Args:
        query: what was asked.
        ranked: the ranking.
        vectors: gives the stored vectors (n, dim) of chunks by their ids.
        watch: for the time it takes.
        rerank: puts the first candidates into another order; `None` if that is not asked for.

    Attributes:
        duplicates: by chunk id, the ids of the candidates that were passed over for being nearly the same as that one.
        reranked: how many candidates were.
    """

    def __init__(
        self,
        query: Query,
        ranked: Ranked,
        vectors: Callable[[Sequence[int]], Vectors],
        watch: Stopwatch,
        rerank: Callable[[Sequence[Candidate]], list[Candidate]] | None = None,
    ) -> None:
        self._query, self._shaping, self._ranked = query, query.shaping, ranked
        self._vectors, self._watch, self._rerank = vectors, watch, rerank
        self._undecided = ranked.findable  # chunks of documents that have no hit
        self._documents: set[str] = set()
        self._chosen: list[int] = []
        self._before: Vectors | None = None  # of the chosen, as far as they are compared
        self._scale = 0.0  # the best score
        self.duplicates: dict[int, list[int]] = defaultdict(list)
        self.reranked = 0

    def candidates(self) -> Iterator[Candidate]:
        """The candidates that become hits, best first."""
        candidates, (size, later) = self._ranked.candidates(), self._shaping.blocks(self._query.k)
        if self._rerank is not None:
            candidates = itertools.chain(self._first(candidates, self._rerank), candidates)
        if not self._shaping.drops and not self._shaping.diversity:
            yield from candidates
            return
        while block := list(itertools.islice(candidates, size)):
            size = later
            with self._watch.stage("shape"):
                compares = self._shaping.diversity or self._shaping.collapse is not None
                chosen = self._compared(block) if compares else self._kept(block)
            yield from (block[at] for at in chosen)
            if self._undecided <= 0:  # every document has its hit
                return

    def _first(
        self, candidates: Iterator[Candidate], rerank: Callable[[Sequence[Candidate]], list[Candidate]]
    ) -> list[Candidate]:
        first = list(itertools.islice(candidates, self._shaping.rerank))
        self.reranked = len(first)
        with self._watch.stage("rerank"):
            return rerank(first)

    def _compared(self, block: Sequence[Candidate]) -> list[int]:
        """As `_kept`, for what has to do with how near candidates are to one another."""
        vectors = self._vectors([each.id for each in block])
        before = vectors[:0] if self._before is None else self._before
        cosines = nearness(vectors, np.concatenate([before, vectors]))  # (block, chosen before and block)
        kept = self._kept(block, cosines)
        self._before = np.concatenate([before, vectors[kept]])
        if not self._shaping.diversity or not kept:
            return kept
        nearest = cosines[kept][:, : len(before)].max(axis=1) if len(before) else None
        among = cosines[np.ix_(kept, [len(before) + at for at in kept])]
        order = mmr_order(self._relevance([block[at] for at in kept]), among, self._shaping.diversity, nearest)
        return [kept[at] for at in order]

    def _kept(self, block: Sequence[Candidate], cosines: Scores | None = None) -> list[int]:
        """Where in a block the candidates are that stay, in their order."""
        before, collapse = len(self._chosen), self._shaping.collapse
        kept: list[int] = []
        columns = [] if cosines is None else list(range(before))
        for at, each in enumerate(block):
            document = each.record.chunk.document_id
            if self._shaping.group_by and document in self._documents:
                continue
            if cosines is not None and collapse is not None:
                twin = first_near(cosines[at, columns], collapse)
                if twin is not None:
                    self.duplicates[self._chosen[twin]].append(each.id)
                    continue
            kept.append(at)
            columns.append(before + at)
            self._chosen.append(each.id)
            if self._shaping.group_by:
                self._documents.add(document)
                self._undecided -= self._ranked.chunks_of(each.record)
        return kept

    def _relevance(self, chosen: Sequence[Candidate]) -> npt.NDArray[np.float64]:
        """How good each candidate of a block is, on a scale like that of cosines: (n,)."""
        by_reranker = [each.explanation.reranked for each in chosen]
        told = [each.score for each in by_reranker if each is not None]
        if told:  # which is all of them
            return np.array(told)
        scores = np.array([each.score for each in chosen])
        if self._query.mode is SearchMode.SEMANTIC:
            return scores
        self._scale = self._scale or float(scores.max())
        return scores / (self._scale or 1.0)
