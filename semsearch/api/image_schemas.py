"""The shapes of requests about the latents of images, with their bounds, and of what is answered.

Only shapes are checked here: which images there are, and whether bytes are one, is the engine's to say.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from semsearch.api.schemas import ImageBytes, Strict, Text
from semsearch.images.operands import Group, Operand, StoredImage, StoredImages

MAX_FRAMES = 33
MAX_TERMS = 16
MAX_GROUP = 256
MAX_NEIGHBOURS = 20

Strength = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]


class ImageOperand(Strict):
    """An image of the collection, by its id, or one that is sent along."""

    doc: Text | None = Field(None, description="the id of a document of the collection")
    image: ImageBytes | None = Field(None, description="the bytes of an image file, in base64")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.doc is None) == (self.image is None):
            raise ValueError('an image is either {"doc": ID} or {"image": BASE64}')
        return self

    def operand(self) -> Operand:
        return StoredImage(self.doc) if self.image is None else self.image  # type: ignore[arg-type]


class Matching(Strict):
    """All images whose documents a filter matches."""

    filter: dict[str, Any]


class Attribute(Strict):
    """Images with an attribute, and images without it; each a filter, or a list of images."""

    having: Matching | Annotated[list[ImageOperand], Field(max_length=MAX_GROUP)] = Field(alias="with")
    lacking: Matching | Annotated[list[ImageOperand], Field(max_length=MAX_GROUP)] = Field(alias="without")

    def groups(self) -> tuple[Group, Group]:
        """With it, and without."""
        return _group(self.having), _group(self.lacking)


def _group(given: Matching | list[ImageOperand]) -> Group:
    return StoredImages(given.filter) if isinstance(given, Matching) else [each.operand() for each in given]


class _Results(Strict):
    neighbours: int = Field(3, ge=0, le=MAX_NEIGHBOURS, description="stored images that are told of each result")


class ReconstructRequest(_Results):
    """An image to be drawn again from its latent, as the collection keeps it."""

    image: ImageOperand


class InterpolateRequest(_Results):
    """Two images, and how many there are to be from one to the other."""

    first: ImageOperand
    second: ImageOperand
    frames: int = Field(9, ge=2, le=MAX_FRAMES, description="pictures, the two ends included")
    how: Literal["linear", "spherical"] = Field("linear", description="along a line, or along an arc")


class EditRequest(_Results):
    """An image, and what to add and subtract, or an attribute to move it along."""

    image: ImageOperand
    plus: list[ImageOperand] = Field([], max_length=MAX_TERMS, description="images to add")
    minus: list[ImageOperand] = Field([], max_length=MAX_TERMS, description="images to subtract")
    direction: Attribute | None = Field(None, description="instead: from the mean of some to the mean of others")
    strengths: list[Strength] | None = Field(
        None,
        min_length=1,
        max_length=MAX_FRAMES,
        description="of a direction, a picture each: 1 is as far as from one mean to the other; -2, -1, 0, 1, 2",
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if bool(self.plus or self.minus) == (self.direction is not None):
            raise ValueError("say what to do: plus and minus, or a direction")
        if self.direction is None and self.strengths is not None:
            raise ValueError("strengths are of a direction, and none is given")
        return self


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A stored image, and the cosine of its vector with that of the result."""

    document_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A result: the bytes of a PNG in base64, and the stored images nearest to it, best first."""

    image: str
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True, slots=True)
class Reconstructed:
    """An image drawn again; what is measured is `null` of a stored one, and `psnr` also where nothing differs."""

    result: Drawn
    psnr: float | None
    ssim: float | None
    compression: float


@dataclass(frozen=True, slots=True)
class Interpolated:
    """Frames at equal steps, and how much of a cross-fade the one in the middle is."""

    how: str
    frames: tuple[Drawn, ...]
    cross_fade_psnr: float | None
    ghosting: float
    is_cross_fade: bool


@dataclass(frozen=True, slots=True)
class Edited:
    """A sum, with its PSNR against the same sum of pixels, or one result for each strength."""

    results: tuple[Drawn, ...]
    strengths: tuple[float, ...]
    pixel_psnr: float | None
