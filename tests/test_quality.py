"""A frame without light or sharpness is not judged."""

import cv2
import numpy as np
import pytest

from edge.drivers.connector import render
from edge.errors import NotJudged
from edge.frame import Pixels
from edge.quality import check_frame, limits_from, measure_frame, sharpness_of
from edge.variables import grey_of
from edge.verdict import Reason

GOOD = [grey_of(render(seed=3, part=part))[::2, ::2].copy() for part in range(6)]
LIMITS = limits_from(GOOD)


def scaled(picture: Pixels, gain: float, offset: float = 0.0) -> Pixels:
    return np.clip(picture * gain + offset, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("picture", GOOD)
@pytest.mark.parametrize("gain", [0.7, 1.0, 1.3])
def test_good_parts_pass_in_brighter_and_darker_light(picture: Pixels, gain: float) -> None:
    check_frame(measure_frame(scaled(picture, gain)), LIMITS)


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
        check_frame(measure_frame(spoilt), LIMITS)
    assert refused.value.reason is reason
    assert refused.value.detail


def test_limits_leave_room_on_both_sides_of_the_good_parts() -> None:
    brightness = [picture.mean() for picture in GOOD]
    assert 0 < LIMITS.darkest < min(brightness) < max(brightness) < LIMITS.brightest < 255
    assert 0 < LIMITS.sharpness < min(map(sharpness_of, GOOD))


def test_limits_from_white_pictures_stay_within_grey_levels() -> None:
    limits = limits_from([np.full((40, 40), 255, np.uint8)])
    check_frame(measure_frame(np.full((40, 40), 255, np.uint8)), limits)
    assert limits.brightest == 255


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    picture = GOOD[0].astype(float)
    padded = np.pad(picture, 1, mode="reflect")
    laplacian = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * picture
    assert sharpness_of(GOOD[0]) == pytest.approx(laplacian.var(), rel=1e-9)
