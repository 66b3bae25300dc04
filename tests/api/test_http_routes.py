"""The routes give what the library gives, within their bounds, and open nothing that is not a collection."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from fastapi.testclient import TestClient

import semsearch
from semsearch.collection import Collection
from semsearch.search import filter_costs
from semsearch.search.ranking import FUSED_DEPTH
from semsearch.search.snapshot import SnapshotCache, Status
from semsearch.types import Context, Profile, SearchMode, SearchResult

HIT_KEYS = [
    "rank",
    "score",
    "document_id",
    "chunk_id",
    "start",
    "end",
    "page",
    "heading",
    "text",
    "title",
    "metadata",
    "source",
    "explanation",
    "duplicates",
    "expansion",
]
SEARCH, ADD, CONTEXT, JUDGE = (
    f"/v1/collections/texts/{verb}" for verb in ("search", "documents", "context", "judgments")
)


def test_healthz_says_ok_and_the_version(client: TestClient) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": semsearch.__version__})


def test_a_search_answers_what_the_library_answers(client: TestClient, indexes: Path) -> None:
    answer = client.post(SEARCH, json={"query": "parental leave", "k": 2}).json()
    with Collection.open(indexes / "texts") as collection:
        expected = json.loads(json.dumps(asdict(collection.search("parental leave", k=2))))
    stages = answer["profile"].pop("milliseconds")
    assert list(stages) == list(expected["profile"].pop("milliseconds"))
    assert answer == expected
    assert answer["hits"][0]["document_id"] == "leave"


def test_a_search_answers_with_exactly_the_promised_keys_in_order(client: TestClient) -> None:
    answer = client.post(SEARCH, json={"query": "lunch"}).json()
    assert list(answer) == ["query", "mode", "hits", "profile", "nearest", "cursor", "facets"]
    assert [list(hit) for hit in answer["hits"]] == [HIT_KEYS] * 3


def test_a_vector_finds_the_document_with_that_vector(client: TestClient) -> None:
    answer = client.post("/v1/collections/vectors/search", json={"vector": [0, 5, 0], "k": 1}).json()
    assert [(hit["document_id"], hit["score"]) for hit in answer["hits"]] == [("y", 1.0)]
    assert answer["query"] is None


def test_a_filter_is_applied(client: TestClient) -> None:
    answer = client.post(SEARCH, json={"query": "leave", "filter": {"year": {"$lt": 2024}}}).json()
    assert {hit["document_id"] for hit in answer["hits"]} == {"travel", "lunch"}
    assert answer["profile"]["matches"] == 2


@pytest.mark.parametrize(
    "expression", ['doc:leave - 0.5*"lunch"', [{"doc": "leave"}, {"text": "lunch", "weight": -0.5}]]
)
def test_an_expression_as_text_or_as_json_answers_what_the_library_answers(
    client: TestClient, indexes: Path, expression: object
) -> None:
    answer = client.post(SEARCH, json={"expression": expression}).json()
    with Collection.open(indexes / "texts") as collection:
        expected = json.loads(json.dumps(asdict(collection.search(expression='doc:leave - 0.5*"lunch"'))))
    del answer["profile"], expected["profile"]
    assert answer == expected
    assert sorted(hit["document_id"] for hit in answer["hits"]) == ["lunch", "travel"]
    assert 0.5 < answer["nearest"] < 1


def test_feedback_over_http_names_documents_and_chunks(client: TestClient) -> None:
    first = client.post(SEARCH, json={"query": "paid", "k": 1}).json()["hits"][0]
    answers = [
        client.post(SEARCH, json={"query": "paid", "relevant": [marked], "irrelevant": ["lunch"]}).json()
        for marked in (first["document_id"], first["chunk_id"])
    ]
    assert [[hit["document_id"] for hit in answer["hits"]] for answer in answers] == [["leave"], ["leave"]]
    assert answers[0]["hits"] == answers[1]["hits"]


def test_every_field_of_a_search_reaches_the_engine(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def spy(self: Collection, query: str | None, **options: object) -> SearchResult:
        calls.append((query, options))
        return SearchResult(query, SearchMode.SEMANTIC, (), Profile("exact", "cpu", 0, None, None, 0, {}))

    monkeypatch.setattr(Collection, "search", spy)
    options = {"vector": [1.0], "k": 7, "mode": "semantic", "filter": {"a": 1}, "target_recall": 0.5, "exact": True}
    options |= {"fusion": "rrf", "explain": True, "group_by": "document", "diversity": 0.5, "collapse": 0.9}
    options |= {"min_score": 0.1, "rerank": 5, "expand": "section", "facets": ["a.b"], "sort": "-a", "cursor": "c"}
    options |= {"expression": [{"doc": "a"}], "relevant": ["b", 2], "irrelevant": [3], "image": "aW1hZ2U="}
    assert client.post(SEARCH, json={"query": "q", **options}).status_code == 200
    assert calls == [("q", options | {"read_files": False, "image": b"image"})]


def test_every_field_of_a_context_reaches_the_engine(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def spy(self: Collection, query: str | None, **options: object) -> Context:
        calls.append((query, options))
        return Context("", (), 0, 1, 0)

    monkeypatch.setattr(Collection, "context", spy)
    options = {"vector": [1.0], "token_budget": 9, "k": 7, "mode": "keyword", "filter": {"a": 1}}
    assert client.post(CONTEXT, json={"query": "q", **options}).status_code == 200
    assert calls == [("q", options)]


def test_a_context_answers_what_the_library_answers(client: TestClient, indexes: Path) -> None:
    answer = client.post(CONTEXT, json={"query": "parental leave", "token_budget": 20})
    with Collection.open(indexes / "texts") as collection:
        expected = json.loads(json.dumps(asdict(collection.context("parental leave", token_budget=20))))
    assert answer.json() == expected
    assert list(answer.json()) == ["text", "citations", "tokens", "token_budget", "omitted"]
    assert answer.json()["citations"][0]["document_id"] == "leave"


def test_documents_are_added_updated_skipped_and_refused_one_by_one(client: TestClient) -> None:
    documents = [
        {"id": "new", "text": "fire drills are held in march"},
        {"id": "lunch", "text": "lunch is served at one", "metadata": {"year": 2022}},
        {"id": "travel", "text": "travel by train is paid for", "metadata": {"year": 2023}},
        {"id": "", "text": "has no id", "source": "nameless.md"},
    ]
    answer = client.post(ADD, json={"documents": documents})
    assert answer.status_code == 200
    report = answer.json()
    (failure,) = report.pop("failed")
    counts = {"added": 1, "updated": 1, "skipped": 1, "vanished": 0, "removed": 0}
    work = {"chunks": 2, "reused": 0, "tokens": 15, "truncated": 0, "replaced": 0}
    assert report == {**counts, **work, "maintenance": None, "files": []}
    assert (failure["where"], failure["document_id"]) == ("nameless.md", "")
    assert "1 to 1024 characters" in failure["reason"]


def test_what_was_added_is_found_by_the_next_search_with_all_its_fields(client: TestClient) -> None:
    document = {"id": "drill", "text": "fire drills", "title": "Safety", "metadata": {"a": [1, None]}, "source": "s.md"}
    client.post(ADD, json={"documents": [document]})
    hit = client.post(SEARCH, json={"query": "Safety fire drills", "k": 1}).json()["hits"][0]
    assert {key: hit[key] for key in ("text", "title", "metadata", "source")} == {
        key: document[key] for key in ("text", "title", "metadata", "source")
    }
    assert hit["document_id"] == "drill"


def test_a_document_brings_its_vector_to_a_collection_without_a_model(client: TestClient) -> None:
    document = {"id": "z", "text": "upwards", "vector": [0, 0, 2]}
    assert client.post("/v1/collections/vectors/documents", json={"documents": [document]}).json()["added"] == 1
    answer = client.post("/v1/collections/vectors/search", json={"vector": [0, 0, 1], "k": 1}).json()
    assert answer["hits"][0]["document_id"] == "z"


def test_no_documents_at_all_is_an_add_that_does_nothing(client: TestClient) -> None:
    answer = client.post(ADD, json={"documents": []})
    assert (answer.status_code, answer.json()["added"]) == (200, 0)


def test_info_answers_what_the_library_answers_with_paths_below_the_folder(client: TestClient, indexes: Path) -> None:
    answer = client.get("/v1/collections/texts")
    with Collection.open(indexes / "texts") as collection:
        expected = json.loads(json.dumps(asdict(collection.info())))
    assert answer.status_code == 200
    assert {**answer.json(), "bytes": 0} == {**expected, "bytes": 0, "path": "texts"}
    assert list(answer.json()) == list(expected)


def test_info_does_not_tell_where_on_the_machine_a_damaged_file_is(client: TestClient, indexes: Path) -> None:
    reason = f"{indexes}/texts/faiss/3.ivf has 5 bytes"
    with mock.patch.object(SnapshotCache, "status", return_value=Status(0, reason)):
        assert client.get("/v1/collections/texts").json()["degraded"] == "texts/faiss/3.ivf has 5 bytes"


def test_info_suggests_the_keys_whose_filters_were_slow_in_this_service(
    client: TestClient, indexes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filter_costs, "_FROM_MILLISECONDS", 0.0)
    for number in range(10):
        client.post(SEARCH, json={"query": "leave", "filter": {"year": number}})
    [suggested] = client.get("/v1/collections/texts").json()["suggested_keys"]
    assert suggested.pop("milliseconds") > 0
    assert suggested == {"key": "year", "searches": 10, "command": "semsearch index-key texts year"}
    with Collection.open(indexes / "texts") as collection:
        collection.index_key("year")
    answer = client.get("/v1/collections/texts").json()
    assert (answer["indexed_keys"], answer["suggested_keys"]) == (["year"], [])


def test_a_judgment_is_answered_as_the_collection_keeps_it(client: TestClient, indexes: Path) -> None:
    answer = client.post(JUDGE, json={"query": "time off", "document_id": "leave", "grade": 2})
    with Collection.open(indexes / "texts") as collection:
        assert [asdict(judgment) for judgment in collection.judgments()] == [answer.json()]
    assert {key: answer.json()[key] for key in ("query", "document_id", "grade", "known")} == {
        "query": "time off",
        "document_id": "leave",
        "grade": 2,
        "known": True,
    }


def test_a_judgment_of_a_document_that_is_not_there_is_answered_with_404(client: TestClient) -> None:
    answer = client.post(JUDGE, json={"query": "time off", "document_id": "nobody", "grade": 2})
    assert (answer.status_code, answer.json()["code"]) == (404, "document_not_found")


def documents(number: int) -> dict[str, Any]:
    return {"documents": [{"id": str(i), "text": f"text {i}"} for i in range(number)]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SEARCH, {"query": "q", "k": 1}),
        (SEARCH, {"query": "q", "k": 1_000, "target_recall": 1}),
        (CONTEXT, {"query": "q", "token_budget": 100_000, "k": 1_000}),
        (CONTEXT, {"query": "q", "token_budget": 1}),
        (ADD, documents(256)),
        (JUDGE, {"query": "q", "document_id": "leave", "grade": 0}),
        (JUDGE, {"query": "q", "document_id": "leave", "grade": 3}),
    ],
)
def test_a_value_at_its_bound_is_accepted(client: TestClient, path: str, body: object) -> None:
    assert client.post(path, json=body).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        (SEARCH, {"query": "q", "k": 0}, "body.k"),
        (SEARCH, {"query": "q", "k": 1_001}, "body.k"),
        (SEARCH, {"query": "q", "k": "5"}, "body.k"),
        (SEARCH, {"query": "q", "k": True}, "body.k"),
        (SEARCH, {"query": "q", "target_recall": 0}, "body.target_recall"),
        (SEARCH, {"query": "q", "target_recall": 1.01}, "body.target_recall"),
        (SEARCH, {"query": "q", "exact": "yes"}, "body.exact"),
        (SEARCH, {"query": "q", "mode": "telepathic"}, "body.mode"),
        (SEARCH, {"query": "q", "nprobe": 4}, "body.nprobe"),
        (SEARCH, {"query": 5}, "body.query"),
        (SEARCH, {"vector": ["1"]}, "body.vector.0"),
        (SEARCH, {"vector": [[1.0]]}, "body.vector.0"),
        (SEARCH, {"query": "q", "filter": []}, "body.filter"),
        (CONTEXT, {"query": "q", "token_budget": 0}, "body.token_budget"),
        (CONTEXT, {"query": "q", "token_budget": 100_001}, "body.token_budget"),
        (CONTEXT, {"query": "q", "k": 1_001}, "body.k"),
        (CONTEXT, {"query": "q", "exact": True}, "body.exact"),
        (ADD, documents(257), "body.documents"),
        (ADD, {}, "body.documents"),
        (ADD, {"documents": [{"id": "a"}]}, "body.documents.0.text"),
        (ADD, {"documents": [{"id": 1, "text": "t"}]}, "body.documents.0.id"),
        (ADD, {"documents": [{"id": "a", "text": "t", "model": "m"}]}, "body.documents.0.model"),
        (JUDGE, {"query": "q", "document_id": "leave", "grade": -1}, "body.grade"),
        (JUDGE, {"query": "q", "document_id": "leave", "grade": 4}, "body.grade"),
        (JUDGE, {"query": "q", "document_id": "leave", "grade": True}, "body.grade"),
        (JUDGE, {"query": "q", "document_id": "leave"}, "body.grade"),
        (JUDGE, {"query": "q", "document_id": 1, "grade": 1}, "body.document_id"),
    ],
)
def test_a_body_of_another_shape_is_refused_and_the_place_named(
    client: TestClient, path: str, body: object, place: str
) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["detail"].startswith(f"{place}: ")


def test_an_add_with_one_misshapen_document_adds_none(client: TestClient, indexes: Path) -> None:
    client.post(ADD, json={"documents": [{"id": "good", "text": "t"}, {"id": "bad"}]})
    with Collection.open(indexes / "texts") as collection:
        assert collection.count() == 3


NAMES = [
    "absent",
    "%2e%2e",
    "..%2foutside",
    "%2e%2e%2foutside",
    "texts%2f..%2f..%2foutside",
    "..%5coutside",
    ".texts",
    "-texts",
    "texts%00",
    "texts%0a",
    "t%C3%A9xts",
    "a" * 65,
    "stray",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verb", ["search", "documents", "context"])
def test_a_name_that_is_no_collection_is_refused_and_creates_nothing(
    client: TestClient, indexes: Path, name: str, verb: str
) -> None:
    Collection.create(indexes.parent / "outside", dim=3).close()
    (indexes / "stray").write_text("a file, not a folder")
    before = sorted(indexes.parent.rglob("*"))
    body = {"documents": []} if verb == "documents" else {"vector": [1, 0, 0]}
    answer = client.post(f"/v1/collections/{name}/{verb}", json=body)
    assert answer.status_code in {404, 422}
    assert sorted(indexes.parent.rglob("*")) == before


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"absent", "stray"}])
def test_a_name_outside_the_pattern_is_never_looked_up(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    looked_up: list[str] = []
    monkeypatch.setattr("semsearch.api.registry.OpenCollections.get", lambda self, name: looked_up.append(name))
    assert client.post(f"/v1/collections/{name}/search", json={"query": "q"}).status_code in {404, 422}
    assert looked_up == []


def test_a_name_of_64_characters_is_looked_up(client: TestClient) -> None:
    answer = client.post(f"/v1/collections/{'a' * 64}/search", json={"query": "q"})
    assert answer.json()["code"] == "collection_not_found"


BATCH, BATCHES = 20, 12


def test_eight_threads_search_whole_batches_while_another_adds_them(client: TestClient) -> None:
    texts = {f"{b}-{i}": f"common words and word{b} word{i}" for b in range(BATCHES) for i in range(BATCH)}
    done = threading.Event()

    def add() -> None:
        try:
            for some in batches(texts):
                body = {"documents": [{"id": id, "text": text} for id, text in some]}
                assert client.post(ADD, json=body).json()["added"] == BATCH
        finally:
            done.set()

    def search() -> list[int]:
        counts = []
        while True:
            last = done.is_set()
            hits = client.post(SEARCH, json={"query": "common words", "k": 1_000}).raise_for_status().json()["hits"]
            added = [hit for hit in hits if hit["document_id"] in texts]
            assert all(hit["text"] == texts[hit["document_id"]][hit["start"] : hit["end"]] for hit in added)
            assert [hit["rank"] for hit in hits] == list(range(1, len(hits) + 1))
            scores = [hit["score"] for hit in hits[:FUSED_DEPTH]]  # what a later round adds may have a higher one
            assert scores == sorted(scores, reverse=True)
            counts.append(len(added))
            if last:
                return counts

    with ThreadPoolExecutor(9) as pool:
        adding = pool.submit(add)
        seen = [searching.result() for searching in [pool.submit(search) for _ in range(8)]]
        adding.result()
    for counts in seen:
        assert counts == sorted(counts)
        assert {count % BATCH for count in counts} == {0}
        assert counts[-1] == len(texts)


def batches(texts: dict[str, str]) -> list[list[tuple[str, str]]]:
    pairs = list(texts.items())
    return [pairs[at : at + BATCH] for at in range(0, len(pairs), BATCH)]
