"""Makes documents of rows: which column is the text, the id and the title, and what the others are called as metadata.

The rules are the same for CSV, TSV and Parquet, and are told in docs/reading.md.
"""

import logging
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from semsearch.store.texts import storable
from semsearch.types import Document, Metadata

logger = logging.getLogger(__name__)

_TEXTS = ("text", "content", "body", "description", "abstract", "summary", "passage", "document", "message")
_IDS = ("id", "_id")
_TITLES = ("title",)
_NOTHING = (None, "")
_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_KEY = 64


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table by their numbers; `keys` are those of the metadata, `None` for what is none of it."""

    names: tuple[str, ...]
    keys: tuple[str | None, ...]
    text: int | None
    id: int | None
    title: int | None

    def document(self, cells: Sequence[Any], values: Sequence[Any], document_id: str, source: str) -> Document:
        """The document of a row.

        Args:
            cells: the row as it is shown in texts.
            values: the row as it goes into the metadata; what is `None` or empty does not.
            document_id: of a row in which no column gives one.
            source: of the document.
        """
        own_id, title = (None if number is None else cells[number] for number in (self.id, self.title))
        metadata: Metadata = {
            key: storable(value)[0] if isinstance(value, str) else value
            for key, value in zip(self.keys, values, strict=True)
            if key is not None and value not in _NOTHING
        }
        return Document(
            document_id if own_id in _NOTHING else str(own_id).strip(),
            self._text(cells),
            metadata,
            None if title in _NOTHING else " ".join(str(title).split()) or None,
            source,
        )

    def _text(self, cells: Sequence[Any]) -> str:
        if self.text is not None:
            return "" if cells[self.text] is None else str(cells[self.text])
        return "\n".join(
            f"{name}: {cell}" if name else str(cell)
            for number, (name, cell) in enumerate(zip(self.names, cells, strict=True))
            if number not in (self.id, self.title) and cell not in _NOTHING
        )


def columns_of(names: Sequence[str], where: str) -> Columns:
    """Find out what the columns of these names are; `where` is the file, for the log."""
    lower = [name.strip().lower() for name in names]
    text, own_id, title = (_first(lower, wanted) for wanted in (_TEXTS, _IDS, _TITLES))
    return Columns(tuple(names), _keys(names, {text, own_id, title}, where), text, own_id, title)


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _keys(names: Sequence[str], taken: set[int | None], where: str) -> tuple[str | None, ...]:
    keys: list[str | None] = []
    for number, name in enumerate(names):
        plain = key = metadata_key(name) or f"column_{number + 1}"
        copy = 1
        while key in keys:
            copy += 1
            key = f"{plain[: _LONGEST_KEY - 4]}_{copy}"
        keys.append(None if number in taken else key)
    renamed = [f"{name!r} is {key}" for name, key in zip(names, keys, strict=True) if key not in (None, name)]
    if renamed:
        logger.info("%s: metadata keys that are not called as their columns: %s", where, ", ".join(renamed))
    return tuple(keys)


def metadata_key(name: str) -> str:
    """A key that filters can name: letters, digits, `_` and `-` of ASCII; empty if nothing of the name is left."""
    plain = unicodedata.normalize("NFKD", name.strip())
    ascii_only = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _NOT_IN_KEYS.sub("_", ascii_only).strip("_-")[:_LONGEST_KEY]
