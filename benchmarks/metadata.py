"""What filters on metadata cost, without indexes over their keys and with them, and what these indexes cost.

Documents have one chunk and a vector of two numbers each; `number` is an integer and `word` a string, each of 10,000
values, all equally frequent. A filter is timed as a search resolves it, to the ids of all chunks that it allows.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from data import SEED
from report import write
from tqdm import tqdm

from semsearch.ingest.contents.own_vectors import OwnVectors
from semsearch.ingest.pipeline import add_documents
from semsearch.store.documents import DocumentStore
from semsearch.store.records import CollectionSpec
from semsearch.types import Document

KEYS = ("number", "word")
VALUES = 10_000
ADDED = 20_000  # documents, to time `add` with: one sealing of the tail is in it
REPEATS = 5  # of each filter; the median counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="documents in the collection")
    arguments = parser.parse_args()
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = DocumentStore.create(Path(folder) / "c", CollectionSpec(2))
        source = documents(arguments.rows + ADDED)
        add(store, source, arguments.rows - ADDED)
        figures["documents/s added, no key indexed"] = add(store, source, ADDED)
        without = {name: measured(store, filter) for name, filter in FILTERS.items()}
        for key in KEYS:
            figures |= indexed(store, key)
        for name, filter in FILTERS.items():
            matches, milliseconds = measured(store, filter)
            if matches != without[name][0]:
                raise SystemExit(f"{filter} matches {matches} documents, and {without[name][0]} without an index")
            figures[name] = f"{without[name][1]:,.1f} ms without, {milliseconds:,.1f} ms with ({matches:,} documents)"
        figures["documents/s added, 2 keys indexed"] = add(store, source, ADDED)
        store.close()
    write("metadata", {**vars(arguments), "values": VALUES, "repeats": REPEATS, "seed": SEED}, figures)


def below(key: str, share: float) -> dict[str, Any]:
    """A filter on a key that this share of the documents matches."""
    value = round(share * VALUES)
    return {key: {"$lt": value if key == "number" else f"w{value:04d}"}}


FILTERS: dict[str, dict[str, Any]] = {
    **{f"{key}, {share:.2%}": below(key, share) for key in KEYS for share in (0.0001, 0.001, 0.01, 0.1, 0.5)},
    "one value": {"word": "w0042"},
    "number, 1 % AND word, 1 %": below("number", 0.01) | below("word", 0.01),
    "number, 1 % AND word, 50 %": below("number", 0.01) | below("word", 0.5),
    "number, 50 % AND word, 50 %": below("number", 0.5) | below("word", 0.5),
    "number, 1 % OR word, 1 %": {"$or": [below("number", 0.01), below("word", 0.01)]},
    "NOT number, 50 %": {"$not": below("number", 0.5)},
    "NOT number, 99 %": {"$not": below("number", 0.99)},
    "number, 1 % AND an unindexed key": below("number", 0.01) | {"author.name": {"$gte": "n5"}},
    "number, 50 % AND an unindexed key": below("number", 0.5) | {"author.name": {"$gte": "n5"}},
}


def documents(rows: int) -> Iterator[Document]:
    """What is added, in one run of a bar."""
    generator = random.Random(SEED)
    vectors = np.random.default_rng(SEED).normal(size=(rows, 2))
    for number, vector in enumerate(tqdm(vectors, desc="add", unit="doc", disable=None)):
        metadata = {
            "number": generator.randrange(VALUES),
            "word": f"w{generator.randrange(VALUES):04d}",
            "author": {"name": f"n{number % 10}", "tags": ["a", "b"]},
        }
        yield Document(str(number), "A text that is as short as texts can be.", metadata, vector=vector)


def add(store: DocumentStore, source: Iterator[Document], number: int) -> int:
    """Add that many documents, and tell how many a second."""
    start = time.perf_counter()
    report = add_documents(store, OwnVectors(store.spec.dim), islice(source, number))
    if report.added != number:
        raise SystemExit(f"{report.added} of {number} documents were added: {report.failed[:1]}")
    return round(number / (time.perf_counter() - start))


def indexed(store: DocumentStore, key: str) -> dict[str, object]:
    """Index a key: seconds, and how much larger the database is."""
    before = database_bytes(store)
    start = time.perf_counter()
    with store.write() as writer:
        writer.index_key(key)
    seconds = time.perf_counter() - start
    return {
        f"index over {key}: seconds": round(seconds, 1),
        f"index over {key}: bytes a document": round((database_bytes(store) - before) / store_rows(store), 1),
    }


def database_bytes(store: DocumentStore) -> int:
    store.release_space()  # the log is in the file then
    return store.path.stat().st_size


def store_rows(store: DocumentStore) -> int:
    with store.read() as reader:
        return reader.count(None)


def measured(store: DocumentStore, filter: dict[str, Any]) -> tuple[int, float]:
    """Documents that match, and the median of milliseconds."""
    seconds = []
    with store.read() as reader:
        for _ in range(REPEATS):
            start = time.perf_counter()
            ids = reader.chunk_ids(filter)
            seconds.append(time.perf_counter() - start)
    return len(ids), 1_000 * float(np.median(seconds))


if __name__ == "__main__":
    main()
