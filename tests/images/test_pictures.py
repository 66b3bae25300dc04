"""PNG, strips and animations."""

import io

import numpy as np
import pytest
from images.image_files import scene
from PIL import Image

from semsearch.errors import InvalidRequestError
from semsearch.images.loading import load_image
from semsearch.images.pictures import ANIMATIONS, animation, compared, png, sheet, strip

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
FLAT = np.broadcast_to(COLOURS[:, :, None, None], (3, 3, 20, 30))  # three images of one colour each


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_png_has_the_pixels_of_the_image_whether_bytes_or_floats() -> None:
    pixels = scene().transpose(2, 0, 1)
    assert np.array_equal(load_image(png(pixels)), pixels)
    assert np.array_equal(load_image(png(pixels.astype(np.float32) / 255)), pixels)


def test_a_strip_has_the_images_from_left_to_right_on_white() -> None:
    pixels = load_image(strip(FLAT))
    assert pixels.shape == (3, 20, 3 * 30 + 2 * 4)
    assert [pixels[:, 10, at].tolist() for at in (0, 15, 32, 34, 68)] == [
        [255, 0, 0],
        [255, 0, 0],
        [255, 255, 255],
        [0, 255, 0],
        [0, 0, 255],
    ]


def test_a_sheet_has_rows_with_gaps_and_captions() -> None:
    pixels = load_image(sheet([[*FLAT], [None, FLAT[2]]], [["a", "b", "c"], ["", "d"]]))
    assert pixels.shape == (3, 2 * (20 + 28) + 4, 3 * 30 + 2 * 4)
    assert [pixels[:, 20 + 28 + 4 + 10, at].tolist() for at in (15, 45, 80)] == [
        [255, 255, 255],
        [0, 0, 255],
        [255, 255, 255],
    ]
    dark = (pixels[:, -28:] < 200).any(axis=(0, 1))
    assert dark[34:64].any()
    assert not dark[:34].any()


def test_captions_are_below_their_images_and_no_wider() -> None:
    pixels = load_image(strip(FLAT, ["a", "", "a caption that is far too long for thirty pixels"]))
    below = pixels[:, 20:]
    dark = (below < 200).any(axis=(0, 1))
    assert dark[:30].any()
    assert not dark[30:68].any()
    assert dark[68:].any()


@pytest.mark.parametrize(("count", "captions"), [(0, []), (2, ["one"])])
def test_no_images_and_captions_that_are_not_one_for_each_are_refused(count: int, captions: list[str]) -> None:
    with pytest.raises(InvalidRequestError, match=f"{count} images and {len(captions)} captions"):
        strip(FLAT[:count], captions)


def test_an_image_and_what_became_of_it_are_side_by_side() -> None:
    pixels = load_image(compared(FLAT[0], FLAT[1].astype(np.float32) / 255, ("before", "after")))
    assert [pixels[:, 10, at].tolist() for at in (0, -1)] == [[255, 0, 0], [0, 255, 0]]


@pytest.mark.parametrize("form", ANIMATIONS)
def test_an_animation_goes_there_and_back_without_end(form: str) -> None:
    with opened(animation(FLAT, form)) as image:
        assert image.format == form.upper()
        assert (image.n_frames, image.info["loop"]) == (4, 0)
        colours = []
        for number in range(4):
            image.seek(number)
            colours.append(int(np.asarray(image.convert("RGB"))[10, 15].argmax()))
    assert colours == [0, 1, 2, 1]


@pytest.mark.parametrize("form", ANIMATIONS)
def test_an_animation_of_two_images_shows_each_once(form: str) -> None:
    with opened(animation(FLAT[:2], form)) as image:
        assert image.n_frames == 2
