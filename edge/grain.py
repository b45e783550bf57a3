"""What a JPEG takes from a picture and a model misses: the fine grain of the sensor.

A model knows good parts with their grain; without it every one of them looks changed. So before a stored picture is
judged, as much grain is added as a JPEG takes from the model's own golden pictures, at random and without any pattern.
Film grain is handled likewise by video codecs: taken off before coding, and made again after decoding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.frame import Pixels
from edge.inspection import Inspector
from edge.picture_store import JPEG_QUALITY, WORKING_QUALITY, jpeg_of
from edge.pictures import decode_picture
from edge.verdict import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Grain:
    """Standard deviations of what a JPEG takes, grey levels, one a colour channel: of working and whole pictures."""

    working: npt.NDArray[np.float64]
    whole: npt.NDArray[np.float64]


def grain_of(inspector: Inspector) -> Grain:
    """Measured on the model's golden pictures of good parts. Raises ModelError if it has none that it calls good."""
    seen = [(frame.pixels, inspector.inspect(frame)) for frame in inspector.golden_frames]
    good = [(pixels, found.working.pixels) for pixels, found in seen
            if found.verdict.reason is Reason.WITHIN_LIMIT and found.working is not None]  # fmt: skip
    if not good:
        raise ModelError("none of the model's golden pictures is good here, so stored pictures cannot be compared")
    return Grain(
        working=_taken([working for _, working in good], WORKING_QUALITY),
        whole=_taken([whole for whole, _ in good], JPEG_QUALITY),
    )


def with_grain(pixels: Pixels, deviations: npt.NDArray[np.float64], *, seed: int) -> Pixels:
    """(H, W[, 3]) uint8 with random grain; the same seed gives the same."""
    shape = (*pixels.shape[:2], len(deviations))
    grain = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32) * deviations.astype(np.float32)
    return np.asarray(np.clip(np.rint(pixels + grain.reshape(pixels.shape)), 0, 255), dtype=np.uint8)


def _taken(pictures: Sequence[Pixels], quality: int) -> npt.NDArray[np.float64]:
    lost = [
        picture.astype(np.float64) - decode_picture(jpeg_of(picture, quality=quality), name="golden picture").pixels
        for picture in pictures
    ]
    return np.asarray(np.std(np.stack(lost).reshape(-1, 3 if pictures[0].ndim == 3 else 1), axis=0))
