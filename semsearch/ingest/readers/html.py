"""The reader of HTML pages: their main content, or all that is visible where no main content can be told apart.

Which elements are the main content is in `main_content`; no style sheet and no script is looked at.
"""

import re
import warnings
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.content import Content, of_bytes
from semsearch.ingest.readers.contract import Reader
from semsearch.ingest.readers.encoding import UTF8, decode
from semsearch.ingest.readers.main_content import Extract, extract
from semsearch.ingest.readers.structure import CELL, LINE, PARAGRAPH, TextBuilder
from semsearch.types import Limits, Metadata

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from bs4.element import PageElement, Tag

_UNSEEN = frozenset({"script", "style", "template", "noscript"})
_PREFORMATTED = frozenset({"pre", "textarea"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BREAKS = dict.fromkeys(("td", "th"), CELL)
_BREAKS |= dict.fromkeys(("br", "dd", "dt", "legend", "li", "optgroup", "option", "summary", "tr"), LINE)
_BREAKS |= dict.fromkeys(("hgroup", "p", "pre", "blockquote", "hr", *_HEADINGS), PARAGRAPH)
_BREAKS |= dict.fromkeys(("dl", "menu", "ol", "ul", "table", "caption", "thead", "tbody", "tfoot"), PARAGRAPH)
_BREAKS |= dict.fromkeys(("address", "details", "dialog", "div", "fieldset", "figure", "figcaption", "form"), PARAGRAPH)
_BREAKS |= dict.fromkeys(("article", "aside", "body", "footer", "header", "main", "nav", "section"), PARAGRAPH)
_DATE_NAMES = ("article:published_time", "datepublished", "date", "dc.date", "dcterms.created", "dcterms.date")
_DATE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d\S*)?)?)?$")
_INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0xFEFF))  # hints where a word may be divided
_LITTLE = 250  # characters, below which the main content may be a mistake


def parse_html(data: bytes, limits: Limits) -> Content:
    """The main content, with a line for each block and its headings as places."""
    from bs4.dammit import EncodingDetector

    markup, encoding = decode(data, EncodingDetector.find_declared_encoding(data, is_html=True))
    soup = parsed(markup)
    metadata = _metadata(soup)
    if encoding != UTF8:
        metadata["encoding"] = encoding
    visible = TextBuilder(limits.text_characters)
    add_visible(visible, soup)
    built = TextBuilder(limits.text_characters)
    main = extract(soup)
    for root in main.roots:
        add_visible(built, root, main.dropped)
    if _is_too_little(len(built), len(visible), main):
        built = visible
    return Content(built.text, html_title(soup), metadata, built.places)


HTML = Reader("html", (".htm", ".html", ".xhtml"), of_bytes("html", parse_html))


def parsed(markup: str) -> "BeautifulSoup":
    """Parse a page as a browser would, whatever is wrong with it; InvalidDocumentError if even that cannot be done."""
    from bs4 import BeautifulSoup, UnusualUsageWarning
    from bs4.exceptions import ParserRejectedMarkup

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusualUsageWarning)  # hints for programmers, about XHTML for example
        try:
            return BeautifulSoup(markup, "html.parser")
        except ParserRejectedMarkup as error:
            _, _, cause = str(error).rpartition("\n")
            raise InvalidDocumentError(f"is not HTML that can be parsed ({cause.strip()}); correct it") from error


def html_title(soup: "BeautifulSoup") -> str | None:
    """What `<title>` says, that of a drawing in the page apart."""
    title = next((title for title in soup.find_all("title") if not title.find_parent("svg")), None)
    strings = title.find_all(string=True, recursive=False) if title else ()
    return " ".join("".join(strings).split()) or None


def add_visible(builder: TextBuilder, root: "Tag", dropped: Set[int] = frozenset()) -> None:
    """Add the text of an element, a piece for each block, without those elements whose `id()` is in `dropped`."""
    from bs4.element import NavigableString, PreformattedString, Tag

    run: list[str] = []
    stack: list[_Step] = [(_Boundary(PARAGRAPH), False), (root, False)]  # a page may be nested too deeply to recurse
    while stack:
        node, preformatted = stack.pop()
        if isinstance(node, _Boundary):
            builder.add(_tidied("".join(run), preformatted), CELL)
            builder.part(node.gap)
            if node.heading is not None:
                builder.begin_heading(*node.heading)
            run.clear()
        elif isinstance(node, Tag):
            if node.name not in _UNSEEN and id(node) not in dropped:
                stack += reversed(list(_opened(node, preformatted, dropped)))
        elif isinstance(node, NavigableString) and not isinstance(node, PreformattedString):  # a comment, for example
            run.append(node)


class _Boundary(NamedTuple):
    """Where a block begins or ends."""

    gap: int
    heading: tuple[int, str] | None = None


_Step: TypeAlias = "tuple[PageElement | _Boundary, bool]"  # and whether the text up to there is preformatted


def _opened(tag: "Tag", preformatted: bool, dropped: Set[int]) -> Iterator[_Step]:
    inside = preformatted or tag.name in _PREFORMATTED
    gap = _BREAKS.get(tag.name)
    if gap is not None:
        level = _HEADINGS.get(tag.name)
        yield _Boundary(gap, None if level is None else (level, _heading(tag, dropped))), preformatted
    for child in tag.contents:
        if tag.name != "title" or not isinstance(child, str):  # what else is in it, a broken page misplaced
            yield child, inside
    if gap is not None:
        yield _Boundary(gap), inside


def _heading(tag: "Tag", dropped: Set[int]) -> str:
    strings = (string for string in tag.find_all(string=True) if dropped.isdisjoint(map(id, string.parents)))
    return _tidied(" ".join(strings), preformatted=False)


def _tidied(text: str, preformatted: bool) -> str:
    text = text.translate(_INVISIBLE)
    if preformatted and not text.isspace():
        return text.strip("\r\n")
    return " ".join(text.split())


def _is_too_little(main: int, visible: int, extracted: Extract) -> bool:
    if main < _LITTLE:
        return main * 2 < visible
    return not extracted.declared and main * 10 < visible


def _metadata(soup: "BeautifulSoup") -> Metadata:
    named: dict[str, str] = {}
    for meta in soup.find_all("meta"):
        name = meta.get("name") or meta.get("property") or meta.get("itemprop")
        content = meta.get("content")
        if isinstance(name, str) and isinstance(content, str) and content.strip():
            named.setdefault(name.lower(), content.strip())
    metadata: Metadata = {"author": named["author"]} if "author" in named else {}
    date = next((named[name] for name in _DATE_NAMES if name in named), "")
    if _DATE.match(date):
        metadata["date"] = date
    return metadata
