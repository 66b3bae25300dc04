"""What every Embedder promises, asked of the fake one and of the real default, as it is embedded and as exported."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pytest
from fakes import FakeEmbedder

from semsearch.embedders.protocol import Embedder
from semsearch.types import Vectors

Embed: TypeAlias = Callable[[Sequence[str]], Vectors]

TEXTS = [
    "The cat sat on the mat",
    "Stock prices rose sharply today",
    "a",
    "Two cats",
    "",
    "Wörter, 言葉 and 🐈",
    "x " * 40,
]


@pytest.fixture(
    params=["fake", *(pytest.param(name, marks=pytest.mark.model) for name in ("embedder", "narrow", "exported"))]
)
def contracted(request: pytest.FixtureRequest) -> Embedder:
    return FakeEmbedder() if request.param == "fake" else request.getfixturevalue(request.param)


@pytest.fixture
def tolerance(contracted: Embedder) -> float:
    """How far a number of a vector may be off; bfloat16 has 8 bits of precision."""
    return 5e-3 if getattr(contracted, "precision", "") == "bfloat16" else 1e-5


@pytest.fixture(params=["embed_documents", "embed_queries"])
def embed(request: pytest.FixtureRequest, contracted: Embedder) -> Embed:
    return getattr(contracted, request.param)


def test_vectors_are_contiguous_float32_of_shape_n_dim(contracted: Embedder, embed: Embed) -> None:
    vectors = embed(TEXTS)
    assert vectors.shape == (len(TEXTS), contracted.dim)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous


def test_vectors_have_length_one(embed: Embed) -> None:
    np.testing.assert_allclose(np.linalg.norm(embed(TEXTS), axis=1), 1, atol=1e-5)


def test_no_texts_give_no_rows_of_dim(contracted: Embedder, embed: Embed) -> None:
    vectors = embed([])
    assert vectors.shape == (0, contracted.dim)
    assert vectors.dtype == np.float32


def test_the_same_texts_give_the_same_bits(embed: Embed) -> None:
    assert np.array_equal(embed(TEXTS), embed(TEXTS))


def test_a_text_has_the_same_vector_wherever_it_stands_and_whatever_stands_beside_it(
    embed: Embed, tolerance: float
) -> None:
    together = embed(TEXTS)
    np.testing.assert_allclose(embed(TEXTS[::-1])[::-1], together, atol=tolerance)
    np.testing.assert_allclose(np.concatenate([embed([text]) for text in TEXTS]), together, atol=tolerance)


def test_different_texts_have_different_vectors(embed: Embed) -> None:
    cosines = embed(TEXTS) @ embed(TEXTS).T
    assert (cosines[~np.eye(len(TEXTS), dtype=bool)] < 0.999).all()


def test_texts_that_share_words_are_nearer_than_texts_that_do_not(embed: Embed) -> None:
    cat, other_cat, stocks = embed(["the cat sat", "the cat slept", "stock prices rose"])
    assert cat @ other_cat > cat @ stocks + 0.2


def test_text_beyond_max_tokens_is_not_read(contracted: Embedder, embed: Embed, tolerance: float) -> None:
    full = "word " * (contracted.max_tokens - 2)
    np.testing.assert_allclose(*embed([full, full + "elephant giraffe"]), atol=tolerance)


def test_a_text_of_nothing_counts_two_special_tokens(contracted: Embedder) -> None:
    assert contracted.count_tokens(["", "  \n"]) == [2, 2]


def test_no_texts_have_no_counts(contracted: Embedder) -> None:
    assert contracted.count_tokens([]) == []


@pytest.mark.parametrize("words", [1, 14, 15, 126, 127, 254, 255, 1000, 20_000])
def test_counts_are_not_capped_and_do_not_depend_on_other_texts(contracted: Embedder, words: int) -> None:
    text = "word " * words
    assert contracted.count_tokens([text, "word", text]) == [words + 2, 3, words + 2]


def test_dim_max_tokens_name_and_fingerprint_say_something(contracted: Embedder) -> None:
    assert contracted.dim > 0
    assert contracted.max_tokens > 2
    assert contracted.name
    assert contracted.fingerprint


def test_the_fake_counts_calls_and_texts() -> None:
    fake = FakeEmbedder(dim=8, fingerprint="other")
    fake.embed_documents(["a", "b"])
    fake.embed_documents(["c"])
    fake.embed_queries(["d"])
    assert (fake.document_calls, fake.document_texts, fake.query_calls, fake.query_texts) == (2, 3, 1, 1)
    assert fake.fingerprint == "other"
    fake.fingerprint = "third"
    assert fake.fingerprint == "third"


def test_the_fake_is_the_same_in_every_process() -> None:
    vector = FakeEmbedder(dim=4).embed_documents(["Hello hello"])[0]
    np.testing.assert_allclose(vector, [-0.597220, -0.411782, -0.657215, -0.204528], atol=1e-5)
