"""Images over HTTP come as they are, and are drawn from the collection; a path that a client names is never opened."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api.conftest import COLOURS, colour
from fastapi.testclient import TestClient
from PIL import Image

from semsearch.api import image_schemas
from semsearch.api.routes import images as module

PHOTOS = "/v1/collections/photos"
SEARCH = f"{PHOTOS}/search"


def coded(name: str) -> str:
    return base64.b64encode(colour(name)).decode()


def middle(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        assert (picture.format, picture.size) == ("PNG", (32, 32))
        return np.asarray(picture)[16, 16].astype(int)


def is_colour(drawn: Mapping[str, str], expected: np.ndarray) -> bool:
    return bool(np.abs(middle(base64.b64decode(drawn["image"])) - expected).max() <= 3)


def nearest(drawn: Mapping[str, Any]) -> str:
    return drawn["neighbours"][0]["document_id"]


def test_an_expression_may_bring_an_image(client: TestClient) -> None:
    parts = [{"image": coded("red")}, {"doc": "red", "weight": -0.1}]
    answer = client.post(SEARCH, json={"expression": parts, "k": 1})
    assert answer.status_code == 200
    assert [hit["document_id"] for hit in answer.json()["hits"]] == ["orange"]


def test_an_expression_cannot_name_a_file(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(colour("red"))
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
    assert client.get(PHOTOS).json()["image_size"] == 32


def test_a_search_may_bring_an_image(client: TestClient) -> None:
    answer = client.post(SEARCH, json={"image": coded("blue"), "k": 1, "filter": {"warm": False}})
    assert [hit["document_id"] for hit in answer.json()["hits"]] == ["blue"]
    assert client.post("/v1/collections/texts/search", json={"image": coded("blue")}).status_code == 422


def test_images_are_added_and_one_that_is_none_stops_no_other(client: TestClient) -> None:
    broken = base64.b64encode(b"no image").decode()
    documents = [
        {"id": "new/one.png", "image": coded("blue"), "text": "a caption", "metadata": {"year": 2024}},
        {"id": "broken", "image": broken},
        {"id": "words", "text": "no image at all"},
    ]
    report = client.post(f"{PHOTOS}/documents", json={"documents": documents}).json()
    assert report["added"] == 1
    assert [each["document_id"] for each in report["failed"]] == ["broken", "words"]
    assert "cannot be read as an image" in report["failed"][0]["reason"]
    hits = client.post(SEARCH, json={"query": "caption"}).json()["hits"]
    assert [(hit["document_id"], hit["metadata"]) for hit in hits] == [("new/one.png", {"year": 2024})]
    assert np.abs(middle(client.get(f"{PHOTOS}/documents/new/one.png/image").content) - COLOURS["blue"]).max() <= 3


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"id": "a"}, "body.documents.0.text: Value error, Field required, except where there is an image"),
        ({"id": "a", "image": "no base64!"}, "an image is the bytes of its file in base64, and this is none"),
        ({"id": "a", "image": 5}, "an image is the bytes of its file in base64"),
    ],
)
def test_a_document_of_another_shape_is_refused(client: TestClient, document: dict[str, Any], problem: str) -> None:
    answer = client.post(f"{PHOTOS}/documents", json={"documents": [document]})
    assert answer.status_code == 422
    assert problem in answer.json()["detail"]


def test_an_image_in_a_collection_of_texts_is_a_document_that_failed(client: TestClient) -> None:
    document = {"id": "a", "text": "words", "image": coded("red")}
    report = client.post("/v1/collections/texts/documents", json={"documents": [document]}).json()
    assert "this is no collection of images" in report["failed"][0]["reason"]


def test_a_stored_image_is_drawn_whatever_is_in_its_id(client: TestClient) -> None:
    for path in ("red", "album/green.png", "album%2Fgreen.png"):
        answer = client.get(f"{PHOTOS}/documents/{path}/image")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert np.abs(middle(answer.content) - COLOURS[path.replace("%2F", "/")]).max() <= 3


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("photos/documents/nobody/image", 404, "document_not_found"),
        ("texts/documents/leave/image", 422, "invalid_request"),
        ("nowhere/documents/red/image", 404, "collection_not_found"),
    ],
)
def test_what_has_no_image_is_told(client: TestClient, path: str, status: int, code: str) -> None:
    answer = client.get(f"/v1/collections/{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_interpolation_has_frames_each_with_what_is_near_to_it(client: TestClient) -> None:
    body = {"first": {"doc": "red"}, "second": {"image": coded("album/green.png")}, "frames": 3, "neighbours": 2}
    told = client.post(f"{PHOTOS}/images/interpolate", json=body).json()
    assert [nearest(frame) for frame in told["frames"]] == ["red", "orange", "album/green.png"]
    assert [len(frame["neighbours"]) for frame in told["frames"]] == [2, 2, 2]
    ends = [np.array(COLOURS[name]) for name in ("red", "album/green.png")]
    assert is_colour(told["frames"][0], ends[0])
    assert is_colour(told["frames"][1], (ends[0] + ends[1]) / 2)
    assert is_colour(told["frames"][2], ends[1])
    assert (told["how"], told["is_cross_fade"]) == ("linear", True)
    assert told["ghosting"] == pytest.approx(1, abs=1e-3)


def test_an_interpolation_between_an_image_and_itself_is_json_all_the_same(client: TestClient) -> None:
    body = {"first": {"doc": "red"}, "second": {"doc": "red"}, "frames": 2, "neighbours": 0}
    told = client.post(f"{PHOTOS}/images/interpolate", json=body).json()
    assert told["cross_fade_psnr"] is None
    assert [frame["neighbours"] for frame in told["frames"]] == [[], []]


def test_a_sum_is_drawn_with_what_is_near_to_it(client: TestClient) -> None:
    body = {"image": {"doc": "red"}, "plus": [{"image": coded("blue")}], "minus": [{"doc": "red"}]}
    told = client.post(f"{PHOTOS}/images/edit", json=body).json()
    assert [nearest(result) for result in told["results"]] == ["blue"]
    assert is_colour(told["results"][0], np.array(COLOURS["blue"]))
    assert told["strengths"] == []
    assert told["pixel_psnr"] > 30


def test_a_direction_leads_between_a_filter_and_a_list(client: TestClient) -> None:
    direction = {"with": [{"doc": "album/green.png"}], "without": {"filter": {"warm": True}}}
    body = {"image": {"doc": "red"}, "direction": direction, "strengths": [0, 1]}
    told = client.post(f"{PHOTOS}/images/edit", json=body).json()
    assert (told["strengths"], told["pixel_psnr"]) == ([0, 1], None)
    assert [nearest(result) for result in told["results"]] == ["red", "album/green.png"]
    assert len(client.post(f"{PHOTOS}/images/edit", json={**body, "strengths": None}).json()["results"]) == 5


def test_a_reconstruction_is_measured_unless_the_image_is_a_stored_one(client: TestClient) -> None:
    sent = client.post(f"{PHOTOS}/images/reconstruct", json={"image": {"image": coded("blue")}}).json()
    assert nearest(sent["result"]) == "blue"
    assert sent["ssim"] > 0.99
    assert sent["compression"] == 64
    stored = client.post(f"{PHOTOS}/images/reconstruct", json={"image": {"doc": "blue"}}).json()
    assert (stored["psnr"], stored["ssim"], stored["compression"]) == (None, None, 64)
    assert is_colour(stored["result"], np.array(COLOURS["blue"]))


RED = {"doc": "red"}


@pytest.mark.parametrize(
    ("route", "body", "problem"),
    [
        ("interpolate", {"first": RED, "second": RED, "frames": 1}, "greater than or equal to 2"),
        ("interpolate", {"first": RED, "second": RED, "frames": 34}, "less than or equal to 33"),
        ("interpolate", {"first": RED, "second": RED, "neighbours": 21}, "less than or equal to 20"),
        ("interpolate", {"first": RED, "second": RED, "how": "round"}, "'linear' or 'spherical'"),
        ("interpolate", {"first": RED, "second": {}}, 'an image is either {"doc": ID} or {"image": BASE64}'),
        ("interpolate", {"first": RED, "second": {**RED, "image": ""}}, "an image is either"),
        ("interpolate", {"first": RED, "second": {"path": "/etc/passwd"}}, "Extra inputs are not permitted"),
        ("interpolate", {"first": RED, "second": {"image": ""}}, "cannot be read as an image"),
        ("edit", {"image": RED}, "say what to do"),
        ("edit", {"image": RED, "plus": [RED], "direction": {"with": [RED], "without": [RED]}}, "say what to do"),
        ("edit", {"image": RED, "plus": [RED], "strengths": [1]}, "strengths are of a direction"),
        ("edit", {"image": RED, "plus": [RED] * 17}, "at most 16 items"),
        ("edit", {"image": RED, "direction": {"with": [], "without": [RED]}}, "a group has no images"),
        ("edit", {"image": RED, "direction": {"with": [RED] * 257, "without": [RED]}}, "at most 256 items"),
        ("edit", {"image": RED, "direction": {"with": {"filter": {"a": 1}}, "without": [RED]}}, "no document matches"),
        (
            "edit",
            {"image": RED, "direction": {"with": [RED], "without": [RED]}, "strengths": [1e9]},
            "less than or equal to 100",
        ),
    ],
)
def test_what_cannot_be_drawn_is_the_clients_mistake(
    client: TestClient, route: str, body: dict[str, Any], problem: str
) -> None:
    answer = client.post(f"{PHOTOS}/images/{route}", json=body)
    assert answer.status_code == 422
    assert problem in answer.json()["detail"]


@pytest.mark.parametrize("route", ["interpolate", "edit", "reconstruct"])
def test_a_collection_of_texts_has_nothing_to_draw(client: TestClient, route: str) -> None:
    bodies = {"interpolate": {"first": RED, "second": RED}, "edit": {"image": RED, "plus": [RED]}}
    body = bodies.get(route, {"image": RED})
    answer = client.post(f"/v1/collections/texts/images/{route}", json=body)
    assert answer.status_code == 422
    assert "is no collection of images" in answer.json()["detail"]


def test_one_request_has_a_bounded_number_of_pixels_drawn(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DRAWN", 4 * 32 * 32)
    body = {"first": RED, "second": RED, "frames": 3}
    assert client.post(f"{PHOTOS}/images/interpolate", json=body).status_code == 200
    refused = client.post(f"{PHOTOS}/images/interpolate", json={**body, "frames": 4})
    assert refused.status_code == 422
    assert "5 images of 32 x 32 would be drawn" in refused.json()["detail"]
    sums = {"image": RED, "plus": [RED] * 3}
    assert client.post(f"{PHOTOS}/images/edit", json=sums).status_code == 422
    steps = {"image": RED, "direction": {"with": [RED], "without": [RED]}}
    assert client.post(f"{PHOTOS}/images/edit", json=steps).status_code == 422


def test_a_full_request_at_the_usual_size_is_within_the_bound() -> None:
    assert (image_schemas.MAX_FRAMES + 1) * 512**2 <= module.MAX_DRAWN
