"""Which reader reads which suffix, and readers of other people's."""

import importlib
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_files import document_of, reason_of

from semsearch.ingest.readers.registry import BUILT_IN, READERS
from semsearch.ingest.reading import read_paths
from semsearch.types import Document

DOCS = Path(__file__).parents[3] / "docs" / "reading.md"
PLUG_IN = """
from semsearch.ingest.readers.content import Content, of_text
from semsearch.ingest.readers.contract import Reader

def parse(text):
    return Content(text.upper())

SHOUTED = Reader("shouted", (".shout", ".txt"), of_text("shouted", parse))
NOT_A_READER = "text"
BAD_SUFFIX = Reader("bad", ("BAD",), of_text("bad", parse))
"""


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution with five entry points, of which four are wrong; what the other one reads is sandboxed."""
    folder = tmp_path / "installed"
    information = folder / "shouting-1.0.dist-info"
    information.mkdir(parents=True)
    (folder / "shouting.py").write_text(PLUG_IN)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[semsearch.readers]\na = shouting:NOT_A_READER\nb = shouting:SHOUTED\nc = no_such_module:READER\n"
        "d = shouting:BAD_SUFFIX\ne = shouting:NO_SUCH_NAME\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    vars(READERS).pop("_found", None)
    yield
    vars(READERS).pop("_found", None)
    sys.modules.pop("shouting", None)


def test_no_two_readers_share_a_suffix_or_a_name() -> None:
    suffixes = [suffix for reader in BUILT_IN for suffix in reader.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert len(BUILT_IN) == len({reader.name for reader in BUILT_IN})
    assert READERS.keys() == set(suffixes)


def test_whatever_other_people_or_complex_code_parses_is_sandboxed() -> None:
    alone = {reader.name for reader in BUILT_IN if not reader.sandboxed}
    assert alone == {"text", "markdown", "rst", "org", "code", "csv", "json", "jsonl"}


def test_a_plug_in_reads_its_suffixes_and_those_of_a_built_in_reader(
    tmp_path: Path, plug_in: None, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.shout", "b.txt", "c.md"):
        (tmp_path / name).write_text("text")
    with caplog.at_level(logging.INFO, logger="semsearch"):
        items = list(read_paths([str(tmp_path / name) for name in ("a.shout", "b.txt", "c.md")]))
    assert [item.text for item in items if isinstance(item, Document)] == ["TEXT", "TEXT", "text"]
    assert ".txt: read by the plug-in 'shouted' instead of 'text'" in caplog.messages


def test_plug_ins_that_cannot_be_used_are_left_out_and_logged(plug_in: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="semsearch"):
        assert READERS[".shout"].name == "shouted"
        assert "BAD" not in READERS
    assert [message.partition(" is left out: ")[0] for message in caplog.messages] == [
        "the reader 'a' of the plug-in shouting:NOT_A_READER",
        "the reader 'c' of the plug-in no_such_module:READER",
        "the reader 'd' of the plug-in shouting:BAD_SUFFIX",
        "the reader 'e' of the plug-in shouting:NO_SUCH_NAME",
    ]


def test_the_table_of_formats_in_the_documentation_is_complete() -> None:
    page = DOCS.read_text()
    told = set(re.findall(r"`(\.[a-z0-9]+)`", page.partition("## Kinds of files")[2].partition("### Tables")[0]))
    assert told - {".doc", ".xls", ".ppt", ".msg"} == {suffix for reader in BUILT_IN for suffix in reader.suffixes}
    assert all(f"`{reader.name}`" in page for reader in BUILT_IN)


def test_the_reader_in_the_documentation_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [example] = re.findall(r"```python\n# subtitles.py\n(.*?)```", DOCS.read_text(), re.DOTALL)
    (tmp_path / "documented_subtitles.py").write_text(example)
    monkeypatch.syspath_prepend(str(tmp_path))
    reader = importlib.import_module("documented_subtitles").SUBTITLES
    path = tmp_path / "film.srt"
    path.write_text("1\n00:01:02,500 --> 00:01:04,000\nHello.\n\n2\n00:02:00,000 --> 00:02:01,000\nBye.\n")
    document = document_of(reader, path)
    assert [(document.text[place.start :].splitlines()[0], place.heading) for place in document.places] == [
        ("Hello.", "00:01"),
        ("Bye.", "00:02"),
    ]
    assert document.metadata == {"format": "subtitles", "cues": 2}
    path.write_text("text")
    assert reason_of(reader, path).endswith("ValueError: there are no times in it")


def test_importing_the_registry_and_asking_it_imports_no_parser() -> None:
    code = "from semsearch.ingest.readers.registry import READERS; import sys; READERS['.md']; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    parsers = {"bs4", "pypdfium2", "striprtf", "pyarrow", "charset_normalizer", "py3langid", "lxml"}
    assert not set(done.stdout.split()) & parsers
