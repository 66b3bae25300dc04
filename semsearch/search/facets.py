"""Facets of a search: which values the documents that match have in their metadata; no hit depends on them."""

from semsearch.search.query import Query
from semsearch.search.ranking import Ranked
from semsearch.store.reader import StoreReader
from semsearch.types import FacetValue, SearchMode


def facets_of(query: Query, ranked: Ranked, reader: StoreReader) -> dict[str, tuple[FacetValue, ...]]:
    """By key, the values in all documents that could have a hit, were k large enough, and nothing passed over."""
    if query.mode is not SearchMode.KEYWORD:
        return {key: reader.facet(key, query.filter, None) for key in query.shaping.facets}
    found = ranked.found_by_words()
    return {key: reader.facet(key, None, found) for key in query.shaping.facets}
