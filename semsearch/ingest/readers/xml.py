"""Reads XML as a flow of events, and the reader of XML files: their text, and nothing that is outside them.

Entities of a document's own are refused, since a few of them can stand for gigabytes; none is looked up elsewhere.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple, NoReturn
from xml.parsers import expat  # a declaration of an entity, without which there is no bomb, is refused below

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.content import Content, of_bytes
from semsearch.ingest.readers.contract import Reader
from semsearch.ingest.readers.encoding import UTF8, decode
from semsearch.ingest.readers.html import add_visible, parsed
from semsearch.ingest.readers.structure import LINE, TextBuilder
from semsearch.types import Limits

START, END, TEXT = range(3)
_BLOCK = 1 << 16
_TAG = re.compile(r"</[a-z][a-z0-9]*>|<(?:br|p|img)\b")


class Event(NamedTuple):
    """The start of an element with its attributes, its end, or text; names are without their namespaces.

    Attributes:
        name: of the element; of text, the text.
        attributes: an attribute of a namespace of relationships is `r:<name>`, since OOXML has `id` besides `r:id`.
    """

    kind: int
    name: str
    attributes: dict[str, str]


def events(chunks: Iterable[bytes], encoding: str | None = None) -> Iterator[Event]:
    """Yield what is in an XML document, as its bytes come.

    Raises:
        InvalidDocumentError: it is not well-formed, or declares entities.
    """
    found: list[Event] = []
    parser = expat.ParserCreate(encoding, namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: found.append(Event(START, _local(name), _named(attributes)))
    parser.EndElementHandler = lambda name: found.append(Event(END, _local(name), {}))
    parser.CharacterDataHandler = lambda text: found.append(Event(TEXT, text, {}))
    parser.EntityDeclHandler = _refuse_entity
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
            yield from found
            found.clear()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise InvalidDocumentError(f"is not well-formed XML: {error}; correct it") from error
    yield from found


class Walker:
    """Goes through events, but for what is inside of skipped elements."""

    def __init__(self, skipped: Collection[str]) -> None:
        self._skipped = skipped

    def walk(self, flow: Iterable[Event]) -> None:
        inside = 0  # so many skipped elements
        for event in flow:
            if event.kind != TEXT and event.name in self._skipped:
                inside += 1 if event.kind == START else -1
            elif inside:
                continue
            elif event.kind == TEXT:
                self._text(event.name)
            elif event.kind == START:
                self._start(event)
            else:
                self._end(event.name)

    def _text(self, text: str) -> None:
        raise NotImplementedError

    def _start(self, event: Event) -> None:
        raise NotImplementedError

    def _end(self, name: str) -> None:
        raise NotImplementedError


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _named(attributes: dict[str, str]) -> dict[str, str]:
    named = {}
    for name, value in attributes.items():
        space, _, local = name.rpartition(" ")
        named[f"r:{local}" if space.endswith("/relationships") else local] = value
    return named


def _refuse_entity(name: str, *_: object) -> NoReturn:
    raise InvalidDocumentError(f"declares the entity {name!r:.40}, and entities are not expanded; write out what it is")


def parse_xml(data: bytes, limits: Limits) -> Content:
    """All text, a line for each element that holds some; the title is the first `title` in it."""
    text, encoding = decode(data, _declared(data))
    builder = TextBuilder(limits.text_characters)
    title: str | None = None
    for name, piece in _texts(events(_blocks(text.encode()), UTF8), limits.text_characters):
        for line in piece.splitlines():
            builder.add(" ".join(line.split()), LINE)
        if title is None and name == "title":
            title = piece.strip() or None
    return Content(builder.text, title, {} if encoding == UTF8 else {"encoding": encoding})


XML = Reader("xml", (".xml",), of_bytes("xml", parse_xml))


def _texts(flow: Iterable[Event], most: int) -> Iterator[tuple[str, str]]:
    """Yield text up to where an element ends and the next one begins, and the name of the element that it ends with.

    So the fields of a record are texts of their own, and the words that a sentence emphasises are not.
    """
    pieces: list[str] = []
    ended = ""
    for kind, name, _ in flow:
        if kind == TEXT:
            pieces.append(name)
            if name.strip():
                ended = ""
        elif kind == END:
            ended = ended or name
        elif ended:
            yield ended, _without_tags("".join(pieces), most)
            pieces, ended = [], ""
    yield ended, _without_tags("".join(pieces), most)


def _without_tags(text: str, most: int) -> str:
    """The text, or what is visible of it where it is HTML, as in feeds."""
    if not _TAG.search(text):
        return text
    builder = TextBuilder(most)
    add_visible(builder, parsed(text))
    return builder.text


def _blocks(data: bytes) -> Iterator[bytes]:
    return (data[start : start + _BLOCK] for start in range(0, len(data), _BLOCK))


def _declared(data: bytes) -> str | None:
    from bs4.dammit import EncodingDetector

    declared: str | None = EncodingDetector.find_declared_encoding(data)
    return declared
