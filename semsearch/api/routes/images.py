"""What can be asked of a collection of images: its images, and what is done with their latents."""

import base64

from fastapi import APIRouter, Response

from semsearch.api.image_schemas import (
    Attribute,
    Drawn,
    Edited,
    EditRequest,
    Interpolated,
    InterpolateRequest,
    Neighbour,
    Reconstructed,
    ReconstructRequest,
)
from semsearch.api.routes.collections import Opened
from semsearch.collection import Collection
from semsearch.errors import InvalidRequestError
from semsearch.images.edit import STRENGTHS, add_up, interpolate, reconstruct, redraw, vary
from semsearch.images.embedder import to_square
from semsearch.images.measures import finite
from semsearch.images.operands import StoredImage
from semsearch.images.pictures import png
from semsearch.images.protocol import Images, Latents

MAX_DRAWN = 10_000_000  # pixels of all that one request has drawn

router = APIRouter(prefix="/v1/collections/{collection}")


@router.get(
    "/documents/{document_id:path}/image",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}},
)
def image(collection: Opened, document_id: str) -> Response:
    """Draw a stored image from its latent, as PNG."""
    return Response(png(collection.draw([document_id])[0]), media_type="image/png")


@router.post("/images/reconstruct", name="reconstruct")
def reconstructed(collection: Opened, body: ReconstructRequest) -> Reconstructed:
    """Draw an image again from its latent, at the collection's size, and measure what is lost."""
    operands, operand = collection.operands(), body.image.operand()
    if isinstance(operand, StoredImage):
        done = redraw(operands.decode, operands.latent(operand))
    else:
        done = reconstruct(operands.autoencoder, to_square(operand, operands.size))
    [result] = _results(collection, done.image[None], done.latent[None], body.neighbours)
    return Reconstructed(result, finite(done.psnr), done.ssim, done.compression)


@router.post("/images/interpolate", name="interpolate")
def interpolated(collection: Opened, body: InterpolateRequest) -> Interpolated:
    """Draw the images between two, and tell how much of a cross-fade they are."""
    _check_drawn(collection, body.frames + 1)
    operands = collection.operands()
    first, second = (operands.latent(each.operand()) for each in (body.first, body.second))
    done = interpolate(operands.decode, first, second, frames=body.frames, how=body.how)
    frames = _results(collection, done.images, done.latents, body.neighbours)
    return Interpolated(body.how, frames, finite(done.cross_fade_psnr), done.ghosting, done.is_cross_fade)


@router.post("/images/edit", name="edit")
def edited(collection: Opened, body: EditRequest) -> Edited:
    """Add images to one and subtract others from it, or move it along an attribute."""
    if body.direction is not None:
        return _varied(collection, body, body.direction)
    terms = [body.image, *body.plus, *body.minus]
    _check_drawn(collection, len(terms) + 1)
    operands = collection.operands()
    weights = [1.0] * (1 + len(body.plus)) + [-1.0] * len(body.minus)
    done = add_up(operands.decode, [operands.latent(each.operand()) for each in terms], weights)
    results = _results(collection, done.image[None], done.latent[None], body.neighbours)
    return Edited(results, (), finite(done.pixel_psnr))


def _varied(collection: Collection, body: EditRequest, direction: Attribute) -> Edited:
    strengths = STRENGTHS if body.strengths is None else body.strengths
    _check_drawn(collection, len(strengths))
    operands = collection.operands()
    positive, negative = (operands.mean(group)[0][None] for group in direction.groups())
    done = vary(operands.decode, operands.latent(body.image.operand()), positive, negative, strengths)
    return Edited(_results(collection, done.images, done.latents, body.neighbours), done.strengths, None)


def _check_drawn(collection: Collection, images: int) -> None:
    """Raise InvalidRequestError if so many images have more pixels than one request may have drawn."""
    size = collection.image_size or 0
    if images * size * size > MAX_DRAWN:
        raise InvalidRequestError(
            f"{images} images of {size} x {size} would be drawn, and one request may have {MAX_DRAWN:,} pixels drawn: "
            "ask for fewer"
        )


def _results(collection: Collection, images: Images, latents: Latents, neighbours: int) -> tuple[Drawn, ...]:
    near = [_neighbours(collection, latent, neighbours) for latent in latents]
    return tuple(Drawn(base64.b64encode(png(image)).decode(), each) for image, each in zip(images, near, strict=True))


def _neighbours(collection: Collection, latent: Latents, count: int) -> tuple[Neighbour, ...]:
    if not count:
        return ()
    hits = collection.search(latent=latent, k=count).hits
    return tuple(Neighbour(hit.document_id, hit.score) for hit in hits)
