import json
import random
from pathlib import Path

import pytest
from cli.command_line import Cli

from semsearch.index import sizing


@pytest.fixture
def points(cli: Cli, folder: Path, costs_by_size: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A collection with an index."""
    monkeypatch.setattr(sizing, "INDEX_FROM", 300)
    rng = random.Random(1)
    rows = [{"id": str(n), "text": "", "vector": [rng.gauss(0, 1) for _ in range(6)]} for n in range(400)]
    (folder / "points.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert cli("add", "points", "points.jsonl", "--dim", "6").code == 0
    return "points"


def test_tune_prints_the_operating_curve(cli: Cli, points: str) -> None:
    run = cli("tune", points)
    assert run.code == 0
    assert run.out.splitlines()[0].split() == [
        "ALLOWED",
        "NPROBE",
        "CANDIDATES",
        "RECALL@10",
        "RECALL@100",
        "MS",
        "A",
        "QUERY",
    ]
    curve = cli("tune", points, "--json").json()["curve"]
    assert curve[-1]["recall_at_10"] > curve[0]["recall_at_10"] > 0
    assert all(point["milliseconds"] > 0 for point in curve)


def test_tune_draws_a_picture(cli: Cli, points: str, folder: Path) -> None:
    run = cli("tune", points, "--plot", "curve.png")
    assert run.code == 0
    assert (folder / "curve.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(("name", "content"), [("missing.txt", None), ("bad.jsonl", '{"query": "x"}\n')])
def test_queries_that_cannot_be_read_are_the_users_mistake(
    cli: Cli, points: str, folder: Path, name: str, content: str | None
) -> None:
    if content is not None:
        (folder / name).write_text(content)
    run = cli("tune", points, "--queries", name)
    assert (run.code, run.out) == (2, "")
    assert name in run.err


def test_a_picture_that_cannot_be_written_is_the_users_mistake(cli: Cli, points: str) -> None:
    assert cli("tune", points, "--plot", "nowhere/curve.png").code == 2


def test_another_target_for_an_existing_collection_is_refused(cli: Cli, points: str) -> None:
    run = cli("add", points, "points.jsonl", "--target-recall", "0.9")
    assert run.code == 2
    assert "0.95" in run.err


def test_info_tells_what_serves_searches(cli: Cli, points: str) -> None:
    facts = dict(line.split(maxsplit=1) for line in cli("info", points).out.splitlines())
    assert facts["index"].startswith("400 vectors in 10 inverted lists (compact)")
    index = cli("info", points, "--json").json()["index"]
    assert (index["rows"], index["delta"], index["trained"], index["codec"]) == (400, 0, 400, "compact")
