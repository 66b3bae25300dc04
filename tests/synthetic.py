"""Seeded vectors for tests, clustered, so that an approximate index has something to find, and parts made of them."""

import atexit
import itertools
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from semsearch import files
from semsearch.index.build import encode_delta, train_base
from semsearch.index.ids import write_ids
from semsearch.index.payload import Payload
from semsearch.index.segment import Segment, write_rows
from semsearch.index.sizing import Codec, Plan
from semsearch.index.stored_rows import StoredRows
from semsearch.index.vectors import as_stored, as_vectors
from semsearch.types import Ids, StoredVectors, Vectors

_FOLDER = Path(tempfile.mkdtemp())
_NUMBERS = itertools.count()
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)


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
    """A sealed and mapped segment of these rows, whose files stay until the tests end."""
    name = str(next(_NUMBERS))
    files.publish(_FOLDER, f"{name}.f16", lambda write: write_rows(write, vectors.astype(np.float16)))
    files.publish(_FOLDER, f"{name}.ids.npy", lambda write: write_ids(write, ids))
    return Segment.read(_FOLDER / f"{name}.f16", _FOLDER / f"{name}.ids.npy")


def payload_of(codec: Codec, base: Sequence[Segment], delta: Sequence[Segment] = (), *, nlist: int = 32) -> Payload:
    """A base over some segments, and a delta over others with higher ids."""
    lists, ids = train_base(base, Plan(nlist, codec, sum(map(len, base))))
    dim = base[0].stored(np.array([0])).shape[1]
    rows = StoredRows([*base, *delta], dim)
    if not delta:
        return Payload(codec, (lists,), ids, rows)
    more, more_ids = encode_delta(codec, lists, len(ids), delta)
    return Payload(codec, (lists, more), np.concatenate([ids, more_ids]), rows)


def oracle(
    queries: Vectors, k: int, ids: Ids, vectors: Vectors, allowed: set[int] | None = None
) -> tuple[list[list[float]], list[list[int]]]:
    """Exact search written as directly as it can be: float64, one query at a time, sorted by (-score, id)."""
    all_scores, all_ids = [], []
    for query in queries.astype(np.float64):
        scores = (vectors.astype(np.float64) @ query).clip(-1.0, 1.0).round(6)
        scored = zip((-scores).tolist(), ids.tolist(), strict=True)
        best = sorted(pair for pair in scored if allowed is None or pair[1] in allowed)[:k]
        all_scores.append([-score for score, _ in best])
        all_ids.append([id for _, id in best])
    return all_scores, all_ids
