"""The commands for images."""

from pathlib import Path

import pytest
from cli.command_line import Cli
from images.image_files import write_photographs


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMSEARCH_DEVICE", "cpu")


def test_train_leaves_out_what_is_no_image_and_names_the_folder_of_the_model(cli: Cli, folder: Path) -> None:
    write_photographs(folder / "photographs" / "deeper", 2)
    (folder / "photographs" / "notes.txt").write_text("no image")
    done = cli("images", "train", "photographs", "--out", "trained", "--steps", "1", "--json")
    assert done.code == 0
    assert done.json() == {"model": "trained/model-00000001", "steps": 1, "images": 2}
    assert "notes.txt cannot be read as an image" in done.err
    assert (folder / "trained" / "model-00000001" / "config.json").exists()


def test_training_into_a_folder_twice_needs_resume(cli: Cli, folder: Path) -> None:
    write_photographs(folder / "photographs", 1)
    arguments = ["images", "train", "photographs", "--out", "trained", "--steps"]
    assert cli(*arguments, "1").code == 0
    refused = cli(*arguments, "2")
    assert refused.code == 2
    assert "resume it" in refused.err
    assert cli(*arguments, "2", "--resume").out.startswith("trained/model-00000002: trained on 1 image, 2 steps")


def test_a_folder_without_images_is_the_users_mistake(cli: Cli, folder: Path) -> None:
    (folder / "empty").mkdir()
    refused = cli("images", "train", "empty", "--out", "trained")
    assert refused.code == 2
    assert "no images to train on" in refused.err


def test_training_on_a_collection_takes_its_files_that_are_still_there(cli: Cli, folder: Path) -> None:
    write_photographs(folder / "photographs", 3)
    assert cli("images", "add", "photos", "photographs", "--size", "64").code == 0
    first = sorted((folder / "photographs").iterdir())[0]
    first.unlink()
    done = cli("images", "train", "photos", "--out", "trained", "--steps", "1", "--json")
    assert done.code == 0
    assert done.json()["images"] == 2
    assert f"{first.name} cannot be read" in done.err


def test_nothing_is_learned_from_texts_or_from_nothing(cli: Cli, folder: Path) -> None:
    (folder / "note.txt").write_text("a note")
    assert cli("add", "notes", "note.txt").code == 0
    refused = cli("images", "train", "notes", "--out", "trained")
    assert refused.code == 2
    assert "notes is a collection of texts" in refused.err
    missing = cli("images", "train", "nowhere", "--out", "trained")
    assert missing.code == 2
    assert "nowhere" in missing.err
