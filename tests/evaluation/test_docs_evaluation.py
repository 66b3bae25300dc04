"""The pages name what there is to evaluate with."""

import re
from pathlib import Path

from semsearch import evaluation
from semsearch.evaluation.known_items import KINDS
from semsearch.evaluation.measures import KNOWN_ITEM_MEASURES, MEASURES, check_measures

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "evaluation.md").read_text(encoding="utf-8")


def test_the_page_of_the_library_names_every_function_and_class() -> None:
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    results = {"Comparison", "Difference"}  # described as what compare gives
    assert {name for name in evaluation.__all__ if not re.search(rf"\b{name}\b", page)} <= results


def test_every_measure_in_the_table_is_one_and_the_defaults_are_the_defaults() -> None:
    rows = re.findall(r"^\| `([a-z]+(?:@K)?)` \|.*\| (?:`(\S+)`)? ?\|$", PAGE, re.MULTILINE)
    names = [name.replace("@K", "@5") for name, _ in rows]
    assert check_measures(names, 100) == tuple(names)
    assert len(names) == 6
    assert {default for _, default in rows if default} == set(MEASURES)
    assert f"for known items: {', '.join(f'`{name}`' for name in KNOWN_ITEM_MEASURES)}" in PAGE


def test_every_kind_of_known_items_is_described() -> None:
    assert re.findall(r"^\| `(sentence|title)` \|", PAGE, re.MULTILINE) == list(KINDS)
