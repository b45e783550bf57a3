"""A frame without light or sharpness is not judged, and one full of noise is not passed."""

import cv2
import numpy as np
import pytest

from edge.drivers.connector import render
from edge.errors import NotJudged
from edge.frame import Pixels
from edge.quality import LEAST_NOISE, FrameMeter, check_frame, check_noise, limits_from, sharpness_of
from edge.variables import grey_of
from edge.verdict import Reason

GOOD = [grey_of(render(seed=3, part=part))[::2, ::2].copy() for part in range(6)]
EVERYWHERE = np.full_like(GOOD[0], 255)
METER = FrameMeter(GOOD[0], inspected=EVERYWHERE)
LIMITS = limits_from(GOOD, METER)


def scaled(picture: Pixels, gain: float, offset: float = 0.0) -> Pixels:
    return np.clip(picture * gain + offset, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("picture", GOOD)
@pytest.mark.parametrize("gain", [0.7, 1.0, 1.3])
def test_good_parts_pass_in_brighter_and_darker_light(picture: Pixels, gain: float) -> None:
    found = METER.of(scaled(picture, gain))
    check_frame(found, LIMITS)
    check_noise(found, LIMITS)


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (np.zeros_like(GOOD[0]), Reason.TOO_DARK),
        (np.full_like(GOOD[0], 255), Reason.TOO_BRIGHT),
        (np.full_like(GOOD[0], int(GOOD[0].mean())), Reason.BLURRED),
        (scaled(GOOD[0], 0.3), Reason.TOO_DARK),
        (scaled(GOOD[0], 1.0, offset=140), Reason.TOO_BRIGHT),
        (cv2.GaussianBlur(GOOD[0], (0, 0), 2.0).astype(np.uint8), Reason.BLURRED),
    ],
    ids=["black", "white", "flat", "dark", "bright", "blurred"],
)
def test_a_frame_that_shows_too_little_is_not_judged(spoilt: Pixels, reason: Reason) -> None:
    with pytest.raises(NotJudged) as refused:
        check_frame(METER.of(spoilt), LIMITS)
    assert refused.value.reason is reason
    assert refused.value.detail


def test_limits_leave_room_on_both_sides_of_the_good_parts() -> None:
    brightness = [picture.mean() for picture in GOOD]
    assert 0 < LIMITS.darkest < min(brightness) < max(brightness) < LIMITS.brightest < 255
    assert 0 < LIMITS.sharpness < min(map(sharpness_of, GOOD))


def test_limits_from_white_pictures_stay_within_grey_levels() -> None:
    white = np.full((40, 40), 255, np.uint8)
    meter = FrameMeter(white, inspected=white)
    limits = limits_from([white], meter)
    check_frame(meter.of(white), limits)
    check_noise(meter.of(white), limits)
    assert (limits.brightest, limits.noise) == (255, LEAST_NOISE)


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    picture = GOOD[0].astype(float)
    padded = np.pad(picture, 1, mode="reflect")
    laplacian = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * picture
    assert sharpness_of(GOOD[0]) == pytest.approx(laplacian.var(), rel=1e-9)


def noisy(picture: Pixels, sigma: float) -> Pixels:
    drawn = np.random.default_rng(0).normal(0, sigma, picture.shape)
    return np.clip(np.rint(picture + drawn), 0, 255).astype(np.uint8)


def test_noise_is_the_laplacian_where_the_reference_is_flat() -> None:
    """A defect on its edges says nothing of noise, nor does what is not inspected."""
    reference = np.full((40, 60), 90, np.uint8)
    reference[:, 40:] = np.random.default_rng(1).integers(0, 255, (40, 20))
    inspected = np.full_like(reference, 255)
    inspected[:, :10] = 0
    meter = FrameMeter(reference, inspected=inspected)
    assert meter.of(reference).noise < 0.5
    seen = reference.copy()
    seen[:, :9] = np.random.default_rng(2).integers(0, 255, (40, 9))  # not inspected
    seen[:, 45:] = 255 - seen[:, 45:]  # not flat
    assert meter.of(seen).noise == meter.of(reference).noise
    laplacian = np.abs(cv2.Laplacian(noisy(reference, 4.0), cv2.CV_16S)[:, 11:38])
    assert meter.of(noisy(reference, 4.0)).noise == pytest.approx(laplacian.mean(), rel=0.1)


def test_where_nothing_is_inspected_noise_is_measured_everywhere() -> None:
    """Such references do not come from training; they must not end in a number that is none."""
    nowhere = FrameMeter(GOOD[0], inspected=np.zeros_like(GOOD[0]))
    assert nowhere.of(GOOD[1]) == METER.of(GOOD[1])


def test_noise_is_told_before_it_hides_a_defect() -> None:
    check_noise(METER.of(noisy(GOOD[1], 2.0)), LIMITS)
    with pytest.raises(NotJudged, match="less gain, more light") as refused:
        check_noise(METER.of(noisy(GOOD[1], 12.0)), LIMITS)
    assert refused.value.reason is Reason.NOISY
