"""Copies of the packaged model with something changed."""

import json
from pathlib import Path

from semsearch.embedders.model_folder import find_model
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder


def copy_model(folder: Path) -> Path:
    """A copy of the packaged model; its weights are a link, everything else can be changed in place."""
    packaged = find_model("all-MiniLM-L6-v2")
    for source in packaged.rglob("*.*"):
        target = folder / source.relative_to(packaged)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".safetensors":
            target.symlink_to(source)
        else:
            target.write_bytes(source.read_bytes())
    return folder


def update_json(file: Path, **values: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}, indent=1))


def load(folder: Path) -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(str(folder), device="cpu", precision="float32")
