"""The files that a manifest names, as segments and an index: mapped, with deleted rows masked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semsearch.errors import CorruptStoreError
from semsearch.index import lists as inverted
from semsearch.index.collection_index import Measured
from semsearch.index.ids import read_ids
from semsearch.index.lists import Lists
from semsearch.index.payload import Payload
from semsearch.index.segment import Segment
from semsearch.index.sizing import Codec
from semsearch.index.stored_rows import StoredRows
from semsearch.types import Curve, Ids, ManifestFile, OperatingPoint, Vectors

PAYLOAD_KINDS = ("base", "base_ids", "delta", "delta_ids")


@dataclass(frozen=True, slots=True)
class SealedSegment:
    """A segment and its two files, rows and ids."""

    files: tuple[ManifestFile, ManifestFile]
    segment: Segment

    @property
    def last(self) -> int:
        """The highest chunk id in it."""
        return int(self.files[0].details["last"])


def read_segments(root: Path, manifest: Sequence[ManifestFile], deleted: Ids) -> list[SealedSegment]:
    """All segments in the order of their ids.

    Raises:
        FileNotFoundError: a file is missing; whoever read the manifest may have been overtaken by a writer.
        CorruptStoreError: a file is not what was published.
    """
    rows = sorted((file for file in manifest if file.kind == "segment"), key=lambda file: int(file.details["first"]))
    ids = {file.details["segment"]: file for file in manifest if file.kind == "segment_ids"}
    return [_read_segment(root, file, ids[file.name], deleted) for file in rows]


def read_index(
    root: Path, manifest: Sequence[ManifestFile], segments: Sequence[Segment], deleted: Ids
) -> Measured | None:
    """The payload over these segments, `None` if the manifest names none; whatever is raised, it cannot be used."""
    by_kind = {file.kind: file for file in manifest}
    if "base" not in by_kind:
        return None
    named = [by_kind[kind] for kind in PAYLOAD_KINDS if kind in by_kind]
    for file in named:
        check_size(root, file)
    codec, details = Codec(by_kind["base"].details["codec"]), by_kind["base"].details
    try:
        parts = [read_part(root, codec, *named[at : at + 2], mapped=True) for at in range(0, len(named), 2)]
        rows = StoredRows(segments, int(details["dim"]))
    except RuntimeError:
        _raise_if_gone(root, manifest)
        raise
    ids = np.concatenate([ids for _, ids in parts]) if len(parts) > 1 else parts[0][1]
    payload = Payload(codec, tuple(lists for lists, _ in parts), ids, rows).without(deleted)
    return Measured(payload, curve_of(by_kind["base"]), details["exact_milliseconds"])


def read_part(root: Path, codec: Codec, lists: ManifestFile, ids: ManifestFile, *, mapped: bool) -> tuple[Lists, Ids]:
    """The base or the delta, and the ids of its rows; raises RuntimeError, ValueError or OSError if damaged."""
    read, of_rows = inverted.read(codec, root / lists.name, mapped=mapped), read_ids(root / ids.name)
    if read.ntotal != len(of_rows) * (codec.copies if read.nlist > 1 else 1):
        raise ValueError(f"{lists.name} and {ids.name} do not belong together")
    return read, of_rows


def curve_of(base: ManifestFile) -> Curve:
    """The operating curve as it lies in the manifest."""
    return tuple(OperatingPoint(*point) for point in base.details["curve"])


def read_queries(root: Path, manifest: Sequence[ManifestFile]) -> Vectors | None:
    """The queries (q, dim) that recall is measured on beside the rows, `None` if the manifest names none.

    Raises:
        CorruptStoreError: the file is not what was published.
    """
    for file in manifest:
        if file.kind == "queries":
            try:
                check_size(root, file)
                queries: Vectors = np.load(root / file.name, allow_pickle=False)
            except (OSError, ValueError) as error:
                raise CorruptStoreError(root / file.name, str(error)) from error
            return queries
    return None


def check_size(root: Path, file: ManifestFile) -> None:
    """Raise ValueError or OSError if a file does not have the bytes that were published."""
    found = (root / file.name).stat().st_size
    if found != file.bytes:
        raise ValueError(f"{file.name} has {found} bytes; {file.bytes} were published")


def _read_segment(root: Path, rows: ManifestFile, ids: ManifestFile, deleted: Ids) -> SealedSegment:
    try:
        for file in (rows, ids):
            check_size(root, file)
        segment = Segment.read(root / rows.name, root / ids.name)
    except (OSError, RuntimeError, ValueError) as error:
        _raise_if_gone(root, (rows, ids))
        raise CorruptStoreError(root / rows.name, str(error)) from error
    return SealedSegment((rows, ids), segment.without(deleted))


def _raise_if_gone(root: Path, files: Sequence[ManifestFile]) -> None:
    """Raise FileNotFoundError if a writer has replaced a file since the manifest was read; FAISS says it otherwise."""
    for file in files:
        (root / file.name).stat()
