"""Titles and texts of Markdown, reStructuredText and HTML."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.markup import parse_html, parse_markdown, parse_plain, parse_rst


def html(page: str) -> str:
    return parse_html(page.encode()).text


@given(st.text().filter(lambda text: "\0" not in text and not text.startswith("\ufeff")))
def test_plain_formats_keep_their_text_to_the_character(text: str) -> None:
    for parse in (parse_plain, parse_markdown, parse_rst):
        assert parse(text.encode()).text == text
        assert parse(b"\xef\xbb\xbf" + text.encode()).text == text


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
    assert parse_markdown(text.encode()).title == title
    assert parse_markdown(text.replace("\n", "\r\n").encode()).title == title


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
    assert parse_rst(text.encode()).title == title
    assert parse_rst(text.replace("\n", "\r\n").encode()).title == title


def test_html_gives_a_line_for_each_block() -> None:
    page = """<!DOCTYPE html><html><head><title> The
    title </title><style>p {}</style></head><body>
    <h1>Head  <b>ing</b></h1><p>One<br>two&amp;three</p>
    <ul><li>a<li>b</ul><table><tr><th>x</th><td>y</td></tr><tr><td>1<td>2</table>tail</body></html>"""
    content = parse_html(page.encode())
    assert content.title == "The title"
    assert content.text == "Head ing\n\nOne\ntwo&three\n\na\nb\n\nx\ty\n1\t2\n\ntail"


def test_inline_elements_do_not_part_words() -> None:
    assert html("H<sub>2</sub>O is <em>w</em>et <span>in\n</span> <a>the</a> end") == "H2O is wet in the end"


def test_scripts_styles_templates_noscript_and_comments_are_left_out() -> None:
    page = "<p>a<script>1</script><style>2</style><template>3</template><noscript>4</noscript><!-- 5 --> b"
    assert html(page) == "a b"


def test_preformatted_text_keeps_its_lines_and_indentation() -> None:
    assert html("<p>code:</p><pre>\ndef f():\n    return  <b>1</b>\n</pre>end") == (
        "code:\n\ndef f():\n    return  1\n\nend"
    )
    assert html("<pre><code>a  b<br>  c</code></pre>") == "a  b\n  c"


def test_the_title_of_an_svg_is_no_title() -> None:
    assert parse_html(b"<svg><title>icon</title></svg><p>text").title is None


def test_an_unclosed_title_does_not_swallow_the_page() -> None:
    assert parse_html(b"<title>T<body><p>text").text.endswith("text")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<p>é €".encode(), "é €"),
        (b"\xef\xbb\xbf<p>caf\xc3\xa9", "café"),
        ("<p>é".encode("utf-16"), "é"),
        (b"<meta charset=iso-8859-2><p>\xb3", "ł"),
        (b'<?xml version="1.0" encoding="koi8-r"?><html><p>\xc1</html>', "а"),
        (b"<p>smart \x93quotes\x94", "smart “quotes”"),
        (b'<meta charset=iso-2022-jp><p>\x1b$B$"\x1b(B', "あ"),
        (b"<meta charset=utf-8><p>caf\xe9", "café"),
    ],
)
def test_html_is_read_in_the_encoding_that_it_declares_or_else_as_utf8(data: bytes, text: str) -> None:
    assert parse_html(data).text == text


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"<p>a\0b"])
def test_binary_html_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidDocumentError, match="is not text in the encoding that it declares"):
        parse_html(data)


def test_html_that_cannot_be_parsed_is_refused() -> None:
    with pytest.raises(InvalidDocumentError, match=r"^is not HTML that can be parsed \(\w.+\); correct it$") as caught:
        parse_html(b"<p>a<![n[x")
    assert "\n" not in str(caught.value)


def test_html_that_looks_like_a_file_name_or_like_xml_is_read_without_a_warning() -> None:
    assert html("index.html") == "index.html"
    assert html('<?xml version="1.0"?><feed><entry>text</entry></feed>') == "text"


def test_html_may_be_nested_deeper_than_python_recurses() -> None:
    assert html("<div>" * 5_000 + "deep") == "deep"


WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
TAGS = st.sampled_from(["p", "div", "b", "li", "td", "tr", "pre", "span", "h2", "option", "a", "section", "x-own"])


@given(st.lists(st.tuples(TAGS, WORDS)))
def test_no_visible_word_is_lost(parts: list[tuple[str, str]]) -> None:
    text = html(" ".join(f"<{tag}>{word}</{tag}>" for tag, word in parts))
    assert text.split() == [word for _, word in parts]


@pytest.mark.parametrize(
    "line", ["#" * 300_000, "# a" + " " * 300_000 + "b", "<!--" * 70_000, "`" * 300_000, "=" * 300_000]
)
def test_no_title_takes_quadratic_time(line: str) -> None:
    started = time.monotonic()
    parse_markdown(line.encode())
    parse_rst(line.encode())
    assert time.monotonic() - started < 5  # some milliseconds; quadratic would be minutes
