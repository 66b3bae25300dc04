"""The vector indexes that are compared, one class each behind `VectorIndex`; vectors in, row numbers out.

semsearch's own is in peers_semsearch.py; how they are measured is in peers_measures.py. A class imports its library
when it is made, so that a missing one hinders no other, and no other's memory.
"""

import math
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from peers_data import Ids, K, Peer, Vectors

EFS = (16, 24, 32, 48, 64, 96, 128, 192, 256)
NPROBES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
M, EF_CONSTRUCTION = 16, 200


class VectorIndex(Protocol):
    """What a peer has to do; its settings trade speed for recall."""

    settings: tuple[int | str, ...]

    def build(self, rows: Vectors, folder: Path, threads: int) -> None:
        """Index the rows (n, dim), which are normalised, and save what `load` needs."""

    def load(self, folder: Path) -> None:
        """Make ready to search."""

    def search(self, queries: Vectors, setting: int | str, threads: int) -> Ids:
        """Row numbers (q, K)."""


class FaissIvf:
    """FAISS alone, as one tunes it by hand: spherical centroids, no residuals, power-of-two lists near 4 sqrt(n)."""

    settings = NPROBES

    def __init__(self, codec: str) -> None:
        import faiss

        self._faiss, self._codec = faiss, codec

    def build(self, rows: Vectors, folder: Path, threads: int) -> None:
        faiss, (size, dim) = self._faiss, rows.shape
        nlist = max(1, min(2 ** round(math.log2(4 * math.sqrt(size))), size // 39))
        index = faiss.index_factory(dim, f"IVF{nlist},{self._codec}", faiss.METRIC_INNER_PRODUCT)
        index.by_residual = False
        index.cp.spherical = True
        index.train(rows)
        index.add(rows)
        faiss.write_index(index, str(folder / "index.faiss"))

    def load(self, folder: Path) -> None:
        self._index = self._faiss.read_index(str(folder / "index.faiss"))

    def search(self, queries: Vectors, setting: int | str, threads: int) -> Ids:
        self._index.nprobe = setting
        return self._index.search(queries, K)[1]


class Hnswlib:
    settings = EFS

    def __init__(self) -> None:
        import hnswlib

        self._new = partial(hnswlib.Index, space="ip")

    def build(self, rows: Vectors, folder: Path, threads: int) -> None:
        index = self._new(dim=rows.shape[1])
        index.init_index(len(rows), M=M, ef_construction=EF_CONSTRUCTION)
        index.add_items(rows, np.arange(len(rows)), num_threads=threads)
        index.save_index(str(folder / "index.hnsw"))
        (folder / "dim").write_text(str(rows.shape[1]))

    def load(self, folder: Path) -> None:
        self._index = self._new(dim=int((folder / "dim").read_text()))
        self._index.load_index(str(folder / "index.hnsw"))

    def search(self, queries: Vectors, setting: int | str, threads: int) -> Ids:
        self._index.set_ef(setting)
        return self._index.knn_query(queries, K, num_threads=threads)[0]


class Usearch:
    settings = EFS

    def __init__(self) -> None:
        from usearch.index import Index

        self._library = Index

    def build(self, rows: Vectors, folder: Path, threads: int) -> None:
        index = self._library(
            ndim=rows.shape[1], metric="ip", dtype="f16", connectivity=M, expansion_add=EF_CONSTRUCTION
        )
        index.add(np.arange(len(rows)), rows, threads=threads)
        index.save(folder / "index.usearch")

    def load(self, folder: Path) -> None:
        self._index = self._library.restore(folder / "index.usearch")

    def search(self, queries: Vectors, setting: int | str, threads: int) -> Ids:
        self._index.expansion_search = setting
        return self._index.search(queries, K, threads=threads).keys.reshape(len(queries), -1)


def semsearch_index() -> VectorIndex:
    from peers_semsearch import SemsearchIndex

    return SemsearchIndex()


INDEXES: dict[str, Peer[VectorIndex]] = {
    "semsearch": Peer(("semsearch",), semsearch_index),
    "hnswlib": Peer(("hnswlib",), Hnswlib),
    "usearch float16": Peer(("usearch",), Usearch),
    "FAISS IVF,Flat": Peer(("faiss-cpu",), partial(FaissIvf, "Flat")),
    "FAISS IVF,SQfp16": Peer(("faiss-cpu",), partial(FaissIvf, "SQfp16")),
}
