"""images reconstruct, interpolate, edit: what is drawn, and what is told."""

from pathlib import Path

import numpy as np
import pytest
from cli.command_line import Cli
from images.image_files import write_photographs

from semsearch.images.loading import load_image
from semsearch.images.measures import psnr, ssim


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMSEARCH_DEVICE", "cpu")


@pytest.fixture(autouse=True)
def photographs(folder: Path) -> list[Path]:
    """photographs/0.png to 3.png."""
    return write_photographs(folder / "photographs", 4)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_reconstruct_draws_each_image_alone_and_beside_the_original_and_measures_it(cli: Cli, folder: Path) -> None:
    done = cli("images", "reconstruct", "photographs/1.png", "photographs/2.png", "--out", "again", "--json")
    assert names(folder / "again") == ["00-1-compared.png", "00-1.png", "01-2-compared.png", "01-2.png"]
    told = done.json()
    assert told["files"] == ["00-1.png", "00-1-compared.png", "01-2.png", "01-2-compared.png"]
    assert [each["image"] for each in told["images"]] == ["photographs/1.png", "photographs/2.png"]
    assert all(each["latent"] == [4, 6, 8] and each["compression"] == 48 for each in told["images"])
    original, again = (load_image(folder / path) / np.float32(255) for path in ("photographs/1.png", "again/00-1.png"))
    assert told["images"][0]["psnr"] == pytest.approx(psnr(original, again)[0], abs=0.1)
    assert told["images"][0]["ssim"] == pytest.approx(ssim(original, again)[0], abs=0.01)


def test_reconstruct_prints_a_row_for_each_image(cli: Cli) -> None:
    done = cli("images", "reconstruct", "photographs/1.png", "--out", "again")
    assert done.out.splitlines()[0].split()[0] == "PSNR"
    assert done.out.splitlines()[1].endswith("48.0x  4 x 6 x 8     photographs/1.png")
    assert done.err == "semsearch: drawn: again\n"


def test_interpolate_draws_frames_a_strip_and_animations_and_tells_a_cross_fade(cli: Cli, folder: Path) -> None:
    arguments = ["images", "interpolate", "photographs/0.png", "photographs/1.png", "--frames", "3", "--size", "32"]
    done = cli(*arguments, "--out", "between")
    frames = [f"frame-{number:02d}.png" for number in range(3)]
    assert names(folder / "between") == ["animation.gif", "animation.webp", *frames, "strip.png"]
    assert load_image(folder / "between/frame-01.png").shape == (3, 32, 32)
    assert ": a cross-fade: " in done.out
    told = cli(*arguments, "--how", "spherical", "--out", "arc", "--json").json()
    assert (told["how"], told["out"]) == ("spherical", "arc")
    assert told["ghosting"] > 0.5


def test_edit_adds_and_subtracts_and_shows_the_sum(cli: Cli, folder: Path) -> None:
    terms = ["--minus", "photographs/1.png", "--plus", "photographs/2.png"]
    told = cli("images", "edit", "photographs/0.png", *terms, "--size", "32", "--out", "sum", "--json").json()
    assert told["terms"] == ["+photographs/0.png", "-photographs/1.png", "+photographs/2.png"]
    assert told["files"] == names(folder / "sum") == ["result.png", "strip.png"]
    assert 10 < told["pixel_psnr"] < 40
    assert load_image(folder / "sum/strip.png").shape == (3, 32 + 28, 4 * 32 + 3 * 4)


def test_edit_moves_an_image_between_two_folders_and_names_what_is_no_image(cli: Cli, folder: Path) -> None:
    write_photographs(folder / "others", 2)
    (folder / "others" / "notes.txt").write_text("no image")
    arguments = ["images", "edit", "photographs/0.png", "--direction", "photographs", "others", "--size", "32"]
    done = cli(*arguments, "--strengths", "-1.5,0,2", "--out", "moved", "--json")
    told = done.json()
    assert (told["strengths"], told["with"], told["without"]) == ([-1.5, 0.0, 2.0], 4, 2)
    assert told["files"] == ["frame-00.png", "frame-01.png", "frame-02.png", "strip.png"]
    assert "left out: others/notes.txt cannot be read as an image" in done.err
    assert len(names(folder / "moved")) == 4


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "say what to do"),
        (["--plus", "photographs/1.png", "--direction", "photographs", "photographs"], "say what to do"),
        (["--plus", "photographs/1.png", "--strengths", "1"], "--strengths are of a --direction"),
        (["--direction", "photographs", "photographs", "--strengths", "1,x"], "has to be numbers"),
        (["--direction", "photographs", "photographs", "--strengths", "nan"], "have to be finite"),
        (["--direction", "photographs", "missing"], "missing has no images in it"),
        (["--plus", "missing.png"], "missing.png cannot be read as an image"),
    ],
)
def test_edits_that_cannot_be_are_the_users_mistake_and_nothing_is_drawn(
    cli: Cli, folder: Path, arguments: list[str], reason: str
) -> None:
    refused = cli("images", "edit", "photographs/0.png", *arguments, "--size", "16", "--out", "edited")
    assert refused.code == 2
    assert reason in refused.err
    assert not (folder / "edited").exists()


@pytest.mark.parametrize("there", ["photographs", "photographs/0.png"])
def test_a_folder_or_file_that_is_there_is_not_overwritten(cli: Cli, folder: Path, there: str) -> None:
    before = names(folder / "photographs")
    refused = cli("images", "reconstruct", "photographs/1.png", "--out", there)
    assert refused.code == 2
    assert "nothing is overwritten" in refused.err
    assert names(folder / "photographs") == before


def test_an_empty_folder_is_filled(cli: Cli, folder: Path) -> None:
    (folder / "empty").mkdir()
    assert cli("images", "reconstruct", "photographs/1.png", "--out", "empty").code == 0
    assert names(folder / "empty") == ["00-1-compared.png", "00-1.png"]


def test_a_folder_that_cannot_be_made_is_the_users_mistake(cli: Cli) -> None:
    refused = cli("images", "reconstruct", "photographs/1.png", "--out", "photographs/0.png/deeper")
    assert refused.code == 2
    assert "--out photographs/0.png/deeper cannot be written" in refused.err
