"""The directions in which vectors vary most (principal component analysis), from passes over blocks of them."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from semsearch.types import Vectors

Blocks: TypeAlias = Callable[[], Iterator[Vectors]]  # each call goes through all rows once more
Numbers: TypeAlias = npt.NDArray[np.float64]

_EXACT_DIM = 2_048  # 32 MB of covariances, and two seconds for their eigenvectors
_SPARE = 8  # directions that are iterated along, so that the wanted ones settle sooner
_PASSES = 50
_SETTLED = 1e-5  # change of the variance along each direction, relative, after which they have
_SEED = 0


def principal_axes(blocks: Blocks, mean: Numbers, count: int, without: Numbers) -> Numbers:
    """Unit directions of the largest variance, in that order, each orthogonal to the others: (count, dim).

    Up to 2,048 dimensions they are the eigenvectors of the covariances. Beyond that, they are found by subspace
    iteration (Halko, Martinsson, Tropp, "Finding structure with randomness", 2011, algorithm 4.4) from a fixed start,
    which needs no more memory than a few rows, until the variances change by less than 1e-5. The sign of a direction is
    the one that makes its largest number positive. In a space of fewer dimensions the last ones are all zero.

    Args:
        blocks: the rows, (n, dim) each.
        mean: of all rows, (dim,).
        count: of directions.
        without: orthonormal directions (m, dim) that these have to be orthogonal to.
    """
    dim = len(mean)
    there = min(count, dim - len(without))
    find = _exact if dim <= _EXACT_DIM else _iterated

    def centred() -> Iterator[Vectors]:
        for rows in blocks():
            rest = rows - mean
            yield (rest - (rest @ without.T) @ without).astype(np.float32)

    axes = np.zeros((count, dim))
    axes[:there] = _orthonormal(find(centred, dim, there), without)
    return axes


def _orthonormal(axes: Numbers, without: Numbers) -> Numbers:
    """The same directions where they have variance, and any others that are orthogonal where they have none."""
    together, _ = np.linalg.qr(np.concatenate([without, axes]).T)  # (dim, m + count)
    own = together[:, len(without) :].T
    largest = np.take_along_axis(own, np.abs(own).argmax(axis=1)[:, None], axis=1)  # (count, 1)
    signed: Numbers = own * np.where(largest < 0, -1, 1)
    return signed


def _exact(centred: Blocks, dim: int, count: int) -> Numbers:
    covariances = np.zeros((dim, dim))
    for rows in centred():
        covariances += rows.T @ rows
    _, vectors = np.linalg.eigh(covariances)
    largest: Numbers = vectors[:, ::-1][:, :count].T
    return largest


def _iterated(centred: Blocks, dim: int, count: int) -> Numbers:
    basis = np.linalg.qr(np.random.default_rng(_SEED).normal(size=(dim, min(dim, count + _SPARE))))[0]
    before = np.zeros(count)
    for _ in range(_PASSES):
        product = np.zeros_like(basis)  # of the covariances with the basis
        for rows in centred():
            product += rows.T @ (rows @ basis.astype(np.float32))
        variances, turn = np.linalg.eigh(basis.T @ product)  # the best directions within the basis
        variances, turn = variances[::-1][:count], turn[:, ::-1]
        wanted: Numbers = (basis @ turn[:, :count]).T
        if np.all(np.abs(variances - before) <= _SETTLED * np.abs(variances)):
            break
        before, basis = variances, np.linalg.qr(product)[0]
    return wanted
