"""Shaped hits over HTTP: what can be asked, what is answered, and how refusals are told."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from model_copies import make_cross_encoder

from semsearch.api.app import create_app
from semsearch.collection import Collection
from semsearch.config import Settings

SEARCH = "/v1/collections/texts/search"


def test_hits_are_shaped_as_in_the_library(client: TestClient, indexes: Path) -> None:
    body: dict[str, Any] = {
        "group_by": "document",
        "diversity": 0.3,
        "collapse": 1,
        "min_score": -1,
        "facets": ["year"],
    }
    body |= {"expand": 2, "sort": "-year", "k": 2}
    answer = client.post(SEARCH, json={"query": "leave", **body}).json()
    with Collection.open(indexes / "texts") as collection:
        expected = json.loads(json.dumps(asdict(collection.search("leave", **body))))
    for each in (answer, expected):
        del each["profile"]["milliseconds"]
    assert answer == expected
    assert answer["facets"]["year"][0].keys() == {"value", "documents"}
    assert answer["hits"][0]["expansion"].keys() == {"start", "end", "text"}


def test_pages_go_on_until_there_are_no_more(client: TestClient) -> None:
    ranks, body = [], {"query": "leave", "k": 2, "cursor": None}
    while True:
        answer = client.post(SEARCH, json=body).json()
        ranks += [hit["rank"] for hit in answer["hits"]]
        body["cursor"] = answer["cursor"]
        if answer["cursor"] is None:
            break
    assert ranks == [1, 2, 3]


def test_a_cursor_of_another_state_is_a_conflict_and_of_another_search_a_wrong_value(client: TestClient) -> None:
    cursor = client.post(SEARCH, json={"query": "leave", "k": 1}).json()["cursor"]
    other = client.post(SEARCH, json={"query": "lunch", "k": 1, "cursor": cursor})
    assert (other.status_code, other.json()["code"]) == (422, "invalid_request")
    client.post("/v1/collections/texts/documents", json={"documents": [{"id": "new", "text": "new"}]})
    answer = client.post(SEARCH, json={"query": "leave", "k": 1, "cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "start again" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"group_by": "section"},
        {"diversity": 2},
        {"diversity": "0.5"},
        {"collapse": -0.1},
        {"min_score": 1.1},
        {"min_score": 0.5, "mode": "keyword"},
        {"rerank": 1_001},
        {"rerank": 5},
        {"expand": 0},
        {"expand": "chapter"},
        {"expand": True},
        {"facets": "year"},
        {"facets": ["a b"]},
        {"facets": ["k"] * 21},
        {"sort": "$year"},
        {"cursor": "nonsense"},
        {"reranker": "a-model"},
    ],
    ids=str,
)
def test_what_cannot_be_asked_for_is_a_wrong_value(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post(SEARCH, json={"query": "leave", **body})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_the_service_reranks_by_the_model_that_it_was_started_with(indexes: Path, tmp_path: Path) -> None:
    model = str(make_cross_encoder(tmp_path / "model"))
    with TestClient(create_app(Settings(indexes=indexes, reranker=model)), base_url="http://localhost") as client:
        answer = client.post(SEARCH, json={"query": "leave", "rerank": 3}).json()
    told = [hit["explanation"]["reranked"]["score"] for hit in answer["hits"]]
    assert told == sorted(told, reverse=True)
    assert answer["profile"]["reranked"] == 3
