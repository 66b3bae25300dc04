"""How long a text query takes, from its words to hits with their texts, over 100,000 chunks; by mode and stage.

Three tables: the stages by mode, over passages (144 characters each in the mean) and over abstracts of arXiv (820 a
chunk), beside what they should take; semsearch and txtai (which goes by meaning alone) over the passages, with the same
vectors, made before, and the same model for the query (semsearch by what it exported, txtai by its own means); and the
command line, started anew for each search. Everything that is measured has a process of its own, since threads that one
library leaves spinning would slow the other down.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from data import abstracts, passage_vectors, passages, text_queries
from report import write

from semsearch import Collection
from semsearch.config import DEFAULT_MODEL
from semsearch.embedders.model_folder import find_model
from semsearch.embedders.pinned import load_embedder
from semsearch.types import Document, Vectors

K = 10
WARM_UP = 20  # queries that are not counted
AT_ONCE = 1_000  # abstracts an add
STAGES = ("filter", "vectors", "keyword", "fusion", "fetch")
# All but the query's embedding, in milliseconds: median, 95th percentile. There is none for abstracts.
TARGETS: Mapping[tuple[str, str], tuple[float | None, float | None]] = {
    ("passages", "semantic"): (1.0, None),
    ("passages", "hybrid"): (8.0, 20.0),
}
IMPORTED = (
    "import sys\nfrom semsearch.cli.main import main\nmain(sys.argv[1:])\n"
    "print([name for name in ('torch', 'sentence_transformers', 'transformers') if name in sys.modules])"
)


class MadeBefore:
    """The default model, whose documents were embedded before."""

    def __init__(self, texts: Sequence[str], vectors: Vectors) -> None:
        self._model = load_embedder(DEFAULT_MODEL, "cpu")
        self._rows = dict(zip(texts, vectors, strict=True))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the model has
        return getattr(self._model, name)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        others = [text for text in texts if text not in self._rows]  # pieces of the few that are too long
        rows = self._rows | dict(zip(others, self._model.embed_documents(others), strict=True))
        return np.stack([rows[text] for text in texts])


class Borrowed(MadeBefore):
    """The default model, whose documents get vectors of passages: what they are about is of no account for the time."""

    def __init__(self, vectors: Vectors) -> None:
        super().__init__([], vectors[:0])
        self._vectors = vectors

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return self._vectors[[zlib.crc32(text.encode()) % len(self._vectors) for text in texts]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--words", type=int, default=8, help="of each query, at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", choices=list(PARTS), help="one part of it, here; prints its figures as JSON")
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="keep the collections here, and take them from here if they are")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        build(folder / "passages", arguments.chunks)
        build_abstracts(folder / "abstracts", arguments.chunks)
        asked = [" ".join(words[: arguments.words]) for words in map(str.split, text_queries())]
        asked = [query for query in asked if len(query.split()) == arguments.words][: arguments.queries + WARM_UP]
        if arguments.run:
            print(json.dumps(PARTS[arguments.run](folder, arguments.chunks, asked)))
            return
        figures: dict[str, object] = {"stages, milliseconds": stages(arguments, folder)}
        figures["warm, milliseconds"] = warm(arguments, folder)
        figures |= cold(folder, asked[: arguments.starts])
        write("queries", {**vars(arguments), "folder": None}, figures)


def build(path: Path, chunks: int) -> None:
    if path.exists():
        return
    with Collection.create(path, device="cpu") as collection:
        collection.add([Document("0", "Whoever adds with the model itself exports it for queries.")])
    texts = passages(chunks)
    Collection.drop(path)
    with Collection.create(path, model=MadeBefore(texts, passage_vectors(chunks))) as collection:
        collection.add(Document(str(number), text) for number, text in enumerate(texts))


def build_abstracts(path: Path, chunks: int) -> None:
    """As many abstracts as have so many chunks together."""
    if path.exists():
        return
    documents = abstracts()
    with Collection.create(path, model=Borrowed(passage_vectors(chunks))) as collection:
        while collection.info().chunks < chunks and (some := list(itertools.islice(documents, AT_ONCE))):
            collection.add(some, maintain=False)
        collection.compact()


def in_a_process(arguments: argparse.Namespace, folder: Path, part: str) -> Any:  # noqa: ANN401 - what it prints
    options = [f"--{each}={getattr(arguments, each)}" for each in ("chunks", "queries", "words")]
    command = [sys.executable, __file__, *options, "--run", part, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


# --- the stages by mode


def stages(arguments: argparse.Namespace, folder: Path) -> list[dict[str, object]]:
    """A row for each set and mode: figures are the medians of the rounds."""
    rounds = [in_a_process(arguments, folder, "stages") for _ in range(arguments.rounds)]
    return [_beside_targets(rows) for rows in zip(*rounds, strict=True)]


def run_stages(folder: Path, chunks: int, asked: Sequence[str]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for name, mode in itertools.product(("passages", "abstracts"), ("semantic", "keyword", "hybrid")):
        # opened anew, since it remembers the vectors of queries
        with Collection.open(folder / name, device="cpu") as collection:
            rows.append({"set": name, "mode": mode, **by_stage(collection, mode, asked)})
            if mode == "semantic":
                rows.append({"set": name, "mode": "semantic, again", **by_stage(collection, mode, asked)})
    return rows


def by_stage(collection: Collection, mode: str, asked: Sequence[str]) -> dict[str, float]:
    """Milliseconds of a query: all of it, all but its embedding, and each stage; median and 95th percentile."""
    spent: dict[str, list[float]] = {name: [] for name in ("all", "but embed", "embed", *STAGES)}
    for query in asked:
        start = time.perf_counter()
        profile = collection.search(query, k=K, mode=mode).profile
        whole = 1_000 * (time.perf_counter() - start)
        told = {"all": whole, "but embed": whole - profile.milliseconds["embed"], **profile.milliseconds}
        for name, values in spent.items():
            values.append(told.get(name, 0.0))
    figures: dict[str, float] = {}
    for name, values in spent.items():
        counted = sorted(values[WARM_UP:])
        figures[name] = statistics.median(counted)
        figures[f"{name} p95"] = counted[int(0.95 * len(counted))]
    return figures


def _beside_targets(rows: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """The same row of all rounds as one."""
    median, p95 = TARGETS.get((rows[0]["set"], rows[0]["mode"]), (None, None))
    named = {"set": rows[0]["set"], "mode": rows[0]["mode"]}
    figures = {key: _middle(row[key] for row in rows) for key in rows[0] if key not in named}
    first = {"but embed": figures["but embed"], "target": median, "but embed p95": figures["but embed p95"]}
    return {**named, **first, "target p95": p95, **figures}


def _middle(values: Iterable[float]) -> float:
    return round(statistics.median(values), 2)


# --- beside txtai


def warm(arguments: argparse.Namespace, folder: Path) -> list[dict[str, object]]:
    """A row for each engine, and its ratio to txtai: the median of those within a round. They take turns."""
    names = ["semsearch, semantic", "semsearch, hybrid", *(["txtai"] if find_spec("txtai") else [])]
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(arguments.rounds):
        for name in names:
            rounds[name].append(in_a_process(arguments, folder, name))
    rows: list[dict[str, object]] = []
    for name, some in rounds.items():
        row: dict[str, object] = {"": name}
        row |= {key: _middle(each[key] for each in some) for key in some[0]}
        if "txtai" in rounds:
            ratios = [own["median"] / other["median"] for own, other in zip(some, rounds["txtai"], strict=True)]
            row["times txtai"] = round(statistics.median(ratios), 3)
        rows.append(row)
    return rows


def timed(search: Callable[[str], object], asked: Sequence[str]) -> dict[str, float]:
    """Milliseconds of a query."""
    seconds = []
    for query in asked:
        start = time.perf_counter()
        search(query)
        seconds.append(time.perf_counter() - start)
    counted = sorted(seconds[WARM_UP:])
    return {"median": 1_000 * statistics.median(counted), "p95": 1_000 * counted[int(0.95 * len(counted))]}


def run_semsearch(mode: str, folder: Path, chunks: int, asked: Sequence[str]) -> dict[str, float]:
    with Collection.open(folder / "passages", device="cpu") as collection:
        return timed(lambda query: collection.search(query, k=K, mode=mode), asked)


def run_txtai(folder: Path, chunks: int, asked: Sequence[str]) -> dict[str, float]:
    embeddings = txtai(folder / "txtai", chunks)
    return timed(lambda query: embeddings.search(query, K), asked)


def txtai(path: Path, chunks: int) -> Any:  # noqa: ANN401 - it has no types
    """An index whose documents were embedded before, and whose queries txtai embeds itself."""
    from txtai import Embeddings
    from txtai.vectors import VectorsFactory

    model = VectorsFactory.create({"path": str(find_model(DEFAULT_MODEL)), "gpu": False}, None)
    texts = passages(chunks)
    made = MadeBefore(texts, passage_vectors(chunks))

    def transform(data: list[str]) -> Vectors:
        return model.encode(data) if len(data) == 1 else made.embed_documents(data)

    embeddings = Embeddings({"method": "external", "transform": transform, "content": True})
    if path.exists():
        embeddings.load(str(path), config={"transform": transform})
    else:
        embeddings.index((str(number), text, None) for number, text in enumerate(texts))
        embeddings.save(str(path))
    return embeddings


# --- the command line


def cold(folder: Path, asked: Sequence[str]) -> dict[str, object]:
    environment = {**os.environ, "SEMSEARCH_INDEXES": str(folder)}
    seconds = []
    for query in asked:
        start = time.perf_counter()
        command = [sys.executable, "-m", "semsearch", "--device", "cpu", "search", "passages", query, "--json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        seconds.append(time.perf_counter() - start)
        if len(json.loads(done.stdout)["hits"]) != K:
            raise SystemExit(f"{query!r} has not {K} hits")
    command = [sys.executable, "-c", IMPORTED, "--device", "cpu", "search", "passages", asked[0]]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return {
        "semsearch search, started anew, median": f"{statistics.median(seconds):.2f} s",
        "of torch and its like it has imported": done.stdout.splitlines()[-1],
    }


PARTS: dict[str, Callable[[Path, int, Sequence[str]], object]] = {
    "stages": run_stages,
    "semsearch, semantic": partial(run_semsearch, "semantic"),
    "semsearch, hybrid": partial(run_semsearch, "hybrid"),
    "txtai": run_txtai,
}


if __name__ == "__main__":
    main()
