"""Models that were exported for ONNX Runtime, in the user's cache: a folder each, complete or not there at all.

A folder has the fingerprint of its model as its name, and holds model.ort (ONNX as ONNX Runtime maps it into memory),
tokenizer.json and facts.json; or, of a model that could not be exported, facts.json with the reason. Deleting any of
them costs nothing but the time to export the model again. How a model is exported is in `export`, and how one answers
in `onnx`.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from semsearch import files
from semsearch.config import cache_folder
from semsearch.embedders.tokens import Shape

logger = logging.getLogger(__name__)

_FORMAT = 1
_MODEL, _TOKENIZER, _FACTS = "model.ort", "tokenizer.json", "facts.json"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an exported model.

    Attributes:
        name: that of the model it was made from, for people.
        fingerprint: of its vectors; those of `int8` are another model's.
        precision: `float32` or `int8`.
        prompts: what is put before documents, and before queries.
    """

    name: str
    fingerprint: str
    precision: str
    dim: int
    prompts: tuple[str, str]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Export:
    """An exported model: the file of its graph, from arrays of tokens to normalised vectors, and its tokenizer."""

    facts: Facts
    model: Path
    tokenizer: str


class _DamagedError(Exception):
    """What lies in a folder is not what was published there."""


def find_export(fingerprint: str) -> Export | None:
    """The exported model with this fingerprint; `None` if there is none, or a damaged one, which is logged."""
    folder = _folder(fingerprint)
    if not folder.is_dir():
        return None
    try:
        return _read(folder)
    except (_DamagedError, OSError) as error:
        logger.warning("%s is not used: %s; when documents are added, it is made anew", folder, error)
        return None


def was_refused(fingerprint: str, exporter: str) -> bool:
    """Whether these versions of what exports have tried the model before, and could not export it."""
    try:
        facts = _facts(_folder(fingerprint))
    except _DamagedError:
        return False
    return "refused" in facts and facts.get("exporter") == exporter


def publish_export(export: Export, exporter: str) -> None:
    """Keep an exported model; raises OSError if it cannot be written."""
    contents = {_MODEL: export.model.read_bytes(), _TOKENIZER: export.tokenizer.encode()}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    _publish(export.facts.fingerprint, {**asdict(export.facts), "files": sums, "exporter": exporter}, contents)


def publish_refusal(fingerprint: str, reason: str, exporter: str) -> None:
    """Keep that a model cannot be exported, so that it is not tried again and again."""
    _publish(fingerprint, {"fingerprint": fingerprint, "refused": reason, "exporter": exporter}, {})


def _publish(fingerprint: str, facts: Mapping[str, object], contents: Mapping[str, bytes]) -> None:
    text = json.dumps({"format": _FORMAT, **facts}, indent=2)
    folder = _folder(fingerprint)
    if folder.is_dir():  # what it holds is damaged, or of other versions; who has it mapped keeps it
        files.remove_tree(folder.parent, [folder.name])
    try:
        files.publish_folder(folder, {**contents, _FACTS: text.encode()})
    except FileExistsError:  # another process was faster, and what it made is as good
        logger.info("%s is there already", folder)


def _folder(fingerprint: str) -> Path:
    return cache_folder() / "models" / fingerprint


def _read(folder: Path) -> Export | None:
    """The export in a folder, `None` if it only says why there is none; every byte of it is checked."""
    values = _facts(folder)
    if "refused" in values:
        return None  # as was said when it was tried
    try:
        for name in (_MODEL, _TOKENIZER):
            with (folder / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != values["files"][name]:
                    raise _DamagedError(f"{name} has changed since it was written")
        facts = Facts(
            values["name"],
            values["fingerprint"],
            values["precision"],
            values["dim"],
            tuple(values["prompts"]),
            Shape(**{**values["shape"], "names": tuple(values["shape"]["names"])}),
        )
        return Export(facts, folder / _MODEL, (folder / _TOKENIZER).read_text(encoding="utf-8"))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _DamagedError(f"{_FACTS} is not understood ({type(error).__name__}: {error})") from error


def _facts(folder: Path) -> dict[str, Any]:
    try:
        values = json.loads((folder / _FACTS).read_bytes())
    except (OSError, ValueError) as error:
        raise _DamagedError(f"{_FACTS} cannot be read ({error})") from error
    if not isinstance(values, dict) or values.get("fingerprint") != folder.name or values.get("format") != _FORMAT:
        raise _DamagedError(f"{_FACTS} is not of format {_FORMAT}, or of another model")
    return values
