"""docs/http.md says what the service does."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from semsearch.api.app import create_app
from semsearch.api.guards import MAX_BODY_BYTES
from semsearch.api.image_schemas import MAX_FRAMES, MAX_GROUP, MAX_NEIGHBOURS, MAX_TERMS
from semsearch.api.routes.images import MAX_DRAWN
from semsearch.api.schemas import MAX_DOCUMENTS
from semsearch.config import Settings
from semsearch.images.loading import MAX_PIXELS
from semsearch.search import filter_costs

DOCS = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
CURLS = re.findall(r"^curl http://127\.0\.0\.1:8000(\S+)(?:.*?-d '(.*?)')?", re.sub(r"\\\n\s*", "", DOCS), re.MULTILINE)
ANSWERS = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)]


def openapi() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def test_the_table_of_routes_is_the_routes_of_the_service() -> None:
    documented = set(re.findall(r"^\| `(GET|POST|DELETE) (/\S*)` \|", DOCS, re.MULTILINE))
    routes = {(method.upper(), path) for path, methods in openapi()["paths"].items() for method in methods}
    assert documented == routes | {("GET", "/openapi.json")}


def test_there_is_a_curl_example_for_every_documented_route_but_openapi() -> None:
    parts = {"{document_id}": "beach.jpg", "{collection}": "handbook"}
    paths = set(openapi()["paths"])
    for part, name in parts.items():
        paths = {path.replace(part, name) for path in paths}
    assert {path.replace("photos", "handbook") for path, _ in CURLS} == paths


@pytest.mark.parametrize(("path", "body"), CURLS)
def test_a_curl_example_is_answered_with_200(client: TestClient, path: str, body: str) -> None:
    for shown, there in {"handbook": "texts", "beach.jpg": "red", "boat.jpg": "blue"}.items():
        path, body = path.replace(shown, there), body.replace(shown, there)
    answer = client.post(path, json=json.loads(body)) if body else client.get(path)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("route", "answer"), [("search", ANSWERS[0]), ("documents", ANSWERS[1]), ("context", ANSWERS[2])]
)
def test_a_shown_answer_has_the_shape_of_a_real_one(client: TestClient, route: str, answer: dict[str, Any]) -> None:
    body = {"documents": []} if route == "documents" else {"query": "leave"}
    assert outline(client.post(f"/v1/collections/texts/{route}", json=body).json()) == outline(answer)


def test_the_shown_interpolation_has_the_shape_of_a_real_one(client: TestClient) -> None:
    body = {"first": {"doc": "red"}, "second": {"doc": "blue"}}
    answer = client.post("/v1/collections/photos/images/interpolate", json=body).json()
    assert outline(answer) == outline(ANSWERS[4])


def outline(value: object) -> object:
    """The keys at every depth, of lists those of the first entry."""
    match value:
        case {"year": _}:
            return "metadata"
        case dict():
            return {key: outline(item) for key, item in value.items()}
        case [first, *_]:
            return [outline(first)]
        case _:
            return None


def test_the_shown_info_has_the_shape_of_a_real_one(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_costs, "_FROM_MILLISECONDS", 0.0)
    for number in range(10):
        client.post("/v1/collections/texts/search", json={"query": "leave", "filter": {"lang": number}})
    assert outline(client.get("/v1/collections/texts").json()) == outline({**ANSWERS[3], "indexed_keys": []})


def test_the_shown_error_is_the_one_that_is_answered(client: TestClient) -> None:
    answer = client.post("/v1/collections/texts/search", json={"vector": [1, 2]}).json()
    shown = {**ANSWERS[5], "detail": ANSWERS[5]["detail"].replace("384", "32"), "title": answer["title"]}
    assert answer == shown


def test_the_table_of_limits_has_the_limits() -> None:
    assert f"| a body | {MAX_BODY_BYTES:,} bytes" in DOCS
    assert f"| documents in a call | {MAX_DOCUMENTS} |" in DOCS
    schemas = openapi()["components"]["schemas"]
    assert f"| `k` | {schemas['SearchRequest']['properties']['k']['maximum']:,.0f} |" in DOCS
    assert f"| `frames`, `strengths` | {MAX_FRAMES} |" in DOCS
    assert f"| `plus`, `minus` | {MAX_TERMS} each |" in DOCS
    assert f"| images of `with`, `without` | {MAX_GROUP} each" in DOCS
    assert f"| `neighbours` | {MAX_NEIGHBOURS} |" in DOCS
    assert f"| pixels drawn for a request | {MAX_DRAWN:,} |" in DOCS
    assert f"| pixels of an image that is sent | {MAX_PIXELS:,} |" in DOCS
    assert f"| `token_budget` | {schemas['ContextRequest']['properties']['token_budget']['maximum']:,.0f} |" in DOCS


def test_the_schema_is_openapi_3_1_and_every_operation_describes_answers_and_problems() -> None:
    document = openapi()
    assert document["openapi"].startswith("3.1")
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = ["healthz", "info", "search", "add", "context", "judge", "image", "reconstruct", "interpolate", "edit"]
    assert [operation["operationId"] for operation in operations] == names
    assert [set(operation["responses"]) for operation in operations] == [{"200", "default"}] * len(names)
    for operation in operations:
        content = operation["responses"]["200"]["content"]
        assert list(content) == ["image/png"] if operation["operationId"] == "image" else ["application/json"]
        assert operation["operationId"] == "image" or "$ref" in content["application/json"]["schema"]
        problem = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
        assert problem["required"] == ["type", "title", "status", "detail", "code"]


def test_pages_that_would_load_scripts_from_elsewhere_are_not_there(client: TestClient) -> None:
    assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]
