"""Payloads from sealed segments: trained, extended by a delta, joined; every draw is from a fixed seed."""

from collections.abc import Sequence

import numpy as np

from semsearch.index import lists as inverted
from semsearch.index.device import Device
from semsearch.index.faiss_gpu import nearest_centroids
from semsearch.index.lists import Lists
from semsearch.index.measuring import rows_at
from semsearch.index.segment import Segment
from semsearch.index.sizing import Codec, Plan
from semsearch.types import Ids

_SEED = 1234


def train_base(segments: Sequence[Segment], plan: Plan, *, device: Device | None = None) -> tuple[Lists, Ids]:
    """Packed lists over the live rows of all segments, and the chunk ids of their ordinals.

    Memory: the training sample in float32, the lists, and a block of rows.
    """
    rows = sum(map(len, segments))
    positions = np.random.default_rng(_SEED).choice(rows, min(rows, plan.training_rows), replace=False)
    _, sample = rows_at(segments, np.sort(positions))
    lists = inverted.train(plan.codec, plan.nlist, sample, device=device)
    del sample
    return _filled(plan.codec, lists, segments, 0, device)


def encode_delta(
    codec: Codec, base: Lists, covered: int, segments: Sequence[Segment], *, device: Device | None = None
) -> tuple[Lists, Ids]:
    """Packed lists of the same training over the live rows of other segments, whose ordinals begin at `covered`."""
    return _filled(codec, inverted.emptied(codec, base), segments, covered, device)


def _filled(
    codec: Codec, lists: Lists, segments: Sequence[Segment], first: int, device: Device | None
) -> tuple[Lists, Ids]:
    ids = np.empty(sum(map(len, segments)), dtype=np.int64)
    done = 0
    with nearest_centroids(device, lists.quantizer) as nearest:
        for block_ids, stored in (block for segment in segments for block in segment.blocks()):
            end = done + len(block_ids)
            ids[done:end] = block_ids
            ordinals = np.arange(first + done, first + end, dtype=np.int64)
            inverted.fill(codec, lists, ordinals, stored, nearest=nearest)
            done = end
    return inverted.packed(codec, lists), ids
