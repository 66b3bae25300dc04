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


def strip(images: "Images | Pixels | Sequence[Images]", captions: Sequence[str] = ()) -> bytes:
    """Images side by side on white, with a caption below each, as PNG.

    Raises:
        InvalidRequestError: there are no images, or captions, but not one for each image.
    """
    if not len(images) or len(captions) not in (0, len(images)):
        raise InvalidRequestError(f"{len(images)} images and {len(captions)} captions: give each image its caption")
    from PIL import Image, ImageDraw

    height, width = images[0].shape[1:]
    below = 2 * _TEXT if captions else 0
    sheet = Image.new("RGB", (len(images) * (width + _GAP) - _GAP, height + below), "white")
    draw = ImageDraw.Draw(sheet)
    for number, image in enumerate(images):
        left = number * (width + _GAP)
        sheet.paste(_as_image(image), (left, 0))
        if captions:
            _caption(draw, captions[number], left + width / 2, height + below / 2, width)
    return _saved(sheet, "PNG")


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
