"""semsearch beside its peers: as a bare vector index, and as a database that gives texts and metadata back.

Indexes (hnswlib, usearch, FAISS IVF tuned by hand): queries a second at the recall reached, all at once and one after
the other, seconds to build, bytes on disk and in memory. Databases (Chroma, LanceDB, txtai, sqlite-vec): milliseconds
of one search through their own public API, plain, with filters, and after a deletion. Every peer runs in a process of
its own, one at a time and in turn, in several rounds, whose median is reported. A peer that is not installed, or
fails, is named with the reason. Writes peers.json, peers.md and benchmarks-indexes.png into benchmarks/results;
peers_report.py puts them into docs. `make benchmark-peers` does all of it.
"""

import argparse
import contextlib
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import peers_measures as measures
from peers_data import SEED, K, Peer, save, save_truth, scenarios
from peers_databases import DATABASES
from peers_indexes import INDEXES
from report import RESULTS, write

ROOT = Path(__file__).resolve().parents[1]
JOB_SECONDS = 3_600  # after which a peer is stopped, and said to have failed
PARTS = ("indexes", "databases")
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """What is the same for every peer."""

    scratch: Path
    sets: tuple[str, ...]
    peers: tuple[str, ...]  # empty: all
    rounds: int
    threads: int
    queries: int  # that a database is asked

    @property
    def data(self) -> Path:
        return self.scratch / "data"


class Step(NamedTuple):
    """A function of peers_measures.py, called for every peer once a round, with arguments after its first four."""

    name: str
    measure: Callable[..., Figures]
    arguments: tuple[Any, ...] = ()
    rounds: int = 1


def main() -> None:
    arguments = parsed()
    with tempfile.TemporaryDirectory(prefix="semsearch-peers-", dir=arguments.folder) as scratch:
        sets = prepare(Path(scratch) / "data", arguments)
        run = Run(
            Path(scratch), sets, tuple(arguments.peers), arguments.rounds, arguments.threads, arguments.database_queries
        )
        figures: Figures = {}
        if "indexes" in arguments.parts:
            figures["indexes"] = {"rows": max(arguments.rows), "peers": compare_indexes(run, max(arguments.rows))}
            keep(arguments, figures)
        for rows in arguments.rows if "databases" in arguments.parts else ():
            figures.setdefault("databases", []).append({"rows": rows, "peers": compare_databases(run, rows)})
            keep(arguments, figures)
        print((RESULTS / "peers.md").read_text(encoding="utf-8"))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 300_000], help="indexes: the most of them")
    parser.add_argument("--queries", type=int, default=1_000, help="of each set, for indexes")
    parser.add_argument("--database-queries", type=int, default=200, help="of them, for databases")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="for batches and builds of indexes")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--peers", nargs="+", choices=sorted({*INDEXES, *DATABASES}), default=[], help="default: all")
    parser.add_argument("--vectors", type=Path, help="FILE.npy of (rows + queries, dim) instead of the passages")
    parser.add_argument("--text-queries", type=Path, help="FILE.npy of (n, dim) to draw from, with --vectors")
    parser.add_argument("--folder", type=Path, help="where there are some gigabytes for what peers write")
    arguments = parser.parse_args()
    if arguments.text_queries and not arguments.vectors:
        parser.error("--text-queries go with --vectors: the passages have text queries of their own")
    return arguments


def prepare(data: Path, arguments: argparse.Namespace) -> tuple[str, ...]:
    """Lay out the data; returns the names of the sets of queries."""
    rows, queries = max(arguments.rows), arguments.queries
    if arguments.vectors:
        every = np.load(arguments.vectors, mmap_mode="r")[: rows + queries]
        texts = [f"passage {number}" for number in range(rows)]
        asked = np.load(arguments.text_queries) if arguments.text_queries else None
    else:
        from data import passage_vectors, passages, text_query_vectors

        every, texts, asked = passage_vectors(rows + queries), passages(rows), text_query_vectors()
    if len(every) < rows + queries:
        sys.exit(f"there are {len(every):,} vectors, and {rows:,} rows and {queries:,} queries are asked for")
    sets = {"held-out passages": every[rows:]}
    if asked is not None:
        sets["text queries"] = asked[np.random.default_rng(SEED).permutation(len(asked))[:queries]]
    save(data, every[:rows], texts, sets)
    return tuple(sets)


def compare_indexes(run: Run, rows: int) -> dict[str, Figures]:
    """Figures by name of index."""
    asked = [scenario for scenario in scenarios(run.sets) if scenario.name in run.sets]
    for scenario in asked:
        save_truth(run.data, rows, scenario)
    steps = [
        Step("build", measures.build_index, (run.threads,)),
        Step("search", measures.search_index, (run.threads, asked), run.rounds),
    ]
    return compared(run, INDEXES, steps, rows)


def compare_databases(run: Run, rows: int) -> dict[str, Figures]:
    """Figures by name of database."""
    asked = scenarios(run.sets)
    for scenario in asked:
        save_truth(run.data, rows, scenario)
    before, after = ([each for each in asked if each.removed is removed] for removed in (False, True))
    steps = [
        Step("build", measures.build_database),
        Step("search", measures.search_database, (run.queries, before), run.rounds),
        Step("delete", measures.remove_rows),
        Step("search again", measures.search_database, (run.queries, after), run.rounds),
    ]
    return compared(run, DATABASES, steps, rows)


def compared(run: Run, peers: dict[str, Peer[Any]], steps: list[Step], rows: int) -> dict[str, Figures]:
    """What the steps say of every peer, by name; one that fails at a step takes no further part."""
    results = {name: installed(peers[name].packages) for name in peers if name in run.peers or not run.peers}
    with tempfile.TemporaryDirectory(dir=run.scratch) as place:
        folders = {name: Path(place) / str(number) for number, name in enumerate(results)}
        for folder in folders.values():
            folder.mkdir()
        for step in steps:
            answers: dict[str, list[Figures]] = {name: [] for name in results if "error" not in results[name]}
            for name in in_turn(list(answers), step.rounds):
                if not any("error" in each for each in answers[name]):
                    start = time.perf_counter()
                    answers[name].append(apart(step.measure, name, run.data, folders[name], rows, *step.arguments))
                    outcome = answers[name][-1].get("error", f"{time.perf_counter() - start:.0f} s")
                    print(f"{rows:,} rows, {name}: {step.name}, {outcome}", file=sys.stderr)
            for name, rounds in answers.items():
                results[name] = joined(results[name], rounds)
                results[name].setdefault("disk_bytes", size_of(folders[name]))  # after the first step, which builds
    return results


def in_turn(names: list[str], rounds: int) -> Iterator[str]:
    """Every name once a round, each round beginning with another."""
    for number in range(rounds):
        first = number % max(1, len(names))
        yield from names[first:] + names[:first]


def joined(result: Figures, rounds: list[Figures]) -> Figures:
    """A peer's figures so far, and the median of what the rounds of another step say; or why it failed."""
    failed = [answer for answer in rounds if "error" in answer]
    if failed:
        return result | failed[0]
    new = median(rounds)
    return {**new, **result, "points": result.get("points", []) + new.get("points", [])}


def median(rounds: list[Any]) -> Any:  # noqa: ANN401
    """The rounds' one result, in which every number is the median of theirs."""
    first = rounds[0]
    if isinstance(first, dict):
        return {key: median([each[key] for each in rounds]) for key in first}
    if isinstance(first, list):
        return [median(list(each)) for each in zip(*rounds, strict=True)]
    return first if isinstance(first, str) else statistics.median(rounds)


def apart(measure: Callable[..., Figures], *arguments: Any) -> Figures:  # noqa: ANN401
    """What `measure` returns in a new process; {"error": why} if it raised, died, or took too long."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=answer, args=(theirs, measure, arguments))
    process.start()
    theirs.close()
    try:
        result = ours.recv() if ours.poll(JOB_SECONDS) else {"error": f"not done after {JOB_SECONDS:,} seconds"}
    except EOFError:
        process.join()
        result = {"error": f"the process died with exit code {process.exitcode}"}
    process.join(60)
    process.kill()  # what it had to say is said, and some libraries' threads do not end
    process.join()
    return result


def answer(connection: Connection, measure: Callable[..., Figures], arguments: tuple[Any, ...]) -> None:
    """In the new process: send what `measure` returns, or why it does not."""
    try:
        connection.send(measure(*arguments))
    except Exception as error:  # whatever a peer raises, the others go on
        traceback.print_exc()
        connection.send({"error": f"{type(error).__name__}: {error}"})
    finally:
        connection.close()


def installed(packages: tuple[str, ...]) -> Figures:
    """The versions of a peer's packages, or the command that installs what is missing."""
    try:
        return {"versions": {package: version(package) for package in packages}}
    except PackageNotFoundError:
        group = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["peers"]
        pinned = {requirement.partition("==")[0]: requirement for requirement in group}
        wanted = " ".join(pinned.get(package, package) for package in packages)
        return {"error": f"not installed: pip install --constraint constraints.txt {wanted}"}


def size_of(folder: Path) -> int:
    """Bytes of all files in it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def keep(arguments: argparse.Namespace, figures: Figures) -> None:
    """Write what is known so far as JSON, as tables, and as a picture."""
    from peers_report import report  # loads matplotlib, which is not to be in the peers' processes

    parameters = {key: str(value) if isinstance(value, Path) else value for key, value in vars(arguments).items()}
    with contextlib.redirect_stdout(None):  # the tables say it better
        write("peers", {**parameters, "k": K, "seed": SEED}, figures)
    (RESULTS / "peers.md").write_text(report(RESULTS), encoding="utf-8")


if __name__ == "__main__":
    main()
