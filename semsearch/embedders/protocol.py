"""What every embedder, and every reranker, offers; the models themselves are in the modules beside this one."""

from collections.abc import Sequence
from typing import Protocol

from semsearch.types import Relevance, Vectors


class Embedder(Protocol):
    """A text model.

    Documents and queries have a method each, because models with prompts treat them differently.
    """

    @property
    def name(self) -> str:
        """The name it was asked for by, for people; the fingerprint is what counts."""

    @property
    def fingerprint(self) -> str:
        """Hash of the content: weights, tokenizer, pooling, prompts, max_tokens, dim; not of where it came from."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """Tokens that the model reads, its special tokens included."""

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to be found: (n,) to (n, dim)."""

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to search with: (n,) to (n, dim)."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as the model sees it before it truncates, special tokens included."""


class Reranker(Protocol):
    """A model that reads a query and a text together."""

    @property
    def name(self) -> str:
        """The name it was asked for by, for people."""

    def score(self, query: str, texts: Sequence[str]) -> Relevance:
        """How well each of the texts answers the query, (n,) in [0, 1]."""
