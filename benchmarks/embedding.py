"""How fast texts become vectors: the library's own `encode`, semsearch in each precision, and one query.

Documents are abstracts of SciFact; every engine embeds all of them in each round, and the engines take turns, so that
what else the machine does meets all of them alike. Tokens are those that the model reads, special ones included.
"forward passes alone" are the batches of semsearch, tokenized beforehand: the part that is left when all else costs
nothing. A round before the first warms up and does not count; a ratio is the median of those within the rounds.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from data import corpus, queries
from forward import forward_passes
from report import write

from semsearch.config import DEFAULT_MODEL
from semsearch.embedders.devices import FLOATS
from semsearch.embedders.export import export_for_queries
from semsearch.embedders.library_model import load_model
from semsearch.embedders.onnx import open_export
from semsearch.embedders.pinned import load_embedder
from semsearch.embedders.protocol import Embedder
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder
from semsearch.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ENCODE = "encode of the library, its defaults"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16", "int8"])
    arguments = parser.parse_args()
    texts = [document.text for document, _ in zip(corpus("scifact"), range(arguments.documents), strict=False)]
    asked = list(queries("scifact").values())[: arguments.queries]
    reference = SentenceTransformerEmbedder(arguments.model, device=arguments.device, precision="float32")
    library = load_model(arguments.model, reference.folder, arguments.device, dtype="float32")
    embedders = {each: load_embedder(arguments.model, arguments.device, each) for each in arguments.precisions}
    engines = {f"semsearch, {name}": embedder.embed_documents for name, embedder in embedders.items()}
    for precision in [each for each in arguments.precisions if each in FLOATS]:
        run = forward_passes(reference, texts, precision, len(texts))
        engines[f"forward passes alone, {precision}"] = lambda _, run=run: run()
    tokens = sum(min(count, reference.max_tokens) for count in reference.count_tokens(texts))
    figures = {
        "documents": document_rows(texts, tokens, {ENCODE: encode(library, "document"), **engines}, arguments.rounds),
        "one query": query_rows(asked, {ENCODE: encode(library, "query"), **query_engines(reference, embedders)}),
    }
    write("embedding", {**vars(arguments), "tokens": tokens}, figures)


def encode(library: "SentenceTransformer", role: str) -> Callable[[Sequence[str]], Vectors]:
    function = library.encode_document if role == "document" else library.encode_query
    return lambda texts: np.asarray(function(list(texts), normalize_embeddings=True, show_progress_bar=False))


def document_rows(
    texts: Sequence[str], tokens: int, engines: Mapping[str, Callable[[Sequence[str]], Vectors]], rounds: int
) -> list[dict[str, Any]]:
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    vectors = {name: embed(texts) for name, embed in engines.items()}  # the round that warms up
    for _ in range(rounds):
        for name, embed in engines.items():
            start = time.perf_counter()
            embed(texts)
            seconds[name].append(time.perf_counter() - start)
    return [
        {
            "engine": name,
            "tokens/s": round(tokens / statistics.median(seconds[name])),
            "documents/s": round(len(texts) / statistics.median(seconds[name]), 1),
            "times encode": ratio(seconds[ENCODE], seconds[name]),
            "least cosine": round(float((vectors[name] * vectors[ENCODE]).sum(axis=1).min()), 5),
        }
        for name in engines
    ]


def query_engines(
    reference: SentenceTransformerEmbedder, embedders: Mapping[str, Embedder]
) -> dict[str, Callable[[Sequence[str]], Vectors]]:
    engines = {f"semsearch, {name}": embedder.embed_queries for name, embedder in embedders.items()}
    export_for_queries(reference)
    exported = open_export(reference.fingerprint)
    return engines if exported is None else {**engines, "semsearch, exported (as searches do)": exported.embed_queries}


def query_rows(asked: Sequence[str], engines: Mapping[str, Callable[[Sequence[str]], Vectors]]) -> list[dict[str, Any]]:
    """One query at a time; the engines take turns at each."""
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for query in [*asked[:5], *asked]:
        for name, embed in engines.items():
            start = time.perf_counter()
            embed([query])
            seconds[name].append(time.perf_counter() - start)
    counted = {name: some[5:] for name, some in seconds.items()}
    return [
        {
            "engine": name,
            "milliseconds, median": round(1000 * statistics.median(some), 2),
            "least": round(1000 * min(some), 2),
            "times encode": ratio(counted[ENCODE], some),
        }
        for name, some in counted.items()
    ]


def ratio(slow: Sequence[float], quick: Sequence[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(slow, quick, strict=True)), 2)


if __name__ == "__main__":
    main()
