"""Is this frame fit to be judged at all? Light, sharpness and noise, against what the good parts showed."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from edge.errors import NotJudged
from edge.frame import Pixels
from edge.settings import Strict
from edge.verdict import Reason

BRIGHTNESS_TOLERANCE = 0.5  # of the good parts' own darkest and brightest
SHARPNESS_TOLERANCE = 0.35
NOISE_TOLERANCE = 2.0  # times the noisiest good part's
LEAST_NOISE = 1.0  # grey levels: what rounding to whole ones may add


class QualityLimits(Strict):
    """What a frame must have, in grey levels (0 to 255) and, for sharpness, grey levels squared."""

    darkest: float = Field(ge=0, le=255, description="smallest mean brightness")
    brightest: float = Field(ge=0, le=255, description="largest mean brightness")
    sharpness: float = Field(ge=0, description="smallest variance of the Laplacian")
    noise: float = Field(ge=0, description="largest mean magnitude of the Laplacian where good parts are flat")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameQuality:
    """What a frame has, as of `QualityLimits`."""

    brightness: float
    sharpness: float
    noise: float


class FrameMeter:
    """Measures grey working pictures (H, W).

    Noise is what a picture has where the good parts' own picture has next to nothing: the mean magnitude of its
    Laplacian over the flattest half of the latter, so that edges and texture do not count, and a defect hardly.
    """

    def __init__(self, reference: Pixels, *, inspected: Pixels) -> None:
        """reference: (H, W) the good parts' own. inspected: (H, W), 0 where nothing is looked at."""
        uneven = np.abs(_laplacian(reference))
        is_inspected = inspected > 0 if inspected.any() else np.ones_like(uneven, np.bool_)
        flat = (uneven <= np.median(uneven[is_inspected])) & is_inspected
        self._flat, self._count = flat.astype(np.uint8), int(np.count_nonzero(flat))

    def of(self, grey: Pixels) -> FrameQuality:
        """What a picture has."""
        laplacian = _laplacian(grey)
        return FrameQuality(
            brightness=cv2.mean(grey)[0],
            sharpness=_variance(laplacian),
            noise=cv2.norm(laplacian, cv2.NORM_L1, self._flat) / self._count,
        )


def limits_from(pictures: Sequence[Pixels], meter: FrameMeter) -> QualityLimits:
    """Limits from aligned good parts' grey pictures, with room for what they did not show."""
    found = [meter.of(picture) for picture in pictures]
    darkest, brightest = min(one.brightness for one in found), max(one.brightness for one in found)
    return QualityLimits(
        darkest=darkest * BRIGHTNESS_TOLERANCE,
        brightest=min(255.0 - (255.0 - brightest) * BRIGHTNESS_TOLERANCE, brightest / BRIGHTNESS_TOLERANCE),
        sharpness=min(one.sharpness for one in found) * SHARPNESS_TOLERANCE,
        noise=max(LEAST_NOISE, max(one.noise for one in found) * NOISE_TOLERANCE),
    )


def check_frame(found: FrameQuality, limits: QualityLimits) -> None:
    """Raise NotJudged if a working picture is too dark, too bright or blurred."""
    if not found.brightness >= limits.darkest:
        raise NotJudged(Reason.TOO_DARK, f"mean brightness {found.brightness:.0f} is below {limits.darkest:.0f}")
    if found.brightness > limits.brightest:
        raise NotJudged(Reason.TOO_BRIGHT, f"mean brightness {found.brightness:.0f} is above {limits.brightest:.0f}")
    if not found.sharpness >= limits.sharpness:
        raise NotJudged(Reason.BLURRED, f"sharpness {found.sharpness:.1f} is below {limits.sharpness:.1f}")


def check_noise(found: FrameQuality, limits: QualityLimits) -> None:
    """Raise NotJudged if a picture is so noisy that faint defects would hide in it. For parts that would pass: what
    lies beyond the limit does so in spite of the noise, and a rough surface is a defect."""
    if not found.noise <= limits.noise:
        raise NotJudged(
            Reason.NOISY,
            f"noise {found.noise:.1f} is above {limits.noise:.1f}: it hides defects; less gain, more light",
        )


def sharpness_of(grey: Pixels) -> float:
    """Variance of the Laplacian of a grey picture."""
    return _variance(_laplacian(grey))


def _laplacian(grey: Pixels) -> npt.NDArray[np.int16]:
    return np.asarray(cv2.Laplacian(grey, cv2.CV_16S), dtype=np.int16)


def _variance(laplacian: npt.NDArray[np.int16]) -> float:
    return float(np.square(cv2.meanStdDev(laplacian)[1][0, 0]))
