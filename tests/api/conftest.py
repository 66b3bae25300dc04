"""A service over two small collections: `texts`, whose model is a fake one, and `vectors`, which has none."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeEmbedder
from fastapi.testclient import TestClient

from semsearch.api.app import create_app
from semsearch.collection import Collection
from semsearch.config import Settings
from semsearch.types import Document

TEXTS = [
    Document("leave", "parental leave lasts twelve months", {"year": 2024}, "Leave", "leave.md"),
    Document("travel", "travel by train is paid for", {"year": 2023}),
    Document("lunch", "lunch is served at noon", {"year": 2022}),
]
VECTORS = [Document("x", "to the east", vector=[1.0, 0.0, 0.0]), Document("y", "to the north", vector=[0.0, 1.0, 0.0])]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made-once")
    with Collection.create(folder / "texts", model=FakeEmbedder()) as texts:
        texts.add(TEXTS)
    with Collection.create(folder / "vectors", dim=3) as vectors:
        vectors.add(VECTORS)
    return folder


@pytest.fixture
def indexes(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fake = FakeEmbedder()
    monkeypatch.setattr("semsearch.embedders.pinned.load_embedder", lambda *_: fake)
    return shutil.copytree(made_once, tmp_path / "indexes")


@pytest.fixture
def client(indexes: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(indexes=indexes)), base_url="http://localhost") as client:
        yield client
