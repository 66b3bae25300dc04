"""How large the parts of an index are made and when they are made anew, as pure functions of what is to be indexed.

The reasons and the measurements behind the numbers are in docs/adr/0005-index-sizing.md.
"""

import math
from enum import StrEnum
from typing import NamedTuple

from semsearch.errors import InvalidRequestError

# Below this an exact scan costs a few milliseconds, and an index would save nothing.
INDEX_FROM = 20_000
# The tail is sealed at this size; a scan of so many rows in memory is a few milliseconds.
SEAL_FROM = 20_000
# A segment holds at most so many rows (201 MB at 384 dimensions): what a rewrite holds in memory.
SEGMENT_ROWS = 262_144
# A segment, or an index, of which more is deleted is made anew.
DEAD_SHARE = 0.2
# The delta is merged into the base at this share of it; rows outside both are scanned, up to the other share.
_DELTA_SHARE, _OUTSIDE_SHARE = 1 / 4, 1 / 100
# Centroids are trained anew when there are so many times the rows that they were trained on.
_GROWTH = 4
# An index is measured anew when it has grown so much; its centroids are trained anew when they were trained on so many
# fewer rows and a search at the collection's target has to visit so many times the lists.
MEASURED_GROWTH, WORTH_TRAINING, WORN = 1.5, 1.2, 2
# FAISS warns below 39 training vectors a centroid and uses no more than 256 (faiss/Clustering.h).
_MIN_POINTS, TRAINING_POINTS = 39, 64
# More lists cost more to choose from than they save: 65,536 centroids of 384 numbers are 101 MB to read a query.
_MAX_LISTS = 65_536


class Codec(StrEnum):
    """How inverted lists hold a row.

    `compact`: 4 bits for two numbers of its difference from the centroid, in two lists, in memory. `sq8`: 8 bits a
    number, mapped. `float16`: the stored numbers, mapped; only it finds everything when all lists are visited.
    """

    COMPACT = "compact"
    SQ8 = "sq8"
    FLOAT16 = "float16"

    @property
    def copies(self) -> int:
        """Lists that a row is in."""
        return 2 if self is Codec.COMPACT else 1

    def row_bytes(self, dim: int) -> int:
        """Bytes of a row in all its lists, its number in them (8 bytes) included."""
        code = {Codec.COMPACT: (dim + 3) // 4, Codec.SQ8: dim, Codec.FLOAT16: 2 * dim}[self]
        return self.copies * (code + 8)


def check_codec(name: str | None) -> Codec | None:
    """The codec of this name; raises InvalidRequestError if there is none."""
    try:
        return None if name is None else Codec(name)
    except ValueError as error:
        raise InvalidRequestError(f"codec is {name!r}; it has to be one of: {', '.join(Codec)}") from error


class Plan(NamedTuple):
    """How an index is made: inverted lists, how they hold rows, and rows to train centroids and codes with."""

    nlist: int
    codec: Codec
    training_rows: int


def plan(rows: int, dim: int, memory: int, codec: Codec | None = None) -> Plan | None:
    """The index for so many vectors, `None` where an exact scan is better.

    `memory` is how many bytes the index may hold resident in each process that searches; only `compact` holds its
    codes so. `codec` is the collection's own choice, if it has made one.
    """
    if rows < INDEX_FROM:
        return None
    nlist = nlist_for(rows)
    if codec is None:
        codec = Codec.COMPACT if rows * Codec.COMPACT.row_bytes(dim) <= memory else Codec.SQ8
    return Plan(nlist, codec, min(rows, TRAINING_POINTS * nlist))


def nlist_for(rows: int) -> int:
    """Inverted lists for so many vectors: the power of two nearest to 4 sqrt(rows), at least 39 vectors a list.

    4 to 16 sqrt(n) is FAISS's advice below a million (wiki, "Guidelines to choose an index").
    """
    if rows < 1:
        return 1
    wanted = 2 ** round(math.log2(4 * math.sqrt(rows)))
    return int(max(1, min(wanted, rows // _MIN_POINTS, _MAX_LISTS)))


class Step(StrEnum):
    """What the index needs: nothing, a larger delta, the delta in the base, new training, or to be given up."""

    NOTHING = "nothing"
    EXTEND = "extend"
    MERGE = "merge"
    TRAIN = "train"
    GIVE_UP = "give up"


class Coverage(NamedTuple):
    """`live` rows of a collection, rows in `base` and `delta`, `dead` ones among them, and rows at the training."""

    live: int
    base: int = 0
    delta: int = 0
    dead: int = 0
    trained: int = 0

    @property
    def covered(self) -> int:
        return self.base + self.delta

    @property
    def outside(self) -> int:
        """Rows that are only found by an exact scan."""
        return self.live - (self.covered - self.dead)


def next_step(now: Coverage, *, everything: bool = False) -> Step:
    """What the index needs now; with `everything`, no row is left outside the base, and no deleted row in it.

    Each step follows growth or loss by a share, so that all steps together cost a small multiple of the last one.
    """
    if now.live < INDEX_FROM:
        gone = now.covered and (everything or now.dead > now.covered * DEAD_SHARE)
        return Step.GIVE_UP if gone else Step.NOTHING
    tolerated = 0 if everything else now.covered * DEAD_SHARE
    if not now.covered or now.dead > tolerated or now.live > _GROWTH * now.trained:
        return Step.TRAIN
    if now.outside <= (0 if everything else max(SEAL_FROM - 1, now.covered * _OUTSIDE_SHARE)):
        return Step.MERGE if everything and now.delta else Step.NOTHING
    return Step.MERGE if everything or now.delta + now.outside > now.base * _DELTA_SHARE else Step.EXTEND
