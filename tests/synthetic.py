"""Vectors for tests: clustered, so that an approximate index has something to find, and seeded."""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from semsearch import files
from semsearch.index.ids import write_ids
from semsearch.index.segment import Segment, write_rows
from semsearch.index.vectors import as_stored, as_vectors
from semsearch.types import Ids, StoredVectors, Vectors


def clustered(rows: int, dim: int, *, seed: int = 0, centres: int = 50, spread: float = 0.5) -> Vectors:
    """(rows, dim), normalised and rounded as stored vectors are; other seeds give other points of the same clusters."""
    rng = np.random.default_rng(seed)
    middles = np.random.default_rng(centres).standard_normal((centres, dim))
    points = middles[rng.integers(0, centres, rows)] + spread * rng.standard_normal((rows, dim))
    return as_stored(as_vectors(points, dim)).astype(np.float32)


def blocks(ids: Ids, vectors: Vectors, size: int = 1_000) -> list[tuple[Ids, StoredVectors]]:
    """As the store hands them out."""
    return [(ids[at : at + size], vectors[at : at + size].astype(np.float16)) for at in range(0, len(ids), size)]


def segment(ids: Ids, vectors: Vectors) -> Segment:
    """A sealed and mapped segment of these rows, whose files are gone already."""
    folder = Path(tempfile.mkdtemp())
    files.publish(folder, "1.f16", lambda write: write_rows(write, vectors.astype(np.float16)))
    files.publish(folder, "1.ids.npy", lambda write: write_ids(write, ids))
    mapped = Segment.read(folder / "1.f16", folder / "1.ids.npy")
    shutil.rmtree(folder)
    return mapped


def oracle(
    queries: Vectors, k: int, ids: Ids, vectors: Vectors, allowed: set[int] | None = None
) -> tuple[list[list[float]], list[list[int]]]:
    """Exact search written as directly as it can be: float64, one query at a time, sorted by (-score, id)."""
    all_scores, all_ids = [], []
    for query in queries.astype(np.float64):
        products = [
            (id, float(np.dot(query, row))) for id, row in zip(ids.tolist(), vectors.astype(np.float64), strict=True)
        ]
        scored = [
            (-round(min(1.0, max(-1.0, score)), 6), id) for id, score in products if allowed is None or id in allowed
        ]
        best = sorted(scored)[:k]
        all_scores.append([-score for score, _ in best])
        all_ids.append([id for _, id in best])
    return all_scores, all_ids
