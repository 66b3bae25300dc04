"""Inverted lists of FAISS in each codec: trained, filled, joined, written and read; nothing here searches.

A row is known in them by its ordinal. `compact` is an IVF index of 4-bit product codes of the residuals (two numbers a
code), each row in two lists: in the nearest one, and in one whose centroid errs in another direction, so that a query
that misses the first finds it in the second (Sun et al., "SOAR: Improved Indexing for Approximate Nearest Neighbor
Search", NeurIPS 2023).
"""

from pathlib import Path
from typing import Any

import numpy as np

from semsearch.index.device import Device
from semsearch.index.faiss_gpu import NearestCentroids, train_on
from semsearch.index.faiss_library import load_faiss, use_threads
from semsearch.index.ids import Write
from semsearch.index.quantizer import Quantizer, flat_of, quantizer_over
from semsearch.index.sizing import Codec
from semsearch.machine import cores
from semsearch.types import Ids, StoredVectors, Vectors

_ITERATIONS = 10  # of k-means, FAISS's own number for inverted lists
_CHOICES = 12  # nearest centroids among which the second list is chosen
_SOAR_LAMBDA = 1.0  # weight of the part of the second residual that is parallel to the first
_BLOCK = 2_048  # rows whose differences from their choices are held at once: 38 MB at 384 dimensions

Lists = Any  # a FAISS IVF index; FAISS comes without types


def train(codec: Codec, nlist: int, sample: Vectors, *, device: Device | None = None) -> Lists:
    """Empty lists with centroids and codes fitted to a sample (s, dim), from a fixed seed."""
    use_threads(cores())
    sample = padded(codec, sample)
    lists = _with_quantizer(codec, quantizer_over(_centroids(nlist, sample, device)))
    lists.train(sample)
    return lists


def fill(
    codec: Codec, lists: Lists, ordinals: Ids, stored: StoredVectors, *, nearest: NearestCentroids | None = None
) -> None:
    """Add rows (n, dim) under their ordinals (n,) to lists that `train` or `emptied` made.

    `nearest` is their quantizer's search, or does the same elsewhere.
    """
    use_threads(cores())
    faiss = load_faiss()
    centroids = centroids_of(lists)
    for start in range(0, len(ordinals), _BLOCK):
        rows = padded(codec, stored[start : start + _BLOCK].astype(np.float32))
        numbers = np.ascontiguousarray(ordinals[start : start + _BLOCK])
        for chosen in _assigned(rows, nearest or lists.quantizer.search, centroids, codec.copies):
            pointers = map(faiss.swig_ptr, (rows, numbers, chosen))
            lists.add_core(len(rows), *pointers, None)


def packed(codec: Codec, lists: Lists) -> Lists:
    """Filled lists in the form in which they are searched, joined and written."""
    return load_faiss().IndexIVFPQFastScan(lists) if codec is Codec.COMPACT else lists


def emptied(codec: Codec, lists: Lists) -> Lists:
    """Lists to fill with the centroids and codes of these packed ones, and without their rows."""
    empty = _with_quantizer(codec, load_faiss().clone_index(lists.quantizer))
    if codec is Codec.COMPACT:
        empty.pq = lists.pq
    else:
        empty.sq = lists.sq
    empty.is_trained = True
    return empty


def join(lists: Lists, others: Lists) -> None:
    """Move the rows of other packed lists, of the same training, into these."""
    if isinstance(lists, load_faiss().IndexIVFPQFastScan):
        _append_to_full_lists(lists.invlists, others.invlists)
    lists.merge_from(others, 0)


def write(lists: Lists, sink: Write) -> None:
    """Give FAISS's bytes to `sink`; FAISS's own file writer neither syncs nor reports a full disk."""
    faiss = load_faiss()
    faiss.write_index(lists, faiss.PyCallbackIOWriter(sink))


def read(codec: Codec, path: Path, *, mapped: bool) -> Lists:
    """Packed lists from a file, mapped if their codec can be; raises RuntimeError or ValueError if it is not one."""
    faiss = load_faiss()
    lists = faiss.read_index(str(path), faiss.IO_FLAG_MMAP if mapped else 0)
    kind = faiss.IndexIVFPQFastScan if codec is Codec.COMPACT else faiss.IndexIVFScalarQuantizer
    if not isinstance(lists, kind):
        raise ValueError(  # noqa: TRY004 - it is the file that is wrong
            f"{path} does not hold inverted lists in the codec {codec}"
        )
    if mapped and codec is not Codec.COMPACT:
        # mapped lists are fetched ahead by 32 threads a query, which costs more than the search itself
        faiss.downcast_InvertedLists(lists.invlists).prefetch_nthread = 0
    return lists


def rows_by_list(lists: Lists) -> tuple[Ids, Ids]:
    """Ordinals of all rows, list after list, and the number of rows of each list."""
    faiss, inside = load_faiss(), lists.invlists
    sizes = np.array([inside.list_size(number) for number in range(lists.nlist)], dtype=np.int64)
    parts = [faiss.rev_swig_ptr(inside.get_ids(number), int(size)).copy() for number, size in enumerate(sizes) if size]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64), sizes


def padded(codec: Codec, rows: Vectors) -> Vectors:
    """Rows (n, dim) with a zero more where the codec needs an even dim; products stay what they are."""
    if codec is Codec.COMPACT and rows.shape[1] % 2:
        rows = np.pad(rows, ((0, 0), (0, 1)))
    return np.ascontiguousarray(rows)


def centroids_of(lists: Lists) -> Vectors:
    """Centroids (nlist, dim)."""
    faiss = load_faiss()
    flat: Vectors = faiss.rev_swig_ptr(flat_of(lists.quantizer).get_xb(), lists.nlist * lists.d)
    return flat.reshape(lists.nlist, lists.d).copy()


def _append_to_full_lists(into: Lists, more: Lists) -> None:
    """Move what goes into lists where FAISS would corrupt memory, those of a multiple of `block_size` rows.

    FAISS 1.15.1 takes the bytes of a block for rows there (BlockInvertedLists::add_entries), and copies as many blocks
    as the list has afterwards, beyond both ends. Such a list ends with a whole block, so that the new ones follow it.
    """
    faiss = load_faiss()
    into, more = faiss.downcast_InvertedLists(into), faiss.downcast_InvertedLists(more)
    size, rows = into.block_size, into.n_per_block
    for number in range(into.nlist):
        before, added = into.list_size(number), more.list_size(number)
        if not added or not before or before % size:
            continue
        into.resize(number, before + added)
        old, new = before // rows * size, -(-added // rows) * size  # bytes
        faiss.rev_swig_ptr(into.get_codes(number), old + new)[old:] = faiss.rev_swig_ptr(more.get_codes(number), new)
        ids = faiss.rev_swig_ptr(into.get_ids(number), before + added)
        ids[before:] = faiss.rev_swig_ptr(more.get_ids(number), added)
        more.resize(number, 0)


def _with_quantizer(codec: Codec, quantizer: Quantizer) -> Lists:
    faiss, dim, nlist, metric = load_faiss(), quantizer.d, quantizer.ntotal, load_faiss().METRIC_INNER_PRODUCT
    if codec is Codec.COMPACT:
        return faiss.IndexIVFPQ(quantizer, dim, nlist, dim // 2, 4, metric)
    form = faiss.ScalarQuantizer.QT_fp16 if codec is Codec.FLOAT16 else faiss.ScalarQuantizer.QT_8bit
    return faiss.IndexIVFScalarQuantizer(quantizer, dim, nlist, form, metric, False)


def _centroids(nlist: int, sample: Vectors, device: Device | None) -> Vectors:
    """Centroids (nlist, dim) of a sample (s, dim)."""
    faiss, dim = load_faiss(), sample.shape[1]
    fit = faiss.Clustering(dim, nlist)
    fit.niter, fit.spherical = _ITERATIONS, True  # on the sphere, like the vectors
    fit.max_points_per_centroid = max(1, len(sample) // nlist)  # the sample is cut to size already
    fit.min_points_per_centroid = 1
    train_on(device, fit, sample, faiss.IndexFlatIP(dim))
    centroids: Vectors = faiss.vector_to_array(fit.centroids).reshape(nlist, dim)
    return centroids


def _assigned(rows: Vectors, nearest: NearestCentroids, centroids: Vectors, copies: int) -> list[Ids]:
    """The lists (n,) that rows go into: the nearest one, and with two copies a second one by the SOAR loss."""
    _, near = nearest(rows, min(_CHOICES, len(centroids)) if copies > 1 else 1)
    first = np.ascontiguousarray(near[:, 0])
    if copies == 1 or len(centroids) < 2:
        return [first]
    residuals = rows[:, None] - centroids[near]  # (n, choices, dim)
    direction = residuals[:, 0] / np.maximum(np.linalg.norm(residuals[:, 0], axis=1, keepdims=True), 1e-9)
    parallel = np.matmul(residuals, direction[:, :, None])[:, :, 0]
    loss = np.einsum("ncd,ncd->nc", residuals, residuals) + _SOAR_LAMBDA * parallel**2
    loss[:, 0] = np.inf
    return [first, np.ascontiguousarray(near[np.arange(len(rows)), loss.argmin(axis=1)])]
