"""Measures: by hand, by a second implementation on random rankings, and as they are named."""

import sys
from math import log2

import numpy as np
import pytest

from semsearch.errors import InvalidRequestError, MissingDependencyError
from semsearch.evaluation.measures import MEASURES, check_measures, values_of

# relevant: a (3), b (1), and c (1), which is not found; z was judged not relevant
GRADES = {"a": 3, "b": 1, "c": 1, "z": 0}
RANKING = ["z", "a", "x", "b"]
BY_HAND = {
    "ndcg@10": (3 / log2(3) + 1 / log2(5)) / (3 / log2(2) + 1 / log2(3) + 1 / log2(4)),
    "ndcg@2": (3 / log2(3)) / (3 / log2(2) + 1 / log2(3)),
    "ndcg@1": 0.0,
    "recall@100": 2 / 3,
    "recall@2": 1 / 3,
    "mrr@10": 1 / 2,
    "mrr@1": 0.0,
    "precision@2": 1 / 2,
    "precision@5": 2 / 5,
    "success@1": 0.0,
    "success@2": 1.0,
    "map": (1 / 2 + 2 / 4) / 3,
    "map@2": (1 / 2) / 3,
}


def run_of(ranking: list[str]) -> dict[str, float]:
    return {document_id: 1.0 / place for place, document_id in enumerate(ranking, 1)}


@pytest.mark.parametrize(("measure", "expected"), BY_HAND.items())
def test_a_measure_is_what_it_is_by_hand(measure: str, expected: float) -> None:
    values = values_of([measure], {"q": GRADES}, {"q": run_of(RANKING)})
    assert values == {measure: {"q": pytest.approx(expected, abs=1e-12)}}


def test_a_ranking_of_nothing_is_worth_nothing() -> None:
    values = values_of(BY_HAND, {"q": GRADES}, {"q": {}})
    assert values == {measure: {"q": 0.0} for measure in BY_HAND}


def test_a_perfect_ranking_is_worth_1_in_each_measure_but_precision() -> None:
    measures = ["ndcg@10", "recall@100", "mrr@10", "map", "success@1"]
    values = values_of(measures, {"q": GRADES}, {"q": run_of(["a", "b", "c"])})
    assert values == {measure: {"q": 1.0} for measure in measures}


def test_documents_of_equal_score_stay_in_the_order_of_the_ranking() -> None:
    for ranking, expected in ((["a", "x", "y"], 1.0), (["x", "a", "y"], 1 / 2), (["x", "y", "a"], 1 / 3)):
        equal = dict.fromkeys(ranking, 0.5)
        assert values_of(["mrr@10"], {"q": {"a": 1}}, {"q": equal}) == {"mrr@10": {"q": expected}}


def second_implementation(measure: str, grades: dict[str, int], ranking: list[str]) -> float:
    name, _, cutoff = measure.partition("@")
    seen = ranking[: int(cutoff)] if cutoff else ranking
    relevant = {document_id for document_id, grade in grades.items() if grade >= 1}
    places = [place for place, document_id in enumerate(seen, 1) if document_id in relevant]
    discounts = [1 / log2(place + 1) for place in range(1, len(seen) + len(grades) + 1)]
    gains = [max(grades.get(document_id, 0), 0) for document_id in seen]
    best = sorted((max(grade, 0) for grade in grades.values()), reverse=True)[: int(cutoff) if cutoff else None]
    return {
        "ndcg": lambda: np.dot(gains, discounts[: len(gains)]) / np.dot(best, discounts[: len(best)]),
        "recall": lambda: len(places) / len(relevant),
        "mrr": lambda: 1 / places[0] if places else 0.0,
        "precision": lambda: len(places) / int(cutoff),
        "success": lambda: float(bool(places)),
        "map": lambda: sum(found / place for found, place in enumerate(places, 1)) / len(relevant),
    }[name]()


def test_measures_agree_with_a_second_implementation_on_random_rankings() -> None:
    random = np.random.default_rng(5)
    qrels, run = {}, {}
    for number in range(50):
        judged = random.choice(40, size=random.integers(1, 30), replace=False)
        qrels[str(number)] = {f"d{each}": int(random.integers(-1, 4)) for each in judged} | {"d40": 1}
        found = random.choice(45, size=random.integers(0, 40), replace=False)
        run[str(number)] = {f"d{each}": float(random.random()) for each in found}
        run[str(number)] = dict(sorted(run[str(number)].items(), key=lambda item: -item[1]))
    measures = [
        f"{name}@{cutoff}" for name in ("ndcg", "recall", "mrr", "precision", "success") for cutoff in (1, 7, 30)
    ]
    for measure, values in values_of([*measures, "map", "map@7"], qrels, run).items():
        expected = {query: second_implementation(measure, qrels[query], list(run[query])) for query in qrels}
        assert values == pytest.approx(expected, abs=1e-9), measure


def test_names_of_measures_are_kept_in_order_and_once() -> None:
    assert check_measures(["map", "ndcg@10", "map"], 100) == ("map", "ndcg@10")
    assert check_measures("ndcg@10", 10) == ("ndcg@10",)
    assert check_measures(MEASURES, 100) == MEASURES


@pytest.mark.parametrize("name", ["ndcg", "nDCG@10", "ndcg@0", "ndcg@-1", "ndcg@010", "f1@10", "", "map@", "ndcg@10 "])
def test_an_unknown_measure_is_an_error_that_lists_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="ndcg@K, recall@K, mrr@K, precision@K, success@K, map@K, map$"):
        check_measures(["map", name], 100)


def test_a_measure_that_looks_further_down_than_the_ranking_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="recall@101 looks at 101 documents, and depth is 100"):
        check_measures(["recall@101"], 100)


def test_no_measure_is_an_error() -> None:
    with pytest.raises(InvalidRequestError, match="at least one measure"):
        check_measures([], 100)


def test_without_ir_measures_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'semsearch\[eval\]'"):
        check_measures(MEASURES, 100)
