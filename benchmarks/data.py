"""Real data for the benchmarks, and vectors of it, embedded once into a cache outside the repository.

What is measured, and how, is in the benchmarks themselves.
"""

import functools
import gzip
import hashlib
import itertools
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from semsearch.config import DEFAULT_MODEL
from semsearch.embedders.pinned import load_embedder
from semsearch.embedders.protocol import Embedder
from semsearch.types import Document, StoredVectors, Vectors

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "semsearch-benchmarks"
SEED = 20_240_601
BLOCK = 20_000  # passages a file of the cache
OTHER_TOPIC = 0.4  # see synthetic_blocks
_QUERY_SETS = ("arxiv-title2abs-20k", "scifact", "xquad/en", "cranfield", "adi", "medline")

Pixels: TypeAlias = npt.NDArray[np.uint8]


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


class RememberingEmbedder:
    """The default model, which embeds each text once: vectors are kept in the cache, in float32.

    Queries are embedded in float32, as the engine does it on the CPU, and documents in the given precision.
    """

    def __init__(self, precision: str = "auto") -> None:
        self._embedder = load_embedder(DEFAULT_MODEL, "cpu", precision)
        self._for_queries = load_embedder(DEFAULT_MODEL, "cpu", "float32")
        self._folder = CACHE / f"texts-{_fingerprint()}-{self._embedder.precision}"
        self._vectors: dict[str, Vectors] = {}
        self._new: list[str] = []
        for path in sorted(self._folder.glob("*.npz")):
            with np.load(path) as kept:
                self._vectors |= zip(kept["digests"].tolist(), kept["vectors"], strict=True)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else an Embedder has
        return getattr(self._embedder, name)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return self._embedded("d", texts, self._embedder.embed_documents)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self._embedded("q", texts, self._for_queries.embed_queries)

    def save(self) -> None:
        """Write what is new to the cache."""
        if self._new:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{_digest(self._new)}.npz"
            partial = path.with_suffix(".partial")
            with partial.open("wb") as file:
                np.savez(file, digests=self._new, vectors=np.stack([self._vectors[each] for each in self._new]))
            partial.rename(path)
            self._new = []

    def _embedded(self, kind: str, texts: Sequence[str], embed: Callable[[Sequence[str]], Vectors]) -> Vectors:
        digests = [kind + _digest([text]) for text in texts]
        unknown = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in self._vectors}
        if unknown:
            self._vectors |= zip(unknown, embed(list(unknown.values())), strict=True)
            self._new += unknown
        if len(self._new) >= BLOCK // 4:
            self.save()
        return np.stack([self._vectors[digest] for digest in digests])


def text_queries() -> list[str]:
    """3,589 English queries: 1,000 titles of arXiv papers, then the questions and claims of five BEIR sets."""
    return [text for name in _QUERY_SETS for text in queries(name).values()]


def text_query_vectors() -> Vectors:
    """Vectors of `text_queries()` as the engine embeds queries: by the default model, in float32: (3589, 384)."""
    texts = text_queries()
    path = CACHE / f"queries-{_fingerprint()}" / f"{_digest(texts)}.npy"
    return _cached(path, lambda: load_embedder(DEFAULT_MODEL, precision="float32").embed_queries(texts))


def passages(count: int) -> list[str]:
    """Distinct real passages of 20 to 600 characters, drawn by a fixed seed; more of them begin with the same ones."""
    return [text for text, _ in _every_passage()[:count]]


def passage_documents(count: int) -> Iterator[Document]:
    """Passages with their metadata, one after the other as they lie in the file, so that none is held in memory."""
    for number, row in enumerate(itertools.islice(_passage_rows(), count)):
        yield Document(str(number), row["text"], row["metadata"])


def passage_vectors(count: int) -> Vectors:
    """Vectors of `passages(count)` by the default model: (count, 384), rounded to float16."""
    return np.concatenate(list(passage_blocks(count))).astype(np.float32)


def passages_of(source: str, count: int) -> tuple[list[str], Vectors]:
    """Passages of one source with their vectors (n, 384): n = count, or all there are.

    The sources are arxiv (649,528 sentences of abstracts), oewn (107,395 glosses of WordNet), pep (102,397 passages of
    Python's enhancement proposals) and tldr (60,648 descriptions of commands).
    """
    texts: list[str] = []
    parts = []
    for number, block in enumerate(passage_blocks(len(_every_passage()))):
        some = _every_passage()[number * BLOCK : (number + 1) * BLOCK]
        chosen = [at for at, (_, origin) in enumerate(some) if origin == source]
        texts += [some[at][0] for at in chosen]
        parts.append(block[chosen])
        if len(texts) >= count:
            break
    return texts[:count], np.concatenate(parts)[:count].astype(np.float32)


def noun_glosses() -> list[str]:
    """WordNet's entries of nouns, such as "dog, domestic dog: a member of ...", in an order drawn by a fixed seed."""
    wordnet = (row for row in _passage_rows() if row["metadata"]["source"] == "oewn")
    texts = [row["text"] for row in wordnet if row["metadata"]["category"].startswith("noun.")]
    return [texts[at] for at in np.random.default_rng(SEED).permutation(len(texts))]


def nouns(count: int) -> list[str]:
    """The lower-case nouns of one word that are in most glosses of nouns, the most frequent first."""
    entries = [text.partition(": ") for text in noun_glosses()]
    used = Counter(word for _, _, gloss in entries for word in set(re.findall("[a-z]+", gloss)))
    found = {name for names, _, _ in entries for name in names.split(", ") if re.fullmatch("[a-z]{3,}", name)}
    return sorted(found, key=lambda word: (-used[word], word))[:count]


def abstracts() -> Iterator[Document]:
    """74,696 abstracts of arXiv, nearly all with a title: the passages that are their sentences, put together again."""
    parts: dict[str, list[tuple[str, str]]] = {}
    for row in _passage_rows():
        if row["metadata"]["source"] == "arxiv":
            parts.setdefault(row["metadata"]["doc"], []).append((row["_id"].rpartition("#")[2], row["text"]))
    for name, texts in parts.items():
        title = next((text for part, text in texts if part == "t"), None)
        yield Document(name, " ".join(text for part, text in texts if part != "t"), title=title)


def vector_blocks(count: int, real: int | None = None) -> Iterator[StoredVectors]:
    """So many vectors, in blocks of at most 20,000: those of up to `real` passages first, then synthetic ones."""
    real = min(count, len(_every_passage()), count if real is None else real)
    yield from passage_blocks(real)
    yield from synthetic_blocks(count - real, real)


def passage_blocks(count: int) -> Iterator[StoredVectors]:
    """Vectors of `passages(count)` in blocks of 20,000, from the cache as far as they are in it.

    They are embedded in bfloat16, which halves the time and moves a cosine by 0.0007 in the mean, and kept as float16.
    """
    for number in tqdm(range(-(-count // BLOCK)), desc="passages", unit="block", disable=None):
        yield _block(number)[: count - number * BLOCK]


def synthetic_blocks(count: int, real: int) -> Iterator[StoredVectors]:
    """Vectors to go on with where the real ones end: a passage's vector plus 0.4 of another's, normalised.

    They lie between topics, as a passage of two topics would. With 1,000 held-out passages as queries of an IVF of 512
    lists over 50,000 rows, knn_recall@10 at nprobe 8, 16 and 32 is 0.777, 0.863, 0.927 over real rows, and within
    0.015 of that where half or four fifths of the rows are synthetic. The mean cosine of the first and the tenth
    neighbour is 0.620 and 0.514; with half of the rows synthetic 0.599 and 0.510, with four fifths 0.574 and 0.507.
    Of the neighbours 45 and 76 % are synthetic then; rows with Gaussian noise would lie apart from all topics, and
    hardly ever be found.
    """
    blocks = -(-real // BLOCK)
    for number in itertools.count():
        if count <= 0:
            return
        rows = _block(number % blocks).astype(np.float32)
        others = np.random.default_rng((SEED, number)).permutation(rows)
        mixed = rows + OTHER_TOPIC * others
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        yield mixed[:count].astype(np.float16)
        count -= len(mixed)


def fashion_mnist() -> Pixels:
    """The 70,000 pictures of Fashion-MNIST as rows of 784 pixels, in an order drawn by a fixed seed."""
    folder = data_folder() / "images" / "fashion-mnist"
    parts = []
    for name in ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"):
        with gzip.open(folder / name) as file:
            parts.append(np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784))
    return np.random.default_rng(SEED).permutation(np.concatenate(parts))


@functools.cache
def _every_passage() -> list[tuple[str, str]]:
    """(text, source) of all passages, in an order drawn by a fixed seed."""
    rows = [(row["text"], sys.intern(row["metadata"]["source"])) for row in _passage_rows()]
    return [rows[at] for at in np.random.default_rng(SEED).permutation(len(rows))]


def _passage_rows() -> Iterator[dict[str, Any]]:
    with gzip.open(data_folder() / "corpora" / "passages" / "passages.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _block(number: int) -> StoredVectors:
    """(20000, 384): vectors of a block of all passages."""
    texts = [text for text, _ in _every_passage()[number * BLOCK : (number + 1) * BLOCK]]
    path = CACHE / f"passages-{_fingerprint()}-bfloat16" / f"{number * BLOCK:07d}-{_digest(texts)}.npy"
    return _cached(path, lambda: _embedded(texts))


def _cached(path: Path, make: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npy")
        np.save(partial, make())
        partial.rename(path)
    return np.load(path)


def _embedded(texts: Sequence[str]) -> StoredVectors:
    return _narrow_embedder().embed_documents(texts).astype(np.float16)


@functools.cache
def _narrow_embedder() -> Embedder:
    return load_embedder(DEFAULT_MODEL, "cpu", "bfloat16")


@functools.cache
def _fingerprint() -> str:
    return load_embedder(DEFAULT_MODEL).fingerprint[:12]


def _digest(texts: Sequence[str]) -> str:
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=8).hexdigest()
