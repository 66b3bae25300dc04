"""From a query to an answer: what is done, in which order; each step has a module of its own."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from semsearch.embedders.protocol import Reranker
from semsearch.search.expansion import expanded
from semsearch.search.explaining import explained
from semsearch.search.expressions.combining import combine
from semsearch.search.facets import facets_of
from semsearch.search.hits import hit_of
from semsearch.search.image_vectors import ImageVectors
from semsearch.search.paging import Cursors
from semsearch.search.profile import Stopwatch
from semsearch.search.query import Query, embedded
from semsearch.search.query_vectors import QueryVectors
from semsearch.search.ranking import Ranked
from semsearch.search.reranking import reranked
from semsearch.search.selection import Selection
from semsearch.search.snapshot import SnapshotCache
from semsearch.search.sorting import sorted_by
from semsearch.store.reader import StoreReader
from semsearch.store.records import CollectionSpec
from semsearch.types import Hit, SearchResult


def search(
    snapshots: SnapshotCache,
    query: Query,
    spec: CollectionSpec,
    reranker: Callable[[], Reranker],
    *,
    texts: QueryVectors | None,
    images: ImageVectors | None,
) -> SearchResult:
    """Answer a query from the newest snapshot.

    Args:
        snapshots: of the collection.
        query: what was asked.
        spec: what the collection is.
        reranker: gives the model to rerank with; it is called where that is asked for.
        texts: the vectors of queries in words, by the collection's model; `None` if it is not one of texts.
        images: the vectors of images, by the collection's model; `None` if it is not one of images.
    """
    watch, asked = Stopwatch(), query
    with watch.stage("embed"):
        query = embedded(query, texts, images)
    rerank = None
    if query.shaping.rerank:
        with watch.stage("rerank"):
            rerank = partial(reranked, query=query.text or "", reranker=reranker())
    with snapshots.current() as snapshot:
        cursors = Cursors(asked, spec.created, snapshot.state.version)
        before = cursors.hits_before()
        if query.expression is not None:
            with watch.stage("combine"):
                vector, named = combine(query.expression, snapshot)
            query = replace(query, vector=vector, left_out=named)
        ranked = Ranked(snapshot, query, watch)
        selection = Selection(query, ranked, snapshot.vectors, watch, rerank)
        hits = _hits(selection, before, query.k)
        nearest = None if query.expression is None else ranked.nearest()
        if query.explain:
            with watch.stage("explain"):
                model = None if texts is None else texts.model
                hits = explained(hits, query, ranked.words, snapshot.reader.keyword, model)
        profile, end = ranked.profile(selection.reranked), before + query.k
        cursor = cursors.after(end) if len(hits) == query.k and end < ranked.findable else None
        answer = SearchResult(query.text, query.mode, hits, profile, nearest, cursor)
        return _completed(answer, query, ranked, snapshot.reader, watch)


def _hits(selection: Selection, before: int, k: int) -> tuple[Hit, ...]:
    """The next k behind the first `before`, or as many as there are."""
    chosen = list(itertools.islice(selection.candidates(), before, before + k))  # all, before duplicates are told
    return tuple(
        hit_of(each, rank, selection.duplicates.get(each.id, ())) for rank, each in enumerate(chosen, before + 1)
    )


def _completed(
    answer: SearchResult, query: Query, ranked: Ranked, reader: StoreReader, watch: Stopwatch
) -> SearchResult:
    """The answer with what was asked for beside its hits, which are in their order."""
    expand, facets, sort = query.shaping.expand, query.shaping.facets, query.shaping.sort
    if expand is not None:
        with watch.stage("expand"):
            answer = replace(answer, hits=expanded(answer.hits, expand, reader.surroundings))
    if facets:
        with watch.stage("facets"):
            answer = replace(answer, facets=facets_of(query, ranked, reader))
    if sort is not None:
        answer = replace(answer, hits=sorted_by(answer.hits, sort), cursor=None)
    return answer
