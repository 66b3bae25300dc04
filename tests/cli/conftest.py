"""The command line run in this process, in an empty folder, with a model that needs no download."""

import json
from pathlib import Path

import pytest
from cli.command_line import Cli, Run, Write
from fakes import FakeEmbedder

from semsearch.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty, with no setting in the environment."""
    for name in ("INDEXES", "DEVICE", "SEARCH_DEVICE", "RERANKER", "MAX_DOCUMENT_BYTES"):
        monkeypatch.delenv(f"SEMSEARCH_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeEmbedder:
    """What every model name loads."""
    fake = FakeEmbedder()
    for module in ("semsearch.collection.models", "semsearch.embedders.pinned"):
        monkeypatch.setattr(f"{module}.load_embedder", lambda *_: fake)
    return fake


@pytest.fixture
def cli(folder: Path, model: FakeEmbedder, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command line in `folder`."""

    def run(*arguments: str) -> Run:
        code = main(arguments)
        captured = capsys.readouterr()
        return Run(code, captured.out, captured.err)

    return run


@pytest.fixture
def write(folder: Path) -> Write:
    """Write a file below `folder`, and return its path from there."""

    def write(name: str, content: str | bytes) -> str:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    return write


@pytest.fixture
def pets(cli: Cli, write: Write) -> str:
    """A collection with three documents of one chunk each: cat (2020), dog (2021), fish (2022)."""
    lines = [
        {"id": "cat", "text": "the cat sat on the mat", "title": "On cats", "metadata": {"year": 2020}},
        {"id": "dog", "text": "a dog barks at night", "metadata": {"year": 2021}},
        {"id": "fish", "text": "fish swim in the sea", "metadata": {"year": 2022}},
    ]
    path = write("pets.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    assert cli("add", "pets", path).code == 0
    return "pets"
