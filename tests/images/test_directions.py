"""Directions between sets of real images move what they are directions of; measured, since pictures persuade."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from semsearch.images.arithmetic import direction, moved
from semsearch.images.autoencoder import TorchAutoencoder, load_autoencoder
from semsearch.images.loading import fit_square, load_image

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SEMSEARCH_BENCHMARK_DATA", ROOT.parent / "shared" / "data")) / "images"
PHOTOGRAPHS, CLOTHES = DATA / "caltech-subset", DATA / "fashion-mnist" / "test100"
SNEAKER, ANKLE_BOOT = 7, 9
STORED = 80  # clothes a class; the others are moved

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (PHOTOGRAPHS.exists() and CLOTHES.exists()), reason="needs the images of the shared data"),
]


@pytest.fixture(scope="module")
def bundled() -> TorchAutoencoder:
    return load_autoencoder(device="cpu")


def brightness(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=(1, 2, 3))


def warmth(images: np.ndarray) -> np.ndarray:
    return (images[:, 0] - images[:, 2]).mean(axis=(1, 2))


@pytest.mark.parametrize("attribute", [brightness, warmth])
def test_from_the_darkest_or_coldest_photographs_to_the_others_the_measure_rises_at_every_step(
    attribute: Callable[[np.ndarray], np.ndarray], bundled: TorchAutoencoder
) -> None:
    paths = sorted(PHOTOGRAPHS.glob("*/*.jpg"))[::5]
    pixels = np.stack([fit_square(load_image(path), 64) for path in paths])
    latents, ranks = bundled.encode(pixels), np.argsort(attribute(pixels[20:] / np.float32(255))) + 20
    third = len(ranks) // 3
    towards = direction(latents[ranks[-third:]], latents[ranks[:third]])
    for latent in latents[:20]:
        measured = attribute(bundled.decode(moved(latent, towards, [-1, -0.5, 0, 0.5, 1])))
        assert np.all(np.diff(measured) > 0), measured


def test_from_sneakers_to_ankle_boots_the_nearest_stored_clothes_become_ankle_boots(bundled: TorchAutoencoder) -> None:
    pixels = [fit_square(load_image(path), 32) for path in sorted(CLOTHES.glob("*/*.png"))]
    latents = bundled.encode(np.stack(pixels)).reshape(10, 100, -1, 1, 1)  # by class
    stored = latents[:, :STORED].reshape(10 * STORED, -1)
    towards = direction(latents[ANKLE_BOOT, :STORED], latents[SNEAKER, :STORED])
    shares = []
    for strength in (0.0, 0.5, 1.0):
        asked = np.stack([moved(each, towards, [strength])[0].ravel() for each in latents[SNEAKER, STORED:]])
        classes = np.repeat(np.arange(10), STORED)[nearest(asked, stored, 10)]
        shares.append([(classes == each).mean() for each in (SNEAKER, ANKLE_BOOT)])
    sneakers, boots = np.array(shares).T
    assert np.all(np.diff(boots) > 0.1), shares
    assert np.all(np.diff(sneakers) < -0.1), shares
    assert boots[2] > 0.6 > 0.2 > boots[0], shares


def nearest(asked: np.ndarray, stored: np.ndarray, k: int) -> np.ndarray:
    """The k nearest by cosine once the mean is taken away: (n, k)."""
    mean = stored.mean(axis=0)
    rows, queries = ((each - mean) / np.linalg.norm(each - mean, axis=1, keepdims=True) for each in (stored, asked))
    return np.argsort(-queries @ rows.T, axis=1)[:, :k]
