"""Jupyter notebooks: what is in their cells."""

import json
from pathlib import Path

import pytest
from made_files import document_of, reason_of

from semsearch.ingest.readers.notebook import NOTEBOOK
from semsearch.types import Limits, Place


def written(tmp_path: Path, notebook: object) -> Path:
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook))
    return path


def test_cells_are_the_text_and_headings_of_markdown_cells_are_places(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["intro\n", "\n", "# One\n"]},
        {"cell_type": "code", "source": "# no heading\nprint(1)", "outputs": [{"text": "printed"}]},
        {"cell_type": "markdown", "source": "## Two"},
        {"cell_type": "code", "source": []},
        "odd",
    ]
    metadata = {"kernelspec": {"language": "R"}, "language_info": {"name": "python"}}
    document = document_of(NOTEBOOK, written(tmp_path, {"cells": cells, "metadata": metadata, "nbformat": 4}))
    assert document.text == "intro\n\n# One\n\n# no heading\nprint(1)\n\n## Two"
    assert document.places == (Place(7, "One"), Place(37, "One > Two"))
    assert (document.title, document.metadata) == ("One", {"format": "ipynb", "code_language": "python"})


def test_notebooks_of_before_version_4_and_titles_in_the_metadata_are_read(tmp_path: Path) -> None:
    sheet = {"cells": [{"cell_type": "code", "input": ["x = 1"]}, {"cell_type": "markdown", "source": "# H"}]}
    document = document_of(NOTEBOOK, written(tmp_path, {"worksheets": [sheet], "metadata": {"title": "T"}}))
    assert (document.title, document.text) == ("T", "x = 1\n\n# H")


@pytest.mark.parametrize(
    ("notebook", "reason"),
    [
        ([], "is no notebook: it is JSON, and no object"),
        ({}, "has no text in it"),
        ({"cells": None}, "has no text in it"),
        ({"cells": [{"source": {}}], "metadata": 5, "worksheets": [7]}, "has no text in it"),
    ],
)
def test_what_is_no_notebook_is_a_failure(tmp_path: Path, notebook: object, reason: str) -> None:
    assert reason_of(NOTEBOOK, written(tmp_path, notebook)).startswith(reason)


def test_broken_json_and_too_much_text_are_failures(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text('{"cells": [')
    assert reason_of(NOTEBOOK, path).startswith(
        "cannot be read as ipynb, it is damaged or of another kind: JSONDecodeError"
    )
    path = written(tmp_path, {"cells": [{"cell_type": "code", "source": "x" * 200}]})
    assert reason_of(NOTEBOOK, path, Limits(text_characters=100)) == "has more than 100 characters of text; split it"
    path.write_text("[" * 100_000)
    assert reason_of(NOTEBOOK, path).startswith(
        "cannot be read as ipynb, it is damaged or of another kind: RecursionError"
    )
