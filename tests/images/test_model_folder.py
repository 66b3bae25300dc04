"""Finding autoencoders, telling them apart, and refusing what may not be loaded."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL
from images.image_files import NARROW
from safetensors.torch import load_file, save_file

from semsearch.errors import ModelError
from semsearch.images.autoencoder import load_autoencoder
from semsearch.images.model_folder import CONFIG, WEIGHTS, find_model


@pytest.fixture
def copy(folder_of: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a family's folder, to be changed."""
    return lambda family: Path(shutil.copytree(folder_of(family), tmp_path / family))


def fingerprint(folder: Path) -> str:
    return load_autoencoder(str(folder), device="cpu").fingerprint


def change_config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, **changes}))


def test_the_autoencoder_of_a_pipeline_is_in_its_vae_folder(copy: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.move(copy("kl"), tmp_path / "pipeline" / "vae")
    assert find_model(str(tmp_path / "pipeline")) == tmp_path / "pipeline" / "vae"


def test_a_model_in_the_cache_of_the_hub_is_found_without_a_network(
    folder_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    root = tmp_path / "models--stabilityai--sdxl-vae"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text("0" * 40)
    shutil.copytree(folder_of("kl"), root / "snapshots" / ("0" * 40))
    assert find_model("stabilityai/sdxl-vae") == root / "snapshots" / ("0" * 40)
    with pytest.raises(ModelError, match="neither in the cache"):
        find_model("stabilityai/sd-vae-ft-mse")


def test_weights_that_can_carry_code_are_not_read(copy: Callable[[str], Path]) -> None:
    folder = copy("kl")
    (folder / WEIGHTS).rename(folder / "diffusion_pytorch_model.bin")
    with pytest.raises(ModelError, match="can carry code"):
        find_model(str(folder))


def test_a_class_that_is_neither_of_the_two_is_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("kl")
    change_config(folder, _class_name="AutoencoderDC")
    with pytest.raises(ModelError, match="'AutoencoderDC', not one of AutoencoderKL, AutoencoderTiny"):
        load_autoencoder(str(folder))


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_config_that_is_no_json_object_is_refused(content: str, copy: Callable[[str], Path]) -> None:
    folder = copy("kl")
    (folder / CONFIG).write_text(content)
    with pytest.raises(ModelError, match=CONFIG):
        load_autoencoder(str(folder))


@pytest.mark.parametrize("damage", ["missing", "unexpected", "cut off"])
def test_weights_that_do_not_belong_to_the_config_are_refused(damage: str, copy: Callable[[str], Path]) -> None:
    folder = copy("kl")
    weights = load_file(folder / WEIGHTS)
    if damage == "missing":
        del weights["encoder.conv_in.bias"]
    if damage == "unexpected":
        weights["encoder.extra.weight"] = torch.zeros(1)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    if damage == "cut off":
        (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100])
    with pytest.raises(ModelError, match="do not belong together|cannot be loaded"):
        load_autoencoder(str(folder), device="cpu")


def test_the_second_paths_of_taef2_have_to_be_there(copy: Callable[[str], Path]) -> None:
    folder = copy("taef2")
    file = folder / "taef2_encoder.safetensors"
    weights = load_file(file)
    assert sum(".pool." in key for key in weights) == 12
    save_file({key: weight for key, weight in weights.items() if ".pool." not in key}, file)
    with pytest.raises(ModelError, match="not the encoder of TAEF2"):
        load_autoencoder(str(folder), device="cpu")


def test_a_pth_that_is_not_the_published_file_is_never_opened(copy: Callable[[str], Path]) -> None:
    folder = copy("taef2")
    (folder / "taef2_decoder.safetensors").unlink()
    torch.save({}, folder / "taef2_decoder.pth")
    with pytest.raises(ModelError, match="SHA-256"):
        load_autoencoder(str(folder), device="cpu")


def test_copies_have_one_fingerprint_whatever_precision_they_are_stored_in(
    copy: Callable[[str], Path], tmp_path: Path
) -> None:
    half = AutoencoderKL(**NARROW).half()
    half.save_pretrained(tmp_path / "half")
    half.float().save_pretrained(tmp_path / "full")
    assert (tmp_path / "half" / WEIGHTS).stat().st_size < (tmp_path / "full" / WEIGHTS).stat().st_size
    assert fingerprint(tmp_path / "half") == fingerprint(tmp_path / "full")


def test_the_fingerprint_is_not_that_of_the_precision_it_runs_in(folder_of: Callable[[str], Path]) -> None:
    models = [load_autoencoder(str(folder_of("kl")), device="cpu", precision=each) for each in ("float32", "bfloat16")]
    assert models[0].fingerprint == models[1].fingerprint


@pytest.mark.parametrize("change", [{"scaling_factor": 0.5}, {"shift_factor": 0.5}, {"norm_num_groups": 2}])
def test_another_constant_is_another_fingerprint(change: dict[str, object], copy: Callable[[str], Path]) -> None:
    folder = copy("kl")
    before = fingerprint(folder)
    change_config(folder, **change)
    assert fingerprint(folder) != before


def test_what_does_not_change_latents_does_not_change_the_fingerprint(copy: Callable[[str], Path]) -> None:
    folder = copy("kl")
    before = fingerprint(folder)
    change_config(folder, sample_size=1024, force_upcast=True, _diffusers_version="0.1")
    assert fingerprint(folder) == before


def test_another_weight_is_another_fingerprint(copy: Callable[[str], Path]) -> None:
    folder = copy("kl")
    before = fingerprint(folder)
    weights = load_file(folder / WEIGHTS)
    weights["encoder.conv_in.bias"][0] += 1
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    assert fingerprint(folder) != before
