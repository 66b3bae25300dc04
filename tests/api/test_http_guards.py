"""Who may ask, and how much they may send."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from semsearch.api.app import create_app
from semsearch.api.guards import MAX_BODY_BYTES
from semsearch.collection import Collection
from semsearch.config import Settings

SEARCH = "/v1/collections/texts/search"
BODY = b'{"query": "leave"}'
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:8000"])
def test_a_name_of_this_machine_is_answered(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "example.org:8000",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "localhost:",
        "localhost:8000@example.org",
        "127.0.0.2",
        "0.0.0.0",
        "::1",
        "testserver",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/nothing"])
def test_another_name_is_answered_with_421_on_every_path(client: TestClient, host: str, path: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host")


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data"}])
def test_what_a_foreign_page_may_send_without_asking_adds_nothing(
    client: TestClient, indexes: Path, headers: dict[str, str]
) -> None:
    body = b'{"documents": [{"id": "evil", "text": "t"}]}'
    assert client.post("/v1/collections/texts/documents", content=body, headers=headers).status_code == 422
    with Collection.open(indexes / "texts") as collection:
        assert collection.count() == 3


def test_a_foreign_page_that_asks_first_gets_no_permission(client: TestClient) -> None:
    headers = {"Origin": "http://example.org", "Access-Control-Request-Method": "POST"}
    answer = client.options(SEARCH, headers=headers)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not(client: TestClient) -> None:
    body = BODY + b" " * (MAX_BODY_BYTES - len(BODY))
    assert client.post(SEARCH, content=body, headers=JSON).status_code == 200
    answer = client.post(SEARCH, content=body + b" ", headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_body_without_a_length_is_read_no_further_than_the_limit(indexes: Path) -> None:
    app = create_app(Settings(indexes=indexes))
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"10")]
    scope = {"type": "http", "method": "POST", "path": SEARCH, "query_string": b"", "headers": headers}
    chunk, taken, sent = b" " * 1_000_000, 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert taken == MAX_BODY_BYTES // len(chunk) + 1
