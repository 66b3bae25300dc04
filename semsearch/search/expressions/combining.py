"""From the parts of an expression to one vector, in the snapshot that is searched with it."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from semsearch.errors import ChunkNotFoundError, InvalidExpressionError
from semsearch.index.vectors import as_vector
from semsearch.search.expressions.parts import (
    CentroidPart,
    ChunkPart,
    DocumentPart,
    Expression,
    ImagePart,
    Source,
    TextPart,
    VectorPart,
)
from semsearch.search.image_vectors import ImageVectors
from semsearch.search.query_vectors import QueryVectors
from semsearch.search.snapshot import Snapshot
from semsearch.types import Ids, Vectors

_BLOCK = 8_192  # vectors read at once
# What is left of a sum, in parts of its largest term, below which it is rounding (of float16 among others)
_NOTHING = 0.01

_Sum = npt.NDArray[np.float64]  # (dim,)


def with_vectors(expression: Expression, texts: QueryVectors | None, images: ImageVectors | None) -> Expression:
    """The expression with the vectors of its texts and images, as far as there are models for them."""
    return tuple(replace(part, source=_embedded(part.source, texts, images)) for part in expression)


def _embedded(source: Source, texts: QueryVectors | None, images: ImageVectors | None) -> Source:
    match source:
        case TextPart() if texts is not None:
            return replace(source, vector=texts.of(source.text))
        case ImagePart() if images is not None:
            return replace(source, vector=images.of(source.image))
    return source


def combine(expression: Expression, snapshot: Snapshot) -> tuple[Vectors, Ids]:
    """The sum of the parts, each normalised and then weighted, and the chunks that are named in it.

    Returns:
        The vector (1, dim), normalised; and ids (n,), ascending, of the chunks that are parts, or whose documents are.

    Raises:
        DocumentNotFoundError, ChunkNotFoundError
        InvalidExpressionError: a filter matches nothing, or the parts cancel out.
    """
    largest = max(abs(part.weight) for part in expression)
    named = [_named(part.source, snapshot) for part in expression]
    vectors = [_vector(part.source, ids, snapshot) for part, ids in zip(expression, named, strict=True)]
    weights = [part.weight / largest for part in expression]
    total = np.sum([weight * vector for weight, vector in zip(weights, vectors, strict=True)], axis=0)
    return _normalised(total, "the parts of the expression"), np.unique(np.concatenate(named))


def _named(source: Source, snapshot: Snapshot) -> Ids:
    """The chunks that a part names by its id, or by that of their document."""
    match source:
        case DocumentPart(document_id):
            return snapshot.reader.chunks_of_document(document_id)
        case ChunkPart(chunk_id):
            if not snapshot.reader.documents_of_chunks([chunk_id]):
                raise ChunkNotFoundError(chunk_id)
            return np.array([chunk_id], dtype=np.int64)
    return np.empty(0, dtype=np.int64)


def _vector(source: Source, named: Ids, snapshot: Snapshot) -> _Sum:
    """The vector of a part, normalised."""
    match source:
        case TextPart(_, vector) | ImagePart(_, _, vector):
            return np.asarray(vector, np.float64).ravel()
        case VectorPart(numbers):
            return np.array(numbers, np.float64)
        case CentroidPart(filter):
            ids = snapshot.chunk_ids(filter).ids
            if not len(ids):
                raise InvalidExpressionError(f"the filter {filter!r:.80} matches nothing, and so it has no centroid")
            return _mean(ids, snapshot, f"what the filter {filter!r:.80} matches")
        case DocumentPart(document_id):
            return _mean(named, snapshot, f"the chunks of the document {document_id!r:.80}")
        case ChunkPart(chunk_id):
            return _mean(named, snapshot, f"chunk {chunk_id}")


def _mean(ids: Ids, snapshot: Snapshot, what: str) -> _Sum:
    """The mean of chunks' vectors, normalised."""
    blocks = (ids[start : start + _BLOCK].tolist() for start in range(0, len(ids), _BLOCK))
    total = np.sum([snapshot.vectors(some).sum(axis=0, dtype=np.float64) for some in blocks], axis=0)
    return np.asarray(_normalised(total / len(ids), what)[0], np.float64)


def _normalised(total: _Sum, what: str) -> Vectors:
    """A sum (dim,) whose terms are of length 1 at most, as a vector (1, dim)."""
    if np.linalg.norm(total) < _NOTHING:
        raise InvalidExpressionError(f"{what} cancel out, with no direction left to search in: combine something else")
    return as_vector(total, len(total))
