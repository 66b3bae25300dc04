"""What growth costs: collections of 10,000, 100,000 and 1,000,000 documents, side by side, and removal at the largest.

Documents are added 1,000 a call, with texts and vectors, real ones while they last (919,968, less the queries), and
synthetic ones beyond (`data.synthetic_blocks`). The first table says, for each size:

- how long all adds took together, index and closing included, and the longest call;
- what the process was given (texts in UTF-8 and float32 vectors), what it had written to disk, and what it passed to
  write(); and the size of the collection's folder;
- memory: of the process before the first add, its peak, and of a fresh process that has opened the collection and
  searched ten times, as a whole and without mapped files;
- in that fresh process, with files that are in the page cache: opening, the first search (FAISS is imported by it),
  and the median and p95 of 1,000 held-out queries at the default target, and of exact search; with their
  knn_recall@10.

The second table says how these grow: the slope of their logarithm over that of the size, 1 where it is in proportion.
Then 30 % of the largest collection is removed by a filter, and it is compacted: recall, size, and cost of each step,
and how many removed documents were seen in the results of all queries, approximate and exact (none, or the script
fails).

Each step is a process of its own, so that memory and bytes written are its own. Memory is what Linux counts for a
process (VmHWM for the peak; `getrusage` would tell the parent's peak where that is higher), mapped files that were read
included.
"""

import argparse
import itertools
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from data import SEED, passages, vector_blocks
from recall import K, as_stored, ask, disk_usage, knn_recall, kth_scores
from report import save, write
from tqdm import tqdm

from semsearch import Collection, Document
from semsearch.types import Filter, StoredVectors, Vectors

DIM, BATCH = 384, 1_000
PARTS = 10
REMOVED: Filter = {"part": {"$lt": 3}}
MB = 1_000_000
GROWING = ("add s", "written MB", "disk MB", "add peak MB", "reader MB", "open ms", "first search ms", "ms", "exact ms")

Line = dict[str, Any]
Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="documents, rising")
    parser.add_argument("--queries", type=int, default=1_000, help="passages held out as queries")
    parser.add_argument("--real", type=int, help="passages to embed at most, synthetic vectors beyond (default: all)")
    arguments = parser.parse_args()
    parameters = {**vars(arguments), "batch": BATCH, "dim": DIM, "k": K, "seed": SEED}
    figures: dict[str, Any] = {"growth": [], "slopes": [], "removal": []}
    with tempfile.TemporaryDirectory() as temporary:
        folder, path = Path(temporary), Path(temporary) / "collection"
        prepare(folder, max(arguments.sizes), arguments.queries, arguments.real)
        vectors = np.memmap(folder / "vectors.f16", np.float16, mode="r").reshape(-1, DIM)
        queries = vectors[: arguments.queries].astype(np.float32)
        for size in arguments.sizes:
            shutil.rmtree(path, ignore_errors=True)
            figures["growth"].append(grown(folder, path, queries, vectors[len(queries) :][:size]))
            figures["slopes"] = slopes(figures["growth"])
            save("scale", parameters, figures)
        figures["removal"] = list(removal(path, queries, vectors[len(queries) :][:size]))
    write("scale", parameters, figures)
    if any(line["removed seen"] for line in figures["removal"][1:]):
        sys.exit("removed documents were found")


def prepare(folder: Path, rows: int, queries: int, real: int | None) -> None:
    """Write texts and vectors to files, for processes to read without holding them; the first are the queries'."""
    with (folder / "vectors.f16").open("wb") as file:
        for block in vector_blocks(queries + rows, real):
            file.write(as_stored(block).tobytes())
    texts = passages(queries + rows)[queries:]
    made = "lorem ipsum dolor sit amet " * 100
    length = sum(map(len, texts)) // len(texts)
    with (folder / "texts.jsonl").open("w", encoding="utf-8") as lines:
        for number in range(rows):
            text = texts[number] if number < len(texts) else f"passage {number} {made}"[:length]
            lines.write(json.dumps(text) + "\n")


def grown(folder: Path, path: Path, queries: Vectors, rows: StoredVectors) -> Line:
    """Build a collection of the rows, and read it."""
    line = alone(build, folder, path, len(queries), len(rows))
    read, found = alone(reader, path, queries)
    kth = kth_scores(queries, rows)
    recalls = {f"{name} recall": knn_recall(ids, queries, rows, kth) for name, ids in found.items()}
    return {"documents": len(rows), **line, **read, **recalls}


def build(folder: Path, path: Path, skipped: int, rows: int) -> Line:
    """Add the documents; everything that is measured is of this process."""
    before, at_start, given, seconds = written(), memory("VmRSS"), 0, []
    with Collection.create(path, dim=DIM) as collection:
        for batch in tqdm(batches(folder, skipped, rows), total=rows // BATCH, desc=f"add {rows:,}", disable=None):
            given += sum(len(document.text.encode()) + 4 * DIM for document in batch)
            begun = time.perf_counter()
            report = collection.add(batch)
            seconds.append(time.perf_counter() - begun)
            if report.added != len(batch) or report.maintenance:
                raise RuntimeError(f"not all documents were added as they should be: {report}")
        index = collection.info().index
        begun = time.perf_counter()
    seconds.append(time.perf_counter() - begun)  # closing
    device, calls = (after - earlier for after, earlier in zip(written(), before, strict=True))
    return {
        "nlist": index.nlist if index else None,
        "add s": round(sum(seconds), 1),
        "longest add s": round(max(seconds), 2),
        "given MB": round(given / MB, 1),
        "written MB": round(device / MB, 1),
        "by write() MB": round(calls / MB, 1),
        "written / given": round(device / given, 2),
        "disk MB": round(disk_usage(path) / MB, 1),
        "process MB": round(at_start / MB),
        "add peak MB": round(memory("VmHWM") / MB),
    }


def reader(path: Path, queries: Vectors) -> tuple[Line, dict[str, list[list[int]]]]:
    """What opening, the first search, and searches cost in a process that has just begun; and the ids found."""
    begun = time.perf_counter()
    with Collection.open(path) as collection:
        opened = time.perf_counter()
        collection.search(vector=queries[0], k=K)
        answered = time.perf_counter()
        for query in queries[1:K]:
            collection.search(vector=query, k=K)
        held, own = memory("VmRSS"), memory("RssAnon")
        answers, exact = ask(collection, queries), ask(collection, queries, exact=True)
    line = {
        "reader MB": round(held / MB),
        "not mapped MB": round(own / MB),
        "open ms": round(1_000 * (opened - begun), 1),
        "first search ms": round(1_000 * (answered - opened), 1),
        "ms": answers.median,
        "p95 ms": answers.p95,
        "scanned": round(answers.scanned),
        "exact ms": exact.median,
        "exact p95 ms": exact.p95,
    }
    return line, {"default": answers.ids, "exact": exact.ids}


def removal(path: Path, queries: Vectors, rows: StoredVectors) -> Iterator[Line]:
    """A line for each state: before, after `remove`, and after `compact`."""
    every = np.ones(len(rows), bool)
    kept = np.array([part_of(number) >= 3 for number in range(len(rows))])
    yield {"state": "before", **state(path, queries, rows, every, kept)}
    yield {"state": "removed", **alone(remove, path), **state(path, queries, rows, kept, kept)}
    yield {"state": "compacted", **alone(compact, path), **state(path, queries, rows, kept, kept)}


def state(
    path: Path, queries: Vectors, rows: StoredVectors, living: npt.NDArray[np.bool_], kept: npt.NDArray[np.bool_]
) -> Line:
    """Recall among the living rows, and how many documents were seen that are not kept, in approximate results."""
    disk = disk_usage(path)
    read, found = alone(reader, path, queries)
    kth = kth_scores(queries, rows, living)
    return {
        "disk MB": round(disk / MB, 1),
        "default recall": knn_recall(found["default"], queries, rows, kth),
        "exact recall": knn_recall(found["exact"], queries, rows, kth),
        "ms": read["ms"],
        "removed seen": sum(not kept[number] for ids in (*found["default"], *found["exact"]) for number in ids),
    }


def remove(path: Path) -> Line:
    with Collection.open(path) as collection:
        return cost(lambda: collection.remove(filter=REMOVED))


def compact(path: Path) -> Line:
    with Collection.open(path) as collection:
        return cost(collection.compact)


def cost(step: Callable[[], object]) -> Line:
    before, begun = written()[0], time.perf_counter()
    step()
    seconds = time.perf_counter() - begun
    return {
        "s": round(seconds, 1),
        "written MB": round((written()[0] - before) / MB, 1),
        "peak MB": round(memory("VmHWM") / MB),
    }


def slopes(lines: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Between each size and the next: log of the ratio of a figure over log of the ratio of the sizes."""
    result = []
    for small, large in itertools.pairwise(lines):
        growth = math.log(large["documents"] / small["documents"])
        figures = {
            name: round(math.log(large[name] / small[name]) / growth, 2)
            for name in GROWING
            if small[name] and large[name]  # nothing is written to a disk that is memory
        }
        result.append({"from": small["documents"], "to": large["documents"], **figures})
    return result


def batches(folder: Path, skipped: int, rows: int) -> Iterator[list[Document]]:
    """The first documents, 1,000 at a time; ids are row numbers, and every document is in one of ten parts."""
    with (folder / "texts.jsonl").open(encoding="utf-8") as lines, (folder / "vectors.f16").open("rb") as file:
        file.seek(skipped * DIM * 2)
        for start in range(0, rows, BATCH):
            numbers = range(start, min(start + BATCH, rows))
            vectors = np.frombuffer(file.read(len(numbers) * DIM * 2), np.float16).reshape(-1, DIM)
            yield [
                Document(str(number), json.loads(next(lines)), {"part": part_of(number)}, vector=vector)
                for number, vector in zip(numbers, vectors, strict=True)
            ]


def part_of(number: int) -> int:
    """0 to 9, in no order (Knuth's multiplicative hash)."""
    return number * 2_654_435_761 % 2**32 * PARTS // 2**32


def alone(step: Callable[..., Result], *arguments: object) -> Result:
    """The result of a step that runs in a new process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(step, *arguments).result()


def memory(kind: str) -> int:
    """Bytes of this process: VmRSS now, RssAnon the part that is no mapped file, VmHWM the most there has been."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{kind}:"))


def written() -> tuple[int, int]:
    """Bytes that this process caused to be written to disk, and that it passed to write()."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    values = {name: int(value) for name, value in (line.split(": ") for line in lines)}
    return values["write_bytes"], values["wchar"]


if __name__ == "__main__":
    main()
