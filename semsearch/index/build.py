"""An IVF index from sealed segments: trained, filled and measured; every draw is from a fixed seed."""

from collections.abc import Sequence

import numpy as np

from semsearch.index import tuning
from semsearch.index.ivf import IvfIndex
from semsearch.index.segment import Segment, StoredRows
from semsearch.index.sizing import training_rows
from semsearch.types import Ids, Scores, Vectors

_SEED = 1234


def build_ivf(segments: Sequence[Segment]) -> IvfIndex:
    """An index over the live rows of all segments, with its operating curve as measured on them.

    Memory: the training sample in float32, the index, and a block of rows.
    """
    stored = StoredRows(segments)
    rows = len(stored)
    rng = np.random.default_rng(_SEED)
    _, sample = _rows_at(segments, np.sort(rng.choice(rows, training_rows(rows), replace=False)))
    index = IvfIndex.build(sample, (block for segment in segments for block in segment.blocks()), stored)
    own, queries = _rows_at(segments, np.sort(rng.choice(rows, min(rows, tuning.SAMPLE), replace=False)))
    exact = _exact_scores(segments, own, queries)

    def search(queries: Vectors, nprobe: int) -> Scores:
        scores, found = index.nearest(queries, tuning.DEPTHS[-1] + 1, nprobe)
        return tuning.without_self(np.where(found < 0, -1, index.ids[found]), scores, own)

    return index.measured(tuning.measure(search, queries, exact, index.nlist))


def _rows_at(segments: Sequence[Segment], positions: Ids) -> tuple[Ids, Vectors]:
    """The live rows at these ascending positions, counted through all segments: (n,) and (n, dim)."""
    ids, vectors, start = [], [], 0
    for segment in segments:
        for block_ids, block in segment.blocks():
            end = start + len(block_ids)
            here = positions[np.searchsorted(positions, start) : np.searchsorted(positions, end)] - start
            ids.append(block_ids[here])
            vectors.append(block[here].astype(np.float32))
            start = end
    return np.concatenate(ids), np.concatenate(vectors)


def _exact_scores(segments: Sequence[Segment], own: Ids, queries: Vectors) -> Scores:
    """Scores of the nearest rows to each query, itself left out: (q, k), descending."""
    k = tuning.DEPTHS[-1]
    best = np.full((len(queries), k), -np.inf)
    for segment in segments:
        for ids, block in segment.blocks():
            products = queries @ block.astype(np.float32).T  # (q, block)
            products[own[:, None] == ids[None, :]] = -np.inf
            both = np.concatenate([best, products], axis=1)
            best = np.partition(both, both.shape[1] - k, axis=1)[:, -k:]
    return -np.sort(-best, axis=1)
