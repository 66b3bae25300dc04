"""What an image file tells of its picture, as metadata that filters reach; pixels are not here.

Where a photograph was taken (GPS) is left out: collections are searched by others than whose photographs they are.
"""

import contextlib
import re
from typing import TYPE_CHECKING

from semsearch.types import Metadata

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

_MAKE, _MODEL, _ORIENTATION, _CHANGED = 0x010F, 0x0110, 0x0112, 0x0132  # tags of EXIF 2.32
_DETAILS, _TAKEN = 0x8769, 0x9003
_ORIENTATIONS = frozenset(range(1, 9))
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})  # orientations by which width and height change places
_DATE = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)")
_LONGEST = 200  # characters of what a file says


def facts_of(image: "Image") -> Metadata:
    """What the header says of an open image.

    `format` (jpeg), `width` and `height` in pixels, upright; `mode` (Pillow's: RGB, L, CMYK); and, where they are told,
    `taken` (ISO 8601, without a time zone), `camera`, and `orientation`, EXIF's 1 to 8.
    """
    facts: Metadata = {"format": (image.format or "").lower(), "mode": image.mode}
    facts["width"], facts["height"] = image.size
    with contextlib.suppress(Exception):  # EXIF is damaged in as many ways as there are, and the picture is not
        facts |= _told(image.getexif())
    if facts.get("orientation") in _ON_ITS_SIDE:
        facts["width"], facts["height"] = facts["height"], facts["width"]
    return facts


def _told(exif: "Exif") -> Metadata:
    told = {"orientation": exif.get(_ORIENTATION), "taken": _taken(exif), "camera": _camera(exif)}
    if told["orientation"] not in _ORIENTATIONS:
        del told["orientation"]
    return {key: value for key, value in told.items() if value}


def _taken(exif: "Exif") -> str | None:
    """When the shutter was pressed, or else when the file was made, as it is told: without a time zone."""
    told = exif.get_ifd(_DETAILS).get(_TAKEN) or exif.get(_CHANGED)
    match = _DATE.fullmatch(_text(told))
    if match is None or match[2] == "00":  # a clock that was never set
        return None
    return f"{match[1]}-{match[2]}-{match[3]}T{match[4]}"


def _camera(exif: "Exif") -> str:
    """Make and model, the make once."""
    make, model = _text(exif.get(_MAKE)), _text(exif.get(_MODEL))
    return model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()


def _text(told: object) -> str:
    """What a file says, which may be anything, in one line."""
    if isinstance(told, bytes):
        told = told.decode("utf-8", "replace")
    if not isinstance(told, str):
        return ""
    return " ".join(told.replace("\x00", " ").split())[:_LONGEST]
