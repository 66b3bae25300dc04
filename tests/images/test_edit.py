"""Reconstruction, interpolation, sums, directions; by the bundled model where images have to look like something."""

from pathlib import Path

import numpy as np
import pytest
from images.image_files import scene, write_photographs

from semsearch.errors import InvalidDocumentError, InvalidRequestError
from semsearch.images.autoencoder import TorchAutoencoder, load_autoencoder
from semsearch.images.edit import add_up, interpolate, reconstruct, vary
from semsearch.images.loading import load_image
from semsearch.images.measures import psnr, ssim
from semsearch.images.operands import Operands, StoredImage, StoredImages
from semsearch.images.protocol import Latents

STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)


@pytest.fixture(scope="module")
def bundled() -> TorchAutoencoder:
    return load_autoencoder(device="cpu")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """(8, 3, 48, 64), uint8."""
    paths = write_photographs(tmp_path_factory.mktemp("photographs"), 8)
    return np.stack([load_image(path) for path in paths])


def as_pixels(latents: Latents) -> np.ndarray:
    """A decoder that is linear: the first three channels are the image."""
    return latents[:, :3].clip(0, 1)


@pytest.mark.parametrize("size", [(40, 56), (37, 61), (8, 7)])
def test_a_reconstruction_is_as_large_as_the_image_and_its_measures_are_those_of_it(
    size: tuple[int, int], bundled: TorchAutoencoder
) -> None:
    pixels = scene(*size).transpose(2, 0, 1)
    done = reconstruct(bundled, pixels)
    original = pixels.astype(np.float32) / 255
    assert done.image.shape == pixels.shape
    assert done.latent.shape == (4, -(-size[0] // 8), -(-size[1] // 8))
    assert done.psnr == pytest.approx(psnr(original, done.image)[0])
    assert done.ssim == pytest.approx(ssim(original, done.image)[0])
    assert done.compression == pixels.size / done.latent.size


def test_frames_start_at_one_image_and_end_at_the_other(bundled: TorchAutoencoder, photographs: np.ndarray) -> None:
    first, second = bundled.encode(photographs[:2])
    for how in ("linear", "spherical"):
        done = interpolate(bundled.decode, first, second, frames=4, how=how)
        ends = bundled.decode(np.stack([first, second]))
        assert done.images.shape == (4, 3, 48, 64)
        assert np.allclose(done.images[[0, -1]], ends, atol=0.03)  # bfloat16, in batches of other sizes


def test_the_middle_of_a_linear_decoder_is_a_cross_fade_and_of_one_that_shows_neither_end_is_not() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.uniform(0.2, 0.8, (2, 4, 16, 16)).astype(np.float32)
    faded = interpolate(as_pixels, first, second)
    assert faded.ghosting == pytest.approx(1, abs=1e-6)
    assert faded.cross_fade_psnr > 100
    assert faded.is_cross_fade

    def to_black(latents: Latents) -> np.ndarray:
        images = as_pixels(latents)
        images[1:-1] = 0
        if len(images) == 1:
            images[:] = 0
        return images

    other = interpolate(to_black, first, second)
    assert other.ghosting < 0
    assert not other.is_cross_fade


def test_the_ghosting_of_a_middle_that_is_one_of_the_ends_is_0() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.uniform(0.2, 0.8, (2, 4, 16, 16)).astype(np.float32)

    def without_a_middle(latents: Latents) -> np.ndarray:
        return as_pixels(np.broadcast_to(first, latents.shape) if len(latents) == 1 else latents)

    assert interpolate(without_a_middle, first, second).ghosting == pytest.approx(0, abs=1e-6)


def test_between_an_image_and_itself_every_frame_is_that_image() -> None:
    image = np.random.default_rng(4).uniform(size=(4, 8, 8)).astype(np.float32)
    done = interpolate(as_pixels, image, image, frames=3, how="spherical")
    assert np.allclose(done.images, image[:3], atol=1e-6)
    assert done.ghosting == 1


def test_the_bundled_model_fades_across_and_it_is_told(bundled: TorchAutoencoder, photographs: np.ndarray) -> None:
    first, second = bundled.encode(photographs[:2])
    assert interpolate(bundled.decode, first, second).ghosting > 0.8


def test_the_measure_of_an_even_number_of_frames_is_that_of_the_middle_all_the_same() -> None:
    first, second = np.random.default_rng(4).uniform(size=(2, 4, 8, 8)).astype(np.float32)
    even, odd = (interpolate(as_pixels, first, second, frames=frames) for frames in (2, 5))
    assert even.ghosting == pytest.approx(odd.ghosting)


def test_another_way_than_the_two_is_refused() -> None:
    zeros = np.zeros((4, 8, 8), np.float32)
    with pytest.raises(InvalidRequestError, match="how is 'cubic'; it has to be one of: linear, spherical"):
        interpolate(as_pixels, zeros, zeros, how="cubic")


def test_what_is_added_and_subtracted_again_changes_nothing(bundled: TorchAutoencoder, photographs: np.ndarray) -> None:
    first, second = bundled.encode(photographs[:2])
    done = add_up(bundled.decode, [first, second, second], [1, -1, 1])
    assert psnr(done.image, done.terms[0])[0] > 40
    assert done.latent == pytest.approx(first, abs=1e-5)


def test_a_sum_tells_how_near_it_is_to_the_same_sum_of_pixels() -> None:
    latents = list(np.random.default_rng(4).uniform(0, 0.3, (3, 4, 8, 8)).astype(np.float32))
    assert add_up(as_pixels, latents, [1, -1, 1]).pixel_psnr > 100

    def backwards(numbers: Latents) -> np.ndarray:
        return as_pixels(np.concatenate([numbers[:1, ::-1], numbers[1:]]))

    assert add_up(backwards, latents, [1, -1, 1]).pixel_psnr < 30


def brightness(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=(1, 2, 3))


def warmth(images: np.ndarray) -> np.ndarray:
    return (images[:, 0] - images[:, 2]).mean(axis=(1, 2))


@pytest.mark.parametrize(
    ("attribute", "change"),
    [(brightness, np.ones((3, 1, 1))), (warmth, np.array([1, 0, -1]).reshape(3, 1, 1))],
    ids=["brightness", "warmth"],
)
def test_a_direction_moves_the_measured_attribute_of_other_images_monotonically(
    attribute: object, change: np.ndarray, bundled: TorchAutoencoder, photographs: np.ndarray
) -> None:
    sets = [(photographs[2:] * 0.6 + 50 + sign * 45 * change).clip(0, 255).astype(np.uint8) for sign in (1, -1)]
    positive, negative = map(bundled.encode, sets)
    for image in photographs[:2]:
        done = vary(bundled.decode, bundled.encode(image[None])[0], positive, negative, STRENGTHS)
        assert np.all(np.diff(attribute(done.images)) > 0.02), attribute(done.images)


def test_a_direction_between_two_halves_of_the_same_images_moves_nothing_much(
    bundled: TorchAutoencoder, photographs: np.ndarray
) -> None:
    same = bundled.encode(photographs[2:])
    done = vary(bundled.decode, bundled.encode(photographs[:1])[0], same, same, STRENGTHS)
    assert np.ptp(brightness(done.images)) < 0.005


def test_no_strengths_are_refused() -> None:
    zeros = np.zeros((1, 4, 8, 8), np.float32)
    with pytest.raises(InvalidRequestError, match="there are no strengths"):
        vary(as_pixels, zeros[0], zeros, zeros, [])


def test_operands_of_any_proportions_have_latents_and_images_of_one_size(
    narrow_kl: TorchAutoencoder, tmp_path: Path
) -> None:
    paths = write_photographs(tmp_path, 3)
    operands = Operands(narrow_kl, 30)
    latents = np.stack([operands.latent(path) for path in paths])
    assert latents.shape == (3, 4, 4, 4)
    assert np.array_equal(operands.latent(paths[2].read_bytes()), latents[2])
    assert operands.decode(latents).shape == (3, 3, 30, 30)


def test_the_mean_of_a_folder_is_that_of_all_images_in_it_and_others_are_told(
    narrow_kl: TorchAutoencoder, tmp_path: Path
) -> None:
    paths = write_photographs(tmp_path, 19)  # more than are in memory at once
    (tmp_path / "notes.txt").write_text("no image")
    operands, told = Operands(narrow_kl, 8), list[InvalidDocumentError]()
    mean, count = operands.mean(tmp_path, told.append)
    assert count == 19
    assert np.allclose(mean, np.mean([operands.latent(path) for path in paths], axis=0), atol=1e-5)
    assert np.allclose(operands.mean(paths)[0], mean, atol=1e-5)
    assert ["notes.txt" in str(error) for error in told] == [True]


def test_a_group_without_images_is_refused(narrow_kl: TorchAutoencoder, tmp_path: Path) -> None:
    operands = Operands(narrow_kl)
    with pytest.raises(InvalidRequestError, match="has no images in it"):
        operands.mean(tmp_path, pytest.fail)
    with pytest.raises(InvalidRequestError, match="a group has no images"):
        operands.mean([])


def test_a_stored_image_without_a_collection_is_refused(narrow_kl: TorchAutoencoder) -> None:
    for group in (StoredImages({}), [StoredImage("a")]):
        with pytest.raises(InvalidRequestError, match="say which collection it is in"):
            Operands(narrow_kl).mean(group)
