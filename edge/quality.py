"""Is this frame fit to be judged at all? Light and sharpness, against what the good parts showed."""

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameQuality:
    """What a frame has: mean grey level, and variance of the Laplacian."""

    brightness: float
    sharpness: float


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


def measure_frame(grey: Pixels) -> FrameQuality:
    """Light and sharpness of a grey working picture (H, W)."""
    return FrameQuality(brightness=cv2.mean(grey)[0], sharpness=sharpness_of(grey))


def check_frame(found: FrameQuality, limits: QualityLimits) -> None:
    """Raise NotJudged if a working picture is too dark, too bright or blurred."""
    if not found.brightness >= limits.darkest:
        raise NotJudged(Reason.TOO_DARK, f"mean brightness {found.brightness:.0f} is below {limits.darkest:.0f}")
    if found.brightness > limits.brightest:
        raise NotJudged(Reason.TOO_BRIGHT, f"mean brightness {found.brightness:.0f} is above {limits.brightest:.0f}")
    if not found.sharpness >= limits.sharpness:
        raise NotJudged(Reason.BLURRED, f"sharpness {found.sharpness:.1f} is below {limits.sharpness:.1f}")


def sharpness_of(grey: Pixels) -> float:
    """Variance of the Laplacian of a grey picture."""
    return float(np.square(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0]))
