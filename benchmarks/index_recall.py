"""Does approximate search find what exact search finds: knn_recall@10 at the default setting, on real passages.

The passages are added with their own vectors, so that the figures are the index's; queries are passages that were
held out. The exact neighbours come from numpy over the stored vectors, by another path than the engine's own.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from data import SEED, passage_vectors
from report import write
from tqdm import tqdm

from semsearch import Collection, Document, files
from semsearch.index.exact import ExactIndex
from semsearch.index.ids import write_ids
from semsearch.index.ivf import IvfIndex
from semsearch.index.segment import Segment, StoredRows, write_rows
from semsearch.index.sizing import training_rows
from semsearch.index.vectors import as_stored, as_vectors
from semsearch.types import Vectors

K = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="passages in the collection")
    parser.add_argument("--queries", type=int, default=1_000, help="passages held out as queries")
    arguments = parser.parse_args()
    every = passage_vectors(arguments.rows + arguments.queries)
    rows, asked = every[: arguments.rows], every[arguments.rows :]
    truth = neighbours(as_vectors(asked, 384), as_stored(as_vectors(rows, 384)).astype(np.float32))
    with tempfile.TemporaryDirectory() as folder, Collection.create(Path(folder) / "passages", dim=384) as collection:
        start = time.perf_counter()
        collection.add(
            Document(str(number), "", vector=vector)
            for number, vector in enumerate(tqdm(rows, desc="add", unit="doc", disable=None))
        )
        built = time.perf_counter() - start
        info = collection.info()
        figures: dict[str, object] = {
            "rows": info.documents,
            "nlist": info.index.nlist if info.index else None,
            "add and build, seconds": round(built, 1),
        }
        for target in (0.9, 0.95, 0.99):
            figures |= measured(collection, asked, truth, {"target_recall": target}, f"target {target}")
        figures |= measured(collection, asked, truth, {"exact": True}, "exact")
    figures["queries whose ids differ, nprobe = nlist"] = differences(rows, asked)
    write("index_recall", {**vars(arguments), "k": K, "seed": SEED}, figures)


def measured(
    collection: Collection, queries: Vectors, truth: list[set[int]], options: dict[str, object], name: str
) -> dict[str, object]:
    """knn_recall@10 and the median latency of `Collection.search` by vector, one query at a time."""
    collection.search(vector=queries[0], k=K, **options)
    found, seconds, scanned = 0, [], 0
    for query, expected in zip(queries, truth, strict=True):
        start = time.perf_counter()
        result = collection.search(vector=query, k=K, **options)
        seconds.append(time.perf_counter() - start)
        scanned += result.profile.scanned
        found += len(expected & {int(hit.document_id) for hit in result.hits})
    share = scanned / len(queries) / collection.count()
    return {
        f"{name}: knn_recall@10": round(found / (K * len(queries)), 4),
        f"{name}: nprobe": result.profile.nprobe,
        f"{name}: share of vectors scanned": round(share, 4),
        f"{name}: median ms": round(1_000 * float(np.median(seconds)), 3),
    }


def differences(rows: Vectors, queries: Vectors) -> int:
    """Queries for which all lists of an IVF index give other ids, or another order, than exact search."""
    stored, queries, ids = as_stored(as_vectors(rows, 384)), as_vectors(queries, 384), np.arange(len(rows))
    with tempfile.TemporaryDirectory() as folder:
        files.publish(Path(folder), "rows", lambda write: write_rows(write, stored))
        files.publish(Path(folder), "ids", lambda write: write_ids(write, ids))
        segment = Segment.read(Path(folder) / "rows", Path(folder) / "ids")
        sample = stored[: training_rows(len(rows))].astype(np.float32)
        ivf = IvfIndex.build(sample, segment.blocks(), StoredRows([segment]))
        every_list = ivf.probe(queries, K, ivf.nlist).ids
        exact = ExactIndex(ids, stored.astype(np.float32)).search(queries, K).ids
    return int((every_list != exact).any(axis=1).sum())


def neighbours(queries: Vectors, rows: Vectors) -> list[set[int]]:
    """Row numbers of the K nearest to each query, in float64."""
    wide = rows.astype(np.float64)
    return [set(np.argsort(-(wide @ query.astype(np.float64)), kind="stable")[:K].tolist()) for query in queries]


if __name__ == "__main__":
    main()
