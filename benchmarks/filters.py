"""Filters never starve, and cost no more than an exact search of what they allow.

Documents have a `bucket` that has nothing to do with their vectors, so that `{"bucket": {"$lt": x}}` allows 50, 20, 10,
5, 2, 1, 0.1 and 0.01 % of them. For each of these the table says how many hits fewer than min(10, matching) there were
(none, or the script fails); which recall@10 200 held-out queries got, beside `exact=True` under the same filter; and
how long the search took, as its profile tells, beside that exact search, and beside a FAISS flat index that holds
nothing but the allowed rows in float32, which is what one would build by hand if one knew the filter beforehand. The
time to evaluate a filter by SQL, which the first search with it pays, is a column of its own. The same again after a
fifth of the documents was removed.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
from data import SEED, passage_vectors, passages
from recall import TIE, Answers, K, as_stored, ask, normalised
from report import write
from tqdm import tqdm

from semsearch import Collection, Document
from semsearch.types import Filter, StoredVectors

BUCKETS = 10_000
SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001, 0.0001)
PARTS = 5  # of which one is removed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="documents in the collection, at least 10,000")
    parser.add_argument("--queries", type=int, default=200, help="queries a filter, which are held out")
    arguments = parser.parse_args()
    vectors = passage_vectors(arguments.rows + arguments.queries)
    texts = passages(arguments.rows + arguments.queries)[arguments.queries :]
    queries, rows = vectors[: arguments.queries], as_stored(vectors[arguments.queries :])
    buckets, parts = np.random.default_rng(SEED).permuted(
        [np.arange(len(rows)) % BUCKETS, np.arange(len(rows)) % PARTS], axis=1
    )
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, Collection.create(Path(folder) / "filters", dim=384) as collection:
        documents = (
            Document(str(number), texts[number], {"bucket": int(bucket), "part": int(part)}, vector=rows[number])
            for number, (bucket, part) in enumerate(zip(buckets, parts, strict=True))
        )
        collection.add(tqdm(documents, total=len(rows), desc="add", unit="doc", disable=None))
        figures["all documents"] = list(lines(collection, queries, rows, buckets))
        removed = collection.remove(filter={"part": 0}).removed
        buckets[parts == 0] = BUCKETS  # beyond every filter
        figures[f"after {removed:,} documents were removed"] = list(lines(collection, queries, rows, buckets))
    write("filters", {**vars(arguments), "k": K, "seed": SEED}, figures)
    if any(line["short"] for table in figures.values() for line in table):
        sys.exit("a filter starved")


def lines(
    collection: Collection, queries: npt.NDArray[Any], rows: StoredVectors, buckets: npt.NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    """A line for each selectivity, from wide to narrow."""
    for share in SHARES:
        below = round(share * BUCKETS)
        filter: Filter = {"bucket": {"$lt": below}}
        first = collection.search(vector=queries[0], k=K, filter=filter).profile
        answers = ask(collection, queries, filter=filter)
        exact = ask(collection, queries, filter=filter, exact=True)
        allowed = np.flatnonzero(buckets < below)
        flat = flat_milliseconds(queries, rows[allowed])
        yield {
            "allowed": f"{share:.2%}",
            "matches": first.matches,
            "path": answers.path,
            "short": short(answers, len(allowed)) + short(exact, len(allowed)),
            "recall@10": agreement(answers, exact, queries, rows),
            "scanned": round(answers.scanned),
            "search ms": answers.stage("search"),
            "exact ms": exact.stage("search"),
            "flat ms": flat,
            "search / exact": round(answers.stage("search") / exact.stage("search"), 2),
            "search / flat": round(answers.stage("search") / flat, 2),
            "whole ms": answers.median,
            "first filter ms": first.milliseconds["filter"],
        }


def short(answers: Answers, matching: int) -> int:
    """Queries that got another number of hits than there are."""
    return sum(len(set(ids)) != min(K, matching) for ids in answers.ids)


def agreement(answers: Answers, exact: Answers, queries: npt.NDArray[Any], rows: StoredVectors) -> float:
    """The mean share of the exact hits that was found; one that is as near as the last of them counts."""
    shares = []
    for query, found, expected in zip(normalised(queries), answers.ids, exact.ids, strict=True):
        scores = rows[found].astype(np.float64) @ query
        least = float((rows[expected].astype(np.float64) @ query).min())
        shares.append(float((scores >= least - TIE).sum()) / len(expected))
    return round(float(np.mean(shares)), 4)


def flat_milliseconds(queries: npt.NDArray[Any], allowed: StoredVectors) -> float:
    """Median milliseconds of a FAISS flat index over the allowed rows, one query at a time."""
    index = faiss.IndexFlatIP(allowed.shape[1])
    index.add(allowed.astype(np.float32))
    milliseconds = []
    for query in queries.astype(np.float32)[:, None]:
        start = perf_counter()
        index.search(query, min(K, len(allowed)))
        milliseconds.append(1_000 * (perf_counter() - start))
    return round(float(np.median(milliseconds)), 4)


if __name__ == "__main__":
    main()
