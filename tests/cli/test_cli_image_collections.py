"""The commands for collections of images, and what the others make of one."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli.command_line import Cli, Write
from fakes import FakeImageEmbedder
from images.image_files import encoded
from PIL import Image

from semsearch.collection import models
from semsearch.errors import InvalidRequestError

COLOURS = {"red": (250, 10, 10), "orange": (250, 120, 10), "green": (10, 250, 10), "blue": (10, 10, 250)}


def colour(name: str) -> bytes:
    return encoded(np.full((40, 40, 3), COLOURS[name], np.uint8))


@pytest.fixture
def model_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], FakeImageEmbedder]:
    """What every model of images loads, by its size."""
    fakes: dict[int, FakeImageEmbedder] = {}

    def load(name: str, *, size: int, **_: object) -> FakeImageEmbedder:
        return fakes.setdefault(size, FakeImageEmbedder(size, name=name))

    for module in ("semsearch.collection.models", "semsearch.images.pinned"):
        monkeypatch.setattr(f"{module}.load_image_embedder", load)
    return lambda size: fakes[size]


@pytest.fixture
def photos(cli: Cli, write: Write, model_of: Callable[[int], FakeImageEmbedder]) -> str:
    for name in COLOURS:
        write(f"album/{name}.png", colour(name))
    done = cli("images", "add", "photos", "album", "--size", "32")
    assert done.code == 0
    assert "created the collection photos" in done.err
    assert done.out.startswith("photos: 4 added, 0 updated, 0 skipped, 0 failed; 4 chunks in ")
    return "photos"


def hits(run: object) -> list[str]:
    return [hit["document_id"].removeprefix("album/").removesuffix(".png") for hit in run.json()["hits"]]


def test_images_are_found_by_a_file(cli: Cli, photos: str) -> None:
    run = cli("images", "search", photos, "album/red.png", "-k", "2", "--json")
    assert (run.code, hits(run), run.json()["mode"]) == (0, ["red", "orange"], "semantic")
    text = cli("images", "search", photos, "album/red.png", "-k", "2").out
    assert text == "1  1.000  album/red.png\n\n2  0.918  album/orange.png\n"


def test_images_are_found_by_an_expression_and_a_filter(cli: Cli, photos: str) -> None:
    run = cli("images", "search", photos, "--expression", "image:album/red.png + doc:album/green.png", "--json")
    assert hits(run) == ["orange", "red", "blue"]
    filtered = cli("images", "search", photos, "album/red.png", "--filter", '{"path": {"$contains": "blue"}}', "--json")
    assert hits(filtered) == ["blue"]


def test_the_hits_are_drawn_from_their_latents(cli: Cli, photos: str, folder: Path) -> None:
    for name in ("orange", "green", "blue"):
        (folder / f"album/{name}.png").unlink()
    run = cli("images", "search", photos, "album/red.png", "-k", "3", "--picture", "strip.png")
    assert (run.code, run.err) == (0, "semsearch: drawn: strip.png\n")
    with Image.open(folder / "strip.png") as strip:
        assert (strip.width, strip.height > 32) == (4 * 32 + 3 * 4, True)
        pixels = np.asarray(strip)[16, [16, 52, 88, 124]]
    expected = [COLOURS[name] for name in ("red", "red", "orange", "blue")]
    assert np.abs(pixels.astype(int) - expected).max() <= 3


def test_hits_alone_are_drawn_where_the_query_is_no_file(cli: Cli, photos: str, folder: Path) -> None:
    assert (
        cli("images", "search", photos, "--expression", "doc:album/red.png", "--picture", "s.png", "-k", "2").code == 0
    )
    with Image.open(folder / "s.png") as strip:
        assert strip.width == 2 * 32 + 4
    none = cli("images", "search", photos, "--words", "nothing", "--picture", "none.png")
    assert (none.code, none.out) == (0, "no hits\n")
    assert "nothing is drawn" in none.err
    assert not (folder / "none.png").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["photos"], "say what to search for"),
        (["photos", "nowhere.png"], "nowhere.png cannot be read as an image"),
        (["photos", "album/red.png", "--picture", "a.jpg"], "the picture is a PNG"),
        (["photos", "album/red.png", "--picture", "album/red.png"], "nothing is overwritten"),
        (["photos", "album/red.png", "--picture", "no/such/folder.png"], "cannot be written"),
        (["pets", "album/red.png"], "pets is no collection of images: use semsearch search"),
    ],
    ids=str,
)
def test_a_search_that_cannot_be_is_the_users_mistake(
    cli: Cli, photos: str, pets: str, arguments: list[str], problem: str
) -> None:
    run = cli("images", "search", *arguments)
    assert run.code == 2
    assert problem in run.err


def test_adding_again_encodes_nothing_and_tells_what_failed(
    cli: Cli, write: Write, photos: str, model_of: Callable[[int], FakeImageEmbedder]
) -> None:
    write("album/broken.jpg", b"broken")
    run = cli("images", "add", photos, "album", "--files")
    assert run.code == 2
    assert "album/broken.jpg: cannot be read as an image" in run.err
    assert "photos: 0 added, 0 updated, 4 skipped, 1 failed; 0 chunks" in run.out
    assert model_of(32).images == 4
    retried = cli("images", "add", photos, "album", "--retry-failed", "--json")
    assert [failure["document_id"] for failure in retried.json()["failed"]] == ["album/broken.jpg"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["images", "add", "pets", "album"], "pets exists, and is no collection of images"),
        (["images", "add", "photos", "album", "--size", "64"], "--size is 64, and"),
        (["images", "add", "new", "album", "--size", "33"], "the size is 33"),
        (["images", "add", "new", "pets.jsonl"], ".jsonl files are not read in a collection like this"),
    ],
    ids=str,
)
def test_an_add_that_cannot_be_is_refused(
    cli: Cli, photos: str, pets: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str], problem: str
) -> None:
    def load(*_: object, size: int, **__: object) -> FakeImageEmbedder:
        if size % 8:
            raise InvalidRequestError(f"the size is {size}")
        return FakeImageEmbedder(size)

    monkeypatch.setattr(models, "load_image_embedder", load)
    run = cli(*arguments)
    assert run.code == 2
    assert problem in run.err


def test_a_collection_of_which_nothing_could_be_stored_goes_again(
    cli: Cli, write: Write, folder: Path, model_of: Callable[[int], FakeImageEmbedder]
) -> None:
    write("bad/a.png", b"broken")
    run = cli("images", "add", "bad", "bad")
    assert run.code == 2
    assert "deleted the collection bad again" in run.err
    assert not (folder / "indexes/bad").exists()


def test_other_commands_know_images(cli: Cli, write: Write, photos: str, folder: Path) -> None:
    write("album/twin.png", encoded(np.full((40, 40, 3), (250, 11, 10), np.uint8)))
    assert cli("add", photos, "album").out.startswith("photos: 1 added, 0 updated, 4 skipped")
    assert "images       brought to 32 x 32 pixels" in cli("info", photos).out
    assert json.loads(cli("get", photos, "album/red.png", "--json").out)["metadata"]["folder"] == "album"
    report = cli("report", photos, "--similarity", "0.95").out.splitlines()
    assert report == [
        "photos: 5 images",
        "0 groups of the same image",
        "1 group of images that are nearly the same",
        "  album/red.png, album/twin.png",
    ]
    assert "album/blue.png" in cli("list", photos).out
    (folder / "album/twin.png").unlink()
    assert "1 file to be added" not in cli("sync", photos, "album", "--dry-run").out
    assert "1 document removed" in cli("sync", photos, "album", "--remove").out
    assert cli("map", photos, "--label", "folder", "--json").json()["points"][0]["label"] == "album"
    assert "1 document" in cli("remove", photos, "album/red.png").out


def test_words_by_meaning_are_refused_with_what_to_do(cli: Cli, photos: str) -> None:
    run = cli("search", photos, "a red wall", "--mode", "semantic")
    assert run.code == 2
    assert "knows nothing of words: search with an image" in run.err


def test_a_map_shows_the_images_and_its_axes_end_at_images(cli: Cli, photos: str, folder: Path) -> None:
    ends = ["--x", "doc:album/red.png", "image:album/blue.png"]
    told = cli("images", "map", photos, *ends, "--json").json()
    at = {point["document_id"]: point["x"] for point in told["points"]}
    assert (at["album/red.png"], at["album/blue.png"]) == pytest.approx((-1, 1), abs=0.01)
    assert (told["axes"][0]["low"], told["axes"][0]["high"]) == ("album/red.png", "album/blue.png")
    for name in COLOURS:
        (folder / f"album/{name}.png").unlink()
    assert cli("map", photos, "--out", "map.png").code == 0
    with Image.open(folder / "map.png") as picture:
        drawn = np.asarray(picture.convert("RGB")).astype(int)
    for colour in COLOURS.values():
        assert (np.abs(drawn - colour).max(axis=2) <= 3).sum() > 500  # a point alone has a hundred


def test_a_map_of_texts_has_points_only(cli: Cli, pets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semsearch.drawing._draw_picture", lambda *_: pytest.fail("there is nothing to draw"))
    assert cli("map", pets, "--x", "doc:cat", "doc:dog", "--out", "map.png").code == 0
