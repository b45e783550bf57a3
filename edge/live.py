"""What a person needs to set up a camera: the picture, how sharp it is and where, how its light is spread."""

from dataclasses import dataclass

import cv2
import numpy as np

from edge.errors import PictureError
from edge.frame import Frame
from edge.quality import sharpness_of
from edge.variables import grey_of

LONGEST_SIDE_PX = 960
JPEG_QUALITY = 80
ZONES = 3  # a side; a tilted lens is sharp on one side only
BINS = 64
DARK, BRIGHT = 4, 251  # grey levels at which nothing can be told apart any more


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """jpeg: the whole frame, reduced. width_px, height_px: of the frame itself.

    sharpness: variance of the Laplacian in grey levels squared, of the frame itself, row by row of ZONES x ZONES.
    dark_percent, bright_percent: pixels at the ends of the scale. histogram: shares of BINS ranges of grey levels.
    """

    jpeg: bytes
    width_px: int
    height_px: int
    brightness: float
    sharpness: tuple[float, ...]
    dark_percent: float
    bright_percent: float
    histogram: tuple[float, ...]


def view_of(frame: Frame) -> View:
    """Everything about one frame. Raises PictureError if it cannot be encoded."""
    grey = grey_of(frame.pixels)
    counts = np.histogram(grey, bins=BINS, range=(0, 256))[0]
    rows = np.array_split(grey, ZONES, axis=0)
    zones = [zone for row in rows for zone in np.array_split(row, ZONES, axis=1)]
    return View(
        jpeg=_jpeg(frame),
        width_px=frame.width,
        height_px=frame.height,
        brightness=float(grey.mean()),
        sharpness=tuple(sharpness_of(np.ascontiguousarray(zone)) for zone in zones),
        dark_percent=100 * float((grey <= DARK).mean()),
        bright_percent=100 * float((grey >= BRIGHT).mean()),
        histogram=tuple(float(count) for count in counts / grey.size),
    )


def _jpeg(frame: Frame) -> bytes:
    scale = LONGEST_SIDE_PX / max(frame.width, frame.height)
    pixels = frame.pixels
    if scale < 1:
        size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    is_encoded, content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not is_encoded:
        raise PictureError("the live picture could not be encoded")
    return bytes(content)
