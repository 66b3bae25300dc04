"""The text around a chunk: where it begins and ends, and what it says; which of it is wanted is the caller's to say."""

import json

from sqlalchemy import Connection, bindparam, func, select

from semsearch.store.schema import chunks, documents
from semsearch.types import Place, Range


class Surroundings:
    """Texts in one snapshot, as ranges of the characters of their documents."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def neighbours(self, chunk_id: int, number: int) -> Range:
        """From the beginning of the chunk that is so many before this one to the end of that behind it, or as many."""
        document = select(chunks.c.document).where(chunks.c.id == chunk_id).scalar_subquery()
        near = chunks.c.id.between(chunk_id - number, chunk_id + number)
        statement = select(func.min(chunks.c.start), func.max(chunks.c.end)).where(near, chunks.c.document == document)
        start, end = self._connection.execute(statement).one()
        return int(start), int(end)

    def outline(self, document_id: str) -> tuple[tuple[Place, ...], int]:
        """The headings and pages of a document, and its characters."""
        statement = select(documents.c.places, func.length(documents.c.text)).where(documents.c.id == document_id)
        places, characters = self._connection.execute(statement).one()
        return tuple(Place(*place) for place in json.loads(places or "[]")), int(characters)

    def text(self, document_id: str, part: Range) -> str:
        """What a document says there."""
        start, end = part
        cut = func.substr(documents.c.text, bindparam("start", start + 1), bindparam("length", end - start))
        return str(self._connection.execute(select(cut).where(documents.c.id == document_id)).scalar_one())
