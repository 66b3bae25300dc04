"""What is measured of one peer, each in a process of its own: its time, its memory, and what it finds.

The first five functions are what peers.py calls in such a process; putting their numbers together is peers.py's.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from peers_data import (
    Ids,
    Mask,
    Scenario,
    Vectors,
    Where,
    knn_recall,
    read_passages,
    read_percent,
    read_queries,
    read_rows,
    read_texts,
    read_truth,
    removed_rows,
)
from peers_databases import DATABASES, Database, Found
from peers_indexes import INDEXES, VectorIndex
from threadpoolctl import threadpool_limits

_SECONDS = 0.5  # at least so long is each rate measured
_SMALL = 1_000  # rows of the index that loads a library before memory is measured
_WARM_UP = 10  # queries

Figures = dict[str, Any]


def build_index(name: str, data: Path, folder: Path, rows: int, threads: int) -> Figures:
    """Seconds to build and save."""
    index, vectors = INDEXES[name].make(), read_rows(data, rows)
    with threadpool_limits(threads):
        start = time.perf_counter()
        index.build(vectors, folder, threads)
        return {"build_seconds": time.perf_counter() - start}


def search_index(name: str, data: Path, folder: Path, rows: int, threads: int, asked: Sequence[Scenario]) -> Figures:
    """By how much the process grew, and a point for every scenario and setting: recall and queries a second."""
    index = INDEXES[name].make()
    use_small(INDEXES[name].make(), read_rows(data, _SMALL))
    tasks = [
        (scenario.name, read_queries(data, scenario.queries), read_truth(data, rows, scenario)) for scenario in asked
    ]
    before = resident()
    index.load(folder)
    loaded = resident()
    points = [
        {"scenario": scenario, "setting": setting, **point(index, queries, truth, setting, threads)}
        for scenario, queries, truth in tasks
        for setting in index.settings
    ]
    return {"loaded_bytes": loaded - before, "searched_bytes": resident() - before, "points": points}


def build_database(name: str, data: Path, folder: Path, rows: int) -> Figures:
    """Seconds to store, index and close."""
    database, passages = DATABASES[name].make(), read_passages(data, rows)
    start = time.perf_counter()
    database.build(folder, passages)
    return {"build_seconds": time.perf_counter() - start}


def remove_rows(name: str, data: Path, folder: Path, rows: int) -> Figures:
    """Seconds to delete a fifth of the rows."""
    database, numbers = DATABASES[name].make(), removed_rows(data, rows)
    database.open(folder)
    start = time.perf_counter()
    database.remove(numbers)
    return {"remove_seconds": time.perf_counter() - start}


def search_database(name: str, data: Path, folder: Path, rows: int, queries: int, asked: Sequence[Scenario]) -> Figures:
    """By how much the process grew, the library included, and a point for every scenario and setting."""
    before = resident()
    database = DATABASES[name].make()
    database.open(folder)
    answers = [
        (
            scenario,
            setting,
            *answered(database, read_queries(data, scenario.queries)[:queries], scenario.where, options),
        )
        for scenario in asked
        for setting, options in database.settings.items()
    ]
    grown, percent, texts = resident() - before, read_percent(data, rows), read_texts(data, rows)
    points = [
        {
            "scenario": scenario.name,
            "setting": setting,
            "median_ms": float(np.median(milliseconds)),
            "p95_ms": float(np.percentile(milliseconds, 95)),
            **judged(found, read_truth(data, rows, scenario)[:queries], scenario.allowed(percent), texts),
        }
        for scenario, setting, milliseconds, found in answers
    ]
    return {"memory_bytes": grown, "points": points}


def use_small(index: VectorIndex, rows: Vectors) -> None:
    """Have the index's library loaded, and its threads started, by a search among a few rows."""
    with tempfile.TemporaryDirectory() as folder:
        index.build(rows, Path(folder), 1)
        index.load(Path(folder))
        index.search(rows[:1], index.settings[0], 1)


def point(index: VectorIndex, queries: Vectors, truth: Ids, setting: int | str, threads: int) -> Figures:
    """Recall, queries a second all at once on all threads, and one after the other on one."""
    with threadpool_limits(threads):
        found = index.search(queries, setting, threads)
        batch = rate(lambda: index.search(queries, setting, threads), len(queries))
    with threadpool_limits(1):
        single = rate(
            lambda: [index.search(queries[at : at + 1], setting, 1) for at in range(len(queries))], len(queries)
        )
    return {"knn_recall": knn_recall(found.tolist(), truth), "batch_qps": batch, "single_qps": single}


def rate(search: Callable[[], object], queries: int) -> float:
    """Queries a second over as many passes as it takes to measure them."""
    start, passes = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < _SECONDS:
        search()
        passes += 1
    return passes * queries / elapsed


def answered(
    database: Database, queries: Vectors, where: Where | None, options: dict[str, Any]
) -> tuple[list[float], list[list[Found]]]:
    """Milliseconds of each query, one after the other, and what it found."""
    for query in queries[:_WARM_UP]:
        database.search(query, where, **options)
    milliseconds, found = [], []
    for query in queries:
        start = time.perf_counter()
        hits = database.search(query, where, **options)
        milliseconds.append(1_000 * (time.perf_counter() - start))
        found.append(hits)
    return milliseconds, found


def judged(found: list[list[Found]], truth: Ids, allowed: Mask, texts: list[str]) -> Figures:
    """Recall; queries with fewer hits than there are; hits that are forbidden, or came with another row's text."""
    return {
        "knn_recall": knn_recall([[hit.number for hit in hits] for hits in found], truth),
        "short": sum(len(hits) < truth.shape[1] for hits in found),
        "wrong": sum(not allowed[hit.number] or hit.text != texts[hit.number] for hits in found for hit in hits),
    }


def resident() -> int:
    """Bytes of memory that this process has."""
    return psutil.Process().memory_info().rss
