"""Images over HTTP come as they are; a path that a client names is never opened."""

import base64
import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeImageEmbedder
from fastapi.testclient import TestClient
from images.image_files import encoded

from semsearch.collection import Collection
from semsearch.types import Document

RED, BLUE = (np.full((32, 32, 3), colour, np.uint8) for colour in ((250, 10, 10), (10, 10, 250)))
SEARCH = "/v1/collections/photos/search"


@pytest.fixture(scope="session")
def photos_made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made-once") / "photos"
    with Collection.create(path, images=FakeImageEmbedder()) as photos:
        photos.add(Document(name, image=encoded(pixels)) for name, pixels in (("red", RED), ("blue", BLUE)))
    return path


@pytest.fixture(autouse=True)
def photos(indexes: Path, photos_made_once: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semsearch.images.pinned.load_image_embedder", lambda *_, **__: FakeImageEmbedder())
    shutil.copytree(photos_made_once, indexes / "photos")


def test_an_expression_may_bring_an_image(client: TestClient) -> None:
    image = base64.b64encode(encoded(RED)).decode()
    answer = client.post(SEARCH, json={"expression": [{"image": image}, {"doc": "red", "weight": -0.1}]})
    assert answer.status_code == 200
    assert [hit["document_id"] for hit in answer.json()["hits"]] == ["blue"]


def test_an_expression_cannot_name_a_file(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(encoded(RED))
    there = client.post(SEARCH, json={"expression": f"image:{tmp_path / 'red.png'}"})
    nowhere = client.post(SEARCH, json={"expression": "image:/no/such/file.png"})
    assert there.status_code == nowhere.status_code
    assert 400 <= there.status_code < 500
    assert there.json()["detail"] == nowhere.json()["detail"]
    assert "files are not read" in there.json()["detail"]


def test_what_is_no_image_is_the_clients_mistake(client: TestClient) -> None:
    answer = client.post(SEARCH, json={"expression": [{"image": base64.b64encode(b"no image").decode()}]})
    assert 400 <= answer.status_code < 500
    assert "cannot be read as an image" in answer.json()["detail"]


def test_info_tells_the_size(client: TestClient) -> None:
    assert client.get("/v1/collections/photos").json()["image_size"] == 32
