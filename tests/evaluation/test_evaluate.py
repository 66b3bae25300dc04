"""evaluate and compare: rankings of documents, what is counted, and what two configurations differ by."""

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from fakes import FakeEmbedder

from semsearch import Collection, Document
from semsearch.errors import DimensionMismatchError, InvalidRequestError
from semsearch.evaluation import Evaluation, compare, evaluate
from semsearch.evaluation.significance import interval, p_value

EAST, NORTH = [1.0, 0.0], [0.0, 1.0]


@pytest.fixture
def compass(tmp_path: Path) -> Iterator[Collection]:
    """Documents at 0, 10, ... 90 degrees from the east; `d0` is `d90`'s opposite."""
    angles = np.radians(range(0, 100, 10))
    with Collection.create(tmp_path / "compass", dim=2) as made:
        made.add(
            Document(f"d{degrees}", "", {"even": degrees % 20 == 0}, vector=[np.cos(angle), np.sin(angle)])
            for degrees, angle in zip(range(0, 100, 10), angles, strict=True)
        )
        yield made


QUERIES = {"east": EAST, "north": NORTH}
QRELS = {"east": {"d0": 1, "d20": 1}, "north": {"d0": 1}}


def mrr(collection: Collection, qrels: dict[str, dict[str, int]] = QRELS, **settings: object) -> Evaluation:
    return evaluate(collection, QUERIES, qrels, measures=["mrr@10"], **settings)


def test_an_evaluation_has_the_values_of_every_query_and_their_mean(compass: Collection) -> None:
    found = evaluate(compass, QUERIES, QRELS)
    assert list(found.measures) == ["ndcg@10", "recall@100", "mrr@10", "map"]
    assert found.measures["mrr@10"].values == {"east": 1.0, "north": 1 / 10}
    assert found.measures["mrr@10"].mean == pytest.approx(0.55)
    assert found.measures["map"].values == pytest.approx({"east": (1 + 2 / 3) / 2, "north": 1 / 10})
    assert (found.measures["mrr@10"].low, found.measures["mrr@10"].high) == interval(np.array([1.0, 0.1]))


def test_an_evaluation_says_what_was_evaluated(compass: Collection) -> None:
    found = mrr(compass, depth=20, exact=True)
    assert (found.collection, found.mode, found.options, found.depth) == ("compass", "semantic", {"exact": True}, 20)
    assert (found.judged_documents, found.unknown_documents, found.left_out) == (2, 0, 0)
    assert found.label == "compass, semantic, exact=True"


def test_the_rankings_are_kept_in_the_order_of_the_search(compass: Collection) -> None:
    hits = compass.search(vector=NORTH, k=4).hits
    assert list(mrr(compass, depth=10).run["north"].items())[:4] == [(hit.document_id, hit.score) for hit in hits]


def test_a_ranking_has_as_many_documents_as_depth_says_and_no_more(compass: Collection) -> None:
    found = evaluate(compass, QUERIES, QRELS, depth=3, measures=["recall@3"])
    assert {query_id: list(ranking) for query_id, ranking in found.run.items()} == {
        "east": ["d0", "d10", "d20"],
        "north": ["d90", "d80", "d70"],
    }
    assert found.measures["recall@3"].values == {"east": 1.0, "north": 0.0}


def test_only_judged_queries_are_searched(compass: Collection) -> None:
    assert set(mrr(compass, {"north": {"d0": 1}}).run) == {"north"}


def test_a_query_without_a_relevant_document_is_left_out_and_counted(compass: Collection) -> None:
    found = mrr(compass, {"east": {"d0": 0, "d10": -1}, "north": {"d90": 1}})
    assert (set(found.run), found.left_out, found.measures["mrr@10"].mean) == ({"north"}, 1, 1.0)


def test_documents_that_the_collection_lacks_are_counted_and_count_as_not_found(compass: Collection) -> None:
    found = evaluate(compass, QUERIES, {"east": {"d0": 1, "d400": 1, "d500": 0}}, measures=["recall@100"])
    assert (found.judged_documents, found.unknown_documents) == (3, 2)
    assert found.measures["recall@100"].mean == 0.5


def test_a_judged_document_that_is_only_not_found_is_not_unknown(compass: Collection) -> None:
    found = evaluate(compass, QUERIES, {"east": {"d90": 1}}, depth=2, measures=["recall@2"])
    assert (found.unknown_documents, found.measures["recall@2"].mean) == (0, 0.0)


def test_the_document_with_the_id_of_the_query_can_be_left_out(compass: Collection) -> None:
    queries, qrels = {"d0": EAST}, {"d0": {"d10": 1}}
    seen = evaluate(compass, queries, qrels, depth=3, measures=["mrr@3"])
    ignored = evaluate(compass, queries, qrels, depth=3, measures=["mrr@3"], ignore_identical_ids=True)
    assert (list(seen.run["d0"]), seen.measures["mrr@3"].mean) == (["d0", "d10", "d20"], 0.5)
    assert (list(ignored.run["d0"]), ignored.measures["mrr@3"].mean) == (["d10", "d20", "d30"], 1.0)


def test_options_are_those_of_a_search(compass: Collection) -> None:
    found = mrr(compass, filter={"even": True})
    assert list(found.run["east"]) == ["d0", "d20", "d40", "d60", "d80"]


def test_every_search_gets_the_mode_and_the_options_and_nothing_that_was_not_said(compass: Collection) -> None:
    with mock.patch.object(Collection, "search", autospec=True, side_effect=Collection.search) as search:
        mrr(compass)
        mrr(compass, mode="semantic", target_recall=0.9, depth=20)
    said = [call.kwargs for call in search.call_args_list]
    assert [each.keys() for each in said] == [{"vector", "k"}] * 2 + [{"vector", "k", "mode", "target_recall"}] * 2
    assert [each["k"] for each in said] == [100, 100, 20, 20]  # documents here have one chunk
    assert (said[2]["mode"], said[2]["target_recall"]) == ("semantic", 0.9)


@pytest.mark.parametrize("option", ["nprobe", "k", "query", "vector"])
def test_what_is_no_option_of_a_search_is_an_error_that_lists_those_there_are(compass: Collection, option: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"'{option}' is no option of a search; there are: mode, filter"):
        mrr(compass, **{option: 1})


def test_a_mode_that_there_is_not_is_the_search_s_error(compass: Collection) -> None:
    with pytest.raises(InvalidRequestError, match="mode is 'telepathic'"):
        mrr(compass, mode="telepathic")


def test_progress_is_told_after_every_query(compass: Collection) -> None:
    done: list[int] = []
    mrr(compass, progress=done.append)
    assert done == [1, 2]


@pytest.mark.parametrize("qrels", [{}, {"east": {}}, {"east": {"d0": 0}}])
def test_without_a_relevant_document_there_is_nothing_to_measure(
    compass: Collection, qrels: dict[str, dict[str, int]]
) -> None:
    with pytest.raises(InvalidRequestError, match="no query has a document with a grade of at least 1"):
        mrr(compass, qrels)


def test_a_judged_query_that_is_not_among_the_queries_is_an_error(compass: Collection) -> None:
    with pytest.raises(InvalidRequestError, match="the query 'south' is judged, and is not among the queries"):
        mrr(compass, {"south": {"d0": 1}})


@pytest.mark.parametrize("depth", [0, -1, 1.5, True])
def test_a_ranking_has_at_least_one_document(compass: Collection, depth: int) -> None:
    with pytest.raises(InvalidRequestError, match="depth is"):
        mrr(compass, depth=depth)


def test_a_query_that_cannot_be_searched_is_the_search_s_error(compass: Collection) -> None:
    with pytest.raises(DimensionMismatchError):
        evaluate(compass, {"east": [1.0]}, {"east": {"d0": 1}})


def test_an_empty_collection_finds_nothing(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "empty", dim=2) as empty:
        found = mrr(empty)
    assert (found.run, found.measures["mrr@10"].mean) == ({"east": {}, "north": {}}, 0.0)
    assert found.unknown_documents == 2


# --- documents of many chunks


def chunks_of(text: str, number: int) -> str:
    """A text of so many chunks, each of which is this text."""
    return " ".join([text] * number)


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Collection]:
    """Thirty chunks of `crowd` are nearest to "cat", and then one chunk of each of the others."""
    words = " ".join(["cat"] * 14)
    with Collection.create(tmp_path / "crowded", model=FakeEmbedder()) as made:
        made.add([Document("crowd", chunks_of(words, 30)), *(Document(name, f"cat {name}") for name in "abcd")])
        assert made.info().chunks == 34
        yield made


def test_a_document_has_the_score_of_its_best_chunk_and_comes_once(crowded: Collection) -> None:
    run = evaluate(crowded, {"q": "cat a"}, {"q": {"a": 1}}, measures=["mrr@10"]).run["q"]
    best: dict[str, float] = {}
    for hit in crowded.search("cat a", k=34).hits:
        best[hit.document_id] = max(best.get(hit.document_id, -1.0), hit.score)
    assert run == best
    assert list(run.values()) == sorted(best.values(), reverse=True)


def test_depth_documents_come_even_where_the_chunks_of_one_crowd_the_others_out(crowded: Collection) -> None:
    with mock.patch.object(Collection, "search", autospec=True, side_effect=Collection.search) as search:
        run = evaluate(crowded, {"q": "cat"}, {"q": {"a": 1}}, depth=3, measures=["mrr@3"]).run["q"]
    assert (next(iter(run)), len(run)) == ("crowd", 3)
    assert [call.kwargs["k"] for call in search.call_args_list] == [21, 42]  # 3 documents of 34 / 5 chunks; doubled


# --- two configurations


def test_a_comparison_has_the_gain_of_every_query(compass: Collection) -> None:
    a, b = mrr(compass), mrr(compass, filter={"even": True})
    gains = {"east": 0.0, "north": 1 / 5 - 1 / 10}
    compared = compare(a, b)
    assert (compared.a, compared.b, list(compared.differences)) == (a, b, ["mrr@10"])
    difference = compared.differences["mrr@10"]
    assert difference.values == pytest.approx(gains)
    assert difference.mean == pytest.approx(0.05)
    assert (difference.better, difference.worse, difference.equal) == (1, 0, 1)
    assert (difference.low, difference.high) == interval(np.array(list(difference.values.values())))
    assert difference.p == p_value(np.array(list(difference.values.values()))) == 1.0


def test_a_comparison_the_other_way_round_has_the_opposite_gains(compass: Collection) -> None:
    a, b = mrr(compass), mrr(compass, filter={"even": True})
    there, back = compare(a, b).differences["mrr@10"], compare(b, a).differences["mrr@10"]
    assert back.values == {query_id: -gain for query_id, gain in there.values.items()}
    assert (back.mean, back.better, back.worse) == (-there.mean, there.worse, there.better)


def test_a_comparison_with_itself_has_no_gain(compass: Collection) -> None:
    difference = compare(mrr(compass), mrr(compass)).differences["mrr@10"]
    assert (difference.mean, difference.low, difference.high, difference.p, difference.equal) == (0, 0, 0, 1, 2)


def test_only_the_measures_that_both_have_are_compared(compass: Collection) -> None:
    both = compare(evaluate(compass, QUERIES, QRELS), mrr(compass))
    assert list(both.differences) == ["mrr@10"]
    with pytest.raises(InvalidRequestError, match="no measure in common"):
        compare(mrr(compass), evaluate(compass, QUERIES, QRELS, measures=["map"]))


def test_evaluations_on_other_queries_are_not_compared(compass: Collection) -> None:
    with pytest.raises(InvalidRequestError, match="only one of the evaluations has the query 'east'"):
        compare(mrr(compass), mrr(compass, {"north": {"d0": 1}}))
