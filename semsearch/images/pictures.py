"""Images as files to look at: PNG, strips with captions, animations; what is in the images comes from elsewhere.

Images here are (n, 3, H, W), or one of them (3, H, W), as uint8 or as float32 in [0, 1]. Nothing is written to disk.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from semsearch.errors import InvalidRequestError, MissingDependencyError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from semsearch.images.protocol import Images, Pixels

_GAP = 4  # pixels between images
_TEXT = 14  # pixels of a line of captions
_FRAME = 120  # milliseconds
_END = 700  # milliseconds that an animation stays at its two ends
ANIMATIONS = {"webp": {"quality": 85, "method": 4}, "gif": {"disposal": 1}}


def png(image: "Images | Pixels") -> bytes:
    """One image as PNG."""
    return _saved(_as_image(image), "PNG")


def thumbnail(image: "Images | Pixels", side: int) -> "Pixels":
    """One image scaled to (side, side, 3), uint8, as pictures by matplotlib have it."""
    from PIL import Image

    whole = _as_image(image)
    return np.asarray(whole.resize((side, side), Image.Resampling.BOX))


def strip(images: "Images | Pixels | Sequence[Images]", captions: Sequence[str] = ()) -> bytes:
    """Images side by side on white, with a caption below each, as PNG.

    Raises:
        InvalidRequestError: there are no images, or captions, but not one for each image.
    """
    if not len(images) or len(captions) not in (0, len(images)):
        raise InvalidRequestError(f"{len(images)} images and {len(captions)} captions: give each image its caption")
    return sheet([images], [captions] if captions else ())


def sheet(rows: "Sequence[Images | Pixels | Sequence[Images | None]]", captions: Sequence[Sequence[str]] = ()) -> bytes:
    """Rows of images of one size on white, with a caption below each, as PNG; where there is `None`, nothing is.

    Args:
        rows: some of which may be shorter; at least one has an image.
        captions: a row for each row, with a caption for each of its images.
    """
    from PIL import Image, ImageDraw

    height, width = next(image.shape[1:] for row in rows for image in row if image is not None)
    below = 2 * _TEXT if captions else 0
    across, down = width + _GAP, height + below + _GAP
    size = (max(map(len, rows)) * across - _GAP, len(rows) * down - _GAP)
    drawn = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(drawn)
    for number, row in enumerate(rows):
        for column, image in enumerate(row):
            if image is None:
                continue
            left, top = column * across, number * down
            drawn.paste(_as_image(image), (left, top))
            if captions:
                _caption(draw, captions[number][column], left + width / 2, top + height + below / 2, width)
    return _saved(drawn, "PNG")


def compared(original: "Pixels", again: "Images", captions: Sequence[str]) -> bytes:
    """An image, (3, H, W), beside what became of it, as a `strip`."""
    return strip(np.stack([original.astype(np.float32) / 255, again]), captions)


def animation(images: "Images | Pixels", form: str) -> bytes:
    """Images one after the other and back again, without end, as `webp` or `gif` (of 256 colours)."""
    first, *others = [_as_image(image) for image in [*images, *images[-2:0:-1]]]
    durations = [_FRAME] * (1 + len(others))
    durations[0] = durations[len(images) - 1] = _END
    return _saved(first, form, save_all=True, append_images=others, duration=durations, loop=0, **ANIMATIONS[form])


def _caption(draw: "ImageDraw", text: str, middle: float, height: float, width: int) -> None:
    """Text around a point, in letters small enough for the width."""
    from PIL import ImageFont

    length = ImageFont.load_default(_TEXT).getlength(text)
    font = ImageFont.load_default(min(_TEXT, _TEXT * width / max(length, 1)))
    draw.text((middle, height), text, fill="black", font=font, anchor="mm")


def _as_image(pixels: "Images | Pixels") -> "Image":
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError("images need Pillow: pip install 'semsearch[images]'") from error
    whole = pixels if pixels.dtype == np.uint8 else (pixels.clip(0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(whole.transpose(1, 2, 0)))


def _saved(image: "Image", form: str, **options: Any) -> bytes:  # noqa: ANN401 - each format has its own
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()
