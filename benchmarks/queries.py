"""How long a text query takes, from its words to hits with their texts, over 100,000 chunks; beside txtai.

Both have the same passages with the same vectors, made before, and embed the query with the same model: semsearch by
what it exported, txtai by its own means. They take turns, each in a process of its own, since threads that one library
leaves spinning would slow the other down. Then the command line is started anew for each search, and what it has
imported is looked at.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from data import passage_vectors, passages, text_queries
from report import write

from semsearch import Collection
from semsearch.config import DEFAULT_MODEL
from semsearch.embedders.model_folder import find_model
from semsearch.embedders.pinned import load_embedder
from semsearch.types import Document, Vectors

K = 10
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--words", type=int, default=8, help="of each query, at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", choices=list(ENGINES), help="one of them, here; prints its figures as JSON")
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="keep the collections here, and take them from here if they are")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        build(folder / "semsearch", arguments.chunks)
        asked = [" ".join(query.split()[: arguments.words]) for query in text_queries()[: arguments.queries]]
        if arguments.run:
            print(json.dumps(ENGINES[arguments.run](folder, arguments.chunks, asked)))
            return
        figures: dict[str, object] = {"warm, milliseconds": warm(arguments, folder)}
        figures |= cold(folder, asked[: arguments.starts])
        write("queries", {**vars(arguments), "folder": None}, figures)


def build(path: Path, chunks: int) -> None:
    if path.exists():
        return
    Collection.create(path, device="cpu").close()  # exports the model, as whoever creates a collection does
    texts = passages(chunks)
    Collection.drop(path)
    with Collection.create(path, model=MadeBefore(texts, passage_vectors(chunks))) as collection:
        collection.add(Document(str(number), text) for number, text in enumerate(texts))


def warm(arguments: argparse.Namespace, folder: Path) -> list[dict[str, object]]:
    """A row for each engine, and its ratio to txtai: the median of those within a round."""
    names = [name for name in ENGINES if name == "semsearch" or find_spec(name)]
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(arguments.rounds):
        for name in names:
            options = [f"--{each}={getattr(arguments, each)}" for each in ("chunks", "queries", "words")]
            command = [sys.executable, __file__, *options, "--run", name, "--folder", str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rounds[name].append(json.loads(done.stdout.splitlines()[-1]))
    rows: list[dict[str, object]] = []
    for name, some in rounds.items():
        row: dict[str, object] = {"": name}
        row |= {key: round(statistics.median(each[key] for each in some), 2) for key in some[0]}
        if "txtai" in rounds:
            ratios = [own["median"] / other["median"] for own, other in zip(some, rounds["txtai"], strict=True)]
            row["times txtai"] = round(statistics.median(ratios), 3)
        rows.append(row)
    return rows


def timed(search: Callable[[str], object], asked: Sequence[str]) -> dict[str, float]:
    """Milliseconds of a query, the first 20 of which warm up."""
    seconds = []
    for query in [*asked[:20], *asked]:
        start = time.perf_counter()
        search(query)
        seconds.append(time.perf_counter() - start)
    counted = sorted(seconds[20:])
    return {"median": 1_000 * statistics.median(counted), "p95": 1_000 * counted[int(0.95 * len(counted))]}


def run_semsearch(folder: Path, chunks: int, asked: Sequence[str]) -> dict[str, float]:
    stages = []
    with Collection.open(folder / "semsearch", device="cpu") as collection:
        figures = timed(lambda query: stages.append(collection.search(query, k=K).profile.milliseconds), asked)
    return figures | {name: statistics.median(each[name] for each in stages[20:]) for name in stages[-1]}


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


def cold(folder: Path, asked: Sequence[str]) -> dict[str, object]:
    environment = {**os.environ, "SEMSEARCH_INDEXES": str(folder)}
    seconds = []
    for query in asked:
        start = time.perf_counter()
        command = [sys.executable, "-m", "semsearch", "--device", "cpu", "search", "semsearch", query, "--json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        seconds.append(time.perf_counter() - start)
        if len(json.loads(done.stdout)["hits"]) != K:
            raise SystemExit(f"{query!r} has not {K} hits")
    command = [sys.executable, "-c", IMPORTED, "--device", "cpu", "search", "semsearch", asked[0]]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return {
        "semsearch search, started anew, median": f"{statistics.median(seconds):.2f} s",
        "of torch and its like it has imported": done.stdout.splitlines()[-1],
    }


ENGINES: dict[str, Callable[[Path, int, Sequence[str]], dict[str, float]]] = {
    "semsearch": run_semsearch,
    "txtai": run_txtai,
}


if __name__ == "__main__":
    main()
