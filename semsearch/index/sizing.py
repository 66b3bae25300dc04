"""How large the parts of an index are made, as pure functions of what is to be indexed."""

import math

# Below this an exact scan costs a few milliseconds, and an index would save nothing (docs/adr/0005-index-sizing.md).
INDEX_FROM = 20_000
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


def needs_index(live: int, indexed: int, deleted: int) -> bool:
    """Whether to build an index now: a large collection, of which the present index covers too little.

    Rows outside an index are scanned, rows deleted inside it are passed over; a fifth of the whole is where a rebuild
    pays, and since each one follows growth or loss by a share, all of them together cost a small multiple of the last.
    """
    if live < INDEX_FROM:
        return False
    tail = live - (indexed - deleted)
    return indexed == 0 or tail > max(INDEX_FROM, indexed // 4) or deleted > indexed // 5
