"""The index inside a semsearch collection as one of peers_indexes.py: called directly, without SQL and snapshots.

It is asked for so many lists and candidates, since the recall that a collection is asked for is what is measured here.
"""

from pathlib import Path

import numpy as np
from peers_data import Ids, K, Vectors

from semsearch import files
from semsearch.index import lists as inverted
from semsearch.index.build import train_base
from semsearch.index.ids import write_ids
from semsearch.index.payload import Payload
from semsearch.index.segment import Segment, write_rows
from semsearch.index.sizing import TRAINING_POINTS, Codec, Plan, nlist_for
from semsearch.index.stored_rows import StoredRows
from semsearch.index.vectors import as_stored, as_vectors

_SETTINGS = {
    f"nprobe {nprobe}, {candidates} candidates": (nprobe, candidates)
    for nprobe, candidates in [
        (6, 4),
        (8, 4),
        (12, 5),
        (16, 5),
        (20, 5),
        (24, 5),
        (32, 5),
        (40, 6),
        (64, 6),
        (96, 8),
        (160, 8),
    ]
}


class SemsearchIndex:
    settings = tuple(_SETTINGS)

    def build(self, rows: Vectors, folder: Path, threads: int) -> None:
        stored = as_stored(as_vectors(rows, rows.shape[1]))
        files.publish(folder, "rows", lambda write: write_rows(write, stored))
        files.publish(folder, "ids", lambda write: write_ids(write, np.arange(len(rows))))
        nlist = nlist_for(len(rows))
        how = Plan(nlist, Codec.COMPACT, min(len(rows), TRAINING_POINTS * nlist))
        lists, _ = train_base([Segment.read(folder / "rows", folder / "ids")], how)
        files.publish(folder, "base", lambda write: inverted.write(lists, write))

    def load(self, folder: Path) -> None:
        segment = Segment.read(folder / "rows", folder / "ids")
        base = inverted.read(Codec.COMPACT, folder / "base", mapped=True)
        rows = StoredRows([segment], segment.stored(np.zeros(1, dtype=np.int64)).shape[1])
        self._payload = Payload(Codec.COMPACT, (base,), segment.ids, rows)

    def search(self, queries: Vectors, setting: int | str, threads: int) -> Ids:
        nprobe, candidates = _SETTINGS[str(setting)]
        return self._payload.search(queries, K, nprobe=nprobe, candidates=candidates).ids
