"""The service's one maintenance thread: an addition answers before the index is built, and it is built soon after."""

import logging
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from semsearch.api.maintenance import MaintenanceThread
from semsearch.collection import Collection
from semsearch.errors import StoreError
from semsearch.index import sizing
from semsearch.types import Document


def wait_until(condition: object, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_addition_over_http_is_followed_by_an_index(
    client: TestClient, indexes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "INDEX_FROM", 200)
    rows = np.random.default_rng(0).normal(size=(300, 3))
    documents = [{"id": str(at), "text": "", "vector": row.tolist()} for at, row in enumerate(rows)]
    for some in (documents[:100], documents[100:200], documents[200:]):
        answer = client.post("/v1/collections/vectors/documents", json={"documents": some})
        assert answer.json()["added"] == 100
    with Collection.open(indexes / "vectors") as reader:
        wait_until(lambda: reader.info().index is not None)
        assert reader.search(vector=rows[7], k=1).hits[0].document_id == "7"


class Slow:
    """Stands in for a collection whose maintenance takes until `go` is set."""

    def __init__(self) -> None:
        self.started, self.go, self.done = threading.Event(), threading.Event(), 0

    def maintain(self) -> None:
        self.started.set()
        assert self.go.wait(20)
        self.done += 1


def test_what_is_told_of_twice_while_it_waits_is_maintained_once() -> None:
    first, second = Slow(), Slow()
    second.go.set()
    with MaintenanceThread() as maintenance:
        maintenance.soon(first)  # type: ignore[arg-type]
        assert first.started.wait(20)
        for _ in range(3):
            maintenance.soon(second)  # type: ignore[arg-type]
        first.go.set()
        wait_until(lambda: second.done)
        time.sleep(0.1)
    assert (first.done, second.done) == (1, 1)


def test_stopping_finishes_what_is_being_done_and_leaves_the_rest() -> None:
    first, second = Slow(), Slow()
    with MaintenanceThread() as maintenance:
        maintenance.soon(first)  # type: ignore[arg-type]
        assert first.started.wait(20)
        maintenance.soon(second)  # type: ignore[arg-type]
        threading.Timer(0.2, first.go.set).start()
    assert (first.done, second.done) == (1, 0)


def test_a_collection_that_fails_is_logged_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        def maintain(self) -> None:
            raise StoreError("it was closed")

    good = Slow()
    good.go.set()
    with caplog.at_level(logging.WARNING), MaintenanceThread() as maintenance:
        maintenance.soon(Failing())  # type: ignore[arg-type]
        maintenance.soon(good)  # type: ignore[arg-type]
        wait_until(lambda: good.done)
    assert "could not be maintained: it was closed" in caplog.text


def test_an_addition_is_not_held_up_by_an_index_that_is_being_built(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", dim=3) as collection:
        collection.add([Document("a", "", vector=[1, 0, 0])])
        held, added = threading.Event(), threading.Event()

        def build() -> None:
            with collection._store.changing:
                held.set()
                added.wait(30)

        thread = threading.Thread(target=build)
        thread.start()
        assert held.wait(5)
        collection.add([Document("b", "", vector=[0, 1, 0])], maintain=False)
        assert thread.is_alive()
        added.set()
        thread.join()
