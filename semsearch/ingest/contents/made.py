"""What a model makes, at the gate of vectors: rounded as it is stored, or refused row by row."""

import contextlib
from collections.abc import Sequence

from semsearch.errors import InvalidVectorError
from semsearch.index.vectors import as_stored, as_vectors
from semsearch.ingest.batch import Made, Outcome
from semsearch.types import Vectors


def stored_or_errors(rows: Vectors, dim: int, latents: Sequence[bytes | None] | None = None) -> list[Outcome]:
    """Each of the rows (n, dim) as it is stored, with its latent if it has one, or what is wrong with it."""
    beside = [None] * len(rows) if latents is None else latents
    with contextlib.suppress(InvalidVectorError):
        return [Made(row, latent) for row, latent in zip(as_stored(as_vectors(rows, dim)), beside, strict=True)]
    return [_stored_or_error(row, dim, latent) for row, latent in zip(rows, beside, strict=True)]


def _stored_or_error(row: Vectors, dim: int, latent: bytes | None) -> Outcome:
    try:
        return Made(as_stored(as_vectors(row, dim)).reshape(dim), latent)
    except InvalidVectorError as error:
        return error
