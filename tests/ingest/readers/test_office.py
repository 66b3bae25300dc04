"""DOCX, PPTX, XLSX and ODT: texts, headings, slides, sheets, and what is wrong with files of these formats."""

from pathlib import Path

import pytest
from made_files import document_of, docx, odt, pptx, reason_of, xlsx, zipped

from semsearch.ingest.readers.contract import Reader
from semsearch.ingest.readers.docx import DOCX
from semsearch.ingest.readers.odt import ODT
from semsearch.ingest.readers.pptx import PPTX
from semsearch.ingest.readers.rtf import RTF
from semsearch.ingest.readers.xlsx import XLSX
from semsearch.types import Document, Limits, Place

STYLES = (
    '<w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:styleId="Own"><w:basedOn w:val="H1"/><w:name w:val="Mine"/></w:style>'
    '<w:style w:styleId="Deep"><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>'
    '<w:style w:styleId="Ti"><w:name w:val="Title"/></w:style>'
    '<w:style w:styleId="C1"><w:name w:val="toc 1"/></w:style>'
)


def read(reader: Reader, tmp_path: Path, data: bytes) -> Document:
    path = tmp_path / f"a{reader.suffixes[0]}"
    path.write_bytes(data)
    return document_of(reader, path)


def p(text: str, style: str = "") -> str:
    kind = f'<w:pPr><w:pStyle w:val="{style}"/><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr>' if style else ""
    return f"<w:p>{kind}<w:r><w:t>{text}</w:t></w:r></w:p>"


def slide(*shapes: tuple[str, str]) -> str:
    return "".join(
        f'<p:sp><p:nvPr><p:ph type="{kind}"/></p:nvPr><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sp>'
        for kind, text in shapes
    )


# DOCX


def test_headings_of_docx_are_those_of_the_styles_and_of_the_styles_they_are_based_on(tmp_path: Path) -> None:
    body = p("before") + p("One", "H1") + p("text") + p("Two", "Deep") + p("Three", "Own")
    document = read(DOCX, tmp_path, docx(body, styles=STYLES))
    assert document.text == "before\n\nOne\n\ntext\n\nTwo\n\nThree"
    assert document.places == (Place(8, "One"), Place(19, "One > Two"), Place(24, "Three"))


def test_properties_of_docx_are_title_and_metadata(tmp_path: Path) -> None:
    document = read(DOCX, tmp_path, docx(p("text")))
    assert (document.id, document.title, document.source) == ("a.docx", "T", str(tmp_path / "a.docx"))
    assert document.metadata == {
        "format": "docx",
        "author": "Ann",
        "created": "2024-01-31T12:00:00Z",
        "modified": "2024-02-01T12:00:00Z",
    }


def test_the_title_of_docx_is_else_the_paragraph_of_the_style_title(tmp_path: Path) -> None:
    assert (
        read(DOCX, tmp_path, docx(p("The title", "Ti") + p("text"), title="Word Document", styles=STYLES)).title is None
    )
    assert read(DOCX, tmp_path, docx(p("The title", "Ti") + p("text"), title="", styles=STYLES)).title == "The title"


def test_runs_of_docx_are_put_together_with_their_tabs_and_line_breaks(tmp_path: Path) -> None:
    runs = "<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/></w:r><w:hyperlink><w:r><w:t>c</w:t></w:r></w:hyperlink>"
    assert read(DOCX, tmp_path, docx(f"<w:p>{runs}</w:p>")).text == "a\tb\nc"


def test_tables_of_docx_have_a_line_for_each_row_whatever_is_in_their_cells(tmp_path: Path) -> None:
    def row(*cells: str) -> str:
        return "<w:tr>" + "".join(f"<w:tc>{cell}</w:tc>" for cell in cells) + "</w:tr>"

    inner = f"<w:tbl>{row(p('x'), p('y'))}</w:tbl>"
    table = f"<w:tbl>{row(p('a') + p('b'), p('c'))}{row(p('Head', 'H1'), inner)}{row(p(''), p(''))}</w:tbl>"
    document = read(DOCX, tmp_path, docx(p("before") + table + p("after"), styles=STYLES))
    assert document.text == "before\n\na b\tc\nHead\tx y\n\nafter"
    assert document.places == ()


def test_text_boxes_and_footnotes_of_docx_come_after_what_they_belong_to(tmp_path: Path) -> None:
    box = f"<w:pict><w:txbxContent>{p('box')}</w:txbxContent></w:pict>"
    choice = f"<mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
    body = f"<w:p><w:r><w:t>an</w:t>{choice}<w:t>chor</w:t></w:r></w:p>" + p("after")
    notes = f"<w:footnote>{p('note')}</w:footnote>"
    assert read(DOCX, tmp_path, docx(body, footnotes=notes)).text == "anchor\n\nbox\n\nafter\n\nnote"


def test_what_was_deleted_or_moved_away_and_the_table_of_contents_are_left_out_of_docx(tmp_path: Path) -> None:
    moved = "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom>"
    deleted = "<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del><w:r><w:instrText>PAGE</w:instrText></w:r>"
    inserted = "<w:ins><w:r><w:t>inserted</w:t></w:r></w:ins>"
    body = p("One 1", "C1") + f"<w:p>{moved}{deleted}{inserted}</w:p>"
    assert read(DOCX, tmp_path, docx(body, styles=STYLES)).text == "inserted"


# PPTX


def test_slides_are_pages_in_the_order_of_the_show_with_their_titles_as_headings(tmp_path: Path) -> None:
    first = slide(("title", "One"), ("body", "text"), ("sldNum", "1"), ("ftr", "footer"))
    document = read(PPTX, tmp_path, pptx(first, slide(("body", "untitled")), slide(("ctrTitle", "Three"))))
    assert document.text == "One\n\ntext\n\nuntitled\n\nThree"
    assert document.places == (Place(0, "One", 1), Place(11, None, 2), Place(21, "Three", 3))
    assert document.metadata["page_count"] == 3


def test_notes_and_tables_of_a_slide_are_part_of_its_page(tmp_path: Path) -> None:
    cells = "".join(f"<a:tc><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:tc>" for text in ("a", "b"))
    table = f"<p:graphicFrame><a:tbl><a:tr>{cells}</a:tr></a:tbl></p:graphicFrame>"
    notes = slide(("body", "said"), ("sldNum", "7"))
    document = read(PPTX, tmp_path, pptx(slide(("title", "T")) + table, notes=notes))
    assert document.text == "T\n\na\tb\n\nsaid"
    assert document.places == (Place(0, "T", 1),)


def test_more_slides_than_allowed_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pptx"
    path.write_bytes(pptx(*[slide(("body", "x"))] * 3))
    assert reason_of(PPTX, path, Limits(pages=2)) == "has 3 slides, and more than 2 are not read; split it"


# XLSX


def test_sheets_are_headings_and_rows_are_lines(tmp_path: Path) -> None:
    rows = '<row><c r="A1" t="s"><v>1</v></c><c r="C1" t="s"><v>0</v></c></row><row/><row><c r="B3"><v>2</v></c></row>'
    strings = "<si><t>shared</t></si><si><r><t>ri</t></r><r><t>ch</t></r><rPh><t>x</t></rPh></si>"
    data = xlsx(
        {"One": rows, "Empty": "", "Two": '<row><c t="inlineStr"><is><t>a\nb</t></is></c></row>'}, strings=strings
    )
    document = read(XLSX, tmp_path, data)
    assert document.text == "rich\t\tshared\n\t2\n\na b"
    assert document.places == (Place(0, "One"), Place(17, "Two"))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<c r="A1"><v>5</v></c>', "5"),
        ('<c r="A1"><v>0.30000000000000004</v></c>', "0.3"),
        ('<c r="A1"><v>1E+3</v></c>', "1000"),
        ('<c r="A1" t="b"><v>1</v></c>', "TRUE"),
        ('<c r="A1" t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c r="A1" t="str"><f>A2&amp;"x"</f><v>ax</v></c>', "ax"),
        ('<c r="A1" t="d"><v>2024-01-31</v></c>', "2024-01-31"),
        ('<c r="A1" s="1"><v>45322</v></c>', "2024-01-31"),
        ('<c r="A1" s="1"><v>45322.5</v></c>', "2024-01-31T12:00:00"),
        ('<c r="A1" s="2"><v>45322</v></c>', "2024-01-31"),
        ('<c r="A1" s="2"><v>0.75</v></c>', "18:00:00"),
        ('<c r="A1" s="3"><v>45322</v></c>', "45322"),
        ('<c r="A1" s="1"><v>1e300</v></c>', "1e300"),
    ],
)
def test_cells_are_shown_as_their_values(tmp_path: Path, cell: str, text: str) -> None:
    styles = (
        '<numFmts><numFmt numFmtId="164" formatCode="[$-407]dd/mm;@"/>'
        '<numFmt numFmtId="165" formatCode="0 &quot;days&quot;"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/>'
        '<xf numFmtId="164"/><xf numFmtId="165"/></cellXfs>'
    )
    assert read(XLSX, tmp_path, xlsx({"S": f"<row>{cell}</row>"}, styles=styles)).text == text


def test_dates_begin_where_the_workbook_says(tmp_path: Path) -> None:
    data = xlsx(
        {"S": '<row><c s="0"><v>0</v></c><c s="0"><v>1</v></c></row>'},
        styles='<cellXfs><xf numFmtId="14"/></cellXfs>',
        workbook='<workbookPr date1904="1"/>',
    )
    assert read(XLSX, tmp_path, data).text == "00:00:00\t1904-01-02"


# ODT


def test_headings_paragraphs_and_spaces_of_odt(tmp_path: Path) -> None:
    body = (
        '<text:h text:outline-level="1">One</text:h><text:p>a<text:s text:c="2"/>b<text:tab/>c<text:line-break/>'
        '<text:span>d\n  e</text:span></text:p><text:h text:outline-level="2">Two</text:h><text:p/>'
    )
    document = read(ODT, tmp_path, odt(body))
    assert document.text == "One\n\na  b\tc\nd e\n\nTwo"
    assert document.places == (Place(0, "One"), Place(17, "One > Two"))
    assert (document.title, document.metadata) == ("T", {"format": "odt", "author": "Ann", "page_count": 3})


def test_tables_and_notes_of_odt_are_read_and_comments_and_deleted_text_are_not(tmp_path: Path) -> None:
    note = "<text:note><text:note-citation>1</text:note-citation><text:p>note</text:p></text:note>"
    body = (
        f"<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes><text:p>te{note}xt<o:annotation>"
        "<text:p>comment</text:p></o:annotation></text:p><table:table><table:table-row><table:table-cell><text:p>a</text:p>"
        "</table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>"
    )
    assert read(ODT, tmp_path, odt(body)).text == "text\n\nnote\n\na\tb"


def test_an_encrypted_odt_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.odt").write_bytes(odt("noise", manifest="<encryption-data/>"))
    assert reason_of(ODT, tmp_path / "a.odt") == "is encrypted; save it without a password"


# RTF


def test_the_text_of_rtf_is_read_without_its_formatting(tmp_path: Path) -> None:
    data = rb"{\rtf1\ansi\ansicpg1252 {\fonttbl\f0 Arial;}\b caf\'e9\b0\par second \u8364?{\pict 00ff}}"
    document = read(RTF, tmp_path, data)
    assert (document.text, document.metadata) == ("café\nsecond €", {"format": "rtf"})
    (tmp_path / "b.rtf").write_text("text")
    assert reason_of(RTF, tmp_path / "b.rtf") == "is not RTF; save it again, or name it after what it is"


# What is wrong with a file


@pytest.mark.parametrize("reader", [DOCX, PPTX, XLSX, ODT])
def test_a_file_that_is_no_office_document_is_a_failure_that_says_what_it_is(tmp_path: Path, reader: Reader) -> None:
    path = tmp_path / f"a{reader.suffixes[0]}"
    for data, reason in (
        (b"text", "is damaged or of another kind: File is not a zip file; save it again"),
        (zipped({"a": "b"}), "is damaged: it has no "),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "is encrypted, or an Office file of before 2007"),
    ):
        path.write_bytes(data)
        assert reason_of(reader, path).startswith(reason)


@pytest.mark.parametrize(
    ("reader", "data"),
    [(DOCX, docx("")), (PPTX, pptx("")), (XLSX, xlsx({"S": ""})), (ODT, odt("")), (RTF, rb"{\rtf1 }")],
)
def test_a_file_without_text_is_a_failure(tmp_path: Path, reader: Reader, data: bytes) -> None:
    path = tmp_path / f"a{reader.suffixes[0]}"
    path.write_bytes(data)
    assert reason_of(reader, path) == "has no text in it; fill it or leave it out"


@pytest.mark.parametrize(
    ("reader", "data"),
    [
        (DOCX, docx(p("x" * 2_000))),
        (PPTX, pptx(slide(("body", "x" * 2_000)))),
        (XLSX, xlsx({"S": '<row><c t="s"><v>0</v></c></row>'}, strings=f"<si><t>{'x' * 2_000}</t></si>")),
        (ODT, odt(f"<text:p>{'x' * 2_000}</text:p>")),
    ],
)
def test_each_limit_is_a_failure_that_names_it(tmp_path: Path, reader: Reader, data: bytes) -> None:
    path = tmp_path / f"a{reader.suffixes[0]}"
    path.write_bytes(data)
    assert reason_of(reader, path, Limits(text_characters=1_000)) == "has more than 1,000 characters of text; split it"
    assert reason_of(reader, path, Limits(unpacked_bytes=1_000)) == "unpacks to more than 1,000 bytes; split it"
    assert reason_of(reader, path, Limits(file_bytes=100)).endswith("files of more than 100 are not read; split it")


def test_a_damaged_member_is_a_failure_in_one_line(tmp_path: Path) -> None:
    data = bytearray(docx(p("text " * 100)))
    start = data.index(b"word/document.xml") + len("word/document.xml")
    data[start + 20 : start + 40] = b"\xff" * 20
    path = tmp_path / "a.docx"
    path.write_bytes(bytes(data))
    assert reason_of(DOCX, path).startswith("cannot be read as docx, it is damaged or of another kind: error: ")
