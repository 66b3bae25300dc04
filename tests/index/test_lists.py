from pathlib import Path

import numpy as np
import pytest
from synthetic import clustered

from semsearch import files
from semsearch.index import lists as inverted
from semsearch.index.faiss_library import load_faiss
from semsearch.index.lists import Lists
from semsearch.index.sizing import Codec
from semsearch.types import Ids, Vectors

ROWS, DIM, NLIST = 1_500, 16, 24
CODECS = pytest.mark.parametrize("codec", list(Codec))
DIMS = pytest.mark.parametrize("dim", [DIM, 7])


def filled(codec: Codec, vectors: Vectors, *, nlist: int = NLIST, count: int | None = None) -> Lists:
    """Packed lists trained on all of the vectors, which hold the first `count` of them."""
    lists = inverted.train(codec, nlist, vectors)
    ordinals = np.arange(len(vectors) if count is None else count)
    inverted.fill(codec, lists, ordinals, vectors[ordinals].astype(np.float16))
    return inverted.packed(codec, lists)


def lists_of(lists: Lists) -> dict[int, list[int]]:
    """The lists that each row is in, by its ordinal."""
    ordinals, sizes = inverted.rows_by_list(lists)
    homes: dict[int, list[int]] = {}
    for ordinal, number in zip(ordinals.tolist(), np.repeat(np.arange(len(sizes)), sizes).tolist(), strict=True):
        homes.setdefault(ordinal, []).append(number)
    return homes


def answers(codec: Codec, lists: Lists, queries: Vectors, k: int = 10, nprobe: int = 6) -> tuple[list[object], ...]:
    parameters = load_faiss().SearchParametersIVF(nprobe=nprobe)
    scores, ordinals = lists.search(inverted.padded(codec, queries), k, params=parameters)
    return scores.tolist(), ordinals.tolist()


def published(folder: Path, name: str, lists: Lists) -> files.Published:
    return files.publish(folder, name, lambda sink: inverted.write(lists, sink))


@DIMS
@CODECS
def test_every_row_is_in_its_nearest_list_and_in_a_second_one_only_where_the_codec_says_so(
    codec: Codec, dim: int
) -> None:
    vectors = clustered(ROWS, dim)
    lists = filled(codec, vectors)
    homes = lists_of(lists)
    assert sorted(homes) == list(range(ROWS))
    nearest = (inverted.padded(codec, vectors) @ inverted.centroids_of(lists).T).argmax(axis=1)
    for ordinal, numbers in homes.items():
        assert nearest[ordinal] in numbers
        assert len(numbers) == len(set(numbers)) == codec.copies


def test_the_second_list_has_the_smallest_soar_loss_among_the_twelve_nearest() -> None:
    vectors = clustered(ROWS, DIM)
    lists = filled(Codec.COMPACT, vectors)
    centroids, homes = inverted.centroids_of(lists).astype(np.float64), lists_of(lists)
    for ordinal in range(0, ROWS, 37):
        row = vectors[ordinal].astype(np.float64)
        near = np.argsort(-(centroids @ row))[:12]
        direction = row - centroids[near[0]]
        direction /= np.linalg.norm(direction)
        residuals = row - centroids[near[1:]]
        loss = (residuals**2).sum(axis=1) + (residuals @ direction) ** 2  # Sun et al., equation 3, with lambda 1
        assert set(homes[ordinal]) == {near[0], near[1:][loss.argmin()]}


def test_a_single_list_holds_every_row_once() -> None:
    vectors = clustered(100, DIM)
    assert list(lists_of(filled(Codec.COMPACT, vectors, nlist=1)).values()) == [[0]] * 100


@CODECS
def test_centroids_have_length_one(codec: Codec) -> None:
    centroids = inverted.centroids_of(filled(codec, clustered(ROWS, DIM)))
    assert centroids.shape == (NLIST, DIM)
    np.testing.assert_allclose(np.linalg.norm(centroids, axis=1), 1.0, atol=1e-5)


def test_only_compact_lists_pad_an_odd_dim_and_products_stay_what_they_are() -> None:
    rows, queries = clustered(20, 7), clustered(5, 7, seed=1)
    widths = {codec: inverted.padded(codec, rows).shape[1] for codec in Codec}
    assert widths == {Codec.COMPACT: 8, Codec.SQ8: 7, Codec.FLOAT16: 7}
    products = inverted.padded(Codec.COMPACT, queries) @ inverted.padded(Codec.COMPACT, rows).T
    np.testing.assert_allclose(products, queries @ rows.T, atol=1e-6)


def test_float16_lists_hold_the_stored_numbers_without_loss() -> None:
    vectors = clustered(ROWS, DIM)
    lists = filled(Codec.FLOAT16, vectors)
    lists.make_direct_map()
    assert (lists.reconstruct_batch(np.arange(ROWS)) == vectors).all()


@CODECS
def test_emptied_lists_have_the_same_training_and_no_rows(codec: Codec, tmp_path: Path) -> None:
    vectors = clustered(ROWS, DIM)
    lists = filled(codec, vectors)
    empty = inverted.emptied(codec, lists)
    assert empty.ntotal == 0
    assert lists.ntotal == ROWS * codec.copies
    inverted.fill(codec, empty, np.arange(ROWS), vectors.astype(np.float16))
    again = inverted.packed(codec, empty)
    assert published(tmp_path, "1", lists).sha256 == published(tmp_path, "2", again).sha256


@DIMS
@CODECS
def test_joined_lists_answer_as_lists_that_were_filled_with_all_rows(codec: Codec, dim: int) -> None:
    vectors, first = clustered(ROWS, dim), 1_100
    base, whole = filled(codec, vectors, count=first), filled(codec, vectors)
    delta = inverted.emptied(codec, base)
    inverted.fill(codec, delta, np.arange(first, ROWS), vectors[first:].astype(np.float16))
    inverted.join(base, inverted.packed(codec, delta))
    assert base.ntotal == ROWS * codec.copies
    assert {ordinal: sorted(numbers) for ordinal, numbers in lists_of(base).items()} == {
        ordinal: sorted(numbers) for ordinal, numbers in lists_of(whole).items()
    }
    queries = clustered(20, dim, seed=1)
    assert answers(codec, base, queries)[0] == answers(codec, whole, queries)[0]


@CODECS
def test_the_same_rows_give_the_same_bytes(codec: Codec, tmp_path: Path) -> None:
    vectors = clustered(ROWS, DIM)
    first, second = (published(tmp_path, name, filled(codec, vectors)) for name in ("1", "2"))
    assert first.sha256 == second.sha256
    other = published(tmp_path, "3", filled(codec, clustered(ROWS, DIM, seed=1)))
    assert other.sha256 != first.sha256


@pytest.mark.parametrize("mapped", [True, False])
@DIMS
@CODECS
def test_written_lists_read_back_with_the_same_rows_and_answers(
    codec: Codec, dim: int, mapped: bool, tmp_path: Path
) -> None:
    lists, queries = filled(codec, clustered(ROWS, dim)), clustered(10, dim, seed=1)
    published(tmp_path, "1", lists)
    read = inverted.read(codec, tmp_path / "1", mapped=mapped)
    assert lists_of(read) == lists_of(lists)
    assert answers(codec, read, queries) == answers(codec, lists, queries)


@CODECS
def test_a_file_of_something_else_is_refused(codec: Codec, tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(b"not an index" * 100)
    with pytest.raises(RuntimeError):
        inverted.read(codec, tmp_path / "1", mapped=True)


@pytest.mark.parametrize(("written", "read"), [(Codec.SQ8, Codec.COMPACT), (Codec.COMPACT, Codec.SQ8)])
def test_lists_of_another_codec_are_refused(written: Codec, read: Codec, tmp_path: Path) -> None:
    published(tmp_path, "1", filled(written, clustered(ROWS, DIM)))
    with pytest.raises(ValueError, match=f"does not hold inverted lists in the codec {read}"):
        inverted.read(read, tmp_path / "1", mapped=True)


@CODECS
def test_a_flat_index_is_refused(codec: Codec, tmp_path: Path) -> None:
    faiss = load_faiss()
    published(tmp_path, "1", faiss.IndexFlatIP(DIM))
    with pytest.raises(ValueError, match="does not hold inverted lists"):
        inverted.read(codec, tmp_path / "1", mapped=False)


def test_lists_without_rows_have_none_by_list() -> None:
    ordinals, sizes = inverted.rows_by_list(inverted.train(Codec.SQ8, 3, clustered(200, DIM)))
    assert (ordinals.tolist(), sizes.tolist()) == ([], [0, 0, 0])


def test_rows_by_list_are_those_of_faiss() -> None:
    lists = filled(Codec.SQ8, clustered(ROWS, DIM))
    ordinals, sizes = inverted.rows_by_list(lists)
    numbers: Ids = np.repeat(np.arange(NLIST), sizes)
    assert sizes.sum() == ROWS
    lists.make_direct_map()
    for at in range(0, ROWS, 97):
        assert lists.direct_map.get(int(ordinals[at])) >> 32 == numbers[at]


@pytest.mark.parametrize(("dim", "before"), [(16, 128), (16, 256), (7, 64), (16, 127), (16, 160), (16, 0)])
def test_rows_follow_a_list_of_any_size_and_none_where_faiss_would_write_beyond_its_end(
    monkeypatch: pytest.MonkeyPatch, dim: int, before: int
) -> None:
    vectors = clustered(before + 40, dim)
    whole = filled(Codec.COMPACT, vectors, nlist=1)
    lists = filled(Codec.COMPACT, vectors, nlist=1, count=before)
    more = inverted.emptied(Codec.COMPACT, lists)
    inverted.fill(Codec.COMPACT, more, np.arange(before, len(vectors)), vectors[before:].astype(np.float16))
    merge, left = type(lists).merge_from, []

    def spied(own: Lists, others: Lists, offset: int) -> None:
        left.append((own.invlists.list_size(0), others.invlists.list_size(0)))
        merge(own, others, offset)

    monkeypatch.setattr(type(lists), "merge_from", spied)
    inverted.join(lists, inverted.packed(Codec.COMPACT, more))
    is_full = before in (128, 256) or (dim, before) == (7, 64)
    assert left == [(before + 40, 0) if is_full else (before, 40)]
    assert lists.ntotal == whole.ntotal == len(vectors)
    assert sorted(lists_of(lists)) == list(range(len(vectors)))
    assert answers(Codec.COMPACT, lists, vectors[:20], nprobe=1) == answers(
        Codec.COMPACT, whole, vectors[:20], nprobe=1
    )
