"""Fusion against tables worked out by hand, and against a second formulation of the same formulas."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.search.fusion import convex, reciprocal_rank
from semsearch.store.records import Ranking


def ranking(scores: dict[int, float]) -> Ranking:
    ordered = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    ids, values = [id for id, _ in ordered], [score for _, score in ordered]
    return Ranking(np.array(values, dtype=np.float64), np.array(ids, dtype=np.int64))


def as_pairs(fused: Ranking) -> list[tuple[int, float]]:
    return list(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True))


def test_convex_is_the_weighted_mean_of_the_stretched_scores() -> None:
    # cosine from -1 to the best, 0.6: (1 + cosine) / 1.6; BM25 from 0 to the best, 8: score / 8
    fused = convex(ranking({1: 0.6, 2: 0.2, 3: -1.0}), ranking({2: 8.0, 3: 4.0}), weight=0.5)
    assert as_pairs(fused) == [
        (2, pytest.approx(0.5 * 1.2 / 1.6 + 0.5 * 1)),
        (1, pytest.approx(0.5 * 1)),
        (3, pytest.approx(0.5 * 0 + 0.5 * 0.5)),
    ]


def test_meaning_weighs_three_quarters_where_nothing_is_said() -> None:
    assert as_pairs(convex(ranking({1: 0.5}), ranking({2: 3.0}))) == [(1, 0.75), (2, 0.25)]


def test_reciprocal_rank_is_the_published_sum_with_60() -> None:
    fused = reciprocal_rank(ranking({1: 0.9, 2: 0.5, 3: 0.1}), ranking({3: 7.0, 4: 2.0}))
    assert as_pairs(fused) == [
        (3, pytest.approx(1 / (60 + 3) + 1 / (60 + 1), abs=1e-9)),
        (1, pytest.approx(1 / (60 + 1), abs=1e-9)),
        (2, pytest.approx(1 / (60 + 2), abs=1e-9)),
        (4, pytest.approx(1 / (60 + 2), abs=1e-9)),
    ]


def test_a_chunk_that_only_words_find_can_be_the_first() -> None:
    fused = convex(ranking({1: 0.31, 2: 0.3, 9: 0.25}), ranking({9: 12.0, 2: 0.5}))
    assert fused.ids.tolist() == [9, 2, 1]


def test_equal_scores_are_ordered_by_id() -> None:
    assert convex(ranking({7: 0.5, 3: 0.5}), ranking({7: 1.0, 3: 1.0})).ids.tolist() == [3, 7]
    assert reciprocal_rank(ranking({7: 0.5}), ranking({3: 1.0})).ids.tolist() == [3, 7]


@pytest.mark.parametrize("fuse", [convex, reciprocal_rank])
def test_one_empty_ranking_leaves_the_order_of_the_other(fuse: object) -> None:
    one = ranking({5: 0.9, 2: 0.4, 8: 0.1})
    assert fuse(one, ranking({})).ids.tolist() == [5, 2, 8]  # type: ignore[operator]
    assert fuse(ranking({}), one).ids.tolist() == [5, 2, 8]  # type: ignore[operator]
    assert as_pairs(fuse(ranking({}), ranking({}))) == []  # type: ignore[operator]


def test_all_weight_on_one_leg_is_that_legs_order() -> None:
    semantic, keyword = ranking({1: 0.9, 2: 0.5, 3: 0.1}), ranking({3: 7.0, 2: 2.0, 1: 1.0})
    assert convex(semantic, keyword, weight=1.0).ids.tolist() == [1, 2, 3]
    assert convex(semantic, keyword, weight=0.0).ids.tolist() == [3, 2, 1]


def test_least_scores_alone_are_no_division_by_zero() -> None:
    assert as_pairs(convex(ranking({1: -1.0}), ranking({}))) == [(1, 0.0)]


def plain_convex(semantic: dict[int, float], keyword: dict[int, float], weight: float) -> dict[int, float]:
    best_cosine, best_bm25 = max(semantic.values(), default=-1.0), max(keyword.values(), default=0.0)
    fused = {}
    for id in semantic.keys() | keyword.keys():
        by_meaning = (semantic.get(id, -1.0) + 1) / (best_cosine + 1) if best_cosine > -1 else 0.0
        by_words = keyword.get(id, 0.0) / best_bm25 if best_bm25 > 0 else 0.0
        fused[id] = weight * by_meaning + (1 - weight) * by_words
    return fused


def plain_reciprocal_rank(semantic: dict[int, float], keyword: dict[int, float], rrf_k: int) -> dict[int, float]:
    fused: dict[int, float] = {}
    for scores in (semantic, keyword):
        for rank, id in enumerate(sorted(scores, key=lambda id: (-scores[id], id)), 1):
            fused[id] = fused.get(id, 0.0) + 1 / (rrf_k + rank)
    return fused


IDS = st.integers(1, 30)
COSINES = st.dictionaries(IDS, st.floats(-1, 1).map(lambda score: round(score, 6)), max_size=20)
BM25 = st.dictionaries(IDS, st.floats(1e-6, 50).map(lambda score: round(score, 6)), max_size=20)


@given(COSINES, BM25, st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_convex_equals_the_plain_formula(semantic: dict[int, float], keyword: dict[int, float], weight: float) -> None:
    check_fused(convex(ranking(semantic), ranking(keyword), weight), plain_convex(semantic, keyword, weight))


@given(COSINES, BM25, st.integers(1, 100))
@settings(max_examples=200, deadline=None)
def test_reciprocal_rank_equals_the_plain_formula(
    semantic: dict[int, float], keyword: dict[int, float], rrf_k: int
) -> None:
    check_fused(
        reciprocal_rank(ranking(semantic), ranking(keyword), rrf_k), plain_reciprocal_rank(semantic, keyword, rrf_k)
    )


def check_fused(fused: Ranking, expected: dict[int, float]) -> None:
    assert dict(as_pairs(fused)) == {id: pytest.approx(score, abs=1e-8) for id, score in expected.items()}
    assert all(math.isfinite(score) and score >= 0 for score in fused.scores)
    assert as_pairs(fused) == sorted(as_pairs(fused), key=lambda pair: (-pair[1], pair[0]))
