"""The fixed reduction of latents to vectors: what changes a vector and what does not, on latents made by hand."""

import numpy as np
import pytest

from semsearch.errors import InvalidRequestError
from semsearch.images.reduction import SMALLEST_SIDE, _edges, _layout, _shares, reduce_latents, reduced_dim


def latents(*shape: int, seed: int = 1) -> np.ndarray:
    """Smooth ones with a little noise, as those of photographs are."""
    rng = np.random.default_rng(seed)
    number, channels, height, width = shape
    coarse = rng.normal(0, 1, (number, channels, 4, 4))
    smooth = np.stack([np.kron(each, np.ones((1, -(-height // 4), -(-width // 4)))) for each in coarse])
    return (smooth[:, :, :height, :width] + rng.normal(0, 0.1, shape)).astype(np.float32)


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    return float((reduce_latents(first) * reduce_latents(second)).sum(axis=1).mean())


@pytest.mark.parametrize(("channels", "dim"), [(1, 122), (4, 488), (16, 800), (32, 1_216)])
@pytest.mark.parametrize("side", [8, 16, 33, 64])
def test_the_length_of_a_vector_depends_on_the_channels_alone(channels: int, dim: int, side: int) -> None:
    vectors = reduce_latents(latents(2, channels, side, side))
    assert vectors.shape == (2, dim) == (2, reduced_dim(channels))
    assert (vectors.dtype, vectors.flags.c_contiguous) == (np.float32, True)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_vector_does_not_depend_on_what_else_is_reduced() -> None:
    some = latents(5, 4, 32, 32)
    np.testing.assert_allclose(reduce_latents(some)[3:4], reduce_latents(some[3:4]), atol=1e-6)


@pytest.mark.parametrize("channels", [4, 5, 32])
@pytest.mark.parametrize("side", [16, 31])
def test_a_latent_and_its_mirror_image_have_the_same_vector(channels: int, side: int) -> None:
    some = latents(3, channels, side, side)
    np.testing.assert_allclose(reduce_latents(some), reduce_latents(some[..., ::-1]), atol=1e-5)


def test_a_latent_that_stands_on_its_head_or_lies_has_another_vector() -> None:
    some = latents(20, 4, 32, 32)
    assert cosine(some, some[:, :, ::-1]) < 0.8
    assert cosine(some, some.swapaxes(2, 3)) < 0.8


def test_other_latents_are_far_and_noisy_ones_near() -> None:
    some, others = latents(20, 4, 32, 32), latents(20, 4, 32, 32, seed=2)
    noisy = some + np.random.default_rng(3).normal(0, 0.05, some.shape).astype(np.float32)
    assert cosine(some, noisy) > 0.97
    assert cosine(some, others) < 0.7


def test_the_strength_of_the_whole_changes_little() -> None:
    some = latents(20, 4, 32, 32)
    assert cosine(some, some * 1.5) > 0.99


def test_the_same_picture_in_finer_latents_stays_near() -> None:
    coarse = latents(20, 4, 16, 16)
    assert cosine(coarse, coarse.repeat(2, axis=2).repeat(2, axis=3)) > 0.8


def test_plain_images_are_told_apart_by_their_colours_and_not_by_noise() -> None:
    rng = np.random.default_rng(5)
    red, blue = (
        (np.array(colour)[:, None, None] + rng.normal(0, 1e-3, (1, 4, 32, 32))).astype(np.float32)
        for colour in ([2, 0, 0, 1], [-1, 1, 0, -2])
    )
    again = red + rng.normal(0, 1e-3, red.shape).astype(np.float32)
    assert cosine(red, again) > 0.9
    assert cosine(red, blue) < 0


def test_layout_of_a_cosine_is_one_number() -> None:
    places = np.cos(np.pi * 2 * (np.arange(16) + 0.5) / 16)
    layout = _layout(np.broadcast_to(places[:, None], (1, 1, 16, 16)).astype(np.float32))[0]
    assert np.flatnonzero(np.abs(layout) > 1e-4).tolist() == [11]  # two half periods down, none across
    assert layout[11] == pytest.approx(np.sqrt(8 * 16), rel=1e-5)  # the energy of the whole, since the basis keeps it


def test_edges_of_a_slope_all_run_one_way() -> None:
    slope = np.broadcast_to(np.arange(16)[None, :], (1, 1, 16, 16)).astype(np.float32)  # brighter to the right
    sums = _edges(slope).reshape(6, 4, 4)[..., :2]
    assert (sums.argmax(axis=0) == 0).all()
    assert (_edges(slope.swapaxes(2, 3)).reshape(6, 4, 4)[..., :2].argmax(axis=0) == 3).all()


def test_every_place_counts_for_the_cells_and_all_of_a_cell_is_one() -> None:
    shares = _shares(32)
    assert shares.shape == (4, 32)
    assert (shares.sum(axis=0) > 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(shares, shares[::-1, ::-1], atol=1e-6)


def test_no_latents_are_no_vectors() -> None:
    assert reduce_latents(np.zeros((0, 4, 32, 32), np.float32)).shape == (0, 488)


def test_a_latent_that_is_all_zero_is_refused() -> None:
    some = latents(2, 4, 32, 32)
    some[1] = 0
    with pytest.raises(InvalidRequestError, match="all zero"):
        reduce_latents(some)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused(wrong: float) -> None:
    some = latents(1, 4, 32, 32)
    some[0, 1, 2, 3] = wrong
    with pytest.raises(InvalidRequestError, match="not finite"):
        reduce_latents(some)


@pytest.mark.parametrize("shape", [(4, 32, 32), (1, 0, 32, 32), (1, 4, SMALLEST_SIDE - 1, 32), (1, 4, 32, 4)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidRequestError, match="make no vectors"):
        reduce_latents(np.ones(shape, np.float32))
