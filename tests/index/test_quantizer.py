"""Choosing inverted lists: exactly where there are few, and by codes and exact products where there are many."""

from pathlib import Path

import numpy as np
import pytest
from synthetic import clustered

from semsearch import files
from semsearch.index import lists as inverted
from semsearch.index import quantizer
from semsearch.index.faiss_library import load_faiss
from semsearch.index.quantizer import CODED_FROM, flat_of, quantizer_over
from semsearch.index.sizing import Codec
from semsearch.types import Vectors

DIM = 32


@pytest.fixture(scope="module")
def centroids() -> Vectors:
    return clustered(CODED_FROM, DIM)


def test_few_centroids_and_those_of_an_odd_dim_are_compared_one_by_one(centroids: Vectors) -> None:
    for some in (centroids[:-1], np.ascontiguousarray(centroids[:, 1:])):
        made = quantizer_over(some)
        assert type(made) is load_faiss().IndexFlatIP
        assert flat_of(made).ntotal == len(some)


def test_of_many_centroids_nearly_always_the_nearest_are_chosen_with_exact_products(centroids: Vectors) -> None:
    made = quantizer_over(centroids)
    assert type(made) is load_faiss().IndexRefineFlat
    queries = clustered(200, DIM, seed=1)
    products, chosen = made.search(queries, 16)
    exact = queries @ centroids.T
    assert np.allclose(products, np.take_along_axis(exact, chosen, axis=1), atol=1e-5)
    nearest = np.argsort(-exact, axis=1)[:, :16]
    shared = [len(set(some) & set(others)) / 16 for some, others in zip(chosen, nearest, strict=True)]
    assert np.mean(shared) > 0.98
    assert np.mean(chosen[:, 0] == nearest[:, 0]) > 0.98


def test_all_of_many_centroids_can_be_asked_for(centroids: Vectors) -> None:
    _, chosen = quantizer_over(centroids).search(clustered(3, DIM, seed=1), len(centroids))
    assert (np.sort(chosen, axis=1) == np.arange(len(centroids))).all()


@pytest.mark.parametrize("codec", list(Codec))
def test_lists_keep_their_codes_of_centroids_on_disk_and_when_they_are_emptied(
    codec: Codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantizer, "CODED_FROM", 64)
    vectors = clustered(4_000, DIM)
    lists = inverted.train(codec, 64, vectors)
    inverted.fill(codec, lists, np.arange(len(vectors)), vectors.astype(np.float16))
    packed = inverted.packed(codec, lists)
    files.publish(tmp_path, "base", lambda sink: inverted.write(packed, sink))
    read = inverted.read(codec, tmp_path / "base", mapped=False)
    empty = inverted.emptied(codec, read)
    inverted.fill(codec, empty, np.arange(4_000, 4_100), vectors[:100].astype(np.float16))
    inverted.join(read, inverted.packed(codec, empty))
    assert read.ntotal == 4_100 * codec.copies
    for each in (packed, read):
        assert type(load_faiss().downcast_index(each.quantizer)) is load_faiss().IndexRefineFlat
        assert (inverted.centroids_of(each) == inverted.centroids_of(packed)).all()
    chosen = [each.quantizer.search(vectors[:50], 8)[1].tolist() for each in (packed, read)]
    assert chosen[0] == chosen[1]
