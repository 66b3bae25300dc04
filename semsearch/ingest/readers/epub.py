"""The reader of EPUB: its pages in the order of reading, with their headings as places."""

import posixpath
import re
from typing import BinaryIO
from urllib.parse import unquote

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.archive import Archive
from semsearch.ingest.readers.content import Content, of_file
from semsearch.ingest.readers.contract import Reader
from semsearch.ingest.readers.encoding import decode
from semsearch.ingest.readers.html import add_visible, parsed
from semsearch.ingest.readers.ooxml import starts
from semsearch.ingest.readers.structure import TextBuilder
from semsearch.ingest.readers.xml import START, TEXT
from semsearch.types import Limits, Metadata

_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html"})
_DATE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?")


def parse_epub(opened: BinaryIO, limits: Limits) -> Content:
    """Title, author and date are those of the package (https://www.w3.org/TR/epub-33)."""
    archive = Archive(opened, limits.unpacked_bytes)
    packages = [event.attributes.get("full-path", "") for event in starts(archive.events(_CONTAINER), "rootfile")]
    if not packages:
        raise InvalidDocumentError("is damaged: its container names no package; save it again")
    encrypted = {
        unquote(event.attributes.get("URI", ""))
        for event in (starts(archive.events(_ENCRYPTION), "CipherReference") if _ENCRYPTION in archive else ())
    }
    builder = TextBuilder(limits.text_characters)
    title, metadata, pages = _package(archive, packages[0])
    for page in pages:
        if page in encrypted:
            raise InvalidDocumentError("is encrypted, as with copy protection; add an unprotected copy")
        markup, _ = decode(archive.read(page))
        add_visible(builder, parsed(markup))
    return Content(builder.text, title, metadata, builder.places)


EPUB = Reader("epub", (".epub",), of_file("epub", parse_epub))


def _package(archive: Archive, package: str) -> tuple[str | None, Metadata, list[str]]:
    """Title, metadata, and the names of the pages in their order; the table of contents is no page."""
    folder = posixpath.dirname(package)
    found: dict[str, str] = {}
    manifest: dict[str, str] = {}
    spine: list[str] = []
    name = ""
    for event in archive.events(package):
        values = event.attributes
        if event.kind == TEXT:
            found[name] = found.get(name) or event.name.strip()
        else:
            name = event.name if event.kind == START else ""
        if event.kind != START:
            continue
        if event.name == "item" and values.get("media-type") in _PAGES and "nav" not in values.get("properties", ""):
            path = posixpath.normpath(posixpath.join(folder, unquote(values.get("href", ""))))
            manifest[values.get("id", "")] = path
        elif event.name == "itemref":
            spine.append(values.get("idref", ""))
    metadata: Metadata = {"author": found.get("creator", "")}
    if date := _DATE.match(found.get("date", "")):
        metadata["date"] = date[0]
    return found.get("title") or None, metadata, [manifest[each] for each in spine if each in manifest]
