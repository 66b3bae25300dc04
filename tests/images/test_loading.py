"""Image files of every kind become RGB pixels, and what is no image is refused by name."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from images.image_files import encoded, saved, scene
from PIL import Image

from semsearch.errors import InvalidDocumentError, InvalidRequestError
from semsearch.images.loading import FORMATS, fit_square, load_image


def planes(pixels: np.ndarray) -> np.ndarray:
    return pixels.transpose(2, 0, 1)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_give_the_pixels_that_were_saved(form: str) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    loaded = load_image(encoded(scene(), form, **options))
    assert loaded.dtype == np.uint8
    assert np.array_equal(loaded, planes(scene()))


def test_a_file_and_its_bytes_give_the_same(tmp_path: Path) -> None:
    data = encoded(scene(), "JPEG")
    (tmp_path / "scene.jpg").write_bytes(data)
    assert np.array_equal(load_image(tmp_path / "scene.jpg"), load_image(data))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_its_exif_orientation_says(orientation: int) -> None:
    upright = scene()
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(load_image(encoded(np.ascontiguousarray(stored), exif=exif)), planes(upright))


def test_what_is_transparent_lies_on_white() -> None:
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 3] = (0, 51, 255)  # black: invisible, a fifth, opaque
    assert load_image(encoded(pixels))[0].tolist() == [[255, 204, 0]]


def test_the_transparent_colour_of_a_palette_is_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 200, 10, 20])
    image.putpixel((1, 0), 1)
    assert load_image(saved(image, "PNG", transparency=0))[:, 0].T.tolist() == [[255, 255, 255], [200, 10, 20]]


def test_grey_becomes_three_equal_channels() -> None:
    grey = scene()[:, :, 0]
    assert np.array_equal(load_image(encoded(grey)), np.stack([grey] * 3))


def test_sixteen_bits_are_rounded_to_eight() -> None:
    grey = np.array([[0, 128, 129, 257 * 77, 65_535]], np.uint16)
    assert load_image(encoded(grey))[0].tolist() == [[0, 0, 1, 77, 255]]


def test_cmyk_becomes_rgb() -> None:
    loaded = load_image(saved(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "TIFF"))  # cyan, which has no red
    assert loaded[0].max() < 10
    assert loaded[1:].min() > 245


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_it_is_the_first_frame(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    red, _, blue = load_image(saved(frames[0], form, save_all=True, append_images=frames[1:])).mean((1, 2))
    assert red > 240
    assert blue < 15


def png_header(width: int, height: int) -> bytes:
    """A PNG file that promises this size and has 4 bytes of it."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", bytes(4))]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(("side", "reason"), [(10_000, "DecompressionBombWarning"), (30_000, "DecompressionBombError")])
def test_what_pillow_takes_for_a_bomb_is_refused(side: int, reason: str) -> None:
    with pytest.raises(InvalidDocumentError, match=reason):
        load_image(png_header(side, side), max_pixels=10**10)


def test_more_pixels_than_allowed_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(InvalidDocumentError, match=r"8000 x 8000 = 64,000,000 pixels.*max_pixels"):
        load_image(png_header(8_000, 8_000))
    with pytest.raises(InvalidDocumentError, match=r"32 x 24 = 768 pixels"):
        load_image(encoded(scene()), max_pixels=767)
    assert load_image(encoded(scene()), max_pixels=768).shape == (3, 24, 32)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_file_that_is_cut_off_is_refused(form: str) -> None:
    data = encoded(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8), form)
    with pytest.raises(InvalidDocumentError, match="cannot be read as an image"):
        load_image(data[: len(data) // 2])


@pytest.mark.parametrize("data", [b"", b"just text", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidDocumentError, match="JPEG"):
        load_image(data)


def test_a_format_outside_the_list_is_refused_whatever_its_name_is(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(scene(), "PPM"))
    assert "PPM" not in FORMATS
    with pytest.raises(InvalidDocumentError, match=r"picture\.png"):
        load_image(path)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidDocumentError, match=r"absent\.png.*FileNotFoundError"):
        load_image(tmp_path / "absent.png")


def test_numbers_without_a_range_are_refused() -> None:
    with pytest.raises(InvalidDocumentError, match="32 bits a channel"):
        load_image(encoded(np.ones((4, 4), np.float32), "TIFF"))


def test_cropping_keeps_the_middle_square_and_squashing_keeps_all() -> None:
    pixels = np.zeros((3, 10, 30), np.uint8)
    pixels[:, :, 10:20] = 200
    assert (fit_square(pixels, 10) == 200).all()
    squashed = fit_square(pixels, 10, fit="squash")
    assert squashed.shape == (3, 10, 10)
    assert squashed[0, 5, 0] < 20
    assert squashed[0, 5, 5] > 180


def test_a_fit_that_is_unknown_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="crop or squash"):
        fit_square(planes(scene()), fit="stretch")
