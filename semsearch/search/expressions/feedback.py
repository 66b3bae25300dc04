"""Relevance feedback: a query, moved towards what was marked as relevant and away from what was not."""

from collections.abc import Sequence

from semsearch.errors import InvalidRequestError
from semsearch.search.expressions.notation import as_expression, is_chunk_id
from semsearch.search.expressions.parts import ChunkPart, DocumentPart, Expression, Part, Source
from semsearch.store.filters import shown

ALPHA, BETA, GAMMA = 1.0, 0.75, 0.15


def rocchio(query: Source, relevant: Sequence[str | int], irrelevant: Sequence[str | int]) -> Expression:
    """ALPHA * query + BETA * the mean of what is relevant - GAMMA * the mean of what is not, as an expression.

    Rocchio (1971), "Relevance feedback in information retrieval", with the weights of Manning, Raghavan and Schütze,
    "Introduction to Information Retrieval" (2008), section 9.1.1.

    Args:
        query: what was asked.
        relevant: ids of documents (text) and of chunks (numbers); one that is there twice counts once.
        irrelevant: as `relevant`.

    Raises:
        InvalidRequestError: an id is neither, or is in both; or there are too many of them.
    """
    good, bad = _marked(relevant, "relevant"), _marked(irrelevant, "irrelevant")
    for source, id in good.items():
        if source in bad:
            raise InvalidRequestError(f"{id!r:.80} is in relevant and in irrelevant: mark it once")
    return as_expression(
        [
            Part(query, ALPHA),
            *(Part(source, BETA / len(good)) for source in good),
            *(Part(source, -GAMMA / len(bad)) for source in bad),
        ]
    )


def _marked(ids: Sequence[str | int], name: str) -> dict[Source, str | int]:
    """What the ids are of, each once."""
    if isinstance(ids, str):
        raise InvalidRequestError(f"{name} is the text {ids!r:.80}; it has to be a list of ids")
    return {_source(id, name): id for id in ids}


def _source(id: str | int, name: str) -> Source:
    match id:
        case str():
            return DocumentPart(id)
        case int() if is_chunk_id(id):
            return ChunkPart(id)
    raise InvalidRequestError(
        f"{name} has {shown(id)}, which is neither a document's id (text) nor a chunk's (a number)"
    )
