"""Finds the title and the text in the bytes of a plain text, Markdown, reStructuredText or HTML file.

The first three keep their text as it is, markup included, so that spans can be looked up in the file. No file is opened
here. What cannot be understood raises InvalidDocumentError.
"""

import re
import warnings
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bs4 import BeautifulSoup, UnusualUsageWarning
from bs4.dammit import EncodingDetector, UnicodeDammit
from bs4.element import NavigableString, PageElement, PreformattedString, Tag
from bs4.exceptions import ParserRejectedMarkup

from semsearch.errors import InvalidDocumentError


class Content(NamedTuple):
    """What a file says: its title, if it has one, and its text."""

    title: str | None
    text: str


def parse_plain(data: bytes) -> Content:
    """Decode UTF-8 without touching anything but a byte order mark."""
    return Content(None, _decode(data))


def parse_markdown(data: bytes) -> Content:
    """As `parse_plain`; the title is the front matter's, or else that of the first heading."""
    text = _decode(data)
    return Content(_markdown_title(text.splitlines()), text)


def parse_rst(data: bytes) -> Content:
    """As `parse_plain`; the title is that of the first section (of a PEP: the one in its header)."""
    text = _decode(data)
    return Content(_rst_title(text.splitlines()), text)


def parse_html(data: bytes) -> Content:
    """Give the visible text, a line for each block, in the encoding that the page declares."""
    # Without a declaration UTF-8 comes first: a guess by whichever detector is installed would differ between machines.
    declared = EncodingDetector.find_declared_encoding(data, is_html=True)
    decoded = UnicodeDammit(data, user_encodings=[declared or "utf-8"], is_html=True)
    markup = decoded.unicode_markup or ""
    if "\0" in markup or (markup and decoded.contains_replacement_characters):
        raise InvalidDocumentError("is not text in the encoding that it declares; save it as UTF-8, or leave it out")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusualUsageWarning)  # hints for programmers, about XHTML for example
        try:
            soup = BeautifulSoup(markup, "html.parser")
        except ParserRejectedMarkup as error:
            _, _, cause = str(error).rpartition("\n")
            raise InvalidDocumentError(f"is not HTML that can be parsed ({cause.strip()}); correct it") from error
    return Content(_html_title(soup), _visible_text(soup))


def _decode(data: bytes) -> str:
    if (position := data.find(b"\0")) >= 0:
        raise InvalidDocumentError(f"is not text: byte {position} is NUL; convert it to UTF-8 text, or leave it out")
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InvalidDocumentError(
            f"is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}; save it as UTF-8, or leave it out"
        ) from error


# Markdown (https://spec.commonmark.org) and reStructuredText (https://docutils.sourceforge.io/docs/ref/rst)

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
_NOT_PARAGRAPH = re.compile(r"\s*(?:[-+*>|<]|\d+[.)]\s)| {4}|\t")
_HEADING = re.compile(r" {0,3}#{1,6}\s(?P<title>.*)")
_FIELD = re.compile(r"title:(?P<title>.*)", re.IGNORECASE)
_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*\s*$")


def _markdown_title(lines: list[str]) -> str | None:
    body = lines
    if lines and lines[0].rstrip() == "---" and "---" in lines[1:]:
        end = lines.index("---", 1)
        body = lines[end + 1 :]
        if title := _field_title(lines[1:end]):
            return title
    paragraph: list[str] = []
    for line in _unfenced(body):
        if (heading := _HEADING.match(line)) and (title := _without_closing_marks(heading["title"].strip())):
            return title
        if len(paragraph) == 1 and _UNDERLINE.match(line):  # longer ones are more often text above a rule
            return paragraph[0]
        if not line.strip() or _NOT_PARAGRAPH.match(line):
            paragraph = []
        else:
            paragraph.append(line.strip())
    return None


def _unfenced(lines: list[str]) -> Iterator[str]:
    """Yield the lines that are in no fenced code block and in no HTML comment."""
    end = ""
    for line in lines:
        if not end and (fence := _FENCE.match(line)):
            end = fence[1]
        elif not end and line.lstrip().startswith("<!--"):
            end = "" if "-->" in line else "-->"
        elif not end:
            yield line
        elif end in line if end == "-->" else _closes(line.strip(), end):
            end = ""


def _closes(line: str, fence: str) -> bool:
    return line.startswith(fence) and not line.strip(fence[0])


def _without_closing_marks(heading: str) -> str:
    bare = heading.rstrip("#")
    return bare.rstrip() if not bare or bare[-1].isspace() else heading


def _field_title(lines: list[str]) -> str | None:
    found = next(filter(None, map(_FIELD.match, lines)), None)
    return (found and found["title"].strip().strip("\"'")) or None


def _rst_title(lines: list[str]) -> str | None:
    if lines and lines[0].startswith("PEP:"):
        header = lines[: lines.index("")] if "" in lines else lines
        return _field_title(header)
    for before, line, under in zip(["", *lines], lines, lines[1:], strict=False):
        if not _ADORNMENT.match(under) or _ADORNMENT.match(line) or not line.strip():
            continue
        overlined = before.rstrip() == under.rstrip()
        begins = overlined or not (before.strip() or line[0].isspace())
        if begins and len(under.rstrip()) >= min(4, len(line.strip())):  # docutils allows a longer title, and warns
            return line.strip()
    return None


# HTML

_UNSEEN = frozenset({"script", "style", "template", "noscript"})
_CELL, _LINE, _PARAGRAPH = 0, 1, 2
_GAPS = ("\t", "\n", "\n\n")
_BREAKS = dict.fromkeys(("td", "th"), _CELL)
_BREAKS |= dict.fromkeys(("br", "dd", "dt", "legend", "li", "optgroup", "option", "summary", "tr"), _LINE)
_BREAKS |= dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6", "hgroup", "p", "pre", "blockquote", "hr"), _PARAGRAPH)
_BREAKS |= dict.fromkeys(("dl", "menu", "ol", "ul", "table", "caption", "thead", "tbody", "tfoot"), _PARAGRAPH)
_BREAKS |= dict.fromkeys(
    ("address", "details", "dialog", "div", "fieldset", "figure", "figcaption", "form"), _PARAGRAPH
)
_BREAKS |= dict.fromkeys(("article", "aside", "body", "footer", "header", "main", "nav", "section"), _PARAGRAPH)


def _html_title(soup: BeautifulSoup) -> str | None:
    titles = (title for title in soup.find_all("title") if not title.find_parent("svg"))
    title = next(titles, None)
    strings = (
        title.find_all(string=True, recursive=False) if title else ()
    )  # what else is in it, a broken page misplaced
    return " ".join("".join(strings).split()) or None


def _visible_text(soup: BeautifulSoup) -> str:
    pieces: list[str] = []
    gap = _PARAGRAPH
    for text, following_gap in _runs(soup):
        if not text:
            gap = max(gap, following_gap)
            continue
        pieces += [_GAPS[gap], text] if pieces else [text]
        gap = following_gap
    return "".join(pieces)


def _runs(soup: BeautifulSoup) -> Iterator[tuple[str, int]]:
    """Yield the text up to each boundary of a block, and what boundary it is; a page may be nested deeply."""
    run: list[str] = []
    stack: list[tuple[PageElement | int, bool]] = [(_PARAGRAPH, False), (soup, False)]
    while stack:
        node, preformatted = stack.pop()
        if isinstance(node, int):
            yield _tidied("".join(run), preformatted), node
            run = []
        elif isinstance(node, Tag):
            stack += reversed(list(_opened(node, preformatted)))
        elif isinstance(node, NavigableString) and not isinstance(node, PreformattedString):  # a comment, for example
            run.append(node)


def _opened(tag: Tag, preformatted: bool) -> Iterable[tuple[PageElement | int, bool]]:
    if tag.name in _UNSEEN:
        return
    inside = preformatted or tag.name in {"pre", "textarea"}
    gap = _BREAKS.get(tag.name)
    if gap is not None:
        yield gap, preformatted
    for child in tag.contents:
        if isinstance(child, Tag) or tag.name != "title":
            yield child, inside
    if gap is not None:
        yield gap, inside


def _tidied(text: str, preformatted: bool) -> str:
    if preformatted and not text.isspace():
        return text.strip("\r\n")
    return " ".join(text.split())
