"""Collections of documents 0, 1, 2, ... that bring their vectors, and what exact search would find in them."""

from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from synthetic import clustered, oracle

from semsearch import Collection, Document
from semsearch.index import measuring, sizing
from semsearch.index.vectors import as_stored, as_vectors
from semsearch.ingest import pipeline
from semsearch.ingest.maintenance import maintain
from semsearch.reports import IndexInfo
from semsearch.types import ManifestFile, Vectors

DIM, ROWS = 16, 2_000
VECTORS = clustered(5 * ROWS, DIM)
QUERIES = clustered(60, DIM, seed=9)
PARTS = {"base", "base_ids", "delta", "delta_ids"}  # kinds of files


def cost_by_size(patch: pytest.MonkeyPatch) -> None:
    """No clock decides how an index is searched: a point costs what it reads, and an exact scan more than any.

    Fewer queries are measured, too, which is quicker.
    """
    patch.setattr(measuring, "SAMPLE", 400)
    patch.setattr(measuring, "_timed", lambda payload, queries, point, allowed: point)
    patch.setattr(measuring, "_exact_milliseconds", lambda segments, queries: 1e12)


def make_small_large(patch: pytest.MonkeyPatch) -> None:
    """As `cost_by_size`, and an index from 500 rows on, a segment from 200 on, and batches of 256."""
    cost_by_size(patch)
    patch.setattr(pipeline, "_BATCH_ITEMS", 256)
    patch.setattr(sizing, "INDEX_FROM", 500)
    patch.setattr(sizing, "SEAL_FROM", 200)


def document(number: int, vectors: Vectors = VECTORS) -> Document:
    return Document(str(number), f"text {number}", {"n": number, "tenth": number % 10}, vector=vectors[number])


def documents(*numbers: int, vectors: Vectors = VECTORS) -> Iterable[Document]:
    """Those of range(*numbers)."""
    return (document(number, vectors) for number in range(*numbers))


def found(collection: Collection, query: npt.ArrayLike, k: int = 10, **options: object) -> list[int]:
    return [int(hit.document_id) for hit in collection.search(vector=query, k=k, **options).hits]


def expected(query: Vectors, live: Iterable[int], k: int = 10, vectors: Vectors = VECTORS) -> list[int]:
    numbers = np.fromiter(live, dtype=np.int64)
    return oracle(as_vectors(query, DIM), k, numbers, as_stored(vectors[numbers]).astype(np.float32))[1][0]


def recall(
    collection: Collection, queries: Vectors, live: Iterable[int], vectors: Vectors = VECTORS, **options: object
) -> float:
    """Mean share of the 10 exact neighbours that is found."""
    numbers = np.fromiter(live, dtype=np.int64)
    total = 0
    for query in queries:
        nearest = np.argsort(-(vectors[numbers] @ query))[:10]
        total += len(set(found(collection, query, **options)) & set(numbers[nearest].tolist()))
    return total / (10 * len(queries))


def manifest(collection: Collection, kind: str | None = None) -> list[ManifestFile]:
    with collection._store.read() as reader:
        return [file for file in reader.manifest() if kind is None or file.kind == kind]


def index_of(collection: Collection) -> IndexInfo:
    info = collection.info()
    assert info.index is not None
    assert info.degraded is None
    return info.index


def parts(collection: Collection) -> set[str]:
    return {file.kind for file in manifest(collection)} & PARTS


def generation(collection: Collection) -> int:
    [base] = manifest(collection, "base")
    return int(base.details["generation"])


def by_index(collection: Collection, query: Vectors, **options: object) -> bool:
    return collection.search(vector=query, **options).profile.path == "ivf"


def root(collection: Collection) -> Path:
    return Path(collection.info().path)


def names_on_disk(collection: Collection) -> set[str]:
    """Of all files that a manifest should name."""
    folders = [root(collection) / folder for folder in ("vectors", "faiss")]
    return {f"{folder.name}/{path.name}" for folder in folders if folder.is_dir() for path in folder.iterdir()}


def compact_beside_readers(collection: Collection) -> None:
    """As `compact`, which then waits some seconds for readers, to give space of the database back."""
    maintain(collection._store, everything=True)


class KilledError(BaseException):
    """Stands in for SIGKILL: nothing of ours catches it."""


def die_at(turn: int) -> Callable[[], None]:
    """Raise at the nth call."""
    calls = count(1)

    def die() -> None:
        if next(calls) == turn:
            raise KilledError

    return die
