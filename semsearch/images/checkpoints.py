"""The state of a training on disk: tensors as safetensors, numbers as JSON, nothing that could carry code.

A checkpoint is two files, `step-00000500.safetensors` and then `step-00000500.json`, which makes it whole.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semsearch.errors import CorruptStoreError
from semsearch.files import discard, publish_bytes

if TYPE_CHECKING:
    import torch

_FOLDER = "checkpoints"
_KEPT = 2


def save_checkpoint(out: Path, step: int, tensors: Mapping[str, "torch.Tensor"], facts: Mapping[str, Any]) -> None:
    """Publish a checkpoint and discard all but the newest two."""
    from safetensors.torch import save

    name = f"{_FOLDER}/step-{step:08d}"
    discard(out / f"{name}.safetensors")  # left by a run that ended between the two files
    data = save({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()})
    publish_bytes(out, f"{name}.safetensors", data)
    publish_bytes(out, f"{name}.json", json.dumps({"step": step, **facts}, indent=1).encode())
    for path in _finished(out)[:-_KEPT]:
        discard(path)
        discard(path.with_suffix(".safetensors"))


def newest_checkpoint(out: Path) -> Path | None:
    """The JSON file of the newest checkpoint in a folder."""
    finished = _finished(out)
    return finished[-1] if finished else None


def load_checkpoint(path: Path) -> tuple[dict[str, "torch.Tensor"], dict[str, Any]]:
    """The tensors and the facts of the checkpoint with this JSON file.

    Raises:
        CorruptStoreError: one of its two files is damaged.
    """
    from safetensors.torch import load_file

    try:
        return load_file(path.with_suffix(".safetensors")), json.loads(path.read_bytes())
    except Exception as error:  # the safetensors library's error has no base but Exception
        raise CorruptStoreError(path, f"{type(error).__name__}: {error}") from error


def _finished(out: Path) -> list[Path]:
    return sorted((out / _FOLDER).glob("step-*.json"))
