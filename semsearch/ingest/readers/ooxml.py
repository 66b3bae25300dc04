"""What DOCX, PPTX and XLSX have in common: parts, the relationships between them, and properties (ECMA-376)."""

import posixpath
from collections.abc import Iterator

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.archive import Archive
from semsearch.ingest.readers.xml import START, TEXT, Event
from semsearch.types import Metadata

_PROPERTIES = "docProps/core.xml"
_KEYS = {"creator": "author", "created": "created", "modified": "modified"}


class Related(dict[str, tuple[str, str]]):
    """The relationships of a part: id -> (type, name of the other part)."""

    def of_type(self, wanted: str) -> list[str]:
        return [name for kind, name in self.values() if kind == wanted]


def related(archive: Archive, part: str = "") -> Related:
    """The relationships of a part, of the whole file if none is named; those to somewhere else are left out."""
    folder, name = posixpath.split(part)
    relationships = posixpath.join(folder, "_rels", f"{name}.rels")
    found = Related()
    if relationships not in archive:
        return found
    for event in starts(archive.events(relationships), "Relationship"):
        values = event.attributes
        if values.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, values.get("Target", "")))
            found[values.get("Id", "")] = (values.get("Type", "").rpartition("/")[2], target.lstrip("/"))
    return found


def main_part(archive: Archive) -> str:
    """The name of the part that is the document; InvalidDocumentError if there is none."""
    names = related(archive).of_type("officeDocument")
    if not names:
        raise InvalidDocumentError("is damaged: it has no document in it; save it again")
    return names[0]


def properties(archive: Archive) -> tuple[str | None, Metadata]:
    """The title and the metadata that the file itself has, as far as they say something."""
    found: dict[str, str] = {}
    name = ""
    for event in archive.events(_PROPERTIES) if _PROPERTIES in archive else ():
        if event.kind == TEXT:
            found[name] = found.get(name, "") + event.name
        else:
            name = event.name if event.kind == START else ""
    metadata: Metadata = {_KEYS[name]: value.strip() for name, value in found.items() if name in _KEYS}
    return found.get("title", "").strip() or None, metadata


def starts(events: Iterator[Event], name: str) -> Iterator[Event]:
    """The starts of the elements of this name."""
    return (event for event in events if event.kind == START and event.name == name)
