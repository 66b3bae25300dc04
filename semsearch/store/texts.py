"""Which texts the database can hold; what a document may be is checked in `semsearch.ingest.gate`."""

import re

_REPLACEMENT = "\ufffd"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # SQLite ends a text at NUL; lone surrogates have no UTF-8


def storable(text: str) -> tuple[str, int]:
    """The text with NUL and lone surrogates replaced by U+FFFD, one for one, and how many there were."""
    return _UNSTORABLE.subn(_REPLACEMENT, text)


def is_storable(text: str) -> bool:
    """Whether it has neither NUL nor lone surrogates, as every stored text."""
    return _UNSTORABLE.search(text) is None
