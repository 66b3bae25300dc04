"""HTML pages: their main content, where it can be told, and all that is visible where it cannot."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_files import document_of, reason_of

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.content import Content
from semsearch.ingest.readers.html import HTML, add_visible, parse_html, parsed
from semsearch.ingest.readers.structure import TextBuilder
from semsearch.types import Limits, Place

PROSE = "A sentence of the main content, which is long enough to be what a page is about. " * 5
MENU = "<ul>" + "".join(f'<li><a href="/{n}">Topic {n}</a></li>' for n in range(9)) + "</ul>"


def page(markup: str | bytes) -> Content:
    return parse_html(markup if isinstance(markup, bytes) else markup.encode(), Limits())


def html(markup: str) -> str:
    return page(markup).text


def visible(markup: str) -> str:
    builder = TextBuilder(1_000_000)
    add_visible(builder, parsed(markup))
    return builder.text


def test_a_page_gives_a_line_for_each_block() -> None:
    content = page("""<!DOCTYPE html><html><head><title> The
    title </title><style>p {}</style></head><body>
    <h1>Head  <b>ing</b></h1><p>One<br>two&amp;three</p>
    <ul><li>a<li>b</ul><table><tr><th>x</th><td>y</td></tr><tr><td>1<td>2</table>tail</body></html>""")
    assert content.title == "The title"
    assert content.text == "Head ing\n\nOne\ntwo&three\n\na\nb\n\nx\ty\n1\t2\n\ntail"


def test_inline_elements_do_not_part_words() -> None:
    assert html("H<sub>2</sub>O is <em>w</em>et <span>in\n</span> <a>the</a> end") == "H2O is wet in the end"


def test_scripts_styles_templates_noscript_and_comments_are_left_out() -> None:
    markup = "<p>a<script>1</script><style>2</style><template>3</template><noscript>4</noscript><!-- 5 --> b"
    assert html(markup) == "a b"


def test_preformatted_text_keeps_its_lines_and_indentation() -> None:
    assert html("<p>code:</p><pre>\ndef f():\n    return  <b>1</b>\n</pre>end") == (
        "code:\n\ndef f():\n    return  1\n\nend"
    )
    assert html("<pre><code>a  b<br>  c</code></pre>") == "a  b\n  c"


def test_marks_of_where_a_word_may_be_divided_are_no_text() -> None:
    assert html("<h2>Silben\u00adtrennung\u200b</h2>") == "Silbentrennung"


def test_headings_are_places_and_their_text_is_part_of_the_text() -> None:
    content = page("before<h1>A</h1>x<h2>B <i>b</i></h2><p>y<h3> </h3><h2>C</h2>")
    assert content.places == (Place(8, "A"), Place(14, "A > B b"), Place(22, "A > C"))
    assert content.text == "before\n\nA\n\nx\n\nB b\n\ny\n\nC"


def test_a_heading_has_nothing_in_it_that_is_left_out_of_the_text() -> None:
    content = page('<h2>Install<a class="headerlink" href="#install">¶</a> <span hidden>x</span></h2>')
    assert (content.text, content.places) == ("Install", (Place(0, "Install"),))


def test_the_main_element_is_the_main_content() -> None:
    markup = (
        f"<nav>{MENU}</nav><header>Site</header><main><h1>T</h1>{PROSE}</main><aside>More</aside><footer>©</footer>"
    )
    assert html(markup) == f"T\n\n{PROSE.strip()}"


def test_articles_are_the_main_content_where_there_is_no_main_element() -> None:
    markup = f"<div>Site</div><article>{PROSE}<article>reply</article></article><article>second</article>"
    assert html(markup) == f"{PROSE.strip()}\n\nreply\n\nsecond"


@pytest.mark.parametrize(
    "furniture",
    [
        f"<nav>{MENU}</nav>",
        "<aside>Related</aside>",
        "<footer>Imprint</footer>",
        "<header>Site name</header>",
        '<div role="navigation">Home</div>',
        '<div class="sidebar-left left-sidebar">Latest</div>',
        '<div id="site-footer">Imprint</div>',
        '<p class="cookie-consent">We value your privacy</p>',
        "<p hidden>Not shown</p>",
        '<p aria-hidden="true">Not read out</p>',
        f"<div>{MENU}</div>",
        f"<table><tr><td>{MENU}</td></tr></table>",
    ],
)
def test_what_is_around_the_content_is_left_out(furniture: str) -> None:
    assert html(f"<body>{furniture}<p>{PROSE}</p>{furniture}</body>") == PROSE.strip()


@pytest.mark.parametrize(
    "content",
    [
        "<header><h1>The title of the page</h1></header>",
        '<ul><li><a href="/1">A long title of an article that says what it is about</a></li></ul>' * 4,
        '<p><a href="/1">one</a>, <a href="/2">two</a> and <a href="/3">three</a> were there</p>',
        '<div class="has-sidebar"><p>' + PROSE + "</p></div>",
        "<ul><li>plain</li><li>points</li></ul>",
    ],
)
def test_what_only_looks_like_navigation_is_kept(content: str) -> None:
    text = html(f"<body>{content}<p>{PROSE}</p></body>")
    assert all(word in text for word in visible(content).split())


def test_a_list_of_links_in_a_table_of_facts_is_one_of_them() -> None:
    facts = f"<table><tr><th>Founded</th><td>1975</td></tr><tr><th>Topics</th><td>{MENU}</td></tr></table>"
    assert "Topic 8" in html(f"<main>{facts}<p>{PROSE}</p></main>")


@pytest.mark.parametrize(
    "markup",
    [
        f"<nav>{MENU}</nav><p>short</p>",
        f"<div>{MENU}</div><div>{MENU}</div>",
        f"<main><p>Loading</p></main><div>{PROSE}</div>",
        f"<article></article><div>{PROSE}</div>",
    ],
)
def test_a_page_of_which_hardly_anything_would_be_left_is_read_whole(markup: str) -> None:
    assert html(markup) == visible(markup)


def test_what_a_page_says_of_its_author_and_date_is_metadata() -> None:
    head = '<meta name="Author" content="Ann"><meta property="article:published_time" content="2024-01-31T12:00:00Z">'
    assert page(f"{head}<p>text").metadata == {"author": "Ann", "date": "2024-01-31T12:00:00Z"}
    assert page('<meta name="date" content="last week"><meta name="author"><p>text').metadata == {}


def test_the_title_of_an_svg_is_no_title() -> None:
    assert page("<svg><title>icon</title></svg><p>text").title is None


def test_an_unclosed_title_does_not_swallow_the_page() -> None:
    assert html("<title>T<body><p>text").endswith("text")


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        ("<p>é €".encode(), "é €", None),
        (b"\xef\xbb\xbf<p>caf\xc3\xa9", "café", None),
        ("<p>é".encode("utf-16"), "é", "utf-16"),
        (b"<meta charset=iso-8859-2><p>\xb3", "ł", "iso8859-2"),
        (b'<?xml version="1.0" encoding="koi8-r"?><html><p>\xc1</html>', "а", "koi8-r"),
        (b"<p>smart \x93quotes\x94", "smart “quotes”", "cp1252"),
        (b'<meta charset=iso-2022-jp><p>\x1b$B$"\x1b(B', "あ", "iso2022_jp"),
        (b"<meta charset=utf-8><p>caf\xe9", "café", "cp1252"),
    ],
)
def test_a_page_is_read_in_the_encoding_that_it_declares_if_it_is_in_it(
    data: bytes, text: str, encoding: str | None
) -> None:
    content = page(data)
    assert (content.text, content.metadata.get("encoding")) == (text, encoding)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"<p>a\0b"])
def test_binary_data_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidDocumentError, match="is not text: byte"):
        page(data)


def test_a_page_that_cannot_be_parsed_is_refused() -> None:
    with pytest.raises(InvalidDocumentError, match=r"^is not HTML that can be parsed \(\w.+\); correct it$") as caught:
        html("<p>a<![n[x")
    assert "\n" not in str(caught.value)


def test_a_page_that_looks_like_a_file_name_or_like_xml_is_read_without_a_warning() -> None:
    assert html("index.html") == "index.html"
    assert html('<?xml version="1.0"?><feed><entry>text</entry></feed>') == "text"


def test_a_page_may_be_nested_deeper_than_python_recurses() -> None:
    assert html("<div>" * 5_000 + "<h1>deep</h1>") == "deep"


WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
TAGS = st.sampled_from(["p", "div", "b", "li", "td", "tr", "pre", "span", "h2", "option", "a", "section", "x-own"])


@given(st.lists(st.tuples(TAGS, WORDS)))
def test_no_visible_word_is_lost(parts: list[tuple[str, str]]) -> None:
    text = visible(" ".join(f"<{tag}>{word}</{tag}>" for tag, word in parts))
    assert text.split() == [word for _, word in parts]


def test_a_file_becomes_a_document_and_more_text_than_allowed_does_not(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<title>T</title><h1>H</h1><p>text")
    document = document_of(HTML, path)
    assert (document.title, document.text, document.metadata) == ("T", "H\n\ntext", {"format": "html"})
    assert reason_of(HTML, path, Limits(text_characters=6)) == "has more than 6 characters of text; split it"
