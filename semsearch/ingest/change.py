"""One change of a collection's files: segments and payload are made and published, then named in a single commit.

When something is done is decided in `semsearch.ingest.maintenance`.
"""

import contextlib
import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from semsearch import files
from semsearch.errors import StoreError, StoreFullError
from semsearch.index import lists as inverted
from semsearch.index import sizing
from semsearch.index.build import encode_delta, train_base
from semsearch.index.collection_index import Measured
from semsearch.index.device import Device
from semsearch.index.ids import Write, positions_of, read_ids, write_array, write_ids
from semsearch.index.lists import Lists
from semsearch.index.measuring import is_found, measure
from semsearch.index.sealed import SealedSegment, read_index, read_part, read_queries, read_segments
from semsearch.index.segment import Segment, write_rows
from semsearch.index.sizing import Codec, Coverage, Plan
from semsearch.index.tuning import DEPTHS, cheapest
from semsearch.machine import give_memory_back
from semsearch.store.documents import FOLDERS, DocumentStore
from semsearch.types import Ids, ManifestFile, StoredVectors, Vectors

_NO_IDS = np.empty(0, dtype=np.int64)
_UNMEASURED = {"curve": (), "exact_milliseconds": 0.0, "measured": "", "measured_rows": 0}
TOMBSTONES_KEPT = 10_000  # without a file that has their rows: for readers to catch up by, who otherwise load anew


@dataclass(frozen=True, slots=True)
class Source:
    """Rows that a new segment may be made of: a present segment, or the tail."""

    live: int
    dead: int
    blocks: Callable[[], Iterable[tuple[Ids, StoredVectors]]]
    sealed: SealedSegment | None  # None: the tail
    covered: bool  # by the base

    @property
    def is_tail(self) -> bool:
        return self.sealed is None


def tail_source(blocks: Callable[[], Iterable[tuple[Ids, StoredVectors]]], rows: int) -> Source:
    return Source(rows, 0, blocks, None, covered=False)


def _groups(sources: Sequence[Source], *, everything: bool) -> Iterator[list[Source]]:
    """Neighbours to be joined, up to the size of a segment; without `everything`, what is in the index stays apart."""
    group: list[Source] = []
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
class Change:
    """What a maintenance takes out of the manifest and puts into it; files are published as they are made."""

    store: DocumentStore
    manifest: list[ManifestFile]
    deleted: Ids
    number: int  # of this change, in the names of its files
    device: Device | None = None  # that indexes are built on
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

    @property
    def has_index(self) -> bool:
        return self._has("base")

    def coverage(self, tail: int) -> Coverage:
        """What the index covers of the rows in segments and in a tail of so many."""
        base, delta = (next(iter(self._ids_of({kind})), _NO_IDS) for kind in ("base_ids", "delta_ids"))
        dead = sum(len(positions_of(self.deleted, ids)) for ids in (base, delta))
        live = sum(len(each.segment) for each in self.segments) + tail
        trained = next((file.details["trained"] for file in self.files() if file.kind == "base"), 0)
        return Coverage(live, len(base), len(delta), dead, trained)

    def sources(self) -> list[Source]:
        """The present segments."""
        base = next(iter(self._ids_of({"base_ids"})), _NO_IDS)
        last = int(base[-1]) if len(base) else 0
        return [
            Source(len(each.segment), each.segment.dead, each.segment.blocks, each, covered=each.last <= last)
            for each in self.segments
        ]

    def join(self, sources: Sequence[Source], *, everything: bool) -> None:
        """Make few segments of many; without `everything`, those in the base stay as they are."""
        self.rewrite(list(_groups(sources, everything=everything)), everything=everything)

    def rewrite(self, groups: Iterable[Sequence[Source]], *, everything: bool = False) -> None:
        """Make a segment of each group, where that is worth it; one without live rows vanishes."""
        kept: list[SealedSegment] = []
        for group in groups:
            present = [source.sealed for source in group if source.sealed is not None]
            live, dead = sum(source.live for source in group), sum(source.dead for source in group)
            if len(group) == 1 and present and dead <= (0 if everything else sizing.DEAD_SHARE * (live + dead)):
                kept += present
                continue
            self._remove([file for each in present for file in each.files])
            if live:
                kept.append(self._write(block for source in group for block in source.blocks()))
            if group[-1].is_tail and live:
                self.sealed_through = kept[-1].last
        self.segments = kept

    def train_index(self, plan: Plan) -> None:
        """A new generation over all segments."""
        self.remove_index()
        lists, ids = train_base(self._all_segments(), plan, device=self.device)
        about = {"generation": self.number, "codec": plan.codec, "trained": len(ids), "nlist": plan.nlist}
        self._publish_part("base", lists, ids, {**about, "dim": self.store.spec.dim, **_UNMEASURED})
        del lists  # they are read again, as whoever searches will have them
        give_memory_back()
        point = cheapest(self.measure().curve, self.store.spec.target_recall, DEPTHS[0])
        self._describe_base({"trained_nprobe": None if point is None else point.nprobe})

    def extend_delta(self) -> None:
        """A new delta, of the rows of the present one and of all segments outside."""
        base, has_delta = self._part("base"), self._has("delta")
        codec, lists, ids = self._read_part("delta" if has_delta else "base", mapped=not has_delta)
        first = base.details["rows"] + (len(ids) if has_delta else 0)
        more, more_ids = encode_delta(codec, lists, first, self._outside(), device=self.device)
        if has_delta:
            inverted.join(lists, more)
            more, more_ids = lists, np.concatenate([ids, more_ids])
            self._remove_part("delta")
        self._publish_part("delta", more, more_ids, {"generation": base.details["generation"]})

    def extend_base(self) -> None:
        """A new base of the same training, of its rows and of all other segments; the delta goes."""
        base = self._part("base")
        codec, lists, ids = self._read_part("base", mapped=False)
        self._remove_part("delta")
        more, more_ids = encode_delta(codec, lists, len(ids), self._outside(), device=self.device)
        inverted.join(lists, more)
        self._remove_part("base")
        self._publish_part("base", lists, np.concatenate([ids, more_ids]), base.details)

    def measure(self, index: Measured | None = None) -> Measured:
        """Measure the index as it is after the change, and keep what was found; `index`, if it was read already."""
        payload = (self.read_index() if index is None else index).payload
        measured = measure(payload, self.covered_segments(), read_queries(self.store.root, self.files()))
        self._describe_base(
            {
                "curve": measured.curve,
                "exact_milliseconds": measured.exact_milliseconds,
                "measured": datetime.now(UTC).isoformat(timespec="seconds"),
                "measured_rows": len(measured.payload.ids),
            }
        )
        return measured

    def is_well_measured(self, index: Measured) -> bool:
        """Whether the curve still speaks for the index: it has not grown much, and what came last is found."""
        limit = sizing.MEASURED_GROWTH * self._part("base").details["measured_rows"]
        target = self.store.spec.target_recall
        return len(index.payload.ids) <= limit and is_found(index, self.covered_segments(), target)

    def is_worn(self, measured: Measured) -> bool:
        """Whether the present centroids serve much worse than when they were trained, on fewer rows."""
        details = self._part("base").details
        before = details["trained_nprobe"]
        point = cheapest(measured.curve, self.store.spec.target_recall, DEPTHS[0])
        if before is None or len(measured.payload.ids) < sizing.WORTH_TRAINING * details["trained"]:
            return False
        return point is None or point.nprobe > sizing.WORN * before

    def keep_queries(self, queries: Vectors) -> None:
        """Queries (q, dim) to measure every index on, instead of those of before."""
        self._remove([file for file in self.manifest if file.kind == "queries"])
        name = f"faiss/{self.number}.queries.npy"
        self._publish(name, "queries", lambda write: write_array(write, queries), {"rows": len(queries)})

    def read_index(self) -> Measured:
        """The index as it is after the change, which has to have one."""
        with _told_as_damage(self.store.root):
            index = read_index(self.store.root, self.files(), self._all_segments(), self.deleted)
        if index is None:
            raise StoreError(f"{self.store.root} has no index, and is about to change one")
        return index

    def covered_segments(self) -> list[Segment]:
        """The segments whose rows are in the index after the change."""
        last = self._last_covered()
        return [each.segment for each in self.segments if each.last <= last]

    def commit(self) -> None:
        """Take up what was made, and let go of what was replaced."""
        forgettable = self.forgettable().tolist()
        with self.store.write() as writer:
            writer.change_files(self.removed, self.added)
            writer.take_from_tail(self.sealed_through)
            writer.forget_tombstones(forgettable)
        files.sweep(self.store.root, FOLDERS, {file.name for file in self.files()})

    def files(self) -> list[ManifestFile]:
        """The manifest after the change."""
        return [*(file for file in self.manifest if file.name not in self.removed), *self.added]

    def remove_index(self) -> None:
        for kind in ("base", "delta"):
            self._remove_part(kind)

    def forgettable(self) -> Ids:
        """Deleted chunks whose rows are in no file after the change."""
        kept = self.deleted
        for ids in self._ids_of({"segment_ids", "base_ids", "delta_ids"}):
            kept = np.setdiff1d(kept, ids[positions_of(kept, ids)])
        return kept

    def _remove(self, gone: Sequence[ManifestFile]) -> None:
        """Leave files out, which are in the manifest, or were only just made."""
        names = {file.name for file in gone}
        self.removed += [file.name for file in self.manifest if file.name in names and file.name not in self.removed]
        self.added = [file for file in self.added if file.name not in names]

    def _remove_part(self, kind: str) -> None:
        self._remove([file for file in self.files() if file.kind in {kind, f"{kind}_ids"}])

    def _describe_base(self, details: dict[str, Any]) -> None:
        base = self._part("base")
        self._remove([base])
        self.added.append(replace(base, details={**base.details, **details}))

    def _has(self, kind: str) -> bool:
        return any(file.kind == kind for file in self.files())

    def _part(self, kind: str) -> ManifestFile:
        [file] = [file for file in self.files() if file.kind == kind]
        return file

    def _read_part(self, kind: str, *, mapped: bool) -> tuple[Codec, Lists, Ids]:
        by_kind = {file.kind: file for file in self.files()}
        codec = Codec(by_kind["base"].details["codec"])
        with _told_as_damage(self.store.root):
            return codec, *read_part(self.store.root, codec, by_kind[kind], by_kind[f"{kind}_ids"], mapped=mapped)

    def _publish_part(self, kind: str, lists: Lists, ids: Ids, details: dict[str, Any]) -> None:
        name = f"faiss/{details['generation']}-{self.number}.{kind}"  # a change may extend one and train another
        self._publish(name, kind, lambda write: inverted.write(lists, write), {**details, "rows": len(ids)})
        self._publish(f"{name}.ids.npy", f"{kind}_ids", lambda write: write_ids(write, ids), {})

    def _all_segments(self) -> list[Segment]:
        return [each.segment for each in self.segments]

    def _outside(self) -> list[Segment]:
        last = self._last_covered()
        return [each.segment for each in self.segments if each.last > last]

    def _last_covered(self) -> int:
        return max((int(ids[-1]) for ids in self._ids_of({"base_ids", "delta_ids"}) if len(ids)), default=0)

    def _ids_of(self, kinds: set[str]) -> Iterator[Ids]:
        for file in self.files():
            if file.kind in kinds:
                with _told_as_damage(self.store.root):
                    ids = read_ids(self.store.root / file.name)
                yield ids

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


@contextlib.contextmanager
def _told_as_damage(root: Path) -> Iterator[None]:
    """StoreError for all the errors of FAISS and numpy at files that are not what was published."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise StoreError(
            f"the index of {root} is damaged: {error}; open the collection again, and compact it: that builds a new one"
        ) from error


def _in_our_words(error: OSError, root: Path) -> StoreError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreFullError(root)
    return StoreError(f"a file of {root} cannot be written: {error}; everything acknowledged is stored")
