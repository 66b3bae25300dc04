"""The words of semsearch as data: documents, chunks, hits; nothing here does any I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Vectors: TypeAlias = npt.NDArray[np.float32]  # (n, dim), C-contiguous
StoredVectors: TypeAlias = npt.NDArray[np.float16]  # (n, dim), normalised, then rounded once
Scores: TypeAlias = npt.NDArray[np.float64]  # (n, k), cosines in [-1, 1] rounded to 6 decimals
Relevance: TypeAlias = npt.NDArray[np.float64]  # (n,), higher is better
ImageSource: TypeAlias = Path | bytes | npt.NDArray[np.uint8]  # a file, its bytes, or RGB pixels (3, H, W)
Ids: TypeAlias = npt.NDArray[np.int64]  # chunk ids
Metadata: TypeAlias = dict[str, Any]  # a JSON object
Filter: TypeAlias = Mapping[str, Any]  # {"year": {"$gte": 2020}}, see docs/filters.md
Parts: TypeAlias = Sequence[Mapping[str, Any]]  # of an expression, [{"text": "king"}, {"doc": "a", "weight": -1}]
Expression: TypeAlias = str | Parts  # 'king - man', or its parts, see docs/expressions.md
AxisEnd: TypeAlias = str | Filter | Parts  # of a map: a text, a filter, or parts of an expression
AxisEnds: TypeAlias = tuple[AxisEnd, AxisEnd]  # the low one and the high one
Range: TypeAlias = tuple[int, int]  # characters of a document's text, from the first up to the second


TARGET_RECALL = 0.95  # what a search aims at where nothing is said


class SearchMode(StrEnum):
    """How a query is matched: by its meaning, by its words, or by both."""

    SEMANTIC = "semantic"
    KEYWORD = "keyword"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document's text lies from the character `start` on, up to the next place.

    Attributes:
        heading: the headings above it, from the outermost on, joined by " > ".
        page: counted from 1.
    """

    start: int
    heading: str | None = None
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One item of the user's, under the user's own id.

    Attributes:
        id: 1 to 1,024 characters.
        text: what is cut into chunks; offsets of chunks and hits count its Unicode code points. Of an image, what is
            said of it (a caption), if anything.
        metadata: a JSON object for filters; keys have no dots (a filter's dots descend into nested objects).
        title: embedded in front of every chunk.
        source: where the document came from, for people.
        vector: only for collections without a model: the document's one vector, shape (dim,).
        places: the headings and pages of the text, in its order; a chunk has those of its beginning.
        image: only for collections of images, whose documents all have one; it is stored as its latent.
    """

    id: str
    text: str = ""
    metadata: Metadata = field(default_factory=dict)
    title: str | None = None
    source: str | None = None
    vector: npt.ArrayLike | None = None
    places: tuple[Place, ...] = ()
    image: ImageSource | None = None


@dataclass(frozen=True, slots=True)
class Chunking:
    """How the documents of a collection are cut.

    Attributes:
        method: where to cut: `tokens`, `sentences`, `headings`, `pages` or `code`.
        tokens: the most in a chunk, as the model counts what it embeds; `None`: as many as it reads.
        overlap: of them, how many a chunk has in common with the one before.
    """

    method: str = "tokens"
    tokens: int | None = None
    overlap: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a document before it is stored: `text[start:end]`, with its place as far as it is known.

    Attributes:
        tokens, text_hash: of the text that is embedded for it; `None` where vectors are brought along.
    """

    start: int
    end: int
    heading: str | None = None
    page: int | None = None
    tokens: int | None = None
    text_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """An embedded unit: `document.text[start:end] == text`, to the character."""

    id: int
    document_id: str
    start: int
    end: int
    text: str
    heading: str | None
    page: int | None


@dataclass(frozen=True, slots=True)
class LegScore:
    """What one way of searching says of a chunk; `rank` is `None` where it did not find the chunk by itself."""

    rank: int | None
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a chunk is a hit.

    Attributes:
        semantic: its cosine; `None` if that was not asked for.
        keyword: its BM25 score, above 0 and without a bound; `None` if it was not found by words.
        fused: its score of both, in hybrid mode.
        reranked: what a cross-encoder says of it, in [0, 1], if it was among those that were reranked.
        words: where words of the query are in the document's text; only with `explain`.
        sentence: the sentence of the chunk that answers the query best; only with `explain`, `None` if none stands out.
    """

    semantic: LegScore | None = None
    keyword: LegScore | None = None
    fused: float | None = None
    reranked: LegScore | None = None
    words: tuple[Range, ...] = ()
    sentence: Range | None = None


@dataclass(frozen=True, slots=True)
class Expansion:
    """The text around a hit: `document.text[start:end] == text`, to the character, and the hit is in it."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One ranked result: a chunk with its score (higher is better) and its document's own data.

    The score is the cosine in semantic mode, BM25 in keyword mode, and in hybrid mode the fused one, up to 1. Whatever
    puts hits into another order leaves it as it is.

    Attributes:
        rank: by the search, from 1 on, also where hits are sorted by something else.
        duplicates: ids of the chunks that were passed over for being nearly the same as this one, with `collapse`.
        expansion: what stands around it, with `expand`.
    """

    rank: int
    score: float
    document_id: str
    chunk_id: int
    start: int
    end: int
    page: int | None
    heading: str | None
    text: str
    title: str | None
    metadata: Metadata
    source: str | None
    explanation: Explanation = Explanation()
    duplicates: tuple[int, ...] = ()
    expansion: Expansion | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What a search did and what it cost.

    Attributes:
        path: `exact` or `ivf`: how the vectors were searched; `None` in keyword mode, where they were not.
        search_device: where they were: `cpu`, or `cuda`.
        scanned: vectors whose score was computed.
        nprobe: inverted lists visited, `None` on the exact path.
        matches: chunks that the filter allows, `None` without a filter.
        reranked: pairs of query and chunk that a cross-encoder read.
        milliseconds: wall time of each stage, in the order in which they ran.
    """

    path: str | None
    search_device: str | None
    scanned: int
    nprobe: int | None
    matches: int | None
    reranked: int
    milliseconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value in the metadata of documents, and in how many."""

    value: str | int | float | bool
    documents: int


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits of one query, best first; ties are in the order in which the chunks were added.

    Attributes:
        nearest: of an expression: the cosine of its vector and the nearest stored chunk, of all there are; low where
            the expression means nothing that the collection knows. `None` in an empty collection, and otherwise.
        cursor: for a search that goes on behind the last hit; `None` if there are no more.
        facets: by each key that was asked for, its values in the documents that match, the most frequent first.
    """

    query: str | None
    mode: SearchMode
    hits: tuple[Hit, ...]
    profile: Profile
    nearest: float | None = None
    cursor: str | None = None
    facets: dict[str, tuple[FacetValue, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Citation:
    """What the number in front of a block of a context refers to."""

    number: int
    document_id: str
    chunk_id: int
    start: int
    end: int
    score: float
    title: str | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Context:
    """Hits as one text for a language model; `tokens` never exceeds the budget, `omitted` hits did not fit."""

    text: str
    citations: tuple[Citation, ...]
    tokens: int
    token_budget: int
    omitted: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be read or stored, and why; `where` is its source, with the line if known."""

    where: str
    reason: str
    document_id: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost; a file that asks for more is a failure whose reason names the limit.

    Attributes:
        document_bytes: of a text file that is one document, and of a line, row or record of one that holds many.
        file_bytes: of a file of which its text is only a part, as a PDF and a DOCX with pictures are.
        text_characters: of one document's text.
        unpacked_bytes: of all that is unpacked from a file that is an archive inside, as DOCX and EPUB are.
        pages: of a PDF, and slides of a presentation.
        image_pixels: of an image, width times height.
        memory_bytes: resident memory of the process that parses it.
        cpu_seconds: of that process, for one file.
        seconds: wall time for one file.
        written_bytes: of the longest file which that process may write.
    """

    document_bytes: int = 10_000_000
    file_bytes: int = 200_000_000
    text_characters: int = 20_000_000
    unpacked_bytes: int = 500_000_000
    pages: int = 5_000
    image_pixels: int = 40_000_000
    memory_bytes: int = 1 << 30
    cpu_seconds: int = 60
    seconds: int = 120
    written_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """A document as `list` shows it: everything but its text."""

    id: str
    title: str | None
    source: str | None
    metadata: Metadata
    characters: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some documents in the order in which they were added; `cursor` continues after them, `None` at the end."""

    documents: tuple[DocumentSummary, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file of the collection as its manifest knows it."""

    name: str
    kind: str
    bytes: int
    sha256: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judgment:
    """What a person said of a document as an answer to a query.

    Attributes:
        grade: 0 (not relevant) to 3 (as good as can be).
        judged: when, ISO 8601.
        known: whether the document is in the collection; a judgment outlasts its document.
    """

    query: str
    document_id: str
    grade: int
    judged: str
    known: bool


class OperatingPoint(NamedTuple):
    """What an index finds, and at what cost.

    Attributes:
        nprobe: inverted lists visited.
        candidates: rows taken from them and compared exactly, for each of the k hits (of at least 10).
        recall_at_10, recall_at_100: lower bounds of knn_recall among that many neighbours.
        milliseconds: of one core, a query.
        share: of the rows, drawn at random, that could be found; 1 without a filter.
    """

    nprobe: int
    candidates: int
    recall_at_10: float
    recall_at_100: float
    milliseconds: float
    share: float = 1.0


Curve: TypeAlias = tuple[OperatingPoint, ...]  # by share, descending, then by cost; no point is dearer and finds less
