from pathlib import Path

import pytest
from cli.command_line import Cli

from semsearch.index import sizing


def test_compact_gives_space_back_and_says_how_much(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "SEAL_FROM", 100)
    lines = "".join(f'{{"id": "{n}", "text": "{"x" * 2_000}", "vector": [1, {n}]}}\n' for n in range(400))
    (folder / "many.jsonl").write_text(lines)
    cli("add", "many", "many.jsonl", "--dim", "2")
    cli("remove", "many", *map(str, range(380)))
    sizes = cli("compact", "many", "--json").json()
    assert sizes["bytes"] < sizes["bytes_before"] / 2
    run = cli("compact", "many")
    assert run.code == 0
    assert run.out.startswith("many: ")
    assert cli("info", "many", "--json").json()["tombstones"] == 0


def test_compact_of_an_unknown_collection_is_the_users_mistake(cli: Cli) -> None:
    assert cli("compact", "nothing").code == 2
