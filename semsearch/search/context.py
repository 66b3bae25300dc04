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
    chosen: list[tuple[Hit, str]] = []
    special = count_tokens("")
    room = token_budget - special
    for hit in hits:
        block = f"[{len(chosen) + 1}] {hit.title or hit.document_id}\n{hit.text}"
        needed = count_tokens(f"\n\n{block}") - special
        if needed <= room:
            room -= needed
            chosen.append((hit, block))
    # blocks were counted one by one; a tokenizer may count them together a little differently
    while chosen and count_tokens(_joined(chosen)) > token_budget:
        chosen.pop()
    text = _joined(chosen)
    citations = tuple(_citation(number, hit) for number, (hit, _) in enumerate(chosen, 1))
    return Context(text, citations, count_tokens(text) if text else 0, token_budget, len(hits) - len(chosen))


def _joined(chosen: Sequence[tuple[Hit, str]]) -> str:
    return "\n\n".join(block for _, block in chosen)


def _citation(number: int, hit: Hit) -> Citation:
    return Citation(number, hit.document_id, hit.chunk_id, hit.start, hit.end, hit.score, hit.title, hit.source)
