"""Where a page of documents ended, as an opaque text; what lies between two of them is the reader's to say."""

import base64
import binascii
import contextlib

from semsearch.errors import InvalidRequestError


def to_cursor(seq: int) -> str:
    """The cursor after the document with this number."""
    return base64.urlsafe_b64encode(str(seq).encode()).decode()


def from_cursor(cursor: str) -> int:
    """The number of the last document before a cursor; raises InvalidRequestError if it is none of ours."""
    with contextlib.suppress(ValueError, binascii.Error):
        seq = int(base64.urlsafe_b64decode(cursor.encode()))
        if 0 <= seq < 2**63:
            return seq
    raise InvalidRequestError(f"cursor is {cursor!r:.80}; it has to be one that a page before ended with")
