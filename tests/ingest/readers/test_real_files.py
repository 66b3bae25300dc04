"""What becomes of some hundred real files, many of them damaged, encrypted or oddly encoded."""

import os
from collections import Counter
from pathlib import Path

import pytest

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.gate import checked
from semsearch.ingest.readers.contract import FoundFile
from semsearch.ingest.readers.registry import READERS
from semsearch.ingest.reading import Reading
from semsearch.store.records import Kind
from semsearch.types import Document, Failure, Limits

FILES = Path(os.environ.get("SEMSEARCH_TEST_DATA", "no-such-folder")) / "ingest"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not FILES.is_dir(), reason="the shared data is missing")]
EXPECTED = {
    "csv": (13, 59, 1),
    "docx": (24, 24, 0),
    "eml": (40, 37, 3),
    "epub": (3, 3, 0),
    "html": (18, 18, 0),
    "ipynb": (1, 1, 0),
    "json": (16, 418, 31),
    "jsonl": (3, 43, 3),
    "markdown": (15, 14, 1),
    "odt": (3, 3, 0),
    "org": (3, 3, 0),
    "pdf": (112, 89, 23),
    "pptx": (12, 10, 2),
    "rst": (3, 3, 0),
    "rtf": (2, 2, 0),
    "text": (37, 35, 2),
    "xlsx": (10, 8, 2),
    "xml": (4, 4, 0),
}  # format -> (files, documents, failures)


@pytest.fixture(scope="module")
def items() -> dict[FoundFile, list[Document | Failure]]:
    paths = sorted(path for path in FILES.rglob("*") if path.suffix.lower() in READERS and path.parent != FILES)
    files = [FoundFile(path, path.relative_to(FILES).as_posix()) for path in paths]
    with Reading(Limits()) as reading:
        return {file: list(found) for file, found in zip(files, reading.all_documents(files), strict=True)}


def test_each_format_gives_as_many_documents_and_failures_as_were_looked_at(
    items: dict[FoundFile, list[Document | Failure]],
) -> None:
    found: dict[str, Counter[str]] = {}
    for file, each in items.items():
        counts = found.setdefault(READERS[file.path.suffix.lower()].name, Counter())
        counts.update(["files"], documents=0, failures=0)
        counts.update("documents" if isinstance(item, Document) else "failures" for item in each)
    assert {name: (c["files"], c["documents"], c["failures"]) for name, c in found.items()} == EXPECTED


def test_every_document_can_be_stored_and_every_failure_is_one_line(
    items: dict[FoundFile, list[Document | Failure]],
) -> None:
    for each in items.values():
        for item in each:
            if isinstance(item, Failure):
                assert len(item.reason.splitlines()) == 1
            elif item.text.strip():
                checked(item, Kind.TEXTS)
            else:
                with pytest.raises(InvalidDocumentError, match="it is empty"):
                    checked(item, Kind.TEXTS)
