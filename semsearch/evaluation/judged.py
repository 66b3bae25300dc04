"""The judgments that are kept with a collection, as qrels; making them is `Collection.judge`."""

from semsearch.collection import Collection
from semsearch.errors import InvalidRequestError


def judged_queries(collection: Collection) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """The queries that were judged, each under itself as id, and their judgments.

    Raises:
        InvalidRequestError: there are none.
    """
    qrels: dict[str, dict[str, int]] = {}
    for judgment in collection.judgments():
        qrels.setdefault(judgment.query, {})[judgment.document_id] = judgment.grade
    if not qrels:
        raise InvalidRequestError("there are no judgments in this collection: make some with judge")
    return {query: query for query in qrels}, qrels
