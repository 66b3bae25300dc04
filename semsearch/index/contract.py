"""What every index over vectors promises; how it keeps the promise is in the modules beside this one."""

from dataclasses import dataclass
from typing import Protocol

from semsearch.index.ids import IdSet
from semsearch.types import TARGET_RECALL, Ids, Scores, Vectors


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The answer to a batch of queries, and what it cost.

    Attributes:
        scores: (queries, m) cosines, each row sorted by (-score, id); m = min(k, vectors that may be found).
        ids: (queries, m) chunk ids, never -1.
        path: `exact` or `ivf`.
        scanned: vectors scored for all queries together.
        nprobe: inverted lists visited a query, None on the exact path.
        device: where the vectors were compared, `cpu` or `cuda`.
    """

    scores: Scores
    ids: Ids
    path: str
    scanned: int
    nprobe: int | None = None
    device: str = "cpu"


class VectorIndex(Protocol):
    """Nearest stored vectors by cosine."""

    def __len__(self) -> int:
        """Vectors that can be found."""

    def search(
        self, queries: Vectors, k: int, *, target_recall: float = TARGET_RECALL, allowed_ids: IdSet | None = None
    ) -> Neighbours:
        """The k nearest of the stored vectors to each of `queries`, (q, dim), normalised.

        `allowed_ids` restricts the search to these chunk ids: `None` is no restriction, an empty array matches nothing.
        `target_recall` is the mean share of the exact neighbours that has to be found; 1.0 is an exact search.
        k beyond the number of vectors gives them all.

        Raises:
            InvalidRequestError: k < 1, or a target outside (0, 1].
            DimensionMismatchError: the queries have another length than the stored vectors.
        """
