"""The reader of image files, of which collections of images are made: a document an image, without text.

It hands on the square that the model reads, so that nobody else has to decode what a stranger has written.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePath

from semsearch.errors import InvalidDocumentError
from semsearch.images.embedder import square_with_facts
from semsearch.ingest.readers.contract import FoundFile, Reader
from semsearch.types import Document, Failure, Limits

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


def _read(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    where = str(file.path)
    size = file.path.stat().st_size
    if size > limits.file_bytes:
        reason = f"has {size:,} bytes, and files of more than {limits.file_bytes:,} are not read; scale it down"
        yield Failure(where, reason, file.document_id)
        return
    if file.image_size is None:
        raise ValueError(f"{where} is read as an image, and it was not said for squares of which size")
    try:
        square, facts = square_with_facts(file.path, file.image_size, max_pixels=limits.image_pixels)
    except InvalidDocumentError as error:
        yield Failure(where, str(error).removeprefix(f"{where} "), file.document_id)
        return
    name = PurePath(file.document_id)
    metadata = {**facts, "path": file.document_id, "folder": name.parent.name}
    yield Document(file.document_id, metadata=metadata, source=where, image=square)


IMAGE = Reader("image", SUFFIXES, _read, prose=False)
READERS: Mapping[str, Reader] = dict.fromkeys(SUFFIXES, IMAGE)
