"""Titles, headings and fields of Markdown, reStructuredText and org-mode, which keep their text as it is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.ingest.readers.content import Content
from semsearch.ingest.readers.markup import parse_markdown, parse_org, parse_rst

PARSERS = (parse_markdown, parse_rst, parse_org)


def headings(content: Content) -> list[tuple[str, str | None]]:
    """The text from each place on, to the end of its line, and the place's heading."""
    return [(content.text[place.start :].splitlines()[0], place.heading) for place in content.places]


@given(st.text())
def test_the_text_is_kept_to_the_character_and_places_are_in_it(text: str) -> None:
    for parse in PARSERS:
        content = parse(text)
        assert content.text == text
        starts = [place.start for place in content.places]
        assert starts == sorted(set(starts))
        assert all(0 <= start < len(text) for start in starts)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# One\n\n# Two", "One"),
        ("text first\n\n   ### Three ###  \n", "Three"),
        ("#\tC#\n", "C#"),
        ("#\n\n## Two\n", "Two"),
        ("#hashtag\n\n    # code\n\n####### seven\n\n# Title", "Title"),
        ("```sh\n# comment\n```\n\n# Title", "Title"),
        ("~~~~\n# a\n~~~\n# b\n~~~~~\n# Title", "Title"),
        ("```one line```\n\n# Title", "Title"),
        ("<!-- # one -->\n<!--\n# two\n-->\n# Title", "Title"),
        ("Title\n===\n", "Title"),
        ("Title\n-----\n\n# Later", "Title"),
        ("some text\nof two lines\n---\n\n# Title", "Title"),
        ("- item\n---\n\n> quote\n---\n\n# Title", "Title"),
        ("a | b\n--- | ---\n1 | 2\n\n# Title", "Title"),
        ('---\nlayout: page\ntitle: "Front matter"\n---\n\n# Heading', "Front matter"),
        ("---\nlayout: page\n---\n\n# Title", "Title"),
        ("---\n\n# Title", "Title"),
        ("no heading", None),
        ("```\n# never closed", None),
        ("", None),
    ],
)
def test_the_title_of_markdown_is_its_front_matters_or_its_first_headings(text: str, title: str | None) -> None:
    assert parse_markdown(text).title == title
    assert parse_markdown(text.replace("\n", "\r\n")).title == title


def test_headings_of_markdown_are_places_with_all_headings_above() -> None:
    text = "before\n\n# A\n\n## B\n\n```\n# no\n```\n\n### C\n\n## D\n\nE\n===\ntext\n\n### F\n"
    assert headings(parse_markdown(text)) == [
        ("# A", "A"),
        ("## B", "A > B"),
        ("### C", "A > B > C"),
        ("## D", "A > D"),
        ("E", "E"),
        ("### F", "E > F"),
    ]


def test_what_front_matter_says_of_author_and_date_is_metadata() -> None:
    assert parse_markdown("---\nauthor: Ann\ndate: 2024-01-31\n# no\n---\n# Yes").metadata == {
        "author": "Ann",
        "date": "2024-01-31",
    }
    assert parse_markdown("---\ndate: last Monday\n---\ntext").metadata == {}
    assert headings(parse_markdown("---\n# no: 1\n---\n# Yes")) == [("# Yes", "Yes")]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Title\n=====\n\nLater\n-----", "Title"),
        ("=======\n Title\n=======\n", "Title"),
        (".. comment\n\ntext\n\nTitle\n~~~~~\n", "Title"),
        ("::\n\n    code\n    ====\n\nTitle\n=====\n", "Title"),
        ("two lines\nof text\n=======\n\nTitle\n=====\n", "Title"),
        ("text\n\n----------\n\nTitle\n=====\n", "Title"),
        ("C++\n===\n", "C++"),
        ("Too long for its line\n====\n", "Too long for its line"),
        ("Not a title\n==\n", None),
        ("PEP: 8\nTitle: Style Guide\nStatus: Active\n\nAbstract\n========\n", "Style Guide"),
        ("Title\n====x\n", None),
        ("", None),
    ],
)
def test_the_title_of_restructuredtext_is_its_first_sections(text: str, title: str | None) -> None:
    assert parse_rst(text).title == title
    assert parse_rst(text.replace("\n", "\r\n")).title == title


def test_levels_of_restructuredtext_are_in_the_order_of_the_first_use_of_an_adornment() -> None:
    text = "===\nA\n===\n\nB\n===\n\nC\n~~~\n\nD\n===\n\n===\nE\n===\n"
    assert headings(parse_rst(text)) == [("===", "A"), ("B", "A > B"), ("C", "A > B > C"), ("D", "A > D"), ("===", "E")]


def test_headlines_of_org_mode_are_places_without_their_tags() -> None:
    content = parse_org(
        "#+title: T\n#+AUTHOR: Ann\n#+DATE: <2024-01-31>\n* One :tag:x:\ntext *bold*\n** Two\n*no\n* Three"
    )
    assert headings(content) == [("* One :tag:x:", "One"), ("** Two", "One > Two"), ("* Three", "Three")]
    assert (content.title, content.metadata) == ("T", {"author": "Ann", "date": "2024-01-31"})
    assert parse_org("* One\n").title == "One"


@pytest.mark.parametrize(
    "line", ["#" * 300_000, "# a" + " " * 300_000 + "b", "<!--" * 70_000, "`" * 300_000, "=" * 300_000, "* " * 100_000]
)
def test_no_title_takes_quadratic_time(line: str) -> None:
    started = time.monotonic()
    for parse in PARSERS:
        parse(line)
    assert time.monotonic() - started < 5  # some milliseconds; quadratic would be minutes
