"""Image files, which may be hostile, as RGB pixels; models and latents are not here.

Bytes are decoded by Pillow, and only as the formats in `FORMATS`, whatever a file's name says. Embedded colour
profiles are not applied.
"""

import contextlib
import io
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from semsearch.errors import InvalidDocumentError, InvalidRequestError, MissingDependencyError
from semsearch.images.facts import facts_of
from semsearch.images.protocol import Pixels
from semsearch.types import Metadata

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 40_000_000
_WIDE_MODES = frozenset({"I", "F"})  # 32 bits a channel, without a range that says what white is
_opening = threading.Lock()  # the filters of warnings belong to the process


def load_image(source: Path | bytes, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode one image: (3, H, W), uint8, RGB.

    It is turned as its EXIF orientation says; what is transparent lies on white; grey, palette and CMYK become RGB;
    16 bits a channel become 8; of an animation it is the first frame.

    Args:
        source: a file, or its bytes.
        max_pixels: the most that width times height may be; it is checked before anything is decoded.

    Raises:
        InvalidDocumentError: it is no image, not one of `FORMATS`, damaged, cut off, or too large.
        MissingDependencyError: Pillow is not installed.
    """
    with _opened(source, max_pixels) as (where, image, _):
        return _pixels(_rgb(where, image))


def load_square(
    source: Path | bytes, size: int, *, fit: str = "crop", max_pixels: int = MAX_PIXELS
) -> tuple[Pixels, Metadata]:
    """An image as `fit_square` brings `load_image` of it to (3, size, size), and what its file tells beside the pixels.

    A JPEG much larger than that is decoded at a half, a quarter or an eighth of its sides, never below twice `size`,
    which is several times faster, and rounds a little otherwise.

    Args:
        source: a file, or its bytes.
        size: of a side of the square.
        fit: as of `fit_square`.
        max_pixels: as of `load_image`, of the whole image.

    Raises:
        InvalidDocumentError, MissingDependencyError: as `load_image`.
        InvalidRequestError: as `fit_square`.
    """
    _check_fit(size, fit)
    with _opened(source, max_pixels, enough=2 * size) as (where, image, facts):
        return _pixels(_squared(_rgb(where, image), size, fit)), facts


def images_in(folder: Path, left_out: Callable[[InvalidDocumentError], None]) -> Iterator[tuple[Path, Pixels]]:
    """Yield the images in a folder and in its folders, by name; `left_out` is told of every other file."""
    return images_among(sorted(path for path in folder.rglob("*") if path.is_file()), left_out)


def images_among(
    paths: Iterable[Path], left_out: Callable[[InvalidDocumentError], None]
) -> Iterator[tuple[Path, Pixels]]:
    """Yield those of the files that are images; `left_out` is told of the others, and of those that are not there."""
    for path in paths:
        try:
            yield path, load_image(path)
        except InvalidDocumentError as error:
            left_out(error)


def fit_square(pixels: Pixels, size: int = 512, *, fit: str = "crop") -> Pixels:
    """Bring (3, H, W) to (3, size, size) by bicubic interpolation with antialiasing.

    Args:
        pixels: as of `load_image`.
        size: of a side.
        fit: `crop` keeps the proportions and cuts what is beyond the middle square; `squash` keeps all of the image
            and changes its proportions.

    Raises:
        InvalidRequestError: `fit` is neither, or `size` is below 1.
        MissingDependencyError: Pillow is not installed.
    """
    image_module = _pillow()
    _check_fit(size, fit)
    image = image_module.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    return _pixels(_squared(image, size, fit))


def _check_fit(size: int, fit: str) -> None:
    if fit not in ("crop", "squash") or size < 1:
        raise InvalidRequestError(f"fit is {fit!r} and size {size}; fit is crop or squash, and size at least 1")


def _squared(image: "Image", size: int, fit: str) -> "Image":
    width, height = image.size
    box = (0.0, 0.0, float(width), float(height))
    if fit == "crop":
        side = min(height, width)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    return image.resize((size, size), _pillow().Resampling.BICUBIC, box=box)


@contextlib.contextmanager
def _opened(
    source: Path | bytes, max_pixels: int, enough: int | None = None
) -> "Iterator[tuple[str, Image, Metadata]]":
    """What an image is called, it itself with its pixels loaded, and its facts.

    Whatever goes wrong with it is an InvalidDocumentError. `enough`: the sides may be smaller than they are, if they
    have so many pixels.
    """
    where = str(source) if isinstance(source, Path) else f"an image of {len(source):,} bytes"
    with _refusals(where), _open(source) as image:
        _check_size(where, image.size, max_pixels)
        facts = facts_of(image)
        if enough is not None:
            image.draft(None, (enough, enough))
        image.load()
        _check_size(where, image.size, max_pixels)
        yield where, image, facts


@contextlib.contextmanager
def _refusals(where: str) -> Iterator[None]:
    """Tell whatever a decoder raises as the one error that a caller has to know."""
    try:
        yield
    except (InvalidDocumentError, MissingDependencyError):
        raise
    except Exception as error:  # every format's decoder has its own errors: SyntaxError, struct.error, zlib.error, ...
        raise InvalidDocumentError(
            f"{where} cannot be read as an image ({type(error).__name__}: {error}): "
            f"give a whole file of {', '.join(FORMATS)}, or save it anew with the program that made it"
        ) from error


def _pillow() -> ModuleType:
    """Pillow's module `Image`."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError("images need Pillow: pip install 'semsearch[images]'") from error
    return Image


def _open(source: Path | bytes) -> "Image":
    """Read the header; Pillow's warning of a decompression bomb is an error."""
    image_module = _pillow()
    file = source if isinstance(source, Path) else io.BytesIO(source)
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", image_module.DecompressionBombWarning)
        image: Image = image_module.open(file, formats=FORMATS)
        return image


def _check_size(where: str, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels or not width * height:
        raise InvalidDocumentError(
            f"{where} says that it has {width} x {height} = {width * height:,} pixels; from 1 to {max_pixels:,} are "
            "read: scale it down, or allow more with max_pixels"
        )


def _rgb(where: str, image: "Image") -> "Image":
    from PIL import Image, ImageOps

    if image.mode in _WIDE_MODES:
        raise InvalidDocumentError(
            f"{where} has 32 bits a channel (Pillow's mode {image.mode}), and nothing says which value is white: "
            "save it with 8 or 16 bits a channel"
        )
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image).astype(np.uint32) * 255 + 32_767) // 65_535  # (H, W)
        image = Image.fromarray(grey.astype(np.uint8))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image if image.mode == "RGB" else image.convert("RGB")


def _pixels(image: "Image") -> Pixels:
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))  # (3, H, W)
