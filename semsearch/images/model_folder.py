"""Where an autoencoder's files are, and whether they may be loaded; nothing of a model is loaded here."""

import json
from pathlib import Path
from typing import Any

from semsearch.errors import ModelError

BUNDLED_MODEL = "semsearch-vae"
WEIGHTS, CONFIG = "diffusion_pytorch_model.safetensors", "config.json"
TAEF2_PARTS = ("encoder", "decoder")
REMEDY = f"give the path of a folder with an autoencoder in it, or take {BUNDLED_MODEL!r}, which needs no network"
_BUNDLED_FOLDER = Path(__file__).parent / "model"
_PIPELINES_FOLDER = "vae"  # of the autoencoder in a whole pipeline, such as Stable Diffusion


def find_model(name: str) -> Path:
    """Find the folder of an autoencoder: its config.json and safetensors, or the two files of TAEF2.

    The bundled model is in this package, a folder is itself (or its `vae`, if it is that of a pipeline), and every
    other name is an id of the Hugging Face hub, downloaded if it is not in the cache.

    Raises:
        ModelError: there is no such model, it cannot be reached, or its weights are not safetensors.
    """
    if name == BUNDLED_MODEL:
        return _BUNDLED_FOLDER
    root = Path(name) if name and Path(name).is_dir() else _hub_folder(name)
    for folder in (root, root / _PIPELINES_FOLDER):
        if is_taef2(folder) or ((folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()):
            return folder
    raise ModelError(
        f"there is no autoencoder in {root}: neither {CONFIG} with {WEIGHTS}, there or in {_PIPELINES_FOLDER}/, nor "
        f"the files of TAEF2 (weights that are not safetensors can carry code and are never read): {REMEDY}"
    )


def is_taef2(folder: Path) -> bool:
    """Whether a folder has the encoder and the decoder of TAEF2, in either format."""
    return all(any(folder.glob(f"taef2_{part}.*")) for part in TAEF2_PARTS)


def read_config(folder: Path) -> dict[str, Any]:
    """The config.json of a folder.

    Raises:
        ModelError: it is not a JSON object.
    """
    file = folder / CONFIG
    try:
        config = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read ({type(error).__name__}: {error}): {REMEDY}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{file} is not a JSON object: {REMEDY}")
    return config


def _hub_folder(name: str) -> Path:
    from huggingface_hub import snapshot_download

    files = [f"{folder}{file}" for folder in ("", f"{_PIPELINES_FOLDER}/") for file in (CONFIG, WEIGHTS)]
    try:
        return Path(snapshot_download(name, allow_patterns=files))
    except Exception as error:  # what the hub's client and its network library raise has no base in common
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ModelError(
            f"there is no autoencoder {name!r}: no folder has this path, and it is neither in the cache of the "
            f"Hugging Face hub nor to be had from the hub ({reason}): {REMEDY}"
        ) from error
