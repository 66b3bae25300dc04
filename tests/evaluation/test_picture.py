"""draw: a picture of an evaluation and of a comparison, and what is said where there can be none."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from semsearch import Collection, Document
from semsearch.errors import InvalidRequestError, MissingDependencyError
from semsearch.evaluation import Evaluation, compare, draw, evaluate

PNG = b"\x89PNG\r\n"


@pytest.fixture
def evaluation(tmp_path: Path) -> Iterator[Evaluation]:
    with Collection.create(tmp_path / "compass", dim=2) as made:
        made.add([Document("east", "", vector=[1, 0]), Document("north", "", vector=[0, 1])])
        yield evaluate(made, {"q": [2, 1]}, {"q": {"north": 1}})


def test_a_picture_names_the_configuration_and_every_measure_with_its_mean(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    draw(evaluation, tmp_path / "one.svg")
    drawn = texts(tmp_path / "one.svg")
    assert {"compass, semantic", "1 query, mean and 95 % interval", *evaluation.measures} <= drawn
    assert {f"{estimate.mean:.3f}" for estimate in evaluation.measures.values()} <= drawn


def test_a_picture_of_a_comparison_names_both_and_shows_the_gains_of_the_first_measure(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    draw(compare(evaluation, evaluation), tmp_path / "two.svg")
    drawn = texts(tmp_path / "two.svg")
    assert {"A: compass, semantic", "B: compass, semantic", "ndcg@10 of each query: B - A"} <= drawn
    assert {"0 better, 1 equal, 0 worse", "mean +0.000 (+0.000 to +0.000), p = 1"} <= drawn


def texts(path: Path) -> set[str]:
    """What is written in an SVG; matplotlib leaves each text in a comment beside its outlines."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return {line.removeprefix("<!-- ").removesuffix(" -->") for line in lines if line.startswith("<!-- ")}


def test_the_end_of_the_name_says_which_kind_of_picture(evaluation: Evaluation, tmp_path: Path) -> None:
    draw(evaluation, str(tmp_path / "one.png"))
    assert (tmp_path / "one.png").read_bytes().startswith(PNG)
    draw(evaluation, tmp_path / "one.pdf")
    assert (tmp_path / "one.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", ["picture", "picture.docx"])
def test_a_name_that_says_no_kind_of_picture_is_an_error(evaluation: Evaluation, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequestError, match="its name has to end in one of .*png"):
        draw(evaluation, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_picture_in_a_folder_that_is_not_there_is_an_error(evaluation: Evaluation, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="no such folder"):
        draw(evaluation, tmp_path / "absent" / "one.png")


def test_a_picture_where_a_folder_is_is_an_error(evaluation: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "one.png").mkdir()
    with pytest.raises(InvalidRequestError, match="cannot be written"):
        draw(evaluation, tmp_path / "one.png")


def test_without_matplotlib_the_error_names_the_extra(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'semsearch\[plot\]'"):
        draw(evaluation, tmp_path / "one.png")
