"""Image files as other programs wrote them: whatever is broken is refused with a reason, and the rest is indexed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeImageEmbedder

from semsearch import Collection
from semsearch.errors import InvalidDocumentError
from semsearch.images.loading import load_image
from semsearch.ingest.readers.contract import FoundFile
from semsearch.ingest.readers.image import READERS, SUFFIXES
from semsearch.types import Failure, Limits

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("SEMSEARCH_BENCHMARK_DATA", ROOT.parent / "shared" / "data")) / "images"
FIXTURES = DATA / "imagededup-fixtures"
needs_fixtures = pytest.mark.skipif(not FIXTURES.is_dir(), reason="needs the images of the shared data")


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", images=FakeImageEmbedder()) as made:
        yield made


def test_each_suffix_of_an_image_has_the_reader() -> None:
    assert set(READERS) == {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"} == set(SUFFIXES)


def test_a_file_that_is_too_long_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x" * 100)
    [failure] = READERS[".png"].read(FoundFile(tmp_path / "a.png", "a", 32), Limits(file_bytes=99))
    assert failure == Failure(
        str(tmp_path / "a.png"), "has 100 bytes, and files of more than 99 are not read; scale it down", "a"
    )


@needs_fixtures
def test_every_broken_file_is_refused_and_the_rest_is_indexed(collection: Collection) -> None:
    files = [path for path in FIXTURES.rglob("*") if path.suffix.lower() in SUFFIXES]
    broken = {str(path) for path in files if not is_image(path)}
    report = collection.sync([str(FIXTURES)])
    assert {failure.document_id for failure in report.failed} == broken
    assert {Path(path).name for path in broken} == {"ukbench09268_corrupt.jpg"}
    assert all("cannot be read as an image" in failure.reason for failure in report.failed)
    assert report.added == len(files) - len(broken) > 20
    original = FIXTURES / "base_images" / "ukbench00120.jpg"
    nearest = [Path(hit.document_id).name for hit in collection.search(image=original, k=3).hits]
    assert set(nearest) <= {"ukbench00120.jpg", "alpha_channel_image.png"}  # the same picture, opaque or not


def is_image(path: Path) -> bool:
    try:
        load_image(path)
    except InvalidDocumentError:
        return False
    return True
