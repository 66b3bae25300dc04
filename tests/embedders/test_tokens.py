"""Texts as arrays, with the packaged tokenizer, whose own file says to cut at 128 tokens and to pad to them."""

from dataclasses import replace

import numpy as np
import pytest

from semsearch.embedders import tokens
from semsearch.embedders.model_folder import find_model
from semsearch.embedders.tokens import Shape, TextTokens

SHAPE = Shape(max_tokens=8, names=("input_ids", "attention_mask"), padding=9, padding_side="right", cut_side="right")
CLS, SEP, WORD, MAT = 101, 102, 2773, 13523


@pytest.fixture(scope="module")
def json() -> str:
    return (find_model("all-MiniLM-L6-v2") / "tokenizer.json").read_text(encoding="utf-8")


def test_a_count_is_of_the_whole_text_whatever_is_cut(json: str) -> None:
    assert TextTokens(json, SHAPE).count(["", "word", "word " * 300]) == [2, 3, 302]


@pytest.mark.parametrize(("side", "kept"), [("right", [WORD] * 6), ("left", [WORD] * 5 + [MAT])])
def test_what_is_read_is_cut_on_one_side_within_the_special_tokens(json: str, side: str, kept: list[int]) -> None:
    [short, long] = TextTokens(json, replace(SHAPE, cut_side=side)).read(["word", "word " * 300 + "mat"])
    assert short.tolist() == [CLS, WORD, SEP]
    assert long.tolist() == [CLS, *kept, SEP]


@pytest.mark.parametrize(
    ("side", "ids", "mask"),
    [
        ("right", [[1, 2, 3], [4, 9, 9]], [[1, 1, 1], [1, 0, 0]]),
        ("left", [[1, 2, 3], [9, 9, 4]], [[1, 1, 1], [0, 0, 1]]),
    ],
)
def test_rows_are_padded_to_the_longest_on_the_models_side(
    json: str, side: str, ids: list[list[int]], mask: list[list[int]]
) -> None:
    rows = [np.array([1, 2, 3], np.int32), np.array([4], np.int32)]
    arrays = TextTokens(json, replace(SHAPE, padding_side=side)).padded(rows)
    assert arrays["input_ids"].tolist() == ids
    assert arrays["attention_mask"].tolist() == mask
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.int64)}


def test_there_are_the_arrays_that_the_model_wants_and_no_other(json: str) -> None:
    wanted = ("input_ids", "token_type_ids")
    arrays = TextTokens(json, replace(SHAPE, names=wanted)).padded([np.array([1, 2], np.int32)])
    assert tuple(arrays) == wanted
    assert arrays["token_type_ids"].tolist() == [[0, 0]]


def test_many_texts_go_through_the_tokenizer_in_parts(json: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_AT_ONCE", 3)
    texts = ["word " * number for number in range(7)]
    assert TextTokens(json, SHAPE).count(texts) == [number + 2 for number in range(7)]
    assert [len(ids) for ids in TextTokens(json, SHAPE).read(texts)] == [2, 3, 4, 5, 6, 7, 8]


def test_what_was_counted_is_read_without_the_tokenizer_and_gives_the_same(
    json: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, short = "The cat sat on the mat, " * 20, "a text of some length that is not cut at all"
    texts = ["word", short, long, "another text of some length, which is not counted", short]
    shape = replace(SHAPE, max_tokens=20)
    expected = [row.tolist() for row in TextTokens(json, shape).read(texts)]
    counted = TextTokens(json, shape)
    counted.count(["word", short, long])
    encoded: list[str] = []
    plain = tokens._encoded
    monkeypatch.setattr(tokens, "_encoded", lambda how, given: (encoded.extend(given), plain(how, given))[1])
    assert [row.tolist() for row in counted.read(texts)] == expected
    assert encoded == ["word", long, texts[3], short]  # what is remembered is given once, and never what is cut


def test_of_what_was_counted_the_last_is_remembered(json: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_REMEMBERED", 3 * 64)
    counted = TextTokens(json, replace(SHAPE, max_tokens=64))
    texts = [f"text number {number} of some length, and it does fit" for number in range(9)]
    counted.count(texts[:5])
    counted.count(texts[5:])
    assert list(counted._counted) == texts[-3:]
