"""How far good parts still lie from each other when each has been brought into its place."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from edge.frame import Pixels
from edge.settings import Grid
from training.progress import progress

PATCHES = 3  # to a side: large enough to have something to go by in both directions
SMOOTHING_PX = 1.5
SMALLEST_GRADIENT_SQUARED = 2.0  # grey levels per pixel, squared: below it, noise decides where a patch lies
LEAST_SPREAD_PX, MOST_SPREAD_PX = 0.2, 1.0  # no placement is better; beyond, patches differ by more than their place
MAD_TO_DEVIATION = 1.4826


def placement_spread_px(pictures: Sequence[Pixels], picture: Pixels, grid: Grid) -> float:
    """The usual deviation of patches of the part from their place, in pixels of the working picture.

    Each patch's shift against `picture`, the good parts' median, by least squares on grey levels (Lucas and Kanade,
    1981); then the deviation over the parts by their median, so that a few odd parts do not count. Alignment can only
    move the part as a whole: parts that are not rigid, or lie higher on one side, keep what is measured here.

    pictures: working pictures of `grid`, uint8. Between LEAST_SPREAD_PX and MOST_SPREAD_PX; the least, too, where
    no patch has structure enough.
    """
    reference = _smooth_grey(picture)
    across = cv2.Sobel(reference, cv2.CV_32F, 1, 0) / 8
    down = cv2.Sobel(reference, cv2.CV_32F, 0, 1) / 8
    xx, xy, yy = (_patches(product, grid) for product in (across * across, across * down, down * down))
    weakest = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    is_structured = weakest > SMALLEST_GRADIENT_SQUARED
    if not is_structured.any():
        return LEAST_SPREAD_PX
    inverse = np.linalg.inv(np.stack([xx, xy, xy, yy], axis=-1)[is_structured].reshape(-1, 2, 2))
    shifts = []
    for good in progress(pictures, "measuring how good parts lie"):
        grey = _smooth_grey(good)
        change = grey * (reference.mean() / max(float(grey.mean()), 1.0)) - reference
        pulls = np.stack([_patches(slope * change, grid)[is_structured] for slope in (across, down)], axis=-1)
        shifts.append((inverse @ pulls[:, :, np.newaxis])[:, :, 0])  # (patches, 2)
    away = np.abs(np.array(shifts) - np.median(shifts, axis=0))
    spread = MAD_TO_DEVIATION * float(np.median(np.median(away, axis=0)))
    return min(max(spread, LEAST_SPREAD_PX), MOST_SPREAD_PX)


def _smooth_grey(pixels: Pixels) -> npt.NDArray[np.float32]:
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY) if pixels.ndim == 3 else pixels
    return np.asarray(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), SMOOTHING_PX), dtype=np.float32)


def _patches(values: npt.NDArray[np.floating], grid: Grid) -> npt.NDArray[np.float64]:
    """(H, W) → (PATCHES, PATCHES) means; what is left over at the right and below is left out."""
    height, width = grid.height_px // PATCHES, grid.width_px // PATCHES
    whole = values[: PATCHES * height, : PATCHES * width].astype(np.float64)
    return np.asarray(whole.reshape(PATCHES, height, PATCHES, width).mean(axis=(1, 3)))
