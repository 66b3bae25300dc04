"""map, and images map, which is the same."""

from pathlib import Path

import pytest
from cli.command_line import Cli


def test_map_prints_what_the_axes_are_and_where_labels_lie(cli: Cli, pets: str) -> None:
    lines = cli("map", pets, "--label", "year").out.splitlines()
    assert lines[0] == "pets: 3 chunks"
    assert lines[1].startswith("x  direction of largest variance, ")
    assert lines[4].split() == ["CHUNKS", "MEAN", "X", "MEAN", "Y", "year"]
    assert [line.split()[-1] for line in lines[5:]] == ["2020", "2021", "2022"]


def test_map_json_has_the_axes_and_a_point_for_each_chunk(cli: Cli, pets: str) -> None:
    ends = ["--x", "cat", '{"year": 2021}', "--y", '{"year": 2020}', '{"year": {"$gt": 2021}}']
    told = cli("map", pets, *ends, "--label", "year", "--filter", '{"year": {"$lt": 2022}}', "--json").json()
    assert [axis["low"] for axis in told["axes"]] == ["cat", '{"year": 2020}']
    assert [axis["high"] for axis in told["axes"]] == ['{"year": 2021}', '{"year": {"$gt": 2021}}']
    assert [(point["document_id"], point["label"]) for point in told["points"]] == [("cat", "2020"), ("dog", "2021")]
    assert told["points"][1]["x"] == pytest.approx(1, abs=1e-3)
    assert told["points"][0]["y"] != told["points"][1]["y"]


def test_map_of_images_is_the_same_command(cli: Cli, pets: str) -> None:
    assert cli("images", "map", pets, "--json").out == cli("map", pets, "--json").out


def test_map_draws_a_picture(cli: Cli, pets: str, folder: Path) -> None:
    done = cli("map", pets, "--out", "map.png")
    assert done.err.endswith("semsearch: drawn: map.png\n")
    assert (folder / "map.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--x", "cat", '{"year": '], "--x is '{\"year\": ', which is not JSON"),
        (["--out", "map.docx"], "its name has to end in one of"),
        (["--label", "a b"], "is not a key"),
    ],
)
def test_a_map_that_cannot_be_is_the_users_mistake(cli: Cli, pets: str, arguments: list[str], reason: str) -> None:
    refused = cli("map", pets, *arguments)
    assert refused.code == 2
    assert reason in refused.err
