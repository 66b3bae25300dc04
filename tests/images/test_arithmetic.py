"""Latents as numbers: ways between two, sums, directions."""

import numpy as np
import pytest

from semsearch.errors import InvalidRequestError
from semsearch.images.arithmetic import Way, angle_between, between, combine, direction, lerp, moved, slerp

EAST, NORTH = np.zeros((2, 4, 1, 1), np.float32)
EAST[0] = NORTH[1] = 1


def latent(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32).reshape(-1, 1, 1)


def random_latents(count: int) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(count, 4, 3, 5)).astype(np.float32)


def test_the_line_is_the_weighted_mean_and_ends_at_the_two_latents() -> None:
    first, second = random_latents(2)
    line = lerp(first, second, [0, 0.25, 1])
    assert np.array_equal(line[[0, 2]], [first, second])
    assert np.allclose(line[1], 0.75 * first + 0.25 * second, atol=1e-6)


def test_a_third_of_a_right_angle_on_the_arc_is_30_degrees() -> None:
    [third] = slerp(EAST, NORTH, [1 / 3])
    assert third.ravel()[:2] == pytest.approx([np.cos(np.pi / 6), np.sin(np.pi / 6)], abs=1e-6)


def test_the_arc_between_latents_of_lengths_1_and_2_has_shoemakes_weights() -> None:
    angle = np.pi / 2
    [middle] = slerp(EAST, 2 * NORTH, [0.5])
    weight = np.sin(angle / 2) / np.sin(angle)
    assert middle.ravel() == pytest.approx([weight, 2 * weight, 0, 0], abs=1e-6)


def test_the_arc_keeps_the_length_of_latents_that_have_one_and_the_line_does_not() -> None:
    first, second = (each / np.linalg.norm(each) for each in random_latents(2))
    shares = np.linspace(0, 1, 7)
    assert np.linalg.norm(slerp(first, second, shares).reshape(7, -1), axis=1) == pytest.approx(np.ones(7), abs=1e-5)
    assert np.linalg.norm(lerp(first, second, [0.5])) < 0.9


def test_the_arc_ends_at_the_two_latents_and_has_equal_steps() -> None:
    first, second = random_latents(2)
    arc = between(first, second, 5, Way.SPHERICAL)
    assert np.allclose(arc[[0, -1]], [first, second], atol=1e-6)
    unit = [each / np.linalg.norm(each) for each in (first, second)]
    turns = between(*unit, 5, Way.SPHERICAL)
    steps = [angle_between(turns[at], turns[at + 1]) for at in range(4)]
    assert steps == pytest.approx([angle_between(*unit) / 4] * 4, rel=1e-3)


def test_between_nearly_parallel_latents_the_arc_is_the_line() -> None:
    first = random_latents(1)[0]
    second = first * np.float32(1.5) + np.float32(1e-5)
    assert np.array_equal(slerp(first, second, [0.3]), lerp(first, second, [0.3]))


def test_just_above_that_angle_arc_and_line_are_the_same_within_rounding() -> None:
    first, second = latent(1, 0), latent(np.cos(0.0011), np.sin(0.0011))
    assert np.allclose(slerp(first, second, [0.5]), lerp(first, second, [0.5]), atol=5e-7)


@pytest.mark.parametrize(
    ("second", "reason"), [(-EAST, "opposite"), (0 * EAST, "all zero"), (latent(1, 2), r"\(4, 1, 1\), \(2, 1, 1\)")]
)
def test_opposite_zero_and_unequal_latents_have_no_arc(second: np.ndarray, reason: str) -> None:
    with pytest.raises(InvalidRequestError, match=reason):
        slerp(EAST, second, [0.5])


@pytest.mark.parametrize("way", Way)
def test_fewer_than_two_frames_are_refused(way: Way) -> None:
    with pytest.raises(InvalidRequestError, match="at least 2"):
        between(EAST, NORTH, 1, way)


def test_a_minus_b_plus_c_is_the_sum_with_these_signs() -> None:
    a, b, c = random_latents(3)
    assert np.allclose(combine([a, b, c], [1, -1, 1]), a - b + c, atol=1e-6)
    assert np.allclose(combine([a, b, b], [1, -1, 1]), a, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1])
def test_latents_without_a_weight_each_are_refused(count: int) -> None:
    with pytest.raises(InvalidRequestError, match="give each latent its weight"):
        combine(list(random_latents(count)), [1.0] * (2 * count))


def test_a_direction_leads_from_one_mean_to_the_other() -> None:
    positive, negative = random_latents(5), random_latents(9)[5:]
    towards = direction(positive, negative)
    assert np.allclose(negative.mean(axis=0) + towards, positive.mean(axis=0), atol=1e-6)
    assert np.allclose(direction(negative, positive), -towards)


def test_strength_0_leaves_a_latent_and_the_others_add_multiples_of_the_direction() -> None:
    start, towards = random_latents(2)
    results = moved(start, towards, [-2, 0, 0.5])
    assert np.array_equal(results[1], start)
    assert np.allclose(results[[0, 2]], [start - 2 * towards, start + 0.5 * towards], atol=1e-6)


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0)])
def test_a_direction_needs_latents_on_both_sides(sizes: tuple[int, int]) -> None:
    with pytest.raises(InvalidRequestError, match="at least one latent"):
        direction(random_latents(1)[: sizes[0]], random_latents(1)[: sizes[1]])
