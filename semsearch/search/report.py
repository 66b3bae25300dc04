"""A report on what a collection holds: what a careful person would check first before relying on it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from semsearch.reports import CollectionReport, DuplicateGroup
from semsearch.search.snapshot import Snapshot, SnapshotCache
from semsearch.store.documents import DocumentStore
from semsearch.store.records import Kind
from semsearch.types import Ids, Vectors

_NEIGHBOURS = 10  # of each chunk that are looked at; larger groups hang together through them
_BLOCK = 1_024
# Cosines from which on two chunks are nearly the same. Smaller, brighter, mirrored and compressed copies of an image
# mostly have 0.9 and more, and few photographs of anything else; what is cropped or turned may have less.
NEARLY_SAME = {Kind.TEXTS: 0.95, Kind.VECTORS: 0.95, Kind.IMAGES: 0.9}


def report_on(
    store: DocumentStore,
    snapshots: SnapshotCache,
    *,
    similarity: float,
    most: int,
    progress: Callable[[int], None] | None = None,
) -> CollectionReport:
    """Look through all documents and chunks of the newest snapshot.

    Args:
        store: the collection.
        snapshots: its states.
        similarity: cosine from which on two chunks are near-duplicates.
        most: documents and groups that are listed of each kind.
        progress: called with the number of chunks whose neighbours have been looked at.
    """
    with snapshots.current() as snapshot:
        overview, counts = snapshot.reader.overview, snapshot.reader.counts()
        groups, documents = _near_duplicates(snapshot, similarity, progress or (lambda _: None))
        truncated = overview.truncated(store.spec.max_tokens) if store.spec.max_tokens is not None else []
        empty = overview.empty_pages()
        same = overview.same_texts()
        return CollectionReport(
            documents=counts.documents,
            chunks=counts.chunks,
            languages=overview.languages(),
            same_text=len(same),
            same_text_groups=tuple(same[:most]),
            near_duplicates=len(groups),
            near_duplicate_groups=tuple(_described(snapshot, group, documents) for group in groups[:most]),
            truncated_chunks=sum(chunks for _, chunks in truncated),
            truncated=tuple(truncated[:most]),
            empty_pages=sum(len(pages) for _, pages in empty),
            documents_with_empty_pages=tuple(empty[:most]),
            longest=tuple(overview.longest(most)),
        )


def _near_duplicates(
    snapshot: Snapshot, similarity: float, progress: Callable[[int], None]
) -> tuple[list[list[int]], Mapping[int, str]]:
    """Groups of chunks of several documents that hang together by pairs as near as that, the largest first.

    And the document of each of their chunks.
    """
    groups = _Groups()
    done = 0
    for ids, rows in snapshot.index.blocks(_BLOCK):
        for first, second in _near_pairs(snapshot, ids, rows, similarity):
            groups.join(first, second)
        done += len(ids)
        progress(done)
    documents = snapshot.reader.documents_of_chunks(groups.members())
    several = [group for group in groups.all() if len({documents[chunk] for chunk in group}) > 1]
    return sorted(several, key=lambda group: (-len(group), group)), documents


def _near_pairs(snapshot: Snapshot, ids: Ids, rows: Vectors, similarity: float) -> Iterable[tuple[int, int]]:
    found = snapshot.index.search(rows, _NEIGHBOURS + 1)
    near = (found.scores >= similarity) & (found.ids != ids[:, None]) & (found.ids >= 0)
    for at, neighbour in zip(*np.nonzero(near), strict=True):
        yield int(ids[at]), int(found.ids[at, neighbour])


def _described(snapshot: Snapshot, group: list[int], documents: Mapping[int, str]) -> DuplicateGroup:
    [first] = snapshot.reader.chunks(group[:1]).values()
    return DuplicateGroup(tuple(dict.fromkeys(documents[chunk] for chunk in group)), tuple(group), first.chunk.text)


class _Groups:
    """Numbers that hang together (union by the smaller one, with the paths halved)."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def join(self, first: int, second: int) -> None:
        low, high = sorted((self._root(first), self._root(second)))
        self._parent[high] = low

    def members(self) -> list[int]:
        return list(self._parent)

    def all(self) -> list[list[int]]:
        groups = defaultdict(list)
        for member in sorted(self._parent):
            groups[self._root(member)].append(member)
        return list(groups.values())

    def _root(self, member: int) -> int:
        parent = self._parent.setdefault(member, member)
        while parent != self._parent[parent]:
            self._parent[member] = parent = self._parent[parent]
        return parent
