"""Finds title, headings and fields in the text of Markdown, reStructuredText and org-mode files.

All of them keep their text as it is, markup included, so that spans can be looked up in the file.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from semsearch.ingest.readers.content import Content
from semsearch.ingest.readers.structure import Heading, places_of

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_UNDERLINE = re.compile(r" {0,3}(?P<mark>[=-])(?P=mark)*[ \t]*$")
_NOT_PARAGRAPH = re.compile(r"\s*(?:[-+*>|<]|\d+[.)]\s)| {4}|\t")
_HEADING = re.compile(r" {0,3}(?P<marks>#{1,6})\s(?P<title>.*)")
_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*\s*$")
_HEADLINE = re.compile(r"(?P<stars>\*+)\s+(?P<title>.*?)(?:\s+:[\w@#%:]+:)?\s*$")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$")


class _Line(NamedTuple):
    start: int
    text: str  # without its end


def parse_markdown(text: str) -> Content:
    """The title is the front matter's, or else that of the first heading (https://spec.commonmark.org)."""
    lines = _lines(text)
    end = next((n for n, line in enumerate(lines) if n and line.text == "---"), 0)
    if not lines or lines[0].text.rstrip() != "---":
        end = 0
    headings = list(_markdown_headings(lines[end + 1 if end else 0 :]))
    fields = _fields(lines[1:end], "")
    return _content(text, headings, fields, fields.get("title"))


def parse_rst(text: str) -> Content:
    """The title is that of the first section; of a PEP, the one in its header (docutils.sourceforge.io)."""
    lines = _lines(text)
    headings = list(_rst_headings(lines))
    title = None
    if text.startswith("PEP:"):
        end = next((n for n, line in enumerate(lines) if not line.text), len(lines))
        title = _fields(lines[:end], "").get("title")
    return _content(text, headings, {}, title)


def parse_org(text: str) -> Content:
    """The title is that of `#+TITLE:`, or else that of the first headline (https://orgmode.org/manual)."""
    lines = _lines(text)
    found = ((line.start, _HEADLINE.match(line.text)) for line in lines)
    headings = [Heading(start, len(match["stars"]), match["title"]) for start, match in found if match]
    fields = _fields(lines, "#+")
    return _content(text, headings, fields, fields.get("title"))


def markdown_headings(text: str) -> Iterator[Heading]:
    """The headings of a text in Markdown that has no front matter."""
    return _markdown_headings(_lines(text))


def _content(text: str, headings: Sequence[Heading], fields: dict[str, str], title: str | None) -> Content:
    metadata = {"author": fields["author"]} if fields.get("author") else {}
    if _DATE.match(date := fields.get("date", "").strip("<>[]")):
        metadata["date"] = date.replace(" ", "T")
    title = title or next((heading.title for heading in headings if heading.title), None)
    return Content(text, title, metadata, places_of(headings))


def _lines(text: str) -> list[_Line]:
    lines, start = [], 0
    for line, whole in zip(text.splitlines(), text.splitlines(keepends=True), strict=True):
        lines.append(_Line(start, line))
        start += len(whole)
    return lines


def _fields(lines: Sequence[_Line], mark: str) -> dict[str, str]:
    """The first `name: value` of each name, in lower case and without quotes."""
    fields: dict[str, str] = {}
    for _, line in lines:
        name, colon, value = line.removeprefix(mark).partition(":")
        if colon and line.startswith(mark) and (value := value.strip().strip("\"'")):
            fields.setdefault(name.lower(), value)
    return fields


def _markdown_headings(lines: Sequence[_Line]) -> Iterator[Heading]:
    paragraph: list[_Line] = []
    for line in _unfenced(lines):
        if heading := _HEADING.match(line.text):
            if title := _without_closing_marks(heading["title"].strip()):
                yield Heading(line.start, len(heading["marks"]), title)
            paragraph = []
        elif len(paragraph) == 1 and (under := _UNDERLINE.match(line.text)):
            # below a longer paragraph it is more often a rule
            yield Heading(paragraph[0].start, 1 if under["mark"] == "=" else 2, paragraph[0].text.strip())
            paragraph = []
        elif not line.text.strip() or _NOT_PARAGRAPH.match(line.text):
            paragraph = []
        else:
            paragraph.append(line)


def _unfenced(lines: Sequence[_Line]) -> Iterator[_Line]:
    """Yield the lines that are in no fenced code block and in no HTML comment."""
    end = ""
    for line in lines:
        if not end and (fence := _FENCE.match(line.text)):
            end = fence[1]
        elif not end and line.text.lstrip().startswith("<!--"):
            end = "" if "-->" in line.text else "-->"
        elif not end:
            yield line
        elif end in line.text if end == "-->" else _closes(line.text.strip(), end):
            end = ""


def _closes(line: str, fence: str) -> bool:
    return line.startswith(fence) and not line.strip(fence[0])


def _without_closing_marks(heading: str) -> str:
    bare = heading.rstrip("#")
    return bare.rstrip() if not bare or bare[-1].isspace() else heading


def _rst_headings(lines: Sequence[_Line]) -> Iterator[Heading]:
    """Levels are in the order in which their adornments are first used."""
    styles: list[tuple[str, bool]] = []
    for before, line, under in zip([_Line(0, ""), *lines], lines, lines[1:], strict=False):
        if not _ADORNMENT.match(under.text) or _ADORNMENT.match(line.text) or not line.text.strip():
            continue
        overlined = before.text.rstrip() == under.text.rstrip()
        begins = overlined or not (before.text.strip() or line.text[0].isspace())
        # docutils allows a longer title, and warns
        if begins and len(under.text.rstrip()) >= min(4, len(line.text.strip())):
            style = (under.text[0], overlined)
            if style not in styles:
                styles.append(style)
            start = before.start if overlined else line.start
            yield Heading(start, styles.index(style) + 1, line.text.strip())
