"""What a sync would do, and how long it would take: files are compared, and only a sample of them is read."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from semsearch.embedders.protocol import Embedder
from semsearch.errors import InvalidRequestError
from semsearch.images.protocol import ImageEmbedder
from semsearch.ingest.chunking.chunker import Chunker
from semsearch.ingest.finding import UnreadFile
from semsearch.ingest.gate import checked
from semsearch.ingest.items import FileVanished
from semsearch.ingest.reading import Reading
from semsearch.ingest.sync import Compared, Found, Sync
from semsearch.ingest.tally import skipped_report
from semsearch.reports import FileOutcome, FileReport, SyncPlan
from semsearch.store.records import Kind
from semsearch.types import Chunking, Document, Failure

_SAMPLE_FILES = 20
_SAMPLE_DOCUMENTS = 50  # of one file
_TIMED_TEXTS = 32

Estimate: TypeAlias = Callable[[Sequence[Compared], Reading], float]  # seconds for files that have to be read


def plan_sync(sync: Sync, reading: Reading, estimate: Estimate | None, paths: Sequence[str]) -> SyncPlan:
    """Compare the files of some paths with what is known of them; the estimate is made only if one has to be read.

    Raises:
        InvalidRequestError: standard input is among the paths.
    """
    if "-" in paths:
        raise InvalidRequestError("what standard input holds cannot be foretold: name files, or leave the dry run out")
    reports, changed = [], []
    for path in paths:
        for each in sync.compare(path):
            reports.append(_report(each))
            if isinstance(each, Compared) and each.changed:
                changed.append(each)
    counts = Counter(report.outcome for report in reports)
    return SyncPlan(
        added=counts[FileOutcome.ADDED],
        updated=counts[FileOutcome.UPDATED],
        skipped=counts[FileOutcome.SKIPPED],
        failed=counts[FileOutcome.FAILED],
        vanished=counts[FileOutcome.VANISHED],
        bytes=sum(each.present.size for each in changed),
        seconds=0.0 if estimate is None or not changed else estimate(changed, reading),
        files=tuple(reports),
    )


def _report(each: Found) -> FileReport:
    match each:
        case Failure():
            return FileReport(each.where, FileOutcome.FAILED, failed=1, reason=each.reason)
        case UnreadFile():
            return FileReport(each.path, FileOutcome.UNREAD)
        case FileVanished():
            return FileReport(each.file.path, FileOutcome.VANISHED, vanished=each.file.documents)
    known = each.known
    if not each.present.hash:
        return FileReport(
            each.present.path, FileOutcome.FAILED, failed=1, reason="cannot be read; check its permissions"
        )
    if each.changed:
        outcome = FileOutcome.UPDATED if known is not None and known.documents else FileOutcome.ADDED
        return FileReport(each.present.path, outcome)
    return skipped_report(each.present)


def seconds_for_texts(
    changed: Sequence[Compared], reading: Reading, *, embedder: Embedder, chunking: Chunking
) -> float:
    """Of embedding all of it, by what a sample of the files has of tokens a byte, and the model of tokens a second."""
    chunker = Chunker(embedder.count_tokens, embedder.max_tokens, chunking)
    size, texts = 0, []
    for each in _sample(changed):
        items = list(itertools.islice(reading.documents(each.file), _SAMPLE_DOCUMENTS))
        documents = list(_usable(items))
        texts += [text for chunks in chunker.prepare(documents) for _, text in chunks]
        whole = len(items) < _SAMPLE_DOCUMENTS
        size += each.present.size if whole else sum(len(document.text.encode()) for document in documents)
    if not texts:
        return 0.0
    timed = texts[:: max(1, len(texts) // _TIMED_TEXTS)]
    embedder.embed_documents(timed[:1])  # what only the first call costs
    start = time.perf_counter()
    embedder.embed_documents(timed)
    rate = sum(embedder.count_tokens(timed)) / (time.perf_counter() - start)
    tokens = sum(embedder.count_tokens(texts)) / max(1, size) * sum(each.present.size for each in changed)
    return tokens / rate


def seconds_for_images(changed: Sequence[Compared], reading: Reading, *, embedder: ImageEmbedder) -> float:
    """Of embedding all of them, by a sample."""
    documents = [each for file in _sample(changed) for each in reading.documents(file.file)]
    squares = [each.image for each in documents if isinstance(each, Document) and isinstance(each.image, np.ndarray)]
    if not squares:
        return 0.0
    embedder.embed_images(squares[0][None])  # what only the first call costs
    start = time.perf_counter()
    embedder.embed_images(np.stack(squares))
    return (time.perf_counter() - start) / len(documents) * len(changed)


def _sample(changed: Sequence[Compared]) -> Iterator[Compared]:
    return itertools.islice(changed, 0, None, max(1, len(changed) // _SAMPLE_FILES))


def _usable(items: Iterable[Document | Failure]) -> Iterable[Document]:
    for item in items:
        if isinstance(item, Document):
            try:
                yield checked(item, Kind.TEXTS)[0]
            except InvalidRequestError:
                continue
