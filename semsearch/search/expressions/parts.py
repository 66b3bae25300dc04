"""What an expression is made of; how it is written is in `notation`, and what becomes of it in `combining`."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from semsearch.images.protocol import Latents
from semsearch.types import Filter, ImageSource, Vectors


@dataclass(frozen=True, slots=True)
class TextPart:
    """What the model makes of a text; `vector` (1, dim) as soon as it is embedded."""

    text: str
    vector: Vectors | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ImagePart:
    """What the model makes of an image, or of a latent; `vector` (1, dim) as soon as it is embedded.

    `key` stands for the image wherever parts are compared.
    """

    key: str
    image: ImageSource | Latents = field(compare=False, repr=False)
    vector: Vectors | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, image: ImageSource | Latents) -> "ImagePart":
        """The part for an image."""
        match image:
            case Path():
                return cls(f"file {image}", image)
            case bytes():
                return cls(hashlib.sha256(image).hexdigest(), image)
        told = f"{image.dtype} {image.shape} {hashlib.sha256(image.tobytes()).hexdigest()}"
        return cls(told, image)


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


Source: TypeAlias = TextPart | ImagePart | VectorPart | DocumentPart | ChunkPart | CentroidPart


@dataclass(frozen=True, slots=True)
class Part:
    """Something with a direction, and how much of it there is; a negative weight takes it away."""

    source: Source
    weight: float = 1.0


Expression: TypeAlias = tuple[Part, ...]
