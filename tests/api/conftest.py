"""A service over small collections: `texts` and `photos`, whose models are fakes, and `vectors`, which has none."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder, FakeImageEmbedder
from fastapi.testclient import TestClient
from images.image_files import encoded

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
COLOURS = {"red": (250, 10, 10), "orange": (250, 120, 10), "album/green.png": (10, 250, 10), "blue": (10, 10, 250)}


def colour(name: str) -> bytes:
    """An image file of one colour."""
    return encoded(np.full((32, 32, 3), COLOURS[name], np.uint8))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made-once")
    with Collection.create(folder / "texts", model=FakeEmbedder()) as texts:
        texts.add(TEXTS)
    with Collection.create(folder / "vectors", dim=3) as vectors:
        vectors.add(VECTORS)
    with Collection.create(folder / "photos", images=FakeImageEmbedder()) as photos:
        photos.add(Document(name, metadata={"warm": "r" in name[:2]}, image=colour(name)) for name in COLOURS)
    return folder


@pytest.fixture
def indexes(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fake = FakeEmbedder()
    monkeypatch.setattr("semsearch.embedders.pinned.load_embedder", lambda *_: fake)
    monkeypatch.setattr("semsearch.images.pinned.load_image_embedder", lambda *_, **__: FakeImageEmbedder())
    return shutil.copytree(made_once, tmp_path / "indexes")


@pytest.fixture
def client(indexes: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(indexes=indexes)), base_url="http://localhost") as client:
        yield client
