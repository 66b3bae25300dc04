"""Retrieval for a language model: hits to one text under a token budget, with a citation for every block of it."""

from collections.abc import Callable, Sequence

from semsearch.errors import InvalidRequestError
from semsearch.types import Citation, Context, Hit


def build_context(hits: Sequence[Hit], token_budget: int, count_tokens: Callable[[str], int]) -> Context:
    """Hits, best first, as numbered blocks; a hit that no longer fits is left out and the next one is tried.

    A block is its number in brackets with the title (or the document's id), a line break, and the hit's text unchanged.
    The budget holds for the whole text as `count_tokens` counts it.

    Raises:
        InvalidRequestError: token_budget < 1.
    """
    if token_budget < 1:
        raise InvalidRequestError(f"token_budget is {token_budget}; a context needs at least 1 token")
    text, tokens = "", 0
    citations: list[Citation] = []
    for hit in hits:
        number = len(citations) + 1
        block = f"[{number}] {hit.title or hit.document_id}\n{hit.text}"
        longer = f"{text}\n\n{block}" if text else block
        needed = count_tokens(longer)
        if needed <= token_budget:
            text, tokens = longer, needed
            citations.append(_citation(number, hit))
    return Context(text, tuple(citations), tokens, token_budget, len(hits) - len(citations))


def _citation(number: int, hit: Hit) -> Citation:
    return Citation(number, hit.document_id, hit.chunk_id, hit.start, hit.end, hit.score, hit.title, hit.source)
