"""Which collections the service has open."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from semsearch import files
from semsearch.api.app import create_app
from semsearch.api.registry import OpenCollections
from semsearch.collection import Collection
from semsearch.config import Settings
from semsearch.errors import CollectionLockedError, CollectionNotFoundError, DimensionMismatchError
from semsearch.types import Document


def test_eight_threads_open_a_collection_once(indexes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    really_open = Collection.open

    def spy(path: Path, **options: str | None) -> Collection:
        opened.append((path, options))
        time.sleep(0.1)  # so that all threads have asked before the first is answered
        return really_open(path, **options)

    monkeypatch.setattr(Collection, "open", spy)
    collections = OpenCollections(indexes, "cpu", reranker="a-name")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(collections.get, ["texts"] * 8))
    collections.close()
    assert {id(collection) for collection in found} == {id(found[0])}
    assert opened == [(indexes / "texts", {"device": "cpu", "search_device": "cpu", "reranker": "a-name"})]


def test_a_collection_that_was_dropped_is_not_found(indexes: Path) -> None:
    collections = OpenCollections(indexes, "cpu")
    collections.get("vectors")
    Collection.drop(indexes / "vectors")
    with pytest.raises(CollectionNotFoundError):
        collections.get("vectors")


def test_a_collection_that_was_made_anew_is_opened_anew(indexes: Path) -> None:
    collections = OpenCollections(indexes, "cpu")
    assert collections.get("vectors").info().dim == 3
    Collection.drop(indexes / "vectors")
    with Collection.create(indexes / "vectors", dim=2) as collection:
        collection.add([Document("new", "text", vector=[1.0, 0.0])])
    assert [hit.document_id for hit in collections.get("vectors").search(vector=[1.0, 0.0]).hits] == ["new"]
    collections.close()


def test_a_collection_that_was_never_read_is_told_from_its_successor_at_the_same_path(indexes: Path) -> None:
    collections = OpenCollections(indexes, "cpu")
    for dim in range(2, 12):
        Collection.drop(indexes / "vectors")
        Collection.create(indexes / "vectors", dim=dim).close()
        with pytest.raises(DimensionMismatchError, match=f"vectors of {dim}$"):
            collections.get("vectors").search(vector=[1.0])
    collections.close()


def test_a_collection_made_anew_between_two_requests_serves_the_new_documents(
    client: TestClient, indexes: Path
) -> None:
    path, body = "/v1/collections/vectors/search", {"vector": [1, 0, 0]}
    assert len(client.post(path, json=body).json()["hits"]) == 2
    Collection.drop(indexes / "vectors")
    assert client.post(path, json=body).status_code == 404
    Collection.create(indexes / "vectors", dim=3).close()
    assert client.post(path, json=body).json()["hits"] == []


def test_the_service_keeps_the_write_lock_from_the_first_add_until_it_stops(indexes: Path) -> None:
    body = {"documents": [{"id": "z", "text": "up", "vector": [0, 0, 1]}]}
    lock = files.FileLock(indexes / "vectors" / "write.lock")
    with TestClient(create_app(Settings(indexes=indexes)), base_url="http://localhost") as client:
        client.post("/v1/collections/vectors/documents", json=body)
        with pytest.raises(CollectionLockedError), Collection.open(indexes / "vectors") as collection:
            collection.remove(["z"])
    lock.acquire("the test")
    assert lock.held
    lock.release()


def test_a_relative_folder_is_the_one_of_when_the_service_was_made(
    indexes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = create_app(Settings(indexes=Path("indexes")))
    monkeypatch.chdir("/")
    with TestClient(app, base_url="http://localhost") as client:
        assert client.post("/v1/collections/texts/search", json={"query": "q"}).status_code == 200
