"""What commands tell of their work and of a collection, as data."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from semsearch.types import Chunking, Curve, Failure, Ids


class FileOutcome(StrEnum):
    """What became of a file."""

    ADDED = "added"
    UPDATED = "updated"
    SKIPPED = "skipped"  # it had not changed
    FAILED = "failed"  # nothing in it could be read
    UNREAD = "unread"  # no reader is for files of its kind
    VANISHED = "vanished"  # it is gone, and its documents are still there
    REMOVED = "removed"  # it is gone, and its documents with it


@dataclass(frozen=True, slots=True)
class FileReport:
    """What `sync` did with one file.

    Attributes:
        path: as it was given.
        added, updated, skipped, failed, vanished, removed: of the documents in it, how many.
        reason: why it failed or was not read.
    """

    path: str
    outcome: FileOutcome
    added: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    vanished: int = 0
    removed: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AddReport:
    """What `add` or `sync` did with each document.

    Attributes:
        added, updated, skipped: documents that are new; whose text, title or metadata changed; that were there already.
        failed: one entry a document that was refused; all others are stored.
        vanished, removed: documents that are in their files no longer, and are still there; that were removed.
        chunks: chunks embedded (or taken with their own vector) in this call.
        reused: chunks whose text was embedded already, here or in another document, so that the vector was kept.
        tokens: of what was embedded.
        truncated: chunks whose embedded text was longer than the model reads; 0 unless one character exceeds the model.
        replaced: characters that cannot be stored (NUL, lone surrogates), each replaced by U+FFFD.
        maintenance: why the index or the files could not be brought up to date; documents are stored all the same.
        files: one entry a file, in the order in which they were found; empty where documents came from no files.
    """

    added: int = 0
    updated: int = 0
    skipped: int = 0
    failed: tuple[Failure, ...] = ()
    vanished: int = 0
    removed: int = 0
    chunks: int = 0
    reused: int = 0
    tokens: int = 0
    truncated: int = 0
    replaced: int = 0
    maintenance: str | None = None
    files: tuple[FileReport, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What `sync` would do.

    Attributes:
        added, updated, skipped, failed, vanished: files that are new; that have changed; that have not; that are in
            quarantine and have not; that are gone.
        bytes: of what would be read.
        seconds: how long that would take, by a sample that was read and embedded; 0 if nothing has to be embedded.
        files: one entry a file; the counts of documents in it are those of the last time.
    """

    added: int
    updated: int
    skipped: int
    failed: int
    vanished: int
    bytes: int
    seconds: float
    files: tuple[FileReport, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of an `add` after a commit: documents read, all valid ones of them durable, and what was embedded."""

    documents: int
    chunks: int
    tokens: int = 0


ProgressCallback: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class RemoveReport:
    """How many documents `remove` removed, and which of the ids it was given are not there."""

    removed: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """The FAISS payload that serves approximate search.

    Attributes:
        rows: vectors in it, base and delta; rows added since are scanned exactly.
        delta: those of them that are in the delta.
        trained: rows that there were when its centroids were trained.
        nlist: number of inverted lists.
        codec: how its lists hold the vectors: compact, sq8 or float16.
        curve: what it finds at which cost, on the collection's own vectors and on the queries given to `tune`.
        exact_milliseconds: what comparing with every stored vector takes, of one core.
        measured: when the curve was measured, ISO 8601.
        queries: how many queries were given to `tune`.
        bytes: size on disk.
    """

    rows: int
    delta: int
    trained: int
    nlist: int
    codec: str
    curve: Curve
    exact_milliseconds: float
    measured: str
    queries: int
    bytes: int


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Chunks that are nearly the same, with their documents, and the text of the first of them."""

    documents: tuple[str, ...]
    chunks: tuple[int, ...]
    text: str


@dataclass(frozen=True, slots=True)
class CollectionReport:
    """What a careful person would check first; lists are cut, the numbers beside them are not.

    Attributes:
        languages: documents by the `language` in their metadata, most first; "" for those without.
        same_text, same_text_groups: groups of documents with the same text and title (and image, if they are images);
            the ids of the largest ones.
        near_duplicates, near_duplicate_groups: groups of chunks of several documents that are nearly the same.
        truncated_chunks, truncated: chunks longer than the model reads; documents with such, each with their number.
        empty_pages, documents_with_empty_pages: pages without text in documents with others; the numbers of the pages.
        longest: documents by characters.
    """

    documents: int
    chunks: int
    languages: dict[str, int]
    same_text: int
    same_text_groups: tuple[tuple[str, ...], ...]
    near_duplicates: int
    near_duplicate_groups: tuple[DuplicateGroup, ...]
    truncated_chunks: int
    truncated: tuple[tuple[str, int], ...]
    empty_pages: int
    documents_with_empty_pages: tuple[tuple[str, tuple[int, ...]], ...]
    longest: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class MapAxis:
    """What an axis of a map shows.

    Attributes:
        low, high: what lies at -1 and at 1; `None`: it is a direction of largest variance, from the mean on.
        share: of the variance of all vectors, what is along it.
    """

    low: str | None
    high: str | None
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class MapReport:
    """The vectors of a collection on two axes, a point for each chunk.

    Attributes:
        points: (n, 2), float32.
        chunk_ids: (n,), ascending.
        document_ids: of each point.
        label: the metadata key that `labels` are values of.
        labels: of each point; `None` where its document has none, or it is an array or an object.
        axes: the horizontal and the vertical one.
    """

    points: npt.NDArray[np.float32]
    chunk_ids: Ids
    document_ids: tuple[str, ...]
    label: str | None
    labels: tuple[str | None, ...]
    axes: tuple[MapAxis, MapAxis]


@dataclass(frozen=True, slots=True)
class SuggestedKey:
    """A metadata key whose filters are slow for want of an index.

    Attributes:
        key: as filters have it.
        searches: how many this process has made with such a filter, those answered from its memory not counted.
        milliseconds: what resolving the filter took of each, in the mean.
        command: what makes the index.
    """

    key: str
    searches: int
    milliseconds: float
    command: str


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """What `info` tells.

    Attributes:
        image_size: side of the squares that images are brought to; `None`: documents are no images.
        device: where the model runs.
        precision: what it computes in, as the collection was created with.
        degraded: why searches are exact on the CPU although there should be an index.
        search_device: where sealed vectors are searched: `cpu`, or `cuda`.
        search_device_degraded: why that, or the last building of an index, is not on the device that was asked for.
        indexed_keys: those of the metadata that are.
        suggested_keys: from the searches made with this `Collection`.
        files: that documents were read from.
        quarantined: what could not be read of them, and is read again when it has changed, or when that is asked for.
    """

    name: str
    path: str
    documents: int
    chunks: int
    tail: int
    tombstones: int
    model: str | None
    fingerprint: str | None
    dim: int
    max_tokens: int | None
    image_size: int | None
    device: str | None
    precision: str | None
    target_recall: float
    chunking: Chunking
    index: IndexInfo | None
    degraded: str | None
    search_device: str
    search_device_degraded: str | None
    indexed_keys: tuple[str, ...]
    suggested_keys: tuple[SuggestedKey, ...]
    files: int
    quarantined: tuple[Failure, ...]
    bytes: int
    format: int
    created: str
