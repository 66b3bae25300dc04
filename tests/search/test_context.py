import pytest

from semsearch.errors import InvalidRequestError
from semsearch.search.context import build_context
from semsearch.types import Hit


def hit(rank: int, text: str, title: str | None = None) -> Hit:
    return Hit(rank, 1 / rank, f"d{rank}", rank, 0, len(text), None, None, text, title, {}, None)


def words(text: str) -> int:
    return len(text.split())


def test_blocks_are_numbered_and_keep_the_text_as_it_is() -> None:
    context = build_context([hit(1, "one\n two", "A title"), hit(2, "three")], 100, words)
    assert context.text == "[1] A title\none\n two\n\n[2] d2\nthree"
    assert context.tokens == 8
    assert [(c.number, c.document_id, c.start, c.end, c.score) for c in context.citations] == [
        (1, "d1", 0, 8, 1.0),
        (2, "d2", 0, 5, 0.5),
    ]


def test_a_hit_that_does_not_fit_makes_room_for_a_smaller_one() -> None:
    context = build_context([hit(1, "a b"), hit(2, "c " * 50), hit(3, "d")], 7, words)
    assert [citation.document_id for citation in context.citations] == ["d1", "d3"]
    assert context.text == "[1] d1\na b\n\n[2] d3\nd"
    assert (context.tokens, context.omitted) == (7, 1)


def test_one_token_less_and_the_last_hit_is_left_out() -> None:
    context = build_context([hit(1, "a b"), hit(3, "d")], 6, words)
    assert (len(context.citations), context.omitted) == (1, 1)


def test_no_hits_make_an_empty_context() -> None:
    assert build_context([], 10, words).text == ""


def test_a_budget_below_one_is_an_error() -> None:
    with pytest.raises(InvalidRequestError, match="token_budget is 0"):
        build_context([hit(1, "a")], 0, words)


def test_the_budget_holds_where_a_text_counts_more_than_its_blocks() -> None:
    def count(text: str) -> int:
        return len(text.split()) + 3 * max(0, text.count("[") - 1)

    context = build_context([hit(1, "a b"), hit(2, "c"), hit(3, "d")], 12, count)
    assert count(context.text) == context.tokens <= 12
    assert [citation.document_id for citation in context.citations] == ["d1", "d2"]


def test_each_hit_is_counted_once() -> None:
    counted: list[int] = []

    def count(text: str) -> int:
        counted.append(len(text))
        return len(text.split())

    build_context([hit(number, "word " * 100) for number in range(1, 501)], 5_000, count)
    assert sum(counted) < 3 * 500 * 600
