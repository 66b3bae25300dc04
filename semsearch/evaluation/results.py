"""What an evaluation finds, as data; nothing is computed here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy.typing as npt

Queries: TypeAlias = Mapping[str, str | npt.ArrayLike]  # by query id: text, or a vector of shape (dim,)
Qrels: TypeAlias = Mapping[str, Mapping[str, int]]  # judgments {query id: {document id: grade}}; relevant from 1 on
Run: TypeAlias = Mapping[str, Mapping[str, float]]  # rankings {query id: {document id: score}}, the best one first


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure over all queries.

    Attributes:
        mean: of the queries' values.
        low, high: of the 95 % confidence interval of the mean, by the bootstrap over queries.
        values: by query id.
    """

    mean: float
    low: float
    high: float
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well one configuration finds what was judged relevant.

    Attributes:
        collection: its name.
        mode: how its searches matched.
        options: what else was said to each search.
        depth: documents a ranking, at most.
        measures: by name, in the order in which they were asked for.
        run: what was found.
        judged_documents: documents that were judged for the queries.
        unknown_documents: those of them that the collection does not have; relevant ones count as not found.
        left_out: judged queries without a relevant document, which say nothing about a ranking.
    """

    collection: str
    mode: str
    options: Mapping[str, object]
    depth: int
    measures: Mapping[str, Estimate]
    run: Run
    judged_documents: int
    unknown_documents: int
    left_out: int

    @property
    def label(self) -> str:
        """The configuration in a few words: "handbook, keyword"."""
        said = [f"{name}={value}" for name, value in self.options.items()]
        return ", ".join([self.collection, self.mode, *said])


@dataclass(frozen=True, slots=True)
class Difference:
    """What a measure gains from one configuration to another, query by query.

    Attributes:
        mean: of the queries' gains: above 0, the second one is better.
        low, high: of its 95 % confidence interval, by the bootstrap over queries.
        p: how often a gain this large, up or down, comes about where the two are equally good (randomisation test).
        better, worse, equal: queries whose value is higher, lower and the same in the second one.
        values: gains by query id.
    """

    mean: float
    low: float
    high: float
    p: float
    better: int
    worse: int
    equal: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two configurations on the same queries, and by measure what the second one, `b`, gains over the first."""

    a: Evaluation
    b: Evaluation
    differences: Mapping[str, Difference]
