"""Every example in docs/python.md runs, in order, and prints what the page says."""

import builtins
import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).resolve().parents[1] / "docs/python.md").read_text(encoding="utf-8")
EXAMPLES: list[tuple[str, str | None]] = [
    (match["code"], match["output"])
    for match in re.finditer(r"^```python\n(?P<code>.*?)^```\n(?:```text\n(?P<output>.*?)^```\n)?", PAGE, re.M | re.S)
]


def outputs_of(codes: list[str]) -> list[str]:
    """What each example prints; they share their names, as on one page."""
    names: dict[str, Any] = {}
    outputs = []
    for code in codes:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, names)
        outputs.append(printed.getvalue())
    return outputs


def test_every_example_prints_what_follows_it_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert outputs_of([code for code, _ in EXAMPLES]) == [output or "" for _, output in EXAMPLES]


def test_every_public_method_and_property_of_a_collection_is_in_an_example() -> None:
    from semsearch import Collection

    methods = {name for name in dir(Collection) if not name.startswith("_")}
    code = "".join(code for code, _ in EXAMPLES)
    assert {name for name in methods if not re.search(rf"\.{name}\b", code)} == set()


def test_every_block_of_the_page_is_python_or_the_output_of_python() -> None:
    assert len(re.findall(r"^```\w", PAGE, re.M)) == sum(1 + (output is not None) for _, output in EXAMPLES)


def test_every_error_of_semsearch_that_the_page_names_exists() -> None:
    from semsearch import errors

    named = set(re.findall(r"\b[A-Z]\w+Error\b", PAGE)) - set(dir(builtins))
    assert {name for name in named if not hasattr(errors, name)} == set()
