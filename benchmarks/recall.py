"""What the benchmarks ask of a collection, and the true neighbours: float64 numpy, another way than the engine's own.

A row's number is its document's id. The rows are rounded as the engine stores them.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from semsearch import Collection
from semsearch.types import Filter, Profile, StoredVectors

K = 10
TIE = 1e-6  # scores have six decimals: rows nearer to each other are equal to the engine
_BLOCK = 20_000
_WARM_UP = 10

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass
class Answers:
    """What a collection answered to queries, one at a time, after a warm-up."""

    ids: list[list[int]] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)  # of the whole search, SQL and texts included
    profiles: list[Profile] = field(default_factory=list)

    @property
    def median(self) -> float:
        return round(float(np.median(self.milliseconds)), 3)

    @property
    def p95(self) -> float:
        return round(float(np.quantile(self.milliseconds, 0.95)), 3)

    @property
    def scanned(self) -> float:
        """Vectors compared, the mean."""
        return float(np.mean([profile.scanned for profile in self.profiles]))

    @property
    def path(self) -> str:
        """The paths taken, the most frequent first."""
        return ", ".join(path for path, _ in Counter(profile.path for profile in self.profiles).most_common())

    def stage(self, name: str) -> float:
        """Median milliseconds of one stage."""
        return round(float(np.median([profile.milliseconds[name] for profile in self.profiles])), 3)


def ask(
    collection: Collection,
    queries: npt.NDArray[Any],
    *,
    target_recall: float | None = None,
    exact: bool = False,
    filter: Filter | None = None,
) -> Answers:
    """The K nearest to each of the queries (q, dim); the options are those of `Collection.search`."""
    answers = Answers()
    for query in queries[:_WARM_UP]:
        collection.search(vector=query, k=K, target_recall=target_recall, exact=exact, filter=filter)
    for query in tqdm(queries, desc="search", unit="query", leave=False, disable=None):
        start = time.perf_counter()
        result = collection.search(vector=query, k=K, target_recall=target_recall, exact=exact, filter=filter)
        answers.milliseconds.append(1_000 * (time.perf_counter() - start))
        answers.ids.append([int(hit.document_id) for hit in result.hits])
        answers.profiles.append(result.profile)
    return answers


def normalised(vectors: npt.NDArray[Any]) -> Floats:
    """(n, dim) in float64."""
    wide = vectors.astype(np.float64)
    return wide / np.linalg.norm(wide, axis=1, keepdims=True)


def as_stored(vectors: npt.NDArray[Any]) -> StoredVectors:
    """(n, dim), normalised and rounded once."""
    blocks = [normalised(vectors[at : at + _BLOCK]) for at in range(0, len(vectors), _BLOCK)]
    return np.concatenate([block.astype(np.float32).astype(np.float16) for block in blocks])


def kth_scores(queries: npt.NDArray[Any], rows: StoredVectors, living: npt.NDArray[np.bool_] | None = None) -> Floats:
    """The cosine of each query's K-th neighbour: (q,); `living` says which rows count, all if nothing is said."""
    asked = normalised(queries)
    best = np.full((len(asked), K), -np.inf)
    for at in tqdm(range(0, len(rows), _BLOCK), desc="truth", unit="block", leave=False, disable=None):
        some = slice(at, at + _BLOCK)
        block = rows[some] if living is None else rows[some][living[some]]
        scores = np.concatenate([best, asked @ block.astype(np.float64).T], axis=1)
        best = np.partition(scores, -K, axis=1)[:, -K:]
    return best.min(axis=1)


def knn_recall(found: Sequence[Sequence[int]], queries: npt.NDArray[Any], rows: StoredVectors, kth: Floats) -> float:
    """The share of the K nearest that was found; a row that is as near as the K-th counts, whichever it is."""
    asked, right = normalised(queries), 0
    for ids, query, least in zip(found, asked, kth, strict=True):
        scores = rows[np.unique(np.asarray(ids, np.int64))].astype(np.float64) @ query
        right += int((scores >= least - TIE).sum())
    return round(right / (K * len(asked)), 4)


def disk_usage(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
