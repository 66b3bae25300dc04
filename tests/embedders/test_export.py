"""Models exported for queries without torch: the same vectors, kept once, checked at every opening; and int8."""

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from model_copies import load, make_tiny, update_json

from semsearch.embedders import export
from semsearch.embedders.export import export_for_queries, fingerprint_in_int8, quantised
from semsearch.embedders.exports import find_export
from semsearch.embedders.onnx import OnnxEmbedder, open_export
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder
from semsearch.errors import ModelError

pytestmark = pytest.mark.model

MIXED = ["a", "", "Wörter, 言葉 and 🐈", *(f"{'word ' * (9 * number)}{number}" for number in range(8)), "long " * 300]


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> SentenceTransformerEmbedder:
    return load(tiny_folder)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; the folder of models in it."""
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def kept(own_cache: Path, tiny: SentenceTransformerEmbedder) -> Path:
    """The folder of the tiny model, exported."""
    export_for_queries(tiny)
    return own_cache / tiny.fingerprint


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_default_model_is_exported_with_its_vectors_counts_and_facts(
    embedder: SentenceTransformerEmbedder, exported: OnnxEmbedder
) -> None:
    for method in ("embed_documents", "embed_queries"):
        np.testing.assert_allclose(getattr(exported, method)(MIXED), getattr(embedder, method)(MIXED), atol=1e-5)
    assert exported.count_tokens(MIXED) == embedder.count_tokens(MIXED)
    for fact in ("name", "fingerprint", "dim", "max_tokens", "device"):
        assert getattr(exported, fact) == getattr(embedder, fact), fact
    assert exported.precision == "float32"


@pytest.mark.parametrize(
    ("architecture", "config", "padded"),
    [
        ("MPNet", {}, "right"),  # its tokenizer makes an array that it does not read
        ("ModernBert", {"local_attention": 16}, "right"),
        ("Qwen3", {"head_dim": 16, "num_key_value_heads": 1}, "left"),
    ],
)
def test_models_of_other_kinds_are_exported_with_their_vectors(
    own_cache: Path, tmp_path: Path, architecture: str, config: dict[str, int], padded: str
) -> None:
    folder = make_tiny(tmp_path, architecture, **config)
    update_json(folder / "tokenizer_config.json", padding_side=padded)
    other = load(folder)
    export_for_queries(other)
    found = open_export(other.fingerprint)
    assert found is not None
    np.testing.assert_allclose(found.embed_queries(MIXED), other.embed_queries(MIXED), atol=1e-5)


def test_the_prompts_of_a_model_are_exported_with_it(own_cache: Path, tmp_path: Path) -> None:
    folder = make_tiny(tmp_path)
    update_json(folder / "config_sentence_transformers.json", prompts={"query": "find: ", "document": "read: "})
    prompted = load(folder)
    export_for_queries(prompted)
    found = open_export(prompted.fingerprint)
    assert found is not None
    np.testing.assert_allclose(found.embed_queries(MIXED), prompted.embed_queries(MIXED), atol=1e-5)
    np.testing.assert_allclose(found.embed_documents(MIXED), prompted.embed_documents(MIXED), atol=1e-5)
    assert abs(found.embed_documents(MIXED) - found.embed_queries(MIXED)).max() > 1e-3
    assert found.count_tokens(["", "word"]) == [4, 5]


def test_a_model_is_exported_once(
    kept: Path, tiny: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(kept)
    assert set(before) == {"model.ort", "tokenizer.json", "facts.json"}
    monkeypatch.setattr(export, "_graph", lambda _: pytest.fail("it was exported again"))
    export_for_queries(tiny)
    assert contents(kept) == before


def damage_model(folder: Path) -> None:
    content = bytearray((folder / "model.ort").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.ort").write_bytes(content)


def cut_model(folder: Path) -> None:
    os.truncate(folder / "model.ort", 1_000)


def other_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def no_model(folder: Path) -> None:
    (folder / "model.ort").unlink()


def no_facts(folder: Path) -> None:
    (folder / "facts.json").unlink()


def broken_facts(folder: Path) -> None:
    (folder / "facts.json").write_text("{")


def list_of_facts(folder: Path) -> None:
    (folder / "facts.json").write_text("[]")


def fewer_facts(folder: Path) -> None:
    facts = json.loads((folder / "facts.json").read_text())
    del facts["shape"]
    (folder / "facts.json").write_text(json.dumps(facts))


def newer_facts(folder: Path) -> None:
    update_json(folder / "facts.json", format=2)


def foreign_facts(folder: Path) -> None:
    update_json(folder / "facts.json", fingerprint="another")


def unreadable_graph(folder: Path) -> None:
    (folder / "model.ort").write_bytes(b"of another version")
    facts = json.loads((folder / "facts.json").read_text())
    facts["files"]["model.ort"] = hashlib.sha256(b"of another version").hexdigest()
    (folder / "facts.json").write_text(json.dumps(facts))


@pytest.mark.parametrize(
    "damage",
    [
        damage_model,
        cut_model,
        other_tokenizer,
        no_model,
        no_facts,
        broken_facts,
        list_of_facts,
        fewer_facts,
        newer_facts,
        foreign_facts,
        unreadable_graph,
    ],
)
def test_a_damaged_or_foreign_export_is_not_used_logged_and_made_anew(
    kept: Path, tiny: SentenceTransformerEmbedder, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    damage(kept)
    assert open_export(tiny.fingerprint) is None
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert str(kept) in record.message
    assert "is not used" in record.message
    export_for_queries(tiny)
    found = open_export(tiny.fingerprint)
    assert found is not None
    np.testing.assert_allclose(found.embed_queries(MIXED), tiny.embed_queries(MIXED), atol=1e-5)


def test_without_an_export_nothing_is_found_and_nothing_is_said(
    own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert open_export("0123") is None
    assert caplog.records == []
    assert not own_cache.exists()


def test_a_model_that_cannot_be_exported_is_told_once_and_not_tried_again_by_the_same_versions(
    own_cache: Path,
    tiny: SentenceTransformerEmbedder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tried = []

    def fail(*arguments: object) -> bytes:
        tried.append(arguments)
        raise NotImplementedError("no operator for this\nand much more")

    monkeypatch.setattr(export, "_traced", fail)
    export_for_queries(tiny)
    export_for_queries(tiny)
    assert len(tried) == 1
    [record] = caplog.records
    assert "queries are embedded by torch" in record.message
    assert record.message.endswith("cannot be exported (NotImplementedError: no operator for this)")
    assert open_export(tiny.fingerprint) is None
    monkeypatch.setattr(export, "exporter", lambda: "torch of tomorrow")
    export_for_queries(tiny)
    assert len(tried) == 2


def test_a_graph_that_gives_other_vectors_is_not_kept(
    own_cache: Path,
    tiny: SentenceTransformerEmbedder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    graph, expected = export._graph(tiny, fuse=True)
    monkeypatch.setattr(export, "_graph", lambda *_, **__: (graph, np.roll(expected, 1, axis=0)))
    export_for_queries(tiny)
    assert open_export(tiny.fingerprint) is None
    assert "0.9999 is the least" in caplog.text


def test_a_model_that_needs_more_than_tokens_or_is_too_large_is_not_exported(
    own_cache: Path,
    tiny: SentenceTransformerEmbedder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(export, "_MOST_BYTES", 4 * tiny.parameters - 1)
    export_for_queries(tiny)
    assert f"it has {tiny.parameters:,} parameters" in caplog.text
    monkeypatch.setattr(SentenceTransformerEmbedder, "reads_plain_tokens", False)
    monkeypatch.setattr(export, "exporter", lambda: "another")
    export_for_queries(tiny)
    assert "needs more than the tokens of a text" in caplog.text


def test_a_full_disk_is_not_held_against_the_model(
    own_cache: Path, tiny: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("semsearch.files.publish", full)
    with pytest.raises(OSError, match="No space left"):
        export_for_queries(tiny)
    monkeypatch.undo()
    assert list(own_cache.glob("*/facts.json")) == []


@pytest.mark.slow
def test_two_that_export_at_once_do_not_harm_each_other(own_cache: Path, tiny: SentenceTransformerEmbedder) -> None:
    code = (
        "import sys; from semsearch.embedders.export import export_for_queries; "
        "from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder as Embedder; "
        "export_for_queries(Embedder(sys.argv[1], device='cpu'))"
    )
    environment = {**os.environ, "SEMSEARCH_CACHE": str(own_cache.parent)}
    command = [sys.executable, "-c", code, str(tiny.folder)]
    others = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [other.wait(240) for other in others] == [0, 0]
    assert [path.name for path in own_cache.iterdir()] == [tiny.fingerprint]
    assert open_export(tiny.fingerprint) is not None


NO_TORCH = """
import sys
from semsearch.embedders.onnx import open_export
embedder = open_export(sys.argv[1])
print(embedder.embed_queries(["a cat", "two cats"]).shape, embedder.count_tokens(["a cat"]))
print({"torch", "transformers", "sentence_transformers", "onnx"} & set(sys.modules))
"""


def test_an_exported_model_answers_without_torch_or_the_library(kept: Path, tiny: SentenceTransformerEmbedder) -> None:
    command = [sys.executable, "-W", "error", "-c", NO_TORCH, tiny.fingerprint]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == "(2, 32) [4]\nset()\n"


def test_threads_that_ask_at_once_get_what_one_thread_gets(exported: OnnxEmbedder) -> None:
    expected = exported.embed_queries(MIXED)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda text: exported.embed_queries([text])[0], MIXED * 3))
    np.testing.assert_allclose(results, np.concatenate([expected] * 3), atol=1e-5)


# --- int8


def test_a_model_in_int8_has_near_vectors_and_a_fingerprint_of_its_own_and_is_kept(
    embedder: SentenceTransformerEmbedder,
) -> None:
    made = quantised(embedder)
    texts = [text for text in MIXED if len(text) > 20]
    cosines = (made.embed_documents(texts) * embedder.embed_documents(texts)).sum(axis=1)
    assert 0.95 < cosines.min() < 0.9999
    assert made.precision == "int8"
    assert made.fingerprint == fingerprint_in_int8(embedder.fingerprint) != embedder.fingerprint
    again = quantised(embedder)
    np.testing.assert_array_equal(again.embed_documents(texts), made.embed_documents(texts))
    found = find_export(made.fingerprint)
    assert found is not None
    assert found.model.stat().st_size < 30_000_000  # a quarter of the 90 MB of float32


def test_a_model_that_loses_too_much_in_int8_or_cannot_be_exported_is_refused(
    own_cache: Path, tiny: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(export._LEAST_COSINES, "int8", 1.1)
    with pytest.raises(ModelError, match="cannot be exported to int8"):
        quantised(tiny)
    monkeypatch.setattr(SentenceTransformerEmbedder, "reads_plain_tokens", False)
    with pytest.raises(ModelError, match="needs more than the tokens"):
        quantised(tiny)
    assert not own_cache.exists()


def test_copies_with_another_pooling_are_other_exports(own_cache: Path, tmp_path: Path) -> None:
    first = make_tiny(tmp_path / "a")
    other = Path(shutil.copytree(first, tmp_path / "b"))
    pooling = {"embedding_dimension": 32, "pooling_mode": ["cls", "max"]}
    (other / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    for folder in (first, other):
        model = load(folder)
        export_for_queries(model)
        found = open_export(model.fingerprint)
        assert found is not None
        assert found.dim == model.dim
        np.testing.assert_allclose(found.embed_queries(MIXED), model.embed_queries(MIXED), atol=1e-5)
    assert len(list(own_cache.glob("*/model.ort"))) == 2


def test_attention_of_a_model_like_bert_is_one_operator_and_that_of_others_stays(
    tiny: SentenceTransformerEmbedder,
) -> None:
    import onnx

    plain, _ = export._graph(tiny, fuse=False)
    joined, _ = export._graph(tiny, fuse=True)
    kinds = [{node.op_type for node in onnx.load_from_string(graph).graph.node} for graph in (plain, joined)]
    assert "Attention" in kinds[1] - kinds[0]
    assert export.fused(plain, type("Config", (), {"model_type": "t5"})()) == plain
    assert export.fused(b"no graph", type("Config", (), {"model_type": "bert"})()) == b"no graph"
