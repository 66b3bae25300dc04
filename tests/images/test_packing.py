"""Latents as bytes: what comes back, and what is refused."""

import struct
import zlib

import numpy as np
import pytest

from semsearch.errors import InvalidRequestError, StoreError
from semsearch.images.packing import pack, unpack


def latents(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(3, 4, 32, 32), (1, 32, 8, 8), (2, 1, 1, 1), (2, 3, 5, 7)])
def test_what_is_unpacked_is_off_by_half_a_step_of_its_channel_at_most(shape: tuple[int, ...]) -> None:
    original = latents(*shape)
    again = unpack(pack(original))
    steps = (original.max(axis=(2, 3)) - original.min(axis=(2, 3))) / 255
    assert (again.shape, again.dtype) == (original.shape, np.float32)
    assert (np.abs(again - original).max(axis=(2, 3)) <= steps * 0.501 + 1e-6).all()


def test_a_number_takes_a_byte_and_a_channel_eight_more() -> None:
    assert [len(each) for each in pack(latents(2, 4, 32, 32))] == [14 + 4 * 8 + 4 * 32 * 32] * 2


def test_a_channel_that_is_one_number_all_over_comes_back_as_it_was() -> None:
    original = latents(1, 3, 4, 4)
    original[0, 1] = -1.75
    np.testing.assert_array_equal(unpack(pack(original))[0, 1], original[0, 1])


def test_a_wide_channel_costs_the_others_nothing() -> None:
    original = latents(1, 2, 8, 8)
    original[0, 0] *= 1_000
    assert np.abs(unpack(pack(original))[0, 1] - original[0, 1]).max() < 0.03


def test_packing_again_what_was_unpacked_changes_nothing_that_counts() -> None:
    once = unpack(pack(latents(2, 4, 16, 16)))
    np.testing.assert_allclose(unpack(pack(once)), once, atol=1e-5)


def test_the_same_latent_has_the_same_bytes_whatever_it_is_packed_with() -> None:
    original = latents(3, 4, 8, 8)
    assert pack(original)[1:2] == pack(original[1:2])


def test_what_was_packed_is_read_by_hand() -> None:
    packed = pack(np.array([[[[0.0, 255.0], [51.0, 102.0]]]], np.float32))[0]
    body = struct.pack("<3H", 1, 2, 2) + struct.pack("<2f", 0, 1) + bytes([0, 255, 51, 102])
    assert packed == b"SSL1" + struct.pack("<I", zlib.crc32(body)) + body


def test_no_latents_are_no_bytes() -> None:
    assert pack(latents(0, 4, 8, 8)) == []


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused(wrong: float) -> None:
    original = latents(1, 4, 8, 8)
    original[0, 2, 3, 4] = wrong
    with pytest.raises(InvalidRequestError, match="not finite"):
        pack(original)


@pytest.mark.parametrize("shape", [(4, 8, 8), (1, 0, 8, 8), (1, 4, 8, 0), (1, 1, 1, 1 << 16)])
def test_another_shape_is_refused_when_packing(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidRequestError, match="latents to pack"):
        pack(np.zeros(shape, np.float32))


@pytest.mark.parametrize("at", [4, 8, 9, 14, 20, 60, -1])
def test_a_flipped_bit_is_noticed_wherever_it_is(at: int) -> None:
    damaged = bytearray(pack(latents(1, 4, 8, 8))[0])
    damaged[at] ^= 16
    with pytest.raises(StoreError, match="damaged"):
        unpack([bytes(damaged)])


@pytest.mark.parametrize("length", [14, 15, 45, 46, 100, -1])
def test_bytes_that_end_early_are_noticed(length: int) -> None:
    with pytest.raises(StoreError, match="damaged"):
        unpack([pack(latents(1, 4, 8, 8))[0][:length]])


def test_a_checksum_that_fits_does_not_excuse_a_length_that_does_not() -> None:
    body = pack(latents(1, 4, 8, 8))[0][8:-1]
    with pytest.raises(StoreError, match="length"):
        unpack([b"SSL1" + struct.pack("<I", zlib.crc32(body)) + body])


@pytest.mark.parametrize("wrong", [b"", b"SSL1", b"SSL2" + bytes(100), b"\x89PNG" + bytes(100)])
def test_bytes_that_are_no_latent_are_refused(wrong: bytes) -> None:
    with pytest.raises(StoreError, match="no packed latent"):
        unpack([wrong])


def test_latents_of_several_shapes_or_none_are_not_unpacked_together() -> None:
    packed = pack(latents(1, 4, 8, 8)) + pack(latents(1, 4, 16, 16))
    with pytest.raises(InvalidRequestError, match="one shape"):
        unpack(packed)
    with pytest.raises(InvalidRequestError, match="none"):
        unpack([])
