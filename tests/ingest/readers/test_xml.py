"""XML: its text, and nothing that is outside of the file."""

from pathlib import Path

import pytest

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.content import Content
from semsearch.ingest.readers.xml import END, START, TEXT, Event, events, parse_xml
from semsearch.types import Limits

BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>'


def xml(text: str | bytes) -> Content:
    return parse_xml(text if isinstance(text, bytes) else text.encode(), Limits())


def test_events_come_without_namespaces_however_the_bytes_are_cut() -> None:
    data = b'<a:p xmlns:a="u" xmlns:r="http://x/relationships" id="1" r:id="2">one &amp; two<a:b/></a:p>'
    expected = [
        Event(START, "p", {"id": "1", "r:id": "2"}),
        Event(TEXT, "one & two", {}),
        Event(START, "b", {}),
        Event(END, "b", {}),
        Event(END, "p", {}),
    ]
    assert list(events([data])) == expected
    assert [event for event in events(data[n : n + 1] for n in range(len(data))) if event.kind != TEXT] == [
        event for event in expected if event.kind != TEXT
    ]


def test_elements_that_follow_each_other_are_lines_and_those_within_a_sentence_are_not() -> None:
    assert xml("<r><name>Ann</name><age>5</age> <town>Rome</town></r>").text == "Ann\n5\nRome"
    assert xml("<p>This is <b>bold</b>, <i>really</i>.</p>").text == "This is bold, really."


def test_the_title_is_the_first_one_in_it() -> None:
    content = xml("<rss><channel><title>News</title><item><title>Item</title><link>text</link></item></channel></rss>")
    assert (content.title, content.text) == ("News", "News\nItem\ntext")


def test_html_in_a_text_is_read_as_html() -> None:
    assert xml("<d><![CDATA[<p>One</p><p>two &amp; three</p>]]></d>").text == "One\ntwo & three"
    assert xml("<d>a &lt; b</d>").text == "a < b"


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "shift_jis"])
def test_any_encoding_is_read_that_the_file_declares(encoding: str) -> None:
    text = "日本" if encoding == "shift_jis" else "é"
    content = xml(f'<?xml version="1.0" encoding="{encoding}"?><a>{text}</a>'.encode(encoding))
    assert content.text == text
    assert "encoding" in content.metadata


def test_entities_are_refused_before_they_are_expanded() -> None:
    with pytest.raises(InvalidDocumentError, match="declares the entity 'x', and entities are not expanded"):
        xml(BOMB)


def test_nothing_outside_of_the_file_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    with pytest.raises(InvalidDocumentError, match="declares the entity"):
        xml(f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a>&x;</a>')
    with pytest.raises(InvalidDocumentError, match="declares the entity"):
        xml(f'<!DOCTYPE a [<!ENTITY % x SYSTEM "{secret.as_uri()}">%x;]><a>t</a>')
    assert xml(f'<!DOCTYPE a SYSTEM "{secret.as_uri()}"><a>text</a>').text == "text"


@pytest.mark.parametrize("text", ["<a>", "<a></b>", "text", "<a>&nbsp;</a>", ""])
def test_what_is_not_well_formed_is_refused(text: str) -> None:
    with pytest.raises(InvalidDocumentError, match="is not well-formed XML: "):
        xml(text)


def test_a_document_may_be_nested_deeper_than_python_recurses() -> None:
    assert xml("<a>" * 50_000 + "deep" + "</a>" * 50_000).text == "deep"
