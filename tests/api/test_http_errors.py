"""Every error has one body; its status follows from its class; what is the server's own stays in the log."""

import json
import logging
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from semsearch import errors, files
from semsearch.api.app import create_app
from semsearch.api.errors import code_of, problem, status_of
from semsearch.collection import Collection
from semsearch.config import Settings
from semsearch.errors import ConflictError, SemsearchError, StoreFullError

STATUSES = {
    "SemsearchError": 500,
    "ConfigError": 500,
    "MissingDependencyError": 503,
    "InvalidRequestError": 422,
    "EmptyQueryError": 422,
    "InvalidFilterError": 422,
    "InvalidExpressionError": 422,
    "InvalidDocumentError": 422,
    "InvalidVectorError": 422,
    "DimensionMismatchError": 422,
    "NotFoundError": 404,
    "CollectionNotFoundError": 404,
    "DocumentNotFoundError": 404,
    "ChunkNotFoundError": 404,
    "ConflictError": 409,
    "CollectionExistsError": 409,
    "CollectionLockedError": 409,
    "DuplicateDocumentError": 409,
    "EmbedderMismatchError": 409,
    "ModelError": 503,
    "SandboxError": 503,
    "StoreError": 500,
    "CorruptStoreError": 500,
    "FormatVersionError": 500,
    "StoreFullError": 507,
}
SEARCH = "/v1/collections/texts/search"
ADD = "/v1/collections/texts/documents"
JSON = {"Content-Type": "application/json"}


def family(kind: type[SemsearchError]) -> Iterator[type[SemsearchError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


def test_every_error_class_has_the_expected_status() -> None:
    ours = {kind for kind in family(SemsearchError) if kind.__module__ == errors.__name__}
    assert {kind.__name__: status_of(kind) for kind in ours} == STATUSES


def test_a_class_without_a_status_has_that_of_the_nearest_class_above_it() -> None:
    class TooEarlyError(ConflictError):
        pass

    class VeryFullError(StoreFullError):
        pass

    assert (status_of(TooEarlyError), status_of(VeryFullError)) == (409, 507)


def test_every_error_class_has_a_code_of_its_own() -> None:
    ours = [kind for kind in family(SemsearchError) if kind.__module__ == errors.__name__]
    assert len({code_of(kind) for kind in ours}) == len(ours)
    assert code_of(errors.DimensionMismatchError) == "dimension_mismatch"


@pytest.fixture
def quiet(indexes: Path) -> Iterator[TestClient]:
    """A client that is given the answer when a handler fails, as over a socket, and not the exception."""
    app = create_app(Settings(indexes=indexes))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def locked(client: TestClient, indexes: Path) -> object:
    lock = files.FileLock(indexes / "texts" / "write.lock")
    lock.acquire("process 1 (someone)")
    try:
        return client.post(ADD, json={"documents": [{"id": "a", "text": "t"}]})
    finally:
        lock.release()


def corrupt(client: TestClient, indexes: Path) -> object:
    path = indexes / "texts" / "collection.db"
    path.write_bytes(b"not a database" * 100)
    return client.post(SEARCH, json={"query": "q"})


def newer(client: TestClient, indexes: Path) -> object:
    connection = sqlite3.connect(indexes / "texts" / "collection.db")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    return client.post(SEARCH, json={"query": "q"})


def failing(error: Exception) -> Callable[[TestClient, Path], object]:
    def request(client: TestClient, indexes: Path) -> object:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Collection, "search", lambda *args, **options: (_ for _ in ()).throw(error))
            return client.post(SEARCH, json={"query": "q"})

    return request


def posting(path: str, **request: object) -> Callable[[TestClient, Path], object]:
    return lambda client, indexes: client.post(path, **request)


WAYS = {
    "a field too many": (422, "invalid_request", posting(SEARCH, json={"query": "q", "nprobe": 1})),
    "a list for a body": (422, "invalid_request", posting(SEARCH, json=[])),
    "no body": (422, "invalid_request", posting(SEARCH)),
    "no JSON": (422, "invalid_request", posting(SEARCH, content=b"{", headers=JSON)),
    "no content type": (422, "invalid_request", posting(SEARCH, content=b'{"query": "q"}')),
    "another content type": (
        422,
        "invalid_request",
        posting(SEARCH, content=b'{"query": "q"}', headers={"Content-Type": "text/plain"}),
    ),
    "no UTF-8": (400, "malformed_body", posting(SEARCH, content=b'{"query": "\xff"}', headers=JSON)),
    "endless nesting": (400, "malformed_body", posting(SEARCH, content=b"[" * 100_000, headers=JSON)),
    "a lone surrogate": (422, "invalid_request", posting(SEARCH, content=b'{"query": "\\ud800"}', headers=JSON)),
    "a field named by a surrogate": (422, "invalid_request", posting(SEARCH, content=b'{"\\ud800": 1}', headers=JSON)),
    "neither query nor vector": (422, "invalid_request", posting(SEARCH, json={})),
    "a vector in keyword mode": (422, "invalid_request", posting(SEARCH, json={"vector": [1.0], "mode": "keyword"})),
    "an empty query": (422, "empty_query", posting(SEARCH, json={"query": " "})),
    "an unknown operator": (422, "invalid_filter", posting(SEARCH, json={"query": "q", "filter": {"a": {"$x": 1}}})),
    "a vector of another length": (422, "dimension_mismatch", posting(SEARCH, json={"vector": [1.0, 2.0]})),
    "a vector with NaN": (
        422,
        "invalid_vector",
        posting("/v1/collections/vectors/search", content=b'{"vector": [NaN, 1, 1]}', headers=JSON),
    ),
    "a vector of zeros": (
        422,
        "invalid_vector",
        posting("/v1/collections/vectors/search", json={"vector": [0, 0, 0]}),
    ),
    "a question of meaning without a model": (
        422,
        "invalid_request",
        posting("/v1/collections/vectors/search", json={"query": "q", "mode": "semantic"}),
    ),
    "a context without a model": (
        422,
        "invalid_request",
        posting("/v1/collections/vectors/context", json={"vector": [1, 0, 0]}),
    ),
    "a name outside the pattern": (422, "invalid_request", posting("/v1/collections/.x/search", json={"query": "q"})),
    "an unknown collection": (404, "collection_not_found", posting("/v1/collections/x/search", json={"query": "q"})),
    "an unknown route": (404, "not_found", posting("/v1/nothing")),
    "a slash too many": (404, "not_found", posting(f"{SEARCH}/", json={"query": "q"})),
    "an unknown method": (405, "method_not_allowed", lambda client, indexes: client.get(SEARCH)),
    "another writer": (409, "collection_locked", locked),
    "a large body": (413, "body_too_large", posting(SEARCH, content=b" " * 10_000_001, headers=JSON)),
    "another host": (421, "unknown_host", posting(SEARCH, json={"query": "q"}, headers={"Host": "example.org"})),
    "a damaged collection": (500, "corrupt_store", corrupt),
    "a newer collection": (500, "format_version", newer),
    "a full disk": (507, "store_full", failing(StoreFullError(Path("/secret/collection.db")))),
    "no model": (503, "model", failing(errors.ModelError("nothing in /secret/models"))),
    "a missing package": (503, "missing_dependency", failing(errors.MissingDependencyError("/secret/site-packages"))),
    "a bug": (500, "internal_error", failing(ZeroDivisionError("/secret/division"))),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_error_has_its_status_its_code_and_the_one_body(quiet: TestClient, indexes: Path, way: str) -> None:
    status, code, request = WAYS[way]
    answer = request(quiet, indexes)
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert list(body) == ["type", "title", "status", "detail", "code"]
    assert body["type"] == "about:blank"
    assert body["title"]
    assert len(body["detail"]) > 20


@pytest.mark.parametrize("way", WAYS)
def test_no_error_shows_where_on_disk_things_are(quiet: TestClient, indexes: Path, way: str) -> None:
    text = WAYS[way][2](quiet, indexes).text
    assert str(indexes) not in text
    assert "secret" not in text


@pytest.mark.parametrize("way", ["a damaged collection", "a full disk", "no model"])
def test_the_log_has_what_the_answer_to_a_server_error_leaves_out(
    quiet: TestClient, indexes: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    with caplog.at_level(logging.ERROR, "semsearch.api.errors"):
        WAYS[way][2](quiet, indexes)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) in record.getMessage()
    assert SEARCH in record.getMessage()


def test_an_unforeseen_exception_is_passed_on_to_the_server_which_logs_it(client: TestClient, indexes: Path) -> None:
    with pytest.raises(ZeroDivisionError, match="/secret/division"):
        WAYS["a bug"][2](client, indexes)


def test_a_method_that_is_not_allowed_is_told_which_are(client: TestClient) -> None:
    assert client.get(SEARCH).headers["allow"] == "POST"


def test_a_body_with_many_mistakes_is_told_five_and_the_number_of_the_rest(client: TestClient) -> None:
    detail = client.post(ADD, json={"documents": [{"id": "a"}] * 50}).json()["detail"]
    assert detail.count("Field required") == 5
    assert detail.endswith("; and 45 more")


@pytest.mark.parametrize("way", ["no body", "a list for a body", "no content type", "another content type"])
def test_a_body_that_is_no_json_object_is_told_what_to_send(quiet: TestClient, indexes: Path, way: str) -> None:
    assert "a JSON object, sent with the header Content-Type" in WAYS[way][2](quiet, indexes).json()["detail"]


def test_a_problem_can_be_sent_whatever_its_detail_quotes() -> None:
    assert json.loads(problem(422, "code", "half \ud83d a face").body)["detail"] == "half \ud83d a face"


def test_a_surrogate_in_a_text_is_replaced_and_one_in_an_id_refused(client: TestClient) -> None:
    body = b'{"documents": [{"id": "a", "text": "half \\ud83d a face"}]}'
    assert client.post(ADD, content=body, headers=JSON).json()["replaced"] == 1
    hits = client.post(SEARCH, json={"query": "half a face", "k": 1}).json()["hits"]
    assert hits[0]["text"] == "half \ufffd a face"
    answer = client.post(ADD, content=body.replace(b'"a"', b'"\\ud83d"'), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "character 0 is a lone surrogate" in answer.json()["detail"]


def test_the_table_of_errors_in_the_docs_has_every_code_beside_its_status() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
    rows = re.findall(r"^\| (\d{3}) \| (.*) \|$", docs, re.MULTILINE)
    documented = {(int(status), code) for status, codes in rows for code in re.findall(r"`([a-z_]+)`", codes)}
    ours = {kind for kind in family(SemsearchError) if kind.__module__ == errors.__name__}
    assert documented == {(status_of(kind), code_of(kind)) for kind in ours} | {way[:2] for way in WAYS.values()}
