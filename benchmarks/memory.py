"""How much memory adding takes as a collection grows: resident memory after every 50,000 documents, and its peak.

With `--model stand-in`, vectors are drawn at random around some topics, which takes no time, so that
millions are read, cut, stored and indexed in minutes; the tokenizer is the real one. With `--model default` they are
embedded.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from data import passage_documents
from report import write
from tqdm import tqdm

from semsearch.collection import Collection
from semsearch.config import DEFAULT_MODEL
from semsearch.embedders.pinned import load_embedder
from semsearch.reports import Progress
from semsearch.types import Vectors

EVERY = 50_000
TOPICS, SPREAD = 2_000, 0.06  # of the stand-in's vectors; the spread of one number


class StandIn:
    """The default model, but for the vectors."""

    def __init__(self) -> None:
        self._model = load_embedder(DEFAULT_MODEL)
        self._draw = np.random.default_rng(0)
        self._topics = self._draw.normal(size=(TOPICS, self._model.dim)).astype(np.float32)
        self._topics /= np.linalg.norm(self._topics, axis=1, keepdims=True)
        self.fingerprint = "stand-in"

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else an Embedder has
        return getattr(self._model, name)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        noise = self._draw.normal(scale=SPREAD, size=(len(texts), self._model.dim)).astype(np.float32)
        vectors: Vectors = self._topics[self._draw.integers(TOPICS, size=len(texts))] + noise
        return vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=900_000)
    parser.add_argument("--model", choices=("stand-in", "default"), default="stand-in")
    arguments = parser.parse_args()
    if not sys.platform.startswith("linux"):
        raise SystemExit("resident memory is read from /proc, which only Linux has")
    table: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder, tqdm(total=arguments.documents, unit=" documents") as bar:
        model = DEFAULT_MODEL if arguments.model == "default" else StandIn()

        def note(progress: Progress) -> None:
            bar.update(progress.documents - bar.n)
            if progress.documents >= EVERY * (len(table) + 1):
                table.append({"documents": progress.documents, **resident()})

        with Collection.create(Path(folder) / "c", model=model) as collection:
            collection.add(passage_documents(arguments.documents), progress=note, maintain=False)
            table.append({"documents": "all of them", **resident()})
            collection.maintain()
            table.append({"documents": "with an index", **resident()})
    write(f"memory-{arguments.model}", vars(arguments), {"resident memory, MB": table})


def resident() -> dict[str, int]:
    """Of this process: memory of its own, with the pages of files that it has mapped, and the most there ever was."""
    lines = (line.split() for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    sizes = {words[0].rstrip(":"): int(words[1]) // 1_000 for words in lines if len(words) == 3 and words[2] == "kB"}
    return {"own": sizes["RssAnon"], "with mapped files": sizes["VmRSS"], "peak": sizes["VmHWM"]}


if __name__ == "__main__":
    main()
