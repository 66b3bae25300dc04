"""The model that comes with semsearch: small, loaded by the library itself, and as good as its card says."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from diffusers import AutoencoderKL
from images.image_files import encoded, scene

from semsearch.images.autoencoder import TorchAutoencoder, load_autoencoder
from semsearch.images.loading import fit_square, load_image
from semsearch.images.measures import psnr, ssim
from semsearch.images.model_folder import BUNDLED_MODEL, WEIGHTS, find_model

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SEMSEARCH_BENCHMARK_DATA", ROOT.parent / "shared" / "data"))
KODAK, TAEF2 = DATA / "images" / "kodak", DATA / "vae" / "taef2"
FOLDER = find_model(BUNDLED_MODEL)
CARD = (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def bundled() -> TorchAutoencoder:
    return load_autoencoder(device="cpu")


def photograph(height: int, width: int) -> np.ndarray:
    return scene(height, width).transpose(2, 0, 1)[None]


def kodak_quality(model: TorchAutoencoder) -> tuple[np.ndarray, np.ndarray]:
    """PSNR and SSIM of each of the 24 photographs, cropped to 512 x 512."""
    qualities = []
    for path in sorted(KODAK.glob("*.png")):
        pixels = fit_square(load_image(path), 512)[None]
        original, decoded = pixels.astype(np.float32) / 255, model.decode(model.encode(pixels))
        qualities.append((psnr(original, decoded)[0], ssim(original, decoded)[0]))
    assert len(qualities) == 24
    return tuple(np.array(qualities).T)


def stated(pattern: str) -> float:
    [number] = re.findall(pattern, CARD)
    return float(number)


def test_its_weights_are_float16_in_at_most_12_megabytes() -> None:
    assert (FOLDER / WEIGHTS).stat().st_size <= 12_000_000


def test_diffusers_loads_it_without_semsearch() -> None:
    model = AutoencoderKL.from_pretrained(FOLDER, use_safetensors=True, low_cpu_mem_usage=False)
    assert model.config.latent_channels == 4
    assert model.config.scaling_factor == load_autoencoder(device="cpu").scaling_factor


def test_it_makes_48_times_fewer_numbers_of_512_x_512(bundled: TorchAutoencoder) -> None:
    pixels = photograph(512, 512)
    latents = bundled.encode(pixels)
    assert latents.shape == (1, 4, 64, 64)
    assert pixels.size == 48 * latents.size


@pytest.mark.parametrize("size", [(75, 130), (64, 64), (1, 9)])
def test_images_of_any_size_come_back_in_that_size_and_look_like_themselves(
    size: tuple[int, int], bundled: TorchAutoencoder
) -> None:
    pixels = photograph(96, 160)[:, :, : size[0], : size[1]]
    decoded = bundled.decode(bundled.encode(pixels), size=size)
    assert decoded.shape == (1, 3, *size)
    assert psnr(pixels.astype(np.float32) / 255, decoded)[0] > 15


def test_bfloat16_costs_next_to_nothing() -> None:
    pixels = photograph(128, 128)
    original = pixels.astype(np.float32) / 255
    models = [load_autoencoder(device="cpu", precision=each) for each in ("float32", "bfloat16")]
    exact, rounded = (model.encode(pixels).ravel() for model in models)
    assert exact @ rounded / np.linalg.norm(exact) / np.linalg.norm(rounded) > 0.999
    full, half = (psnr(original, model.decode(model.encode(pixels)))[0] for model in models)
    assert half > full - 0.3


@pytest.mark.slow
@pytest.mark.skipif(not KODAK.exists(), reason="needs the Kodak photographs of the shared data")
def test_its_quality_on_kodak_is_what_its_card_says(bundled: TorchAutoencoder) -> None:
    ratios, similarities = kodak_quality(bundled)
    assert ratios.mean() == pytest.approx(stated(r"PSNR \| (\d+\.\d+) dB"), abs=0.05)
    assert similarities.mean() == pytest.approx(stated(r"SSIM \| (0\.\d+)"), abs=0.005)


@pytest.mark.slow
@pytest.mark.skipif(not (KODAK.exists() and TAEF2.exists()), reason="needs TAEF2 and Kodak of the shared data")
def test_taef2_reconstructs_kodak_at_30_db() -> None:
    model = load_autoencoder(str(TAEF2), device="cpu", precision="float32")
    ratios, _ = kodak_quality(model)
    assert ratios.mean() == pytest.approx(30.0, abs=0.1)
    assert (ratios.min(), ratios.max()) == pytest.approx((23.6, 33.6), abs=0.1)


def test_the_examples_of_the_docs_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "images.md").read_text(encoding="utf-8"), re.DOTALL)
    for name, size in {"photograph": (60, 90), "another": (64, 64)}.items():
        (tmp_path / f"{name}.jpg").write_bytes(encoded(scene(*size), "JPEG"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, np.ndarray] = {}
    for code in codes:
        exec(code, names)
    shapes = re.findall(r"\(1, \d+, \d+, \d+\)", codes[0])
    assert shapes == [str(names[name].shape) for name in ("pixels", "latents", "again")]
    assert str(names["first"].shape) in codes[-1]
    assert [names[name].shape for name in ("images", "kept")] == [(1, 3, 256, 256), (1, 4, 32, 32)]
    assert capsys.readouterr().out.startswith("ghosting ")
    assert load_image(tmp_path / "strip.png").shape == (3, 256, 5 * 256 + 4 * 4)
