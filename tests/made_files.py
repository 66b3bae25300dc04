"""Files of many formats, as small as they can be, for the tests of the readers."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from semsearch.ingest.readers.contract import FoundFile, Reader
from semsearch.types import Document, Failure, Limits

RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
CORE = (
    '<p:coreProperties xmlns:p="p" xmlns:dc="d" xmlns:t="t"><dc:title>{title}</dc:title><dc:creator>Ann</dc:creator>'
    "<t:created>2024-01-31T12:00:00Z</t:created><t:modified>2024-02-01T12:00:00Z</t:modified></p:coreProperties>"
)


def items_of(reader: Reader, path: Path, limits: Limits | None = None) -> list[Document | Failure]:
    return list(reader.read(FoundFile(path, path.name), limits or Limits()))


def document_of(reader: Reader, path: Path, limits: Limits | None = None) -> Document:
    [item] = items_of(reader, path, limits)
    assert isinstance(item, Document), item
    return item


def reason_of(reader: Reader, path: Path, limits: Limits | None = None) -> str:
    """Why a file is no document, which is one line."""
    [item] = items_of(reader, path, limits)
    assert isinstance(item, Failure), item
    assert (item.where, item.document_id) == (str(path), path.name)
    assert len(item.reason.splitlines()) == 1
    return item.reason


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def relationships(*targets: tuple[str, str]) -> str:
    """Those with the ids r1, r2 ... to parts of these types."""
    each = "".join(
        f'<Relationship Id="r{number}" Type="{RELATIONSHIPS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{PACKAGE}">{each}</Relationships>'


def office(main: str, members: Mapping[str, str | bytes], title: str = "T") -> bytes:
    """A package of which `main` is the document."""
    start = {"_rels/.rels": relationships(("officeDocument", main)), "docProps/core.xml": CORE.format(title=title)}
    return zipped({**start, **members})


def docx(body: str, *, title: str = "T", styles: str = "", footnotes: str = "") -> bytes:
    part = '<w:{0} xmlns:w="w" xmlns:r="{2}" xmlns:mc="m">{1}</w:{0}>'
    members = {
        "word/document.xml": part.format("document", f"<w:body>{body}</w:body>", RELATIONSHIPS),
        "word/styles.xml": part.format("styles", styles, RELATIONSHIPS),
        "word/footnotes.xml": part.format("footnotes", footnotes, RELATIONSHIPS),
        "word/_rels/document.xml.rels": relationships(("styles", "styles.xml"), ("footnotes", "/word/footnotes.xml")),
    }
    return office("word/document.xml", members, title)


def pptx(*slides: str, notes: str = "") -> bytes:
    ids = "".join(f'<p:sldId id="{255 + n}" r:id="r{n}"/>' for n in range(1, len(slides) + 1))
    members = {
        "ppt/presentation.xml": f'<p:presentation xmlns:p="p" xmlns:r="{RELATIONSHIPS}">{ids}</p:presentation>',
        "ppt/_rels/presentation.xml.rels": relationships(
            *(("slide", f"slides/slide{len(slides) - n}.xml") for n in range(len(slides)))
        ),
        "ppt/slides/_rels/slide1.xml.rels": relationships(("notesSlide", "../notesSlides/notesSlide1.xml")),
        "ppt/notesSlides/notesSlide1.xml": f'<p:notes xmlns:p="p" xmlns:a="a">{notes}</p:notes>',
    }
    for number, slide in enumerate(reversed(slides), start=1):  # in another order than that of the show
        members[f"ppt/slides/slide{number}.xml"] = f'<p:sld xmlns:p="p" xmlns:a="a">{slide}</p:sld>'
    return office("ppt/presentation.xml", members)


def xlsx(sheets: Mapping[str, str], *, strings: str = "", styles: str = "", workbook: str = "") -> bytes:
    names = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(sheets, start=1))
    targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)]
    members = {
        "xl/workbook.xml": f'<workbook xmlns:r="{RELATIONSHIPS}">{workbook}<sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relationships(
            *targets, ("sharedStrings", "sharedStrings.xml"), ("styles", "styles.xml")
        ),
        "xl/sharedStrings.xml": f"<sst>{strings}</sst>",
        "xl/styles.xml": f"<styleSheet>{styles}</styleSheet>",
    }
    for number, rows in enumerate(sheets.values(), start=1):
        members[f"xl/worksheets/sheet{number}.xml"] = f"<worksheet><sheetData>{rows}</sheetData></worksheet>"
    return office("xl/workbook.xml", members)


def odt(body: str, manifest: str = "") -> bytes:
    meta = (
        '<o:meta xmlns:o="o" xmlns:dc="d" xmlns:m="m"><dc:title>T</dc:title><m:initial-creator>Ann</m:initial-creator>'
        '<dc:creator>Bob</dc:creator><m:document-statistic m:page-count="3"/></o:meta>'
    )
    content = f'<o:content xmlns:o="o" xmlns:text="t" xmlns:table="b">{body}</o:content>'
    return zipped({"content.xml": content, "meta.xml": meta, "META-INF/manifest.xml": f"<m>{manifest}</m>"})


def epub(pages: Mapping[str, str], *, encryption: str = "") -> bytes:
    """A book of these pages, read from the last to the first, after a table of contents."""
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(pages)
    )
    spine = "".join(f'<itemref idref="i{n}"/>' for n in reversed(range(len(pages))))
    package = (
        '<package xmlns:dc="d"><metadata><dc:title>T</dc:title><dc:creator>Ann</dc:creator>'
        f"<dc:date>2024-01-31T00:00</dc:date></metadata><manifest>{items}"
        '<item id="toc" href="toc.html" media-type="text/html" properties="nav"/></manifest>'
        f'<spine><itemref idref="toc"/>{spine}</spine></package>'
    )
    members = {
        "META-INF/container.xml": '<container><rootfile full-path="OEBPS/book.opf"/></container>',
        "OEBPS/book.opf": package,
        "OEBPS/toc.html": "<p>contents",
        **{f"OEBPS/{name}": page for name, page in pages.items()},
    }
    return zipped(members | ({"META-INF/encryption.xml": encryption} if encryption else {}))


def pdf(*pages: str, info: str = "", encrypted: bool = False) -> bytes:
    """A PDF of a line of text a page; encrypted ones have a password that nobody knows."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        stream = f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET" if text else ""
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects.append(f"<< {info} >>")
    trailer = f"/Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R"
    if encrypted:
        trailer += (
            f" /ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'11' * 32}> /U <{'22' * 32}> >>"
        )
    return _pdf_file(objects, trailer)


def _pdf_file(objects: list[str], trailer: str) -> bytes:
    content, offsets = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        offsets.append(len(content))
        content += f"{number} 0 obj\n{each}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    start = len(content)
    content += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    return content + f"trailer\n<< {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
