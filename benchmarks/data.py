"""Where the benchmarks' data is, and vectors of it, embedded once into a cache outside the repository."""

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from semsearch.embedders.pinned import load_embedder
from semsearch.types import Document, Vectors

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "semsearch-benchmarks"
SEED = 20_240_601


def data_folder() -> Path:
    """The folder of real data: SEMSEARCH_BENCHMARK_DATA, or `shared/data` beside the checkout."""
    folder = Path(os.environ.get("SEMSEARCH_BENCHMARK_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        raise SystemExit(f"the benchmark's data is not at {folder}: set SEMSEARCH_BENCHMARK_DATA")
    return folder


def corpus(name: str) -> Iterator[Document]:
    """The documents of a collection in BEIR's layout."""
    with (data_folder() / "beir" / name / "corpus.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield Document(row["_id"], row["text"], title=row.get("title") or None)


def queries(name: str) -> dict[str, str]:
    """Query texts by id."""
    with (data_folder() / "beir" / name / "queries.jsonl").open(encoding="utf-8") as lines:
        return {row["_id"]: row["text"] for row in map(json.loads, lines)}


def passages(count: int) -> list[str]:
    """Distinct real passages of 20 to 600 characters, drawn by a fixed seed; more of them begin with the same ones."""
    path = data_folder() / "corpora" / "passages" / "passages.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    return [texts[at] for at in np.random.default_rng(SEED).permutation(len(texts))[:count]]


def passage_vectors(count: int, block: int = 5_000) -> Vectors:
    """Vectors of `passages(count)` by the default model: (count, 384), from the cache as far as they are in it."""
    embedder = load_embedder("all-MiniLM-L6-v2")
    folder = CACHE / f"passages-{embedder.fingerprint[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    texts, parts = passages(count), []
    for start in tqdm(range(0, count, block), desc="passages", unit="block", disable=None):
        some = texts[start : start + block]
        name = hashlib.blake2b("\0".join(some).encode(), digest_size=8).hexdigest()
        path = folder / f"{start:07d}-{name}.npy"
        if not path.exists():
            partial = path.with_suffix(".partial.npy")
            np.save(partial, embedder.embed_documents(some))
            partial.rename(path)
        parts.append(np.load(path))
    return np.concatenate(parts)
