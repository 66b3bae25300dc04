"""The readers, by the suffix of the files that they read; those of installed plug-ins come in the place of our own.

No parser is imported before a file of its format is read.
"""

import functools
import logging
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points

from semsearch.ingest.readers import csv, docx, epub, html, json, mail, odt, parquet, pdf, pptx, rtf, xlsx, xml
from semsearch.ingest.readers.code import CODE
from semsearch.ingest.readers.contract import Reader
from semsearch.ingest.readers.jsonl import JSONL
from semsearch.ingest.readers.notebook import NOTEBOOK
from semsearch.ingest.readers.plain import MARKDOWN, ORG, RST, TEXT

logger = logging.getLogger(__name__)

GROUP = "semsearch.readers"  # of entry points, each of which is a Reader
_TEXT = (TEXT, MARKDOWN, RST, ORG, CODE, NOTEBOOK, html.HTML, xml.XML, pdf.PDF, epub.EPUB, mail.EML, mail.MBOX)
_OFFICE = (docx.DOCX, pptx.PPTX, xlsx.XLSX, odt.ODT, rtf.RTF)
_ROWS = (csv.CSV, json.JSON, JSONL, parquet.PARQUET)
BUILT_IN = (*_TEXT, *_OFFICE, *_ROWS)


class _Readers(Mapping[str, Reader]):
    """All readers by their suffixes, found out when the first one is asked for."""

    @functools.cached_property
    def _found(self) -> dict[str, Reader]:
        found = {suffix: reader for reader in BUILT_IN for suffix in reader.suffixes}
        for reader in _plug_ins():
            for suffix in reader.suffixes:
                if suffix in found:
                    logger.info("%s: read by the plug-in %r instead of %r", suffix, reader.name, found[suffix].name)
                found[suffix] = reader
        return found

    def __getitem__(self, suffix: str) -> Reader:
        return self._found[suffix]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


READERS: Mapping[str, Reader] = _Readers()


def _plug_ins() -> Iterator[Reader]:
    for entry_point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            yield _loaded(entry_point)
        except Exception as error:  # it is other people's code; reading goes on without it
            logger.warning(
                "the reader %r of the plug-in %s is left out: %s: %s",
                entry_point.name,
                entry_point.value,
                type(error).__name__,
                error,
            )


def _loaded(entry_point: EntryPoint) -> Reader:
    reader = entry_point.load()
    if not isinstance(reader, Reader):
        raise TypeError(f"it is {type(reader).__name__}, and not a semsearch.ingest.readers.contract.Reader")
    wrong = [suffix for suffix in reader.suffixes if not suffix.startswith(".") or suffix != suffix.lower()]
    if wrong:
        raise ValueError(f"its suffixes {wrong} have to begin with a dot, in lower case")
    return reader
