"""The model of a collection: what embeds its documents and what its queries, and where that needs torch."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder

from semsearch import Collection, Document
from semsearch.embedders import pinned
from semsearch.embedders.model_folder import PACKAGED_MODEL
from semsearch.embedders.onnx import OnnxEmbedder
from semsearch.embedders.pinned import PinnedEmbedder, load_embedder
from semsearch.embedders.protocol import Embedder
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder
from semsearch.errors import EmbedderMismatchError, InvalidRequestError, ModelError

pytestmark = pytest.mark.model

CATS = [Document("cats", "Two cats sat on the mat"), Document("stocks", "Stock prices rose sharply today")]


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned, "may_have_gpu", lambda: False)


def pin(
    fingerprint: str, model: str | Embedder = PACKAGED_MODEL, device: str = "auto", loaded: Embedder | None = None
) -> PinnedEmbedder:
    return PinnedEmbedder(Path("c"), fingerprint, model, device, loaded=loaded)


@pytest.fixture
def no_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, which is not there yet."""
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "empty"))
    return tmp_path / "empty"


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_queries_on_the_cpu_are_embedded_by_the_export(exported: OnnxEmbedder, device: str) -> None:
    model = pin(exported.fingerprint, device=device)
    found = model.for_queries()
    assert isinstance(found, OnnxEmbedder)
    assert model.for_queries() is found
    assert model.device == "cpu"


def test_documents_are_embedded_by_torch_also_after_queries(
    exported: OnnxEmbedder, embedder: SentenceTransformerEmbedder
) -> None:
    model = pin(embedder.fingerprint, loaded=embedder)
    assert isinstance(model.for_queries(), OnnxEmbedder)
    assert model.get() is embedder


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_on_another_device_queries_are_embedded_where_documents_are(
    exported: OnnxEmbedder, embedder: SentenceTransformerEmbedder, device: str
) -> None:
    assert pin(embedder.fingerprint, device=device, loaded=embedder).for_queries() is embedder


def test_where_there_may_be_a_gpu_torch_is_asked_first(
    exported: OnnxEmbedder, embedder: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(pinned, "may_have_gpu", lambda: True)
    monkeypatch.setattr(pinned, "load_embedder", lambda *arguments: asked.append(arguments) or embedder)
    model = pin(embedder.fingerprint)
    assert model.for_queries() is embedder
    assert asked == [(PACKAGED_MODEL, "auto", "auto")]
    assert isinstance(model.for_queries(), OnnxEmbedder), "torch has found no GPU"


def test_an_embedder_that_is_given_embeds_queries_itself(
    exported: OnnxEmbedder, embedder: SentenceTransformerEmbedder
) -> None:
    assert pin(embedder.fingerprint, embedder).for_queries() is embedder


def test_without_an_export_queries_are_embedded_by_torch_and_it_is_looked_for_once(
    no_export: Path, embedder: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sought: list[str] = []
    monkeypatch.setattr(pinned, "open_export", sought.append)
    model = pin(embedder.fingerprint, loaded=embedder)
    assert model.for_queries() is embedder
    assert model.for_queries() is embedder
    assert sought == [embedder.fingerprint]


def test_once_the_model_is_exported_queries_take_it(
    no_export: Path, exported: OnnxEmbedder, embedder: SentenceTransformerEmbedder, cache: Path
) -> None:
    model = pin(embedder.fingerprint, loaded=embedder)
    assert model.for_queries() is embedder
    shutil.copytree(cache, no_export)  # quicker than exporting it again, which is found to be done
    assert model.for_queries() is embedder
    model.export()
    assert isinstance(model.for_queries(), OnnxEmbedder)


@pytest.mark.parametrize("at_hand", [False, True])
def test_nothing_is_exported_where_no_model_is_loaded_or_it_has_no_name(
    no_export: Path, embedder: SentenceTransformerEmbedder, at_hand: bool
) -> None:
    pin(embedder.fingerprint, embedder if at_hand else PACKAGED_MODEL).export()
    assert not no_export.exists()


def test_an_export_that_cannot_be_kept_is_logged_and_torch_goes_on(
    no_export: Path,
    embedder: SentenceTransformerEmbedder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("semsearch.embedders.export.export_for_queries", full)
    model = pin(embedder.fingerprint, loaded=embedder)
    model.export()
    assert "No space left on device" in caplog.text
    assert model.for_queries() is embedder


# --- precision


def test_int8_is_refused_on_a_gpu_and_a_precision_of_an_embedder_and_unknown_ones() -> None:
    for device in ("cuda", "cuda:0", "mps"):
        with pytest.raises(ModelError, match=f"runs on the CPU only, and the device is {device!r}"):
            load_embedder(PACKAGED_MODEL, device, "int8")
    with pytest.raises(InvalidRequestError, match="the precision is float32, and the model is an Embedder"):
        load_embedder(FakeEmbedder(), "cpu", "float32")
    with pytest.raises(InvalidRequestError, match="'half'; take one of"):
        load_embedder(PACKAGED_MODEL, "cpu", "half")


def test_a_collection_in_int8_embeds_documents_and_queries_in_int8_in_every_process(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "small", precision="int8") as small:
        small.add(CATS)
        info = small.info()
        assert info.precision == "int8"
    with Collection.open(tmp_path / "small") as again:
        model = again._embedder.for_queries()
        assert isinstance(model, OnnxEmbedder)
        assert again._embedder.get() is model
        assert (model.precision, model.fingerprint) == ("int8", info.fingerprint)
        again.add([Document("dogs", "Dogs bark at night")])
        assert again.search("a kitten on a rug", k=1).hits[0].document_id == "cats"


def test_a_collection_in_int8_and_one_in_float_refuse_each_others_model(
    tmp_path: Path, embedder: SentenceTransformerEmbedder
) -> None:
    small = load_embedder(PACKAGED_MODEL, "cpu", "int8")
    Collection.create(tmp_path / "small", model=small).close()
    Collection.create(tmp_path / "float", model=embedder).close()
    with pytest.raises(EmbedderMismatchError):
        Collection.open(tmp_path / "small", model=embedder)
    with pytest.raises(EmbedderMismatchError):
        Collection.open(tmp_path / "float", model=small)


def test_a_collection_in_one_float_precision_may_be_added_to_in_another(
    tmp_path: Path, embedder: SentenceTransformerEmbedder, narrow: SentenceTransformerEmbedder
) -> None:
    with Collection.create(tmp_path / "c", model=narrow) as first:
        first.add(CATS[:1])
    with Collection.open(tmp_path / "c", model=embedder) as second:
        second.add([Document("same", CATS[0].text + " ")])
        scores = {hit.document_id: hit.score for hit in second.search("a cat").hits}
    assert scores["same"] == pytest.approx(scores["cats"], abs=2e-3)


def test_the_precision_of_a_collection_is_kept(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", precision="float32", device="cpu") as made:
        assert made.info().precision == "float32"
    with Collection.open(tmp_path / "c", device="cpu") as again:
        model = again._embedder.get()
        assert isinstance(model, SentenceTransformerEmbedder)
        assert model.precision == "float32"


def test_vectors_that_are_brought_along_have_no_precision(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="the precision is 'float16', and vectors"):
        Collection.create(tmp_path / "c", dim=3, precision="float16")
    with Collection.create(tmp_path / "c", dim=3) as made:
        assert made.info().precision is None


# --- a process that only searches

LIBRARY = """
from semsearch import Collection
with Collection.open(sys.argv[1], device="cpu") as collection:
    print(collection.search("a kitten on a rug", k=1).hits[0].document_id)
    collection.context("a kitten on a rug", k=1)
    assert collection.info().device == "cpu"
"""
COMMAND_LINE = """
from semsearch.cli.main import main
main(["--device", "cpu", "search", sys.argv[1], "a kitten on a rug", "-k", "1"])
"""
LOADED = 'print("loaded:", *({"torch", "transformers", "sentence_transformers", "onnx"} & set(sys.modules)))'


@pytest.mark.parametrize("code", [LIBRARY, COMMAND_LINE])
def test_a_process_that_searches_by_text_loads_no_torch(exported: OnnxEmbedder, tmp_path: Path, code: str) -> None:
    with Collection.create(tmp_path / "c", device="cpu") as made:
        made.add(CATS)
    command = [sys.executable, "-W", "error", "-c", f"import sys\n{code}\n{LOADED}", str(tmp_path / "c")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cats" in run.stdout
    assert "stocks" not in run.stdout
    assert run.stdout.endswith("loaded:\n")


def test_hits_of_the_export_are_those_of_torch_and_scores_to_six_digits(
    exported: OnnxEmbedder, embedder: SentenceTransformerEmbedder, tmp_path: Path
) -> None:
    with Collection.create(tmp_path / "c", model=embedder) as made:
        made.add(CATS)
        expected = made.search("a kitten on a rug").hits
    with Collection.open(tmp_path / "c") as again:
        hits = again.search("a kitten on a rug").hits
    assert [hit.document_id for hit in hits] == [hit.document_id for hit in expected]
    np.testing.assert_allclose([hit.score for hit in hits], [hit.score for hit in expected], atol=2e-6)


def test_an_export_is_seen_to_once_and_again_when_it_was_found_to_be_gone(
    embedder: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen_to: list[object] = []
    monkeypatch.setattr("semsearch.embedders.export.export_for_queries", seen_to.append)
    monkeypatch.setattr("semsearch.embedders.pinned.open_export", lambda _: None)
    pinned = PinnedEmbedder(tmp_path, embedder.fingerprint, "all-MiniLM-L6-v2", "cpu", loaded=embedder)
    pinned.export()
    pinned.export()
    assert seen_to == [embedder]
    assert pinned.for_queries() is embedder
    pinned.export()
    assert seen_to == [embedder, embedder]
