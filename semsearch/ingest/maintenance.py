"""Keeping a collection's files in shape: seals the tail, joins and rewrites segments, builds the index.

What is done follows from sizes alone (`semsearch.index.sizing`), and is published in one commit. Readers go on with
what they have mapped, writers go on writing: rows that come meanwhile stay in the tail, and a deletion is a tombstone
for as long as a file has its row.
"""

import errno
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from semsearch import files
from semsearch.errors import InvalidRequestError, StoreError, StoreFullError
from semsearch.index import sizing
from semsearch.index.build import build_ivf
from semsearch.index.ids import Write, positions_of, read_ids, write_array, write_ids
from semsearch.index.measuring import measure_index
from semsearch.index.sealed import SealedSegment, read_index, read_queries, read_segments
from semsearch.index.segment import Segment, write_rows
from semsearch.store.documents import FOLDERS, DocumentStore
from semsearch.types import Curve, Ids, ManifestFile, StoredVectors, Vectors

logger = logging.getLogger(__name__)
TOMBSTONES_KEPT = 10_000  # without a file that has their rows: for readers to catch up by, who otherwise load anew


def seal(store: DocumentStore) -> None:
    """Move the tail into a segment of its own, if it has become large."""
    with store.read() as reader:
        if reader.tail_rows() < sizing.SEAL_FROM:
            return
        change = _Change(store, reader.manifest(), reader.deleted_chunks()[0], reader.state().layout + 1)
        change.rewrite([*([source] for source in change.sources()), [_tail(reader.tail, reader.tail_rows())]])
        _commit(store, change)


def maintain(store: DocumentStore, *, damaged: bool = False, everything: bool = False) -> bool:
    """Do what sizes ask for; tells whether anything was changed.

    Args:
        store: the collection.
        damaged: the index cannot be used; it is built anew, or given up where the collection needs none.
        everything: leave no deleted row in a file, no small segments, and no row outside the index of a large one.
    """
    with store.read() as reader:
        tail = reader.tail_rows()
        change = _Change(store, reader.manifest(), reader.deleted_chunks()[0], reader.state().layout + 1)
        if damaged:
            change.remove_index()
        covered, dead = change.coverage()
        live = sum(len(each.segment) for each in change.segments) + tail
        build = sizing.needs_index(live, covered, dead)
        if everything and live >= sizing.INDEX_FROM:
            build = build or dead > 0 or covered < live
        sources = change.sources()
        if tail and (build or tail >= sizing.SEAL_FROM or (everything and sources)):
            sources.append(_tail(reader.tail, tail))
        if build or everything:
            change.rewrite(list(_groups(sources, everything=everything)), everything=everything)
        elif sources and sources[-1].is_tail:
            change.rewrite([[source] for source in sources])
        if build or sizing.outlived_index(live, covered, dead, everything=everything):
            change.remove_index()
        if build:
            logger.info("building an index over %d vectors", live)
            change.build_index()
        if not change.is_worth_a_commit(everything=everything):
            return False
        _commit(store, change)
    return True


def tune(store: DocumentStore, queries: Vectors | None) -> Curve:
    """Measure the index anew on the collection's rows and on queries (q, dim), which are kept for later indexes too.

    Raises:
        InvalidRequestError: there is no index.
    """
    with store.read() as reader:
        change = _Change(store, reader.manifest(), reader.deleted_chunks()[0], reader.state().layout + 1)
        curve = change.measure_index(queries)
        _commit(store, change)
    return curve


@dataclass(frozen=True, slots=True)
class _Source:
    """Rows that a new segment may be made of: a present segment, or the tail."""

    live: int
    dead: int
    blocks: Callable[[], Iterable[tuple[Ids, StoredVectors]]]
    sealed: SealedSegment | None  # None: the tail
    covered: bool  # by the index

    @property
    def is_tail(self) -> bool:
        return self.sealed is None


def _tail(blocks: Callable[[], Iterable[tuple[Ids, StoredVectors]]], rows: int) -> _Source:
    return _Source(rows, 0, blocks, None, covered=False)


def _groups(sources: Sequence[_Source], *, everything: bool) -> Iterator[list[_Source]]:
    """Neighbours to be joined, up to the size of a segment; without `everything`, what is in the index stays apart."""
    group: list[_Source] = []
    for source in sources:
        alone = source.covered and not everything
        size = sum(each.live for each in group) + source.live
        if group and (alone or group[-1].covered != source.covered or size > sizing.SEGMENT_ROWS):
            yield group
            group = []
        group.append(source)
        if alone:
            yield group
            group = []
    if group:
        yield group


@dataclass
class _Change:
    """What a maintenance takes out of the manifest and puts into it; files are published as they are made."""

    store: DocumentStore
    manifest: list[ManifestFile]
    deleted: Ids
    number: int  # of this change, in the names of its files
    removed: list[str] = field(default_factory=list)
    added: list[ManifestFile] = field(default_factory=list)
    segments: list[SealedSegment] = field(default_factory=list)  # after the change
    sealed_through: int = 0  # the highest chunk id that was taken from the tail

    def __post_init__(self) -> None:
        self.store.lock()
        files.sweep(self.store.root, FOLDERS, {file.name for file in self.manifest})
        self.segments = read_segments(self.store.root, self.manifest, self.deleted)

    def is_worth_a_commit(self, *, everything: bool) -> bool:
        return bool(self.removed or self.added) or len(self.forgettable()) > (0 if everything else TOMBSTONES_KEPT)

    def coverage(self) -> tuple[int, int]:
        """Rows in the index, and how many of them are deleted."""
        for ids in self._ids_of({"ivf_ids"}):
            return len(ids), len(positions_of(self.deleted, ids))
        return 0, 0

    def sources(self) -> list[_Source]:
        """The present segments."""
        covered = max((int(ids[-1]) for ids in self._ids_of({"ivf_ids"}) if len(ids)), default=0)
        return [
            _Source(len(each.segment), each.segment.dead, each.segment.blocks, each, covered=each.last <= covered)
            for each in self.segments
        ]

    def rewrite(self, groups: Iterable[Sequence[_Source]], *, everything: bool = False) -> None:
        """Make a segment of each group, where that is worth it; one without live rows vanishes."""
        kept: list[SealedSegment] = []
        for group in groups:
            present = [source.sealed for source in group if source.sealed is not None]
            live, dead = sum(source.live for source in group), sum(source.dead for source in group)
            if len(group) == 1 and present and dead <= (0 if everything else sizing.DEAD_SHARE * (live + dead)):
                kept += present
                continue
            self._remove(file for each in present for file in each.files)
            if live:
                kept.append(self._write(block for source in group for block in source.blocks()))
            if group[-1].is_tail and live:
                self.sealed_through = kept[-1].last
        self.segments = kept

    def build_index(self) -> None:
        queries = read_queries(self.store.root, self.manifest)
        index = build_ivf([each.segment for each in self.segments], queries)
        details = {"rows": len(index.ids), "nlist": index.nlist, **_measured(index.curve)}
        self._publish(f"faiss/{self.number}.ivf", "ivf", index.write, details)
        self._publish(f"faiss/{self.number}.ids.npy", "ivf_ids", lambda write: write_ids(write, index.ids), {})

    def measure_index(self, queries: Vectors | None) -> Curve:
        """Measure the present index anew; queries replace those of before, and are measured again with every index."""
        if queries is not None:
            self._remove(file for file in self.manifest if file.kind == "queries")
            name = f"faiss/{self.number}.queries.npy"
            self._publish(name, "queries", lambda write: write_array(write, queries), {"rows": len(queries)})
        segments = [each.segment for each in self.segments]
        index = read_index(self.store.root, self.manifest, segments, self.deleted)
        if index is None:
            raise InvalidRequestError(
                f"{self.store.root} has no index to tune: it is small, and every search compares with all vectors"
            )
        covered = [segment for segment in segments if int(segment.ids[-1]) <= int(index.ids[-1])]
        curve = measure_index(index, covered, read_queries(self.store.root, self.files()))
        [ivf] = [file for file in self.manifest if file.kind == "ivf"]
        self._remove([ivf])
        self.added.append(replace(ivf, details={**ivf.details, **_measured(curve)}))
        return curve

    def files(self) -> list[ManifestFile]:
        """The manifest after the change."""
        return [*(file for file in self.manifest if file.name not in self.removed), *self.added]

    def remove_index(self) -> None:
        self._remove(file for file in self.manifest if file.kind in {"ivf", "ivf_ids"})

    def forgettable(self) -> Ids:
        """Deleted chunks whose rows are in no file after the change."""
        kept = self.deleted
        for ids in self._ids_of({"segment_ids", "ivf_ids"}):
            kept = np.setdiff1d(kept, ids[positions_of(kept, ids)])
        return kept

    def _remove(self, gone: Iterable[ManifestFile]) -> None:
        self.removed += [file.name for file in gone]

    def _ids_of(self, kinds: set[str]) -> Iterator[Ids]:
        for file in self.files():
            if file.kind in kinds:
                yield read_ids(self.store.root / file.name)

    def _write(self, blocks: Iterable[tuple[Ids, StoredVectors]]) -> SealedSegment:
        ids, rows = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        name = f"vectors/{self.number}-{len(self.added)}"
        details = {"rows": len(ids), "first": int(ids[0]), "last": int(ids[-1])}
        pair = (
            self._publish(f"{name}.f16", "segment", lambda write: write_rows(write, rows), details),
            self._publish(
                f"{name}.ids.npy", "segment_ids", lambda write: write_ids(write, ids), {"segment": f"{name}.f16"}
            ),
        )
        return SealedSegment(pair, Segment.read(self.store.root / pair[0].name, self.store.root / pair[1].name))

    def _publish(self, name: str, kind: str, write: Callable[[Write], None], details: dict[str, Any]) -> ManifestFile:
        try:
            published = files.publish(self.store.root, name, write)
        except OSError as error:
            raise _in_our_words(error, self.store.root) from error
        self.added.append(ManifestFile(name, kind, published.bytes, published.sha256, details))
        return self.added[-1]


def _commit(store: DocumentStore, change: _Change) -> None:
    forgettable = change.forgettable().tolist()
    with store.write() as writer:
        writer.change_files(change.removed, change.added)
        writer.take_from_tail(change.sealed_through)
        writer.forget_tombstones(forgettable)
    files.sweep(store.root, FOLDERS, {file.name for file in change.files()})


def _measured(curve: Curve) -> dict[str, Any]:
    return {"curve": curve, "measured": datetime.now(UTC).isoformat(timespec="seconds")}


def _in_our_words(error: OSError, root: Path) -> StoreError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreFullError(root)
    return StoreError(f"a file of {root} cannot be written: {error}; everything acknowledged is stored")
