"""What every autoencoder promises, on narrow models of the three families with random weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from images.image_files import NARROW, scene

from semsearch.errors import ConfigError, InvalidRequestError, ModelError
from semsearch.images import autoencoder as autoencoder_module
from semsearch.images.autoencoder import TorchAutoencoder, load_autoencoder
from semsearch.images.precision import choose_precision

CHANNELS = {"kl": 4, "tiny": 4, "taef2": 32}
SDXL_SHAPE = {**NARROW, "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "norm_num_groups": 32}


def images(count: int = 2, height: int = 24, width: int = 32) -> np.ndarray:
    one = scene(height, width).transpose(2, 0, 1)
    return np.stack([np.roll(one, 3 * number, axis=2) for number in range(count)])


def raw_latents(model: torch.nn.Module, pixels: np.ndarray) -> np.ndarray:
    """The posterior mean as the library itself computes it."""
    with torch.no_grad():
        return model.encode(torch.from_numpy(pixels).float() / 127.5 - 1).latent_dist.mean.numpy()


@pytest.mark.parametrize("family", CHANNELS)
def test_latents_have_an_eighth_of_the_sides_and_the_channels_of_the_model(
    family: str, folder_of: Callable[[str], Path]
) -> None:
    model = load_autoencoder(str(folder_of(family)), device="cpu", precision="float32")
    latents = model.encode(images(2, 24, 32))
    assert (latents.shape, latents.dtype) == ((2, CHANNELS[family], 3, 4), np.float32)
    assert (model.latent_channels, model.downscale) == (CHANNELS[family], 8)


def test_no_images_give_no_latents_and_no_latents_no_images(autoencoder: TorchAutoencoder) -> None:
    assert autoencoder.encode(images()[:0]).shape == (0, autoencoder.latent_channels, 3, 4)
    assert autoencoder.decode(np.zeros((0, autoencoder.latent_channels, 3, 4), np.float32)).shape == (0, 3, 24, 32)


def test_encoding_twice_gives_the_same_numbers(autoencoder: TorchAutoencoder) -> None:
    assert np.array_equal(autoencoder.encode(images()), autoencoder.encode(images()))


def test_an_image_has_the_same_latent_alone_and_among_others(autoencoder: TorchAutoencoder) -> None:
    together = autoencoder.encode(images(3))
    assert autoencoder.encode(images(3)[1:2])[0] == pytest.approx(together[1], abs=1e-4)


def test_bytes_and_floats_of_one_image_have_one_latent(autoencoder: TorchAutoencoder) -> None:
    as_floats = images().astype(np.float32) / 255
    assert autoencoder.encode(as_floats) == pytest.approx(autoencoder.encode(images()), abs=1e-4)


def test_decoded_images_are_in_0_1_and_as_large_as_asked_for(autoencoder: TorchAutoencoder) -> None:
    latents = autoencoder.encode(images(2, 21, 33))
    assert latents.shape[2:] == (3, 5)
    decoded = autoencoder.decode(latents, size=(21, 33))
    assert (decoded.shape, decoded.dtype) == ((2, 3, 21, 33), np.float32)
    assert decoded.min() >= 0
    assert decoded.max() <= 1
    assert np.array_equal(autoencoder.decode(latents)[:, :, :21, :33], decoded)


def test_a_side_is_continued_by_its_mirror_image_or_where_that_is_too_short_its_edge(
    narrow_kl: TorchAutoencoder,
) -> None:
    whole = images(1, 24, 32)
    whole[:, :, 21:] = whole[:, :, 17:20][:, :, ::-1]
    assert np.array_equal(narrow_kl.encode(whole[:, :, :21]), narrow_kl.encode(whole))
    thin = np.repeat(images(1, 24, 32)[:, :, :, :1], 8, axis=3)
    assert np.array_equal(narrow_kl.encode(thin[:, :, :, :1]), narrow_kl.encode(thin))


def test_latents_are_the_posterior_mean_shifted_and_then_scaled(
    narrow_kl: TorchAutoencoder, folder_of: Callable[[str], Path]
) -> None:
    model = AutoencoderKL.from_pretrained(folder_of("kl"), low_cpu_mem_usage=False)
    assert (narrow_kl.scaling_factor, narrow_kl.shift_factor) == (0.7, 0.2)
    expected = (raw_latents(model, images()) - 0.2) * 0.7
    assert narrow_kl.encode(images()) == pytest.approx(expected, abs=1e-5)
    with torch.no_grad():
        decoded = model.decode(torch.from_numpy(raw_latents(model, images()))).sample.numpy() / 2 + 0.5
    assert narrow_kl.decode(expected) == pytest.approx(decoded.clip(0, 1), abs=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        images()[0],
        images()[:, :2],
        images().astype(np.float64) / 255,
        images().astype(np.float32),
        images().astype(np.float32) / 255 - 1,
        np.full((1, 3, 8, 8), np.nan, np.float32),
        np.zeros((1, 3, 0, 8), np.uint8),
    ],
    ids=["no batch", "two channels", "float64", "up to 255", "negative", "nan", "empty side"],
)
def test_images_of_another_shape_type_or_range_are_refused(wrong: np.ndarray, narrow_kl: TorchAutoencoder) -> None:
    with pytest.raises(InvalidRequestError, match="images"):
        narrow_kl.encode(wrong)


def test_latents_of_another_shape_or_size_are_refused(narrow_kl: TorchAutoencoder) -> None:
    with pytest.raises(InvalidRequestError, match=r"\(n, 4, h, w\)"):
        narrow_kl.decode(np.zeros((1, 5, 2, 2), np.float32))
    with pytest.raises(InvalidRequestError, match="cannot be decoded to the size"):
        narrow_kl.decode(np.zeros((1, 4, 2, 2), np.float32), size=(16, 17))


def test_batches_are_halved_where_memory_runs_out(narrow_kl: TorchAutoencoder, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, sizes, step = narrow_kl.encode(images(5)), [], narrow_kl._encode_batch

    def starved(batch: np.ndarray) -> torch.Tensor:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return step(batch)

    monkeypatch.setattr(narrow_kl, "_encode_batch", starved)
    assert narrow_kl.encode(images(5)) == pytest.approx(expected, abs=1e-5)
    assert sizes[0] == 5
    assert max(sizes[sizes.index(2) :]) == 2


def test_an_image_that_does_not_fit_alone_is_an_error_that_says_so(
    narrow_kl: TorchAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starved(_: np.ndarray) -> torch.Tensor:
        raise RuntimeError("MPS backend out of memory")

    monkeypatch.setattr(narrow_kl, "_encode_batch", starved)
    with pytest.raises(ModelError, match="take smaller images"):
        narrow_kl.encode(images(3))


def test_a_batch_has_no_more_pixels_than_its_device_takes(
    narrow_kl: TorchAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, step = [], narrow_kl._encode_batch
    monkeypatch.setattr(narrow_kl, "_encode_batch", lambda batch: (sizes.append(len(batch)), step(batch))[1])
    monkeypatch.setitem(autoencoder_module._BATCH_PIXELS, "cpu", 2 * 24 * 32)
    narrow_kl.encode(images(5))
    assert sizes == [2, 2, 1]


def test_numbers_that_overflow_are_an_error(folder_of: Callable[[str], Path]) -> None:
    model = load_autoencoder(str(folder_of("kl")), device="cpu", precision="float32")
    model._network.module.decoder.conv_out.weight.fill_(1e38)
    with pytest.raises(ModelError, match="not finite in float32"):
        model.decode(np.ones((1, 4, 2, 2), np.float32))


def test_the_precision_is_the_fastest_that_is_safe() -> None:
    assert choose_precision("auto", "cuda", force_upcast=False) == "float16"
    assert choose_precision("auto", "cuda", force_upcast=True) == "float32"
    assert choose_precision("auto", "cpu", force_upcast=True) == "float32"
    assert choose_precision("bfloat16", "cuda", force_upcast=True) == "bfloat16"


@pytest.mark.parametrize(
    ("precision", "device", "force_upcast"),
    [("float16", "cuda", True), ("float16", "cpu", False), ("int8", "cpu", False)],
)
def test_a_precision_that_is_not_safe_or_unknown_is_refused(precision: str, device: str, force_upcast: bool) -> None:
    with pytest.raises(ConfigError, match=f"precision is '{precision}'"):
        choose_precision(precision, device, force_upcast=force_upcast)


def test_bfloat16_gives_nearly_the_latents_of_float32(folder_of: Callable[[str], Path]) -> None:
    exact, rounded = (
        load_autoencoder(str(folder_of("kl")), device="cpu", precision=precision).encode(images()).ravel()
        for precision in ("float32", "bfloat16")
    )
    cosine = exact @ rounded / np.linalg.norm(exact) / np.linalg.norm(rounded)
    assert 0.999 < cosine < 1 - 1e-9


@pytest.mark.slow
def test_the_shape_of_sdxl_makes_48_times_fewer_numbers_of_512_x_512(tmp_path: Path) -> None:
    AutoencoderKL(**SDXL_SHAPE, scaling_factor=0.13025).save_pretrained(tmp_path / "sdxl")
    model = load_autoencoder(str(tmp_path / "sdxl"), device="cpu")
    pixels = images(1, 512, 512)
    latents = model.encode(pixels)
    assert latents.shape == (1, 4, 64, 64)
    assert pixels.size == 48 * latents.size
    assert model.decode(latents).shape == (1, 3, 512, 512)
