"""How large the parts of an index are made, as pure functions of what is to be indexed."""

import math

# Below this an exact scan costs a few milliseconds, and an index would save nothing (docs/adr/0005-index-sizing.md).
INDEX_FROM = 20_000
# The tail is sealed at this size; a scan of so many rows in memory is a few milliseconds.
SEAL_FROM = 20_000
# A segment holds at most so many rows (201 MB at 384 dimensions): what a rewrite holds in memory.
SEGMENT_ROWS = 262_144
# A segment, or an index, of which more is deleted is made anew.
DEAD_SHARE = 0.2
# FAISS warns below 39 training vectors a centroid and uses no more than 256 (faiss/Clustering.h).
_MIN_POINTS, _TRAINING_POINTS = 39, 64


def nlist_for(rows: int) -> int:
    """Inverted lists for so many vectors: the power of two nearest to 4 sqrt(rows), at least 39 vectors a list.

    4 to 16 sqrt(n) is FAISS's advice below a million (wiki, "Guidelines to choose an index").
    """
    if rows < 1:
        return 1
    wanted = 2 ** round(math.log2(4 * math.sqrt(rows)))
    return int(max(1, min(wanted, rows // _MIN_POINTS)))


def training_rows(rows: int) -> int:
    """Vectors to train the centroids with."""
    return min(rows, _TRAINING_POINTS * nlist_for(rows))


def needs_index(live: int, covered: int, dead: int) -> bool:
    """Whether to build an index now: a large collection, of which the present index covers too little.

    `live` rows in all, `covered` rows in the index, of which `dead` are deleted. Rows outside an index are scanned,
    rows deleted inside it are passed over; a rebuild follows growth or loss by a share, so that all rebuilds together
    cost a small multiple of the last one.
    """
    if live < INDEX_FROM:
        return False
    outside = live - (covered - dead)
    return covered == 0 or outside > max(INDEX_FROM, covered // 4) or dead > covered * DEAD_SHARE


def outlived_index(live: int, covered: int, dead: int, *, everything: bool) -> bool:
    """Whether to give up an index, since the collection has become small and its curve speaks for rows long gone."""
    return live < INDEX_FROM and covered > 0 and (everything or dead > covered * DEAD_SHARE)
