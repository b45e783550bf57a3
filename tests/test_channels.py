"""Planes of whole numbers: as near to the levels as they say, at every gain and every size."""

import cv2
import numpy as np
import pytest

from edge.channels import (
    COARSE_SIGMA_PX,
    HALF_SIZE_WEIGHTS,
    LARGEST_GAIN,
    SMALLEST_GAIN,
    STEPS_PER_LEVEL,
    STRIP_PX,
    ChannelPlanes,
    CoarsePlanes,
    channels_of,
)
from edge.frame import Pixels
from edge.settings import Channel
from tests.plain_path import plain_channels, smoothed

HALF_A_STEP = 0.5 / STEPS_PER_LEVEL
SIZES = [(288, 312), (STRIP_PX + 1, 40), (35, 44), (16, 16)]


def picture(size: tuple[int, ...], *, seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)


@pytest.mark.parametrize("gain", [1 / LARGEST_GAIN, 1.0, 1 / SMALLEST_GAIN])
@pytest.mark.parametrize("size", SIZES)
def test_levels_are_right_to_half_a_step(size: tuple[int, int], gain: float) -> None:
    for shape in ((*size, 3), size):
        pixels = picture(shape, seed=1)
        pixels[:8], pixels[8:12] = 0, 255
        found = channels_of(pixels, tuple(Channel), gain=gain)
        # Five weights stand for seven: what they leave out is a tenth of a thousandth.
        np.testing.assert_allclose(found, plain_channels(pixels, tuple(Channel), gain=gain), atol=HALF_A_STEP + 0.06)


def test_the_widest_range_fits_into_16_bits() -> None:
    for colour in np.ndindex(2, 2, 2):
        pixels = np.full((16, 16, 3), 255, np.uint8) * np.array(colour, np.uint8)
        steps = ChannelPlanes(tuple(Channel), pixels.shape).of(pixels, gain=1 / SMALLEST_GAIN)
        assert steps.min() >= 0  # a sum that did not fit would be negative
        found = channels_of(pixels, tuple(Channel), gain=1 / SMALLEST_GAIN)
        np.testing.assert_allclose(found, plain_channels(pixels, tuple(Channel), gain=1 / SMALLEST_GAIN), atol=0.02)


def test_levels_and_steps_are_each_others_inverse() -> None:
    planes = ChannelPlanes(tuple(Channel), (16, 24, 3))
    levels = np.random.default_rng(3).uniform(-100, 100, (16, 24, 3)).astype(np.float32)
    levels[:, :, 0] += 100
    np.testing.assert_allclose(planes.levels_of(planes.steps_of(levels)), levels, atol=HALF_A_STEP + 1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_coarse_planes_are_the_gaussians_up_to_the_rims(size: tuple[int, int]) -> None:
    height, width = size
    planes = ChannelPlanes(tuple(Channel), (height, width, 3))
    pixels = cv2.GaussianBlur(picture((height, width, 3), seed=2), (0, 0), 1).astype(np.uint8)
    pixels[: height // 2, : width // 2] //= 4  # an edge as strong as they come
    steps = planes.of(pixels, gain=1.0)
    exact = smoothed(planes.levels_of(steps), COARSE_SIGMA_PX)
    off = planes.levels_of(CoarsePlanes(steps.shape).of(steps)) - exact
    assert np.abs(off).max() < 0.3
    assert np.sqrt(np.square(off).mean()) < 0.05


def test_the_weights_of_the_half_size_are_the_best() -> None:
    """Least squares over what pyrDown, the weights and pyrUp make of a point, at either kind of place."""
    places = np.arange(128)
    away = (places[:, np.newaxis] - places + 64) % 128 - 64
    gaussian = np.exp(-0.5 * np.square(away / COARSE_SIGMA_PX))
    gaussian /= gaussian.sum(axis=1, keepdims=True)
    binomial = np.array([1, 4, 6, 4, 1]) / 16
    down = sum(weight * (away[::2] == step) for weight, step in zip(binomial, range(-2, 3), strict=True))
    responses = []
    for reach in range(len(HALF_SIZE_WEIGHTS) // 2 + 1):
        apart = (places[:64, np.newaxis] - places[:64] + 32) % 64 - 32
        responses.append((2 * down.T @ (np.abs(apart) == reach) @ down).ravel())
    best = np.linalg.lstsq(np.stack(responses, axis=1), gaussian.ravel(), rcond=None)[0]
    np.testing.assert_allclose(HALF_SIZE_WEIGHTS[len(best) - 1 :], best / (best[0] + 2 * best[1:].sum()), atol=2e-5)
