"""An image embedder: squares to vectors and latents, latents to vectors and images, and what its fingerprint tells."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from images.image_files import encoded, scene

from semsearch.errors import InvalidRequestError
from semsearch.images import reduction
from semsearch.images.autoencoder import TorchAutoencoder
from semsearch.images.embedder import ImageEmbedder, load_image_embedder, to_square
from semsearch.images.loading import fit_square, load_image
from semsearch.images.measures import psnr
from semsearch.images.packing import pack, unpack
from semsearch.images.reduction import reduce_latents, reduced_dim


def squares(size: int = 64, count: int = 3) -> np.ndarray:
    smooth = scene(size, size).transpose(2, 0, 1)
    return np.stack([np.roll(smooth, shift, axis=0) for shift in range(count)])


def test_it_makes_vectors_and_latents_of_squares_with_every_family_of_models(autoencoder: TorchAutoencoder) -> None:
    embedder = ImageEmbedder(autoencoder, size=64)
    vectors, latents = embedder.embed_images(squares())
    assert vectors.shape == (3, embedder.dim) == (3, reduced_dim(autoencoder.latent_channels))
    np.testing.assert_array_equal(latents, autoencoder.encode(squares()))
    np.testing.assert_array_equal(vectors, reduce_latents(latents))
    np.testing.assert_array_equal(vectors, embedder.vectors(latents))


def test_it_draws_squares_of_latents(autoencoder: TorchAutoencoder) -> None:
    embedder = ImageEmbedder(autoencoder, size=64)
    _, latents = embedder.embed_images(squares())
    drawn = embedder.draw(latents)
    assert drawn.shape == (3, 3, 64, 64)
    np.testing.assert_array_equal(drawn, autoencoder.decode(latents))


def test_it_tells_what_it_is_made_of(narrow_kl: TorchAutoencoder) -> None:
    embedder = ImageEmbedder(narrow_kl, size=128)
    assert (embedder.name, embedder.device, embedder.precision) == (narrow_kl.name, "cpu", "float32")
    assert (embedder.size, embedder.autoencoder) == (128, narrow_kl)


def test_a_square_is_the_middle_of_an_image() -> None:
    pixels = load_image(encoded(scene(80, 120)))
    square = to_square(pixels, 64)
    np.testing.assert_array_equal(square, fit_square(pixels, 64, fit="crop"))


def test_no_images_are_no_vectors(narrow_kl: TorchAutoencoder) -> None:
    vectors, latents = ImageEmbedder(narrow_kl, size=64).embed_images(squares()[:0])
    assert (vectors.shape, latents.shape) == ((0, 488), (0, 4, 8, 8))


def test_the_fingerprint_tells_model_size_and_reduction_apart(
    narrow_kl: TorchAutoencoder, autoencoder: TorchAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = ImageEmbedder(narrow_kl, size=64).fingerprint
    assert usual == ImageEmbedder(narrow_kl, size=64).fingerprint
    assert len(usual) == 64
    assert usual != ImageEmbedder(narrow_kl, size=128).fingerprint
    same = autoencoder.fingerprint == narrow_kl.fingerprint
    assert (usual == ImageEmbedder(autoencoder, size=64).fingerprint) is same
    monkeypatch.setattr("semsearch.images.embedder.SCHEME", reduction.SCHEME + 1)
    assert usual != ImageEmbedder(narrow_kl, size=64).fingerprint


@pytest.mark.parametrize("size", [0, -64, 56, 68, 2_056])
def test_a_size_that_makes_no_vectors_is_refused(narrow_kl: TorchAutoencoder, size: int) -> None:
    with pytest.raises(InvalidRequestError, match=f"the size is {size}: take a multiple of 8 from 64 to 2,048"):
        ImageEmbedder(narrow_kl, size=size)


def test_images_of_another_size_are_refused(narrow_kl: TorchAutoencoder) -> None:
    embedder = ImageEmbedder(narrow_kl, size=64)
    with pytest.raises(InvalidRequestError, match=r"bring each to it with to_square\(\)"):
        embedder.embed_images(squares(128))


def test_latents_of_another_size_or_model_are_refused(narrow_kl: TorchAutoencoder) -> None:
    embedder = ImageEmbedder(narrow_kl, size=64)
    for shape in ((1, 4, 16, 16), (1, 3, 8, 8), (4, 8, 8)):
        with pytest.raises(InvalidRequestError, match=r"at 64 pixels, which are \(n, 4, 8, 8\)"):
            embedder.vectors(np.ones(shape, np.float32))
        with pytest.raises(InvalidRequestError, match=r"at 64 pixels, which are \(n, 4, 8, 8\)"):
            embedder.draw(np.ones(shape, np.float32))


def test_the_bundled_model_finds_mirrored_and_spoilt_copies_and_draws_from_packed_latents() -> None:
    embedder = load_image_embedder(device="cpu", size=128)
    pixels = fit_square(load_image(encoded(scene(96, 96))), 128)
    noise = np.random.default_rng(1).normal(0, 8, pixels.shape)
    spoilt = (pixels + noise).clip(0, 255).astype(np.uint8)
    others = np.stack([pixels[:, ::-1], pixels.swapaxes(1, 2), np.roll(pixels, 64, axis=1)])
    vectors, latents = embedder.embed_images(np.stack([pixels, pixels[:, :, ::-1], spoilt, *others]))
    nearness = vectors @ vectors[0]
    assert min(nearness[1:3]) > max(nearness[3:])
    original = pixels[None].astype(np.float32) / 255
    drawn, from_packed = embedder.draw(latents[:1]), embedder.draw(unpack(pack(latents[:1])))
    assert psnr(original, drawn)[0] > 20  # 22.3 observed; the colours of this image are no photograph's
    assert psnr(original, from_packed)[0] > psnr(original, drawn)[0] - 0.1


def test_loading_takes_a_folder_and_the_size(folder_of: Callable[[str], Path]) -> None:
    embedder = load_image_embedder(str(folder_of("tiny")), size=64, device="cpu", precision="float32")
    assert (embedder.size, embedder.dim) == (64, 488)
