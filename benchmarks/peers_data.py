"""What every peer is given: the same vectors, texts, metadata and queries, and the exact answers to them.

All of it lies in one folder, so that each peer can read it in a process of its own. What is measured with it is in
peers_measures.py.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

K = 10
SEED = 20_240_601
DELETED_FROM = 80  # percent: what `removed` scenarios have deleted
_BLOCK = 256  # queries scored at a time: 256 x 300,000 float32 numbers are 307 MB

# semsearch's own are not taken, since a peer's process, whose memory is measured, has no need of semsearch
Vectors: TypeAlias = npt.NDArray[np.float32]  # (n, dim)
Ids: TypeAlias = npt.NDArray[np.int64]  # (n,) or (q, k)
Mask: TypeAlias = npt.NDArray[np.bool_]  # (n,)
T = TypeVar("T")


class Peer(NamedTuple, Generic[T]):
    """What pip installs, and what makes an adapter to it: raises ImportError if that is not installed."""

    packages: tuple[str, ...]
    make: Callable[[], T]


@dataclass(frozen=True, slots=True)
class Passages:
    """Rows to be indexed; a row's number is its id. `percent` is drawn at random, so that a filter picks any rows."""

    vectors: Vectors  # (n, dim), normalised float32
    texts: list[str]
    percent: Ids  # (n,), 0 to 99

    def metadata(self, number: int) -> dict[str, int]:
        percent = int(self.percent[number])
        return {"percent": percent, "tenth": percent // 10}

    def batches(self, size: int) -> list[range]:
        """Row numbers, at most `size` at a time."""
        numbers = range(len(self.vectors))
        return [numbers[start : start + size] for start in range(0, len(numbers), size)]


class Where(NamedTuple):
    """A filter: this field of the metadata is equal to this."""

    field: str
    value: int


class Scenario(NamedTuple):
    """Queries of a set, over rows that a filter allows, or that are left after some were removed."""

    name: str
    queries: str
    where: Where | None = None
    removed: bool = False

    def allowed(self, percent: Ids) -> Mask:
        """True for the rows that may be found."""
        if self.where:
            return (percent if self.where.field == "percent" else percent // 10) == self.where.value
        return percent < (DELETED_FROM if self.removed else 100)


def scenarios(sets: Sequence[str]) -> list[Scenario]:
    """Every set as it is, and its last one with filters and after a deletion."""
    return [Scenario(each, each) for each in sets] + [
        Scenario("1 % filter", sets[-1], Where("percent", 7)),
        Scenario("10 % filter", sets[-1], Where("tenth", 3)),
        Scenario("20 % deleted", sets[-1], removed=True),
    ]


def save(folder: Path, vectors: Vectors, texts: list[str], sets: dict[str, Vectors]) -> None:
    """Lay out the folder: vectors (n, dim) and texts to be indexed, and sets of query vectors by name."""
    folder.mkdir()
    np.save(folder / "rows.npy", normalised(vectors))
    np.save(folder / "percent.npy", np.random.default_rng(SEED).integers(0, 100, len(vectors)))
    (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    for name, queries in sets.items():
        np.save(folder / f"queries-{name}.npy", normalised(queries))


def save_truth(folder: Path, count: int, scenario: Scenario) -> None:
    """The exact answers among the first `count` rows, for `read_truth`."""
    among = np.flatnonzero(scenario.allowed(read_percent(folder, count)))
    truth = neighbours(read_queries(folder, scenario.queries), read_rows(folder, count), among)
    np.save(folder / f"truth-{count}-{scenario.name}.npy", truth)


def read_truth(folder: Path, count: int, scenario: Scenario) -> Ids:
    return np.load(folder / f"truth-{count}-{scenario.name}.npy")


def read_passages(folder: Path, count: int) -> Passages:
    """The first `count` rows with all that belongs to them."""
    return Passages(read_rows(folder, count), read_texts(folder, count), read_percent(folder, count))


def read_rows(folder: Path, count: int) -> Vectors:
    """The first `count` vectors, in memory."""
    return np.array(np.load(folder / "rows.npy", mmap_mode="r")[:count])


def read_percent(folder: Path, count: int) -> Ids:
    return np.load(folder / "percent.npy")[:count]


def removed_rows(folder: Path, count: int) -> Ids:
    """Row numbers that `removed` scenarios have deleted, a fifth of the first `count`."""
    return np.flatnonzero(read_percent(folder, count) >= DELETED_FROM)


def read_queries(folder: Path, name: str) -> Vectors:
    return np.load(folder / f"queries-{name}.npy")


def read_texts(folder: Path, count: int) -> list[str]:
    return json.loads((folder / "texts.json").read_text(encoding="utf-8"))[:count]


def normalised(vectors: Vectors) -> Vectors:
    rows = np.asarray(vectors, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def neighbours(queries: Vectors, rows: Vectors, among: Ids) -> Ids:
    """The exact answers in no order, (q, min(K, len(among))): those of the row numbers `among` that are nearest."""
    allowed, k = rows if len(among) == len(rows) else rows[among], min(K, len(among))
    found = np.empty((len(queries), k), dtype=np.int64)
    for start in range(0, len(queries), _BLOCK):
        products = queries[start : start + _BLOCK] @ allowed.T
        found[start : start + _BLOCK] = among[np.argpartition(-products, k - 1, axis=1)[:, :k]]
    return found


def knn_recall(found: Sequence[Sequence[int]], truth: Ids) -> float:
    """The share of the exact neighbours (q, k) that was found."""
    hits = sum(len(set(some) & set(exact)) for some, exact in zip(found, truth.tolist(), strict=True))
    return hits / truth.size
