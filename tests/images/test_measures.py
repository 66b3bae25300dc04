"""PSNR by hand, SSIM against scikit-image."""

import numpy as np
import pytest
from images.image_files import scene
from skimage.metrics import structural_similarity

from semsearch.errors import InvalidRequestError
from semsearch.images.measures import psnr, ssim


def pair() -> tuple[np.ndarray, np.ndarray]:
    first = scene(40, 56).transpose(2, 0, 1).astype(np.float32) / 255
    noise = np.random.default_rng(2).normal(0, 0.05, first.shape).astype(np.float32)
    return first, (first + noise).clip(0, 1)


def test_an_error_of_a_tenth_everywhere_is_20_db() -> None:
    assert psnr(np.full((2, 3, 4, 4), 0.5, np.float32), np.full((2, 3, 4, 4), 0.6, np.float32)) == pytest.approx(
        [20.0, 20.0], abs=1e-5
    )


def test_an_image_is_infinitely_like_itself() -> None:
    first, _ = pair()
    assert psnr(first, first).tolist() == [np.inf]
    assert ssim(first, first) == pytest.approx([1.0])


def test_ssim_is_that_of_scikit_image() -> None:
    first, second = pair()
    expected = structural_similarity(
        first.astype(np.float64), second.astype(np.float64), channel_axis=0, data_range=1.0
    )
    assert 0.1 < expected < 0.95
    assert ssim(first, second) == pytest.approx([expected], abs=1e-9)


def test_images_of_different_shapes_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="cannot be compared"):
        psnr(np.zeros((3, 8, 8), np.float32), np.zeros((3, 8, 9), np.float32))


def test_images_smaller_than_the_window_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="7 x 7"):
        ssim(np.zeros((3, 6, 9), np.float32), np.zeros((3, 6, 9), np.float32))
