"""Pictures as data URIs: the page asks for nothing from outside."""

import base64

import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt

from edge.frame import Pixels

PICTURE_QUALITY, SMALL_QUALITY = 88, 72
SMALL_PX = 96  # longer side of a small picture
MAP_COLOURS = "magma"  # grows lighter from end to end, also on grey paper


def jpeg(pixels: Pixels, *, quality: int = PICTURE_QUALITY) -> str:
    """A picture as it is."""
    return _uri("jpeg", cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def small(pixels: Pixels) -> str:
    """A picture of at most SMALL_PX pixels a side."""
    shrunk = SMALL_PX / max(pixels.shape[:2])
    if shrunk < 1:
        size = (max(1, round(pixels.shape[1] * shrunk)), max(1, round(pixels.shape[0] * shrunk)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return jpeg(pixels, quality=SMALL_QUALITY)


def coloured(levels: Pixels) -> str:
    """Levels of 0 to 255 in the colours of the fixed scale: a good part never glows."""
    colours = mpl.colormaps[MAP_COLOURS](levels, bytes=True)[:, :, 2::-1]  # blue, green, red
    return _uri("png", cv2.imencode(".png", colours)[1])


def _uri(kind: str, encoded: npt.NDArray[np.uint8]) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(encoded.tobytes()).decode()
