"""Good parts in their place become references: their picture, and what is usual at every pixel."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from edge.frame import Pixels
from edge.plane_cells import Usual
from edge.preprocess import References
from edge.settings import MapSettings
from edge.variables import FloatArray, Light, channels_of

FOLDS, FEWEST_FOLDS, MOST_FOLDS = 10, 8, 16  # the more, the more alike what a fold had seen is to what the model has
USUAL_SHARE = 0.96  # of the good parts' levels at a pixel
USUAL_REACH_PX = 1  # of a channel's own: usual at a pixel is what is at its neighbours; parts never lie exactly alike
LEVELS_PER_STEP = 4.0  # quantiles are taken of whole numbers, a quarter of a grey level each
ROWS_AT_ONCE = 24


def without(pictures: Sequence[Pixels], left_out: npt.NDArray[np.intp]) -> list[Pixels]:
    """The pictures but those with these numbers."""
    return [pictures[number] for number in np.setdiff1d(np.arange(len(pictures)), left_out)]


def median_picture(pictures: Sequence[Pixels]) -> Pixels:
    """Median of working pictures, pixel by pixel, uint8."""
    return np.asarray(np.median(np.stack(pictures), axis=0), dtype=np.uint8)


def unit_space(
    pictures: Sequence[Pixels],
    settings: MapSettings,
    picture: Pixels,
    *,
    inspected: Pixels | None = None,
    usual_reach_px: int = USUAL_REACH_PX,
) -> References:
    """References from good working pictures. picture: (H, W[, 3]) uint8, against which their light is measured.
    inspected: (H, W) uint8, 255 where the part is inspected; None: everywhere."""
    light = Light(picture)
    seen = [channels_of(good, settings.channels, gain=1.0 / light.gain(good)) for good in pictures]
    lightness = _usual([levels.lightness for levels in seen], usual_reach_px)
    colours = _usual([levels.colours for levels in seen], usual_reach_px)
    return References(
        picture=picture,
        mean=lightness.mean,
        upper=lightness.upper,
        lower=lightness.lower,
        colour_mean=colours.mean,
        colour_upper=colours.upper,
        colour_lower=colours.lower,
        inspected=np.full(picture.shape[:2], 255, np.uint8) if inspected is None else inspected,
    )


def _usual(seen: Sequence[FloatArray], reach_px: int) -> Usual:
    """What is usual of the good parts' levels (H, W, C)."""
    if not seen[0].size:
        return Usual(mean=seen[0], upper=seen[0], lower=seen[0])
    steps = np.stack([np.rint(LEVELS_PER_STEP * levels) for levels in seen], dtype=np.int16, casting="unsafe")
    lower, upper = _ends(steps)
    reach = np.ones((2 * reach_px + 1,) * 2, np.uint8)
    return Usual(
        mean=steps.mean(axis=0, dtype=np.float32) / np.float32(LEVELS_PER_STEP),
        upper=np.asarray(cv2.dilate(upper, reach), dtype=np.float32).reshape(upper.shape),
        lower=np.asarray(cv2.erode(lower, reach), dtype=np.float32).reshape(lower.shape),
    )


def _ends(steps: npt.NDArray[np.int16]) -> tuple[FloatArray, FloatArray]:
    """(N, H, W, C) → the least and greatest usual level of every pixel, (H, W, C) each."""
    last = len(steps) - 1
    low = int((1 - USUAL_SHARE) / 2 * last)
    lower, upper = (np.empty(steps.shape[1:], np.float32) for _ in range(2))
    for top in range(0, steps.shape[1], ROWS_AT_ONCE):
        rows = slice(top, top + ROWS_AT_ONCE)
        sorted_enough = np.partition(steps[:, rows], sorted({low, last - low}), axis=0)
        lower[rows], upper[rows] = (sorted_enough[number] / np.float32(LEVELS_PER_STEP) for number in (low, last - low))
    return lower, upper


def folds_of(parts: Sequence[str]) -> Iterator[npt.NDArray[np.intp]]:
    """The numbers of the pictures that each fold leaves out: all pictures of a physical part together.

    Ten folds, or a number near it that makes them equal, because more can be promised then (`worst_overkill`). parts:
    of which part each picture is, by name.
    """
    names = list(dict.fromkeys(parts))
    folds = _fold_count(len(names))
    fold_of = {name: number % folds for number, name in enumerate(names)}
    for fold in range(folds):
        yield np.flatnonzero([fold_of[part] == fold for part in parts])


def _fold_count(parts: int) -> int:
    if parts <= FOLDS:
        return parts
    equal = [folds for folds in range(FEWEST_FOLDS, MOST_FOLDS + 1) if parts % folds == 0]
    return min(equal, key=lambda folds: abs(folds - FOLDS), default=FOLDS)
