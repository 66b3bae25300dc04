"""images reconstruct, interpolate, edit with --in: stored images, and what of a collection is near to each result."""

from pathlib import Path

import numpy as np
import pytest
from cli.command_line import Cli, Write
from fakes import FakeImageEmbedder
from images.image_files import encoded
from PIL import Image

COLOURS = {"red": (250, 10, 10), "orange": (250, 120, 10), "green": (10, 250, 10), "blue": (10, 10, 250)}
NAMES = {f"album/{name}.png": name for name in COLOURS}


def colour(name: str) -> bytes:
    return encoded(np.full((40, 40, 3), COLOURS[name], np.uint8))


@pytest.fixture(autouse=True)
def photos(cli: Cli, write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collection of four colours whose files are gone, but for `there.png`, which is orange."""
    for module in ("semsearch.collection.models", "semsearch.images.pinned"):
        monkeypatch.setattr(f"{module}.load_image_embedder", lambda name, size, **_: FakeImageEmbedder(size))
    for name in COLOURS:
        write(f"album/{name}.png", colour(name))
    assert cli("images", "add", "photos", "album", "--size", "32").code == 0
    for name in COLOURS:
        (folder / f"album/{name}.png").unlink()
    write("there.png", colour("orange"))


def nearest(told: dict[str, list[list[dict[str, str]]]]) -> list[list[str]]:
    return [[NAMES[each["document_id"]] for each in near] for near in told["neighbours"]]


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_stored_images_are_interpolated_and_each_frame_has_its_nearest_stored_images(cli: Cli, folder: Path) -> None:
    arguments = ["images", "interpolate", "doc:album/red.png", "doc:album/green.png", "--in", "photos", "--frames", "3"]
    told = cli(*arguments, "--neighbours", "2", "--out", "between", "--json").json()
    assert nearest(told) == [["red", "orange"], ["orange", "green"], ["green", "orange"]]
    scores = [near[0]["score"] for near in told["neighbours"]]
    assert scores[0] == scores[2] == pytest.approx(1, abs=1e-3)
    assert 0.5 < scores[1] < 0.99
    assert np.abs(pixels(folder / "between/frame-00.png")[16, 16] - COLOURS["red"]).max() <= 3


def test_the_nearest_stored_images_are_drawn_below_the_frames(cli: Cli, folder: Path) -> None:
    arguments = ["images", "interpolate", "doc:album/red.png", "doc:album/green.png", "--in", "photos", "--frames", "3"]
    assert cli(*arguments, "--neighbours", "1", "--out", "between").code == 0
    strip = pixels(folder / "between/strip.png")
    assert strip.shape == (2 * (32 + 28) + 4, 3 * 32 + 2 * 4, 3)
    below = strip[32 + 28 + 4 + 16, [16, 52, 88]]
    assert np.abs(below - [COLOURS[name] for name in ("red", "orange", "green")]).max() <= 3


def test_a_table_tells_what_is_near_unless_none_is_asked_for(cli: Cli, folder: Path) -> None:
    arguments = ["images", "interpolate", "doc:album/red.png", "there.png", "--in", "photos", "--frames", "2"]
    lines = cli(*arguments, "--out", "between").out.splitlines()
    assert lines[2] == "RESULT  NEAREST STORED IMAGES"
    assert lines[3].startswith("0.00    1.000 album/red.png, 0.9")
    assert lines[4].startswith("1.00    1.000 album/orange.png, ")
    assert [line.count(",") for line in lines[3:5]] == [2, 2]
    none = cli(*arguments, "--neighbours", "0", "--out", "none")
    assert "NEAREST" not in none.out
    assert pixels(folder / "none/strip.png").shape[0] == 32 + 28


def test_a_sum_of_stored_images_and_a_file_has_its_nearest_below_the_result(cli: Cli, folder: Path) -> None:
    terms = ["--minus", "doc:album/red.png", "--plus", "image:there.png"]
    arguments = ["images", "edit", "doc:album/red.png", *terms, "--in", "photos", "--neighbours", "1"]
    told = cli(*arguments, "--out", "sum", "--json").json()
    assert told["terms"] == ["+doc:album/red.png", "-doc:album/red.png", "+image:there.png"]
    assert nearest(told) == [["orange"]]
    strip = pixels(folder / "sum/strip.png")
    row = strip[32 + 28 + 4 + 16, [16, 52, 88, 124]]
    assert (row[:3] == 255).all()
    assert np.abs(row[3] - COLOURS["orange"]).max() <= 3


def test_a_direction_leads_between_what_two_filters_match(cli: Cli) -> None:
    ends = [f'filter:{{"path": {{"$contains": "{name}"}}}}' for name in ("green", "r")]  # red, orange, green
    arguments = ["images", "edit", "there.png", "--direction", *ends, "--strengths", "0,1.5", "--in", "photos"]
    told = cli(*arguments, "--neighbours", "1", "--out", "moved", "--json").json()
    assert (told["with"], told["without"]) == (1, 3)
    assert nearest(told) == [["orange"], ["green"]]


def test_reconstruct_draws_stored_images_and_measures_files(cli: Cli, folder: Path) -> None:
    arguments = ["images", "reconstruct", "doc:album/blue.png", "there.png", "--in", "photos", "--neighbours", "1"]
    told = cli(*arguments, "--out", "again", "--json").json()
    assert told["files"] == ["00-blue.png", "01-there.png", "01-there-compared.png", "neighbours.png"]
    assert (told["images"][0]["psnr"], told["images"][0]["ssim"]) == (None, None)
    assert told["images"][1]["ssim"] > 0.99
    assert nearest(told) == [["blue"], ["orange"]]
    assert np.abs(pixels(folder / "again/00-blue.png")[16, 16] - COLOURS["blue"]).max() <= 3
    text = cli(*arguments, "--out", "text").out.splitlines()
    assert text[1].split()[:2] == ["-", "-"]
    assert text[-1].split() == ["there.png", "1.000", "album/orange.png"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["doc:album/red.png", "there.png"], "say which collection it is in"),
        (["there.png", "there.png", "--neighbours", "2"], "say which, with --in COLLECTION"),
        (["there.png", "there.png", "--in", "photos", "--neighbours", "21"], "it is from 0 to 20"),
        (["there.png", "there.png", "--in", "photos", "--size", "64"], "squares of 32: leave --size out"),
        (["doc:nowhere", "there.png", "--in", "photos"], "nowhere"),
        (["there.png", "there.png", "--in", "pets"], "pets is no collection of images"),
        (["there.png", "there.png", "--in", "missing"], "missing"),
    ],
)
def test_operands_that_cannot_be_are_the_users_mistake_and_nothing_is_drawn(
    cli: Cli, folder: Path, pets: str, arguments: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semsearch.images.autoencoder.load_autoencoder", lambda *_, **__: FakeImageEmbedder(512))
    refused = cli("images", "interpolate", *arguments, "--out", "between")
    assert refused.code == 2
    assert reason in refused.err
    assert not (folder / "between").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("filter:{", "--direction is '{', which is not JSON"),
        ("filter:[]", "it has to be a JSON object"),
        ('filter:{"folder": "x"}', "no document matches {'folder': 'x'}"),
    ],
)
def test_a_direction_from_a_filter_that_cannot_be_is_refused(cli: Cli, text: str, reason: str) -> None:
    refused = cli("images", "edit", "there.png", "--direction", text, text, "--in", "photos", "--out", "moved")
    assert refused.code == 2
    assert reason in refused.err


def test_another_model_than_the_collections_is_refused(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    other = FakeImageEmbedder(32, fingerprint="other")
    monkeypatch.setattr("semsearch.images.pinned.load_image_embedder", lambda *_, **__: other)
    refused = cli("images", "interpolate", "there.png", "there.png", "--in", "photos", "--model", "x", "--out", "o")
    assert refused.code == 2
    assert "vectors of different models cannot be compared" in refused.err
