"""Is this frame fit to be judged at all? Light and sharpness, against what the good parts showed."""

from collections.abc import Sequence

import cv2
import numpy as np
from pydantic import Field

from edge.errors import NotJudged
from edge.frame import Pixels
from edge.settings import Strict
from edge.verdict import Reason

BRIGHTNESS_TOLERANCE = 0.5  # of the good parts' own darkest and brightest
SHARPNESS_TOLERANCE = 0.35


class QualityLimits(Strict):
    """What a frame must have, in grey levels (0 to 255) and grey levels squared."""

    darkest: float = Field(ge=0, le=255, description="smallest mean brightness")
    brightest: float = Field(ge=0, le=255, description="largest mean brightness")
    sharpness: float = Field(ge=0, description="smallest variance of the Laplacian")


def limits_from(pictures: Sequence[Pixels]) -> QualityLimits:
    """Limits from aligned good parts' grey pictures, with room for what they did not show."""
    brightness = [float(picture.mean()) for picture in pictures]
    sharpest = min(sharpness_of(picture) for picture in pictures)
    darkest, brightest = min(brightness), max(brightness)
    return QualityLimits(
        darkest=darkest * BRIGHTNESS_TOLERANCE,
        brightest=min(255.0 - (255.0 - brightest) * BRIGHTNESS_TOLERANCE, brightest / BRIGHTNESS_TOLERANCE),
        sharpness=sharpest * SHARPNESS_TOLERANCE,
    )


def check_frame(grey: Pixels, limits: QualityLimits) -> None:
    """Raise NotJudged if a grey working picture (H, W) is too dark, too bright or blurred."""
    brightness = float(grey.mean())
    if not brightness >= limits.darkest:
        raise NotJudged(Reason.TOO_DARK, f"mean brightness {brightness:.0f} is below {limits.darkest:.0f}")
    if brightness > limits.brightest:
        raise NotJudged(Reason.TOO_BRIGHT, f"mean brightness {brightness:.0f} is above {limits.brightest:.0f}")
    sharpness = sharpness_of(grey)
    if not sharpness >= limits.sharpness:
        raise NotJudged(Reason.BLURRED, f"sharpness {sharpness:.1f} is below {limits.sharpness:.1f}")


def sharpness_of(grey: Pixels) -> float:
    """Variance of the Laplacian of a grey picture."""
    return float(np.square(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0]))
