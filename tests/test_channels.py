"""Planes of whole numbers: as near to the levels as they say, at every gain and every size."""

import cv2
import numpy as np
import pytest

from edge.channels import (
    COARSE_SIGMA_PX,
    FINER,
    HALF_SIZE_WEIGHTS,
    LARGEST_GAIN,
    LEAST_COLOUR,
    LEAST_LIGHTNESS,
    SMALLEST_GAIN,
    STEPS_PER_LEVEL,
    CoarseColours,
    CoarseLightness,
    ColourPlanes,
    LightnessPlane,
    channels_of,
    grey_of,
    levels_of,
    steps_of,
)
from edge.frame import Pixels
from edge.settings import COLOUR_CHANNELS, Channel
from tests.plain_path import plain_colour, plain_lightness, smoothed

HALF_A_STEP = 0.5 / STEPS_PER_LEVEL
ROUNDED = 0.5 / FINER  # of the mean of four pixels
COLOURS = tuple(channel for channel in Channel if channel in COLOUR_CHANNELS)
SIZES = [(288, 312), (34, 40), (36, 44), (16, 16)]


def picture(size: tuple[int, ...], *, seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)


@pytest.mark.parametrize("gain", [1 / LARGEST_GAIN, 1.0, 1 / SMALLEST_GAIN])
@pytest.mark.parametrize("size", SIZES)
def test_levels_are_right_to_half_a_step(size: tuple[int, int], gain: float) -> None:
    pixels = picture((*size, 3), seed=1)
    pixels[:8], pixels[8:12] = 0, 255
    for seen in (pixels, grey_of(pixels)):
        found = channels_of(seen, (Channel.LIGHTNESS,), gain=gain).lightness[:, :, 0]
        # Five weights stand for seven: what they leave out is a tenth of a thousandth.
        np.testing.assert_allclose(found, plain_lightness(seen, gain=gain), atol=HALF_A_STEP + 0.06)
    colours = channels_of(pixels, tuple(Channel), gain=gain).colours
    for number, channel in enumerate(COLOURS):
        expected = plain_colour(pixels, channel, gain=gain)
        np.testing.assert_allclose(colours[:, :, number], expected, atol=HALF_A_STEP + gain * ROUNDED + 1e-4)


def test_the_widest_range_fits_into_16_bits() -> None:
    gain = 1 / SMALLEST_GAIN
    for colour in np.ndindex(2, 2, 2):
        pixels = np.full((16, 16, 3), 255, np.uint8) * np.array(colour, np.uint8)
        lightness = LightnessPlane((16, 16)).of(grey_of(pixels), gain=gain)
        colours = ColourPlanes(COLOURS, (16, 16)).of(pixels, gain=gain)
        assert min(lightness.min(), colours.min()) >= 0  # a sum that did not fit would be negative
        found = channels_of(pixels, tuple(Channel), gain=gain)
        np.testing.assert_allclose(found.lightness[:, :, 0], plain_lightness(pixels, gain=gain), atol=0.02)
        for number, channel in enumerate(COLOURS):
            np.testing.assert_allclose(found.colours[:, :, number], plain_colour(pixels, channel, gain=gain), atol=0.02)


@pytest.mark.parametrize("least", [LEAST_LIGHTNESS, LEAST_COLOUR])
def test_levels_and_steps_are_each_others_inverse(least: float) -> None:
    levels = np.random.default_rng(3).uniform(max(least, -100), 100, (16, 24, 2)).astype(np.float32)
    np.testing.assert_allclose(levels_of(steps_of(levels, least=least), least=least), levels, atol=HALF_A_STEP + 1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_coarse_planes_are_the_gaussians_up_to_the_rims(size: tuple[int, int]) -> None:
    height, width = size
    pixels = cv2.GaussianBlur(picture((height, width, 3), seed=2), (0, 0), 1).astype(np.uint8)
    pixels[: height // 2, : width // 2] //= 4  # an edge as strong as they come
    lightness = LightnessPlane(size).of(grey_of(pixels), gain=1.0)
    colours = ColourPlanes(COLOURS, size).of(pixels, gain=1.0)
    exact = smoothed(levels_of(lightness, least=0)[:, :, 0], COARSE_SIGMA_PX)
    off = levels_of(CoarseLightness((height, width)).of(lightness), least=0)[:, :, 0] - exact
    assert np.abs(off).max() < 0.3
    assert np.sqrt(np.square(off).mean()) < 0.05
    exact = smoothed(levels_of(colours, least=0), COARSE_SIGMA_PX / 2)
    off = levels_of(CoarseColours(colours.shape).of(colours), least=0) - exact
    assert np.abs(off).max() < 0.05


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
