"""Building a collection's FAISS payload from its stored vectors, and publishing it."""

import errno
import logging
from pathlib import Path

import numpy as np

from semsearch import files
from semsearch.errors import StoreError, StoreFullError
from semsearch.index import tuning
from semsearch.index.ivf import IvfIndex
from semsearch.index.sizing import needs_index, training_rows
from semsearch.store.documents import DocumentStore
from semsearch.store.reader import StoreReader
from semsearch.store.records import ManifestFile
from semsearch.types import Ids, Scores, Vectors

logger = logging.getLogger(__name__)
_SEED = 1234


def index_if_needed(store: DocumentStore, *, damaged: bool) -> bool:
    """Build an index if the collection has outgrown what it has, or what it has is damaged; tells whether it did.

    Readers go on with what they have, writers may go on writing; what they write meanwhile is in the tail.
    """
    with store.read() as reader:
        counts = reader.counts()
        indexed = next((file.details["rows"] for file in reader.manifest() if file.kind == "ivf"), 0)
        if not needs_index(counts.vectors, 0 if damaged else indexed, counts.tombstones):
            return False
        logger.info("building an index over %d vectors", counts.vectors)
        index = _build(reader, counts.vectors)
        _, through = reader.deleted_chunks()
    _publish(store, index, through)
    return True


def _build(reader: StoreReader, rows: int) -> IvfIndex:
    rng = np.random.default_rng(_SEED)
    sample = _sampled(reader, np.sort(rng.choice(rows, training_rows(rows), replace=False)))[1]
    index = IvfIndex.build(sample, reader.vectors(), rows)
    own, queries = _sampled(reader, np.sort(rng.choice(rows, min(rows, tuning.SAMPLE), replace=False)))
    exact = _exact_scores(reader, own, queries)

    def search(queries: Vectors, nprobe: int) -> Scores:
        found = index.probe(queries, tuning.K + 1, nprobe)
        return tuning.without_self(found.ids, found.scores, own)

    return index.measured(tuning.measure(search, queries, exact, index.nlist))


def _sampled(reader: StoreReader, positions: Ids) -> tuple[Ids, Vectors]:
    """The rows at these ascending positions in the order of their ids: (n,) and (n, dim)."""
    ids, vectors, start = [], [], 0
    for block_ids, block in reader.vectors():
        here = positions[np.searchsorted(positions, start) : np.searchsorted(positions, start + len(block_ids))] - start
        ids.append(block_ids[here])
        vectors.append(block[here].astype(np.float32))
        start += len(block_ids)
    return np.concatenate(ids), np.concatenate(vectors)


def _exact_scores(reader: StoreReader, own: Ids, queries: Vectors) -> Scores:
    """Scores of the nearest rows to each query, itself left out: (q, K), descending."""
    best = np.full((len(queries), tuning.K), -np.inf)
    for ids, block in reader.vectors():
        products = queries @ block.astype(np.float32).T  # (q, block)
        products[own[:, None] == ids[None, :]] = -np.inf
        both = np.concatenate([best, products], axis=1)
        best = np.partition(both, both.shape[1] - tuning.K, axis=1)[:, -tuning.K :]
    return -np.sort(-best, axis=1)


def _publish(store: DocumentStore, index: IvfIndex, through: int) -> None:
    with store.read() as reader:
        present, number = {file.name for file in reader.manifest()}, reader.state().layout + 1
    store.lock()
    files.sweep(store.root, ("faiss", "tmp"), present)
    try:
        ivf = files.publish(store.root, f"faiss/{number}.ivf", index.write)
        ids = files.publish(store.root, f"faiss/{number}.ids.npy", index.write_ids)
    except OSError as error:
        raise _in_our_words(error, store.root) from error
    details = {"rows": len(index.ids), "nlist": index.nlist, "curve": index.curve}
    payload = [
        ManifestFile(ivf.name, "ivf", ivf.bytes, ivf.sha256, details),
        ManifestFile(ids.name, "ids", ids.bytes, ids.sha256, {"rows": len(index.ids)}),
    ]
    with store.write() as writer:
        writer.publish(payload, through=through)
    files.sweep(store.root, ("faiss",), {file.name for file in payload})


def _in_our_words(error: OSError, root: Path) -> StoreError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreFullError(root)
    return StoreError(f"the index of {root} cannot be written: {error}; the documents are stored")
