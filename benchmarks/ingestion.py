"""How fast documents become searchable, beside the model alone and beside peers that embed the same texts.

The floor is `SentenceTransformer.encode` with its defaults, which stores nothing. Everybody else takes the same texts
with the same model, and is done when they are durable and can be found. All take their turn in every round, each in a
process of its own, and what counts is the median of the ratios within a round. `forward` is the model's share of what
semsearch takes: the same chunks, tokenised before, through the same model in the same batches. How much longer adding
takes than this is measured once more, the two in turn in one process: in seconds, and in seconds of processors.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from data import corpus, passages
from report import write

from semsearch.config import DEFAULT_MODEL
from semsearch.embedders.model_folder import find_model
from semsearch.types import Document, Vectors

COMMIT = 1_024  # texts
FLOOR, OVERHEAD = "SentenceTransformer.encode", "overhead"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", choices=("passages", "abstracts"), default="passages")
    parser.add_argument("--documents", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--run", choices=[*RUNS, OVERHEAD], help="one of them, here; prints its seconds")
    arguments = parser.parse_args()
    if arguments.run == OVERHEAD:
        print(json.dumps(overhead(texts(arguments.texts, arguments.documents), arguments.rounds)))
        return
    if arguments.run:
        print(json.dumps(RUNS[arguments.run](texts(arguments.texts, arguments.documents))))
        return
    present = [name for name in arguments.only if find_spec(LIBRARIES.get(name, "semsearch"))]
    taken: dict[str, list[float]] = {name: [] for name in present}
    for _ in range(arguments.rounds):
        for name in present:
            taken[name].append(float(said_by(name, arguments)))
    figures = {"documents a second": rows(taken, arguments.documents)}
    if "semsearch" in present:
        figures["overhead"] = json.loads(said_by(OVERHEAD, arguments))
    write(f"ingestion-{arguments.texts}", vars(arguments), figures)


def rows(taken: dict[str, list[float]], documents: int) -> list[dict[str, object]]:
    """A row for each, with its rate and its ratio to the floor."""
    table: list[dict[str, object]] = []
    for name, seconds in taken.items():
        row: dict[str, object] = {"": name, "documents/s": round(documents / statistics.median(seconds), 1)}
        if FLOOR in taken:
            ratios = [floor / own for floor, own in zip(taken[FLOOR], seconds, strict=True)]
            row["times the floor"] = round(statistics.median(ratios), 3)
        table.append(row)
    return table


def said_by(name: str, arguments: argparse.Namespace) -> str:
    """The last line of a process that runs one of them."""
    options = [f"--{each}={getattr(arguments, each)}" for each in ("texts", "documents", "rounds")]
    done = subprocess.run(
        [sys.executable, __file__, *options, "--run", name], check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()[-1]


def texts(kind: str, count: int) -> list[str]:
    if kind == "passages":
        return passages(count)
    return [f"{each.title}\n{each.text}" for _, each in zip(range(count), corpus("scifact"), strict=False)]


def encode(texts: list[str]) -> float:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(find_model(DEFAULT_MODEL)), device="cpu", local_files_only=True)
    model.encode(texts[:1])
    return timed(lambda: model.encode(texts))


def semsearch(texts: list[str]) -> float:
    from semsearch import Collection

    with tempfile.TemporaryDirectory() as folder, Collection.create(Path(folder) / "c", device="cpu") as collection:
        collection.add([Document("warm", "up")])
        documents = documents_of(texts)
        return timed(lambda: collection.add(documents))


def documents_of(texts: list[str]) -> list[Document]:
    return [Document(str(number), text) for number, text in enumerate(texts)]


def overhead(texts: list[str], rounds: int) -> list[dict[str, object]]:
    """What adding takes beside the model alone before and after it; a round before the first does not count."""
    from semsearch import Collection

    passes, documents = passes_over(texts), documents_of(texts)
    adding, alone = [], [clocked(passes)]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            with Collection.create(Path(folder) / f"c{number}", device="cpu") as collection:
                collection.add([Document("warm", "up")])
                adding.append(clocked(partial(collection.add, documents)))
            alone.append(clocked(passes))
    both = [
        [2 * own / (before + after) - 1 for own, before, after in zip(*clocks, strict=True)]
        for clocks in zip(adding[1:], alone[1:-1], alone[2:], strict=True)
    ]
    return [
        {
            "of": of,
            "share of the model's, median": round(statistics.median(some), 3),
            "all": [round(x, 3) for x in some],
        }
        for of, some in zip(("seconds", "seconds of processors"), zip(*both, strict=True), strict=True)
    ]


def clocked(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of processors."""
    start = time.process_time()
    seconds = timed(work)
    return seconds, time.process_time() - start


def forward(texts: list[str]) -> float:
    return timed(passes_over(texts))


def passes_over(texts: list[str]) -> Callable[[], Vectors]:
    """Only the model, on the chunks of these texts, as many at a time as a commit has."""
    from forward import forward_passes

    from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder
    from semsearch.ingest.chunking.chunker import Chunker

    embedder = SentenceTransformerEmbedder(DEFAULT_MODEL, device="cpu")
    chunker = Chunker(embedder.count_tokens, embedder.max_tokens)
    embedded = [text for chunks in chunker.prepare(documents_of(texts)) for _, text in chunks]
    return forward_passes(embedder, embedded, embedder.precision, COMMIT)


def txtai(texts: list[str]) -> float:
    from txtai import Embeddings

    with tempfile.TemporaryDirectory() as folder:
        embeddings = Embeddings({"path": str(find_model(DEFAULT_MODEL)), "content": True, "gpu": False})
        embeddings.batchtransform(texts[:1])

        def ingest() -> None:
            embeddings.index((str(number), text, None) for number, text in enumerate(texts))
            embeddings.save(f"{folder}/index")

        return timed(ingest)


def chroma(texts: list[str]) -> float:
    import chromadb
    from chromadb.utils.embedding_functions import SentenceTransformerEmbeddingFunction

    with tempfile.TemporaryDirectory() as folder:
        embed = SentenceTransformerEmbeddingFunction(model_name=str(find_model(DEFAULT_MODEL)), device="cpu")
        embed(texts[:1])
        collection = chromadb.PersistentClient(folder).create_collection("passages", embedding_function=embed)

        def ingest() -> None:
            for at in range(0, len(texts), 1_000):
                some = texts[at : at + 1_000]
                collection.add(ids=[str(at + number) for number in range(len(some))], documents=some)

        return timed(ingest)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


RUNS: dict[str, Callable[[list[str]], float]] = {
    FLOOR: encode,
    "semsearch": semsearch,
    "forward": forward,
    "txtai": txtai,
    "Chroma": chroma,
}
LIBRARIES = {"txtai": "txtai", "Chroma": "chromadb"}


if __name__ == "__main__":
    main()
