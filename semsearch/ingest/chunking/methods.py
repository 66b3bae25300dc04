"""What may be asked of the cutting of documents; what each method makes of it is in `weighing` and `sections`."""

from semsearch.errors import InvalidRequestError
from semsearch.types import Chunking

METHODS = ("tokens", "sentences", "headings", "pages", "code")
MIN_TOKENS = 16


def check_chunking(chunking: Chunking | None, max_tokens: int | None) -> Chunking:
    """The chunking of a collection whose model reads `max_tokens`, the default one if nothing is said.

    Raises:
        InvalidRequestError: an unknown method, tokens or an overlap out of range, or there is no model (`None`).
    """
    if chunking is None or (max_tokens is None and chunking == Chunking()):
        return Chunking()
    if max_tokens is None:
        raise InvalidRequestError(f"{chunking} cannot be had without a model: documents with own vectors are not cut")
    if chunking.method not in METHODS:
        raise InvalidRequestError(f"chunking is {chunking.method!r}; it has to be one of: {', '.join(METHODS)}")
    tokens = max_tokens if chunking.tokens is None else chunking.tokens
    if chunking.tokens is not None and not (type(tokens) is int and MIN_TOKENS <= tokens <= max_tokens):
        raise InvalidRequestError(
            f"chunks are to have {tokens!r} tokens; this model allows {MIN_TOKENS} to {max_tokens}, what it reads"
        )
    if type(chunking.overlap) is not int or not 0 <= chunking.overlap <= tokens // 2:
        raise InvalidRequestError(
            f"the overlap of chunks is {chunking.overlap!r} tokens; of {tokens} it can be 0 to {tokens // 2}, the half"
        )
    return chunking
