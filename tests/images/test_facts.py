"""What an image file tells beside its pixels."""

import io
from typing import Any

import numpy as np
import pytest
from images.image_files import encoded, scene
from PIL import Image

from semsearch.errors import InvalidDocumentError, InvalidRequestError
from semsearch.images.facts import facts_of
from semsearch.images.loading import fit_square, load_image, load_square

MAKE, MODEL, ORIENTATION, CHANGED, DETAILS, TAKEN, GPS = 0x010F, 0x0110, 0x0112, 0x0132, 0x8769, 0x9003, 0x8825


def with_exif(tags: dict[int, Any], details: dict[int, Any] | None = None, form: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif.update(tags)
    if details:
        exif.get_ifd(DETAILS).update(details)
    data = io.BytesIO()
    Image.fromarray(scene(24, 32)).save(data, form, exif=exif)
    return data.getvalue()


def facts(data: bytes) -> dict[str, Any]:
    return load_square(data, 32)[1]


def test_without_exif_there_are_format_mode_and_size() -> None:
    assert facts(with_exif({}, form="PNG")) == {"format": "png", "mode": "RGB", "width": 32, "height": 24}


def test_what_a_camera_tells_is_told() -> None:
    tags = {MAKE: "Canon", MODEL: "Canon EOS 5D", ORIENTATION: 6, CHANGED: "2021:01:01 00:00:00"}
    told = facts(with_exif(tags, {TAKEN: "2020:05:17 13:45:01"}))
    assert told == {
        "format": "jpeg",
        "mode": "RGB",
        "width": 24,  # it stands on its side, and is turned
        "height": 32,
        "orientation": 6,
        "taken": "2020-05-17T13:45:01",
        "camera": "Canon EOS 5D",
    }


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({MAKE: "NIKON", MODEL: "D70"}, {"camera": "NIKON D70"}),
        ({MODEL: "  D70\0\0 "}, {"camera": "D70"}),
        ({MAKE: "NIKON"}, {"camera": "NIKON"}),
        ({MODEL: "x" * 1_000}, {"camera": "x" * 200}),
        ({CHANGED: "2021:01:02 03:04:05"}, {"taken": "2021-01-02T03:04:05"}),
        ({CHANGED: "0000:00:00 00:00:00"}, {}),
        ({CHANGED: "yesterday"}, {}),
        ({ORIENTATION: 9}, {}),
        ({ORIENTATION: 1}, {"orientation": 1}),
    ],
    ids=str,
)
def test_what_says_nothing_is_left_out(tags: dict[int, Any], expected: dict[str, Any]) -> None:
    told = facts(with_exif(tags))
    assert {key: told[key] for key in told.keys() - {"format", "mode", "width", "height"}} == expected


def test_where_it_was_taken_is_not_told() -> None:
    exif = Image.Exif()
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    exif[MODEL] = "D70"
    data = io.BytesIO()
    Image.fromarray(scene()).save(data, "JPEG", exif=exif)
    told = facts(data.getvalue())
    assert told["camera"] == "D70"
    assert "52" not in str(told)


def test_exif_that_is_damaged_costs_its_facts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.fromarray(scene())
    monkeypatch.setattr(image, "getexif", lambda: 1 / 0)
    assert facts_of(image) == {"format": "", "mode": "RGB", "width": 32, "height": 24}


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("fit", ["crop", "squash"])
def test_the_square_is_that_of_the_whole_image(form: str, fit: str) -> None:
    data = with_exif({ORIENTATION: 8}, form=form)
    square, told = load_square(data, 16, fit=fit)
    assert np.array_equal(square, fit_square(load_image(data), 16, fit=fit))
    assert (told["width"], told["height"]) == (24, 32)


def test_of_a_large_jpeg_the_square_is_nearly_that_of_the_whole_image() -> None:
    data = encoded(scene(400, 500), "JPEG", quality=95)
    square, told = load_square(data, 32)
    whole = fit_square(load_image(data), 32)
    assert (told["width"], told["height"]) == (500, 400)
    assert not np.array_equal(square, whole)  # it was decoded at a quarter of its sides
    assert np.abs(square.astype(int) - whole).mean() < 2


def test_the_whole_image_counts_for_the_limit() -> None:
    data = encoded(scene(400, 500), "JPEG")
    with pytest.raises(InvalidDocumentError, match="500 x 400 = 200,000 pixels; from 1 to 199,999 are read"):
        load_square(data, 32, max_pixels=199_999)


@pytest.mark.parametrize(("size", "fit"), [(0, "crop"), (16, "stretch")])
def test_a_square_that_cannot_be_is_refused(size: int, fit: str) -> None:
    with pytest.raises(InvalidRequestError, match="fit is crop or squash, and size at least 1"):
        load_square(encoded(scene()), size, fit=fit)
