"""The README says what is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.model
def test_the_example_prints_what_the_readme_says(tmp_path: Path) -> None:
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    [output] = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout == output


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = README + (ROOT / "CONTRIBUTING.md").read_text()
    assert set(re.findall(r"make ([a-z-]+)", texts)) <= targets


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))])
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_format_page_names_every_table_and_column() -> None:
    from semsearch.store.schema import tables

    page = (ROOT / "docs" / "on-disk-format.md").read_text(encoding="utf-8")
    names = {column.name for table in tables.sorted_tables for column in table.columns} | set(tables.tables)
    assert {name for name in names - {"id"} if f"`{name}`" not in page} == set()


def test_the_version_is_in_the_changelog_or_nothing_is_released() -> None:
    import semsearch

    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## Unreleased" in changelog or f"## {semsearch.__version__}" in changelog


def test_the_makefile_runs_without_an_environment_of_its_own() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SEMSEARCH_")}
    result = subprocess.run(
        ["make", "-n", "demo"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "semsearch build indexes/python-docs.toml" in result.stdout
