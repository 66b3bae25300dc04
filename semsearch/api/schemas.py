"""The shapes of requests, with their bounds; answers are the dataclasses of `semsearch.types`.

Only shapes are checked here: what a filter, a vector or a document may hold is the engine's to say.
"""

import base64
import binascii
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from semsearch.config import NAME_PATTERN
from semsearch.search.query import Fusion
from semsearch.search.shaping import MAX_FACETS, MAX_NEIGHBOURS, ShapingOptions
from semsearch.types import Document, SearchMode

MAX_DOCUMENTS = 256

CollectionName = Annotated[
    str, Path(pattern=f"^{NAME_PATTERN}$", description="a folder in the service's indexes folder")
]


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"character {error.start} is a lone surrogate, which no text in Unicode has") from error
    return text


# JSON can spell lone surrogates, which could not be sent back
Text = Annotated[str, AfterValidator(_encodable)]


def _from_base64(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("an image is the bytes of its file in base64")  # noqa: TRY004 - what pydantic takes for a mistake
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"an image is the bytes of its file in base64, and this is none: {error}") from error


ImageBytes = Annotated[
    bytes, BeforeValidator(_from_base64), WithJsonSchema({"type": "string", "contentEncoding": "base64"})
]


class Strict(BaseModel):
    """Nothing is ignored, and nothing is converted: "5" is not 5."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Question(Strict):
    query: Text | None = Field(None, description="text, embedded by the collection's model")
    vector: list[float] | None = Field(
        None, description="as many numbers as the collection's dim, instead of a query or of its embedding"
    )
    mode: SearchMode | None = Field(
        None, strict=False, description="by meaning, by words, or by both; if null, what the query and collection allow"
    )
    filter: dict[str, Any] | None = Field(None, description='on metadata, e.g. {"year": {"$gte": 2020}}')


class _Shaping(Strict):
    group_by: Literal["document"] | None = Field(None, description="only the best chunk of each document")
    diversity: float = Field(0.0, ge=0, le=1, description="how much it counts that a hit is unlike those before it")
    collapse: float | None = Field(
        None, ge=0, le=1, description="cosine from which on a chunk is passed over as nearly the same as a better one"
    )
    min_score: float | None = Field(None, ge=-1, le=1, description="least cosine of a hit; not in mode keyword")
    rerank: int = Field(
        0, ge=0, le=1_000, description="how many of the first candidates the service's cross-encoder reorders"
    )
    expand: Annotated[int, Field(ge=1, le=MAX_NEIGHBOURS)] | Literal["section", "document"] | None = Field(
        None, description="text around each hit: so many chunks on either side, its section, or its document"
    )
    facets: list[str] = Field([], max_length=MAX_FACETS, description="metadata keys whose values are counted")
    sort: str | None = Field(None, description="a metadata key to sort the hits by, with a - in front descending")
    cursor: Text | None = Field(None, description="where the page before ended, of the same search")

    def shaping(self) -> ShapingOptions:
        return ShapingOptions(
            group_by=self.group_by,
            diversity=self.diversity,
            collapse=self.collapse,
            min_score=self.min_score,
            rerank=self.rerank,
            expand=self.expand,
            facets=self.facets,
            sort=self.sort,
            cursor=self.cursor,
        )


class SearchRequest(_Question, _Shaping):
    """A query, a vector, or both, how to search, and which hits to make of what is found."""

    image: ImageBytes | None = Field(
        None, description="in a collection of images, instead of a vector: what to find the like of, in base64"
    )
    expression: Text | list[dict[str, Any]] | None = Field(
        None, description='instead of a vector: what to combine, as text or as parts, e.g. [{"text": "king"}]'
    )
    relevant: list[Text | int] = Field([], description="documents and chunks, by id, to move the query towards")
    irrelevant: list[Text | int] = Field([], description="documents and chunks, by id, to move the query away from")
    k: int = Field(10, ge=1, le=1_000, description="hits asked for")
    target_recall: float | None = Field(
        None, gt=0, le=1, description="share of the exact nearest chunks to find, in the mean; the collection's if null"
    )
    exact: bool = Field(False, description="compare with every stored vector")
    fusion: Fusion = Field(Fusion.CONVEX, strict=False, description="how hybrid mode joins its two rankings")
    explain: bool = Field(False, description="tell which words and which sentence each hit was found by")


class ContextRequest(_Question):
    """A query, a vector, or both, and the room there is for the text of the hits."""

    token_budget: int = Field(1_000, ge=1, le=100_000, description="tokens that the text may have")
    k: int = Field(20, ge=1, le=1_000, description="hits to choose from")


class NewDocument(Strict):
    """A document to add, or to replace the one with this id by."""

    id: Text
    image: ImageBytes | None = Field(
        None, description="for collections of images, and only for them: the bytes of a file, in base64"
    )
    text: str | None = Field(None, validate_default=True, description="required, but of an image, whose caption it is")
    title: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    source: Text | None = None
    vector: list[float] | None = Field(None, description="for collections without a model, and only for them")

    @field_validator("text")
    @classmethod
    def _is_there(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is None and info.data.get("image") is None:
            raise ValueError("Field required, except where there is an image")
        return text

    def document(self) -> Document:
        return Document(self.id, self.text or "", self.metadata, self.title, self.source, self.vector, image=self.image)


class AddRequest(Strict):
    """Documents to add; those that are refused are in the answer, and stop no other."""

    documents: list[NewDocument] = Field(max_length=MAX_DOCUMENTS)


class JudgeRequest(Strict):
    """How relevant a document is to a query."""

    query: Text
    document_id: Text
    grade: int = Field(ge=0, le=3, description="0 (not relevant) to 3 (as good as can be)")


class Health(BaseModel):
    """That the service runs, and which version of semsearch it is."""

    status: Literal["ok"]
    version: str
