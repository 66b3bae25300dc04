"""What all tests share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from numbered import DIM, ROWS, cost_by_size, documents, make_small_large

from semsearch import Collection
from semsearch.embedders.export import export_for_queries
from semsearch.embedders.onnx import OnnxEmbedder, open_export
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where models are exported to: a folder of this run, so that it happens once, and the user's own is let be."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("SEMSEARCH_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def embedder() -> SentenceTransformerEmbedder:
    """The real default model in float32, loaded once."""
    return SentenceTransformerEmbedder("all-MiniLM-L6-v2", device="cpu", precision="float32")


@pytest.fixture(scope="session")
def narrow() -> SentenceTransformerEmbedder:
    """The same in bfloat16, whether this processor is quick at it or not."""
    return SentenceTransformerEmbedder("all-MiniLM-L6-v2", device="cpu", precision="bfloat16")


@pytest.fixture(scope="session")
def exported(cache: Path, embedder: SentenceTransformerEmbedder) -> OnnxEmbedder:
    """The same as it was exported."""
    export_for_queries(embedder)
    found = open_export(embedder.fingerprint)
    assert found is not None
    return found


@pytest.fixture
def costs_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    cost_by_size(monkeypatch)


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small_large(monkeypatch)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of ROWS numbered documents, with an index, to be copied."""
    path = tmp_path_factory.mktemp("built") / "c"
    with pytest.MonkeyPatch.context() as patch:
        make_small_large(patch)
        with Collection.create(path, dim=DIM) as made:
            made.add(documents(ROWS))
    return path


@pytest.fixture
def indexed(built: Path, tmp_path: Path, small_is_large: None) -> Iterator[Collection]:
    """A collection of ROWS numbered documents, all in the base of its index."""
    shutil.copytree(built, tmp_path / "c")
    with Collection.open(tmp_path / "c") as opened:
        yield opened
