"""What goes into and comes out of the store, as data."""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from semsearch.store import terms
from semsearch.types import (
    TARGET_RECALL,
    Chunk,
    Chunking,
    Document,
    Failure,
    Ids,
    Metadata,
    Scores,
    Span,
    StoredVectors,
)


class Kind(Enum):
    """What the documents of a collection are searched by: texts and images by what its model makes of them."""

    TEXTS = "texts"
    IMAGES = "images"
    VECTORS = "vectors"  # that they bring along


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """What a collection is for as long as it exists.

    Attributes:
        model: of texts or of images, None where documents bring their vectors.
        image_size: side of the squares that its images are brought to, None where documents are texts.
    """

    dim: int
    model: str | None = None
    fingerprint: str | None = None
    precision: str | None = None
    max_tokens: int | None = None
    image_size: int | None = None
    created: str = ""
    target_recall: float = TARGET_RECALL
    codec: str | None = None  # of its index; None: by size
    chunking: Chunking = field(default_factory=Chunking)
    terms: str = terms.VERSION  # of what its keyword index holds

    @property
    def kind(self) -> Kind:
        """What its documents are searched by."""
        if self.model is None:
            return Kind.VECTORS
        return Kind.TEXTS if self.image_size is None else Kind.IMAGES


@dataclass(frozen=True, slots=True)
class State:
    """`version` changes with every commit, `layout` when what a reader has loaded is of no more use."""

    version: int
    layout: int


class ChunkRecord(NamedTuple):
    """A chunk with what its hit shows of the document, whose chunks have the ids `first_chunk` to `last_chunk`."""

    chunk: Chunk
    title: str | None
    metadata: Metadata
    source: str | None
    first_chunk: int
    last_chunk: int


class Ranking(NamedTuple):
    """Chunks, best first: scores (n,), higher is better, and ids (n,)."""

    scores: Scores
    ids: Ids


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of the main tables; `tail` are vectors that are not sealed."""

    documents: int
    chunks: int
    tail: int
    tombstones: int


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that documents were read from.

    Attributes:
        path: as it was given.
        size, modified_ns, hash: of its content; an empty hash: reading it has not ended.
        reader: name and version of what read it.
        failures: what could not be read of it.
        documents: how many of the collection's are from it.
    """

    path: str
    size: int = 0
    modified_ns: int = 0
    hash: bytes = b""
    reader: str = ""
    failures: tuple[Failure, ...] = ()
    documents: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A document ready to be stored: its hashes, and one vector a span.

    Attributes:
        content_hash: of title, text, places and own vector; decides whether the chunks have to be made anew.
        details_hash: of metadata, source and source file, which are updated in place.
        vectors: (len(spans), dim).
        latent: what its image is drawn from, packed; None: it is no image.
    """

    document: Document
    content_hash: bytes
    details_hash: bytes
    spans: tuple[Span, ...]
    vectors: StoredVectors
    source_file: str | None = None
    latent: bytes | None = None
