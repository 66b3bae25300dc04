"""What an expression is made of; how it is written is in `notation`, and what becomes of it in `combining`."""

from dataclasses import dataclass, field
from typing import TypeAlias

from semsearch.types import Filter, Vectors


@dataclass(frozen=True, slots=True)
class TextPart:
    """What the model makes of a text; `vector` (1, dim) as soon as it is embedded."""

    text: str
    vector: Vectors | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class VectorPart:
    """Numbers (dim,), normalised."""

    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """The mean of a document's chunks."""

    document_id: str


@dataclass(frozen=True, slots=True)
class ChunkPart:
    """A stored chunk."""

    chunk_id: int


@dataclass(frozen=True, slots=True)
class CentroidPart:
    """The mean of all chunks of the documents that a filter matches."""

    filter: Filter


Source: TypeAlias = TextPart | VectorPart | DocumentPart | ChunkPart | CentroidPart


@dataclass(frozen=True, slots=True)
class Part:
    """Something with a direction, and how much of it there is; a negative weight takes it away."""

    source: Source
    weight: float = 1.0


Expression: TypeAlias = tuple[Part, ...]
