"""Judgments of people: checked and stored here; what is made of them is in semsearch.evaluation."""

from datetime import UTC, datetime

from semsearch.errors import DocumentNotFoundError, EmptyQueryError, InvalidRequestError
from semsearch.ingest.gate import distinct_ids
from semsearch.store.documents import DocumentStore
from semsearch.store.texts import is_storable, storable
from semsearch.types import Judgment

MAX_GRADE = 3


def judge(store: DocumentStore, query: str, document_id: str, grade: int) -> Judgment:
    """Store how relevant a document is to a query, durably; white space around the query does not count.

    Raises:
        DocumentNotFoundError, EmptyQueryError, CollectionLockedError
        InvalidRequestError: the grade is not 0 to 3, or the id is no str.
    """
    if type(grade) is not int or not 0 <= grade <= MAX_GRADE:
        raise InvalidRequestError(f"grade is {grade!r}; it has to be 0 (not relevant) to {MAX_GRADE}")
    text = storable(str(query))[0].strip()
    if not text:
        raise EmptyQueryError("the query is empty: say which query the document is judged for")
    distinct_ids([document_id])
    judgment = Judgment(text, document_id, grade, datetime.now(UTC).isoformat(timespec="seconds"), known=True)
    with store.write() as writer:
        if not is_storable(document_id) or not writer.hashes([document_id]):
            raise DocumentNotFoundError(document_id)
        writer.judge(judgment)
    return judgment
