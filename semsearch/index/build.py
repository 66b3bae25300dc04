"""An IVF index from sealed segments: trained and filled; every draw is from a fixed seed."""

from collections.abc import Sequence

import numpy as np

from semsearch.index.ivf import IvfIndex
from semsearch.index.measuring import measure_index, rows_at
from semsearch.index.segment import Segment, StoredRows
from semsearch.index.sizing import training_rows
from semsearch.types import Vectors

_SEED = 1234


def build_ivf(segments: Sequence[Segment], queries: Vectors | None) -> IvfIndex:
    """An index over the live rows of all segments, with its operating curve as measured on them and on `queries`.

    Memory: the training sample in float32, the index, and a block of rows.
    """
    stored = StoredRows(segments)
    rows = len(stored)
    positions = np.random.default_rng(_SEED).choice(rows, training_rows(rows), replace=False)
    _, sample = rows_at(segments, np.sort(positions))
    index = IvfIndex.build(sample, (block for segment in segments for block in segment.blocks()), stored)
    return index.measured(measure_index(index, segments, queries))
