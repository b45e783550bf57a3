"""What is measured in every cell of a working picture, against the good parts' own picture.

With reference pixels m (mean of the good parts) and pixels x of the part, the Recognition-Taguchi (RT) method knows two
statistics of a window: how far the level lies off (its sensitivity β) and the scatter √V_e around the reference. Both
average over the window, and a small defect drowns in them; beside them stand the extremes of the same differences, and
how far a pixel lies beyond what good parts show at that place, a pixel's neighbours included.
"""

import cv2
import numpy as np

from edge.cell_statistics import CellExtremes, CellMeans
from edge.channels import (
    LARGEST_GAIN,
    SMALLEST_GAIN,
    STEPS_PER_LEVEL,
    ChannelPlanes,
    CoarsePlanes,
    FloatArray,
    Steps,
    channels_of,
)
from edge.errors import NotJudged
from edge.frame import Pixels
from edge.settings import MapSettings, Variable
from edge.verdict import Reason

__all__ = ["CellVariables", "FloatArray", "Light", "channels_of", "checked_gain", "grey_of", "variable_count"]

# What is measured of every channel, in this order: means, then what is largest in a cell, then what is smallest.
MEANS, HIGHEST, LOWEST = slice(0, 3), slice(3, 8), slice(8, 11)
MEASURED = {
    Variable.SHIFT: (0,),
    Variable.SCATTER: (1,),
    Variable.DETAIL_SCATTER: (2,),
    Variable.DIFFERENCE: (3, 8),
    Variable.DETAIL_DIFFERENCE: (4, 9),
    Variable.DETAIL: (5, 10),
    Variable.EXCESS: (6, 7),
}
EXCESS = slice(6, 8)
ONE_A_CHANNEL = frozenset(variable for variable, numbers in MEASURED.items() if len(numbers) == 1)


class Light:
    """How bright a picture is against the reference: the sensitivity of the whole picture."""

    def __init__(self, picture: Pixels) -> None:
        """picture: the reference (H, W[, 3]) uint8."""
        self._reference = grey_of(picture)
        self._energy = cv2.norm(self._reference, cv2.NORM_L2SQR)

    def of(self, grey: Pixels) -> float:
        """Σmx / Σm² over a grey working picture (H, W) uint8, whatever it is."""
        apart = cv2.norm(self._reference, grey, cv2.NORM_L2SQR)  # Σ(m - x)²: whole numbers, added exactly
        return (self._energy + cv2.norm(grey, cv2.NORM_L2SQR) - apart) / 2 / (self._energy or 1.0)

    def gain(self, pixels: Pixels) -> float:
        """The same over a working picture (H, W[, 3]). Raises NotJudged when it is far from one."""
        return checked_gain(self.of(grey_of(pixels)))


def checked_gain(gain: float) -> float:
    """What `Light.of` gave. Raises NotJudged when it is far from one."""
    if not gain >= SMALLEST_GAIN:
        raise NotJudged(Reason.TOO_DARK, f"{100 * gain:.0f} % of the reference's brightness")
    if gain > LARGEST_GAIN:
        raise NotJudged(Reason.TOO_BRIGHT, f"{100 * gain:.0f} % of the reference's brightness")
    return gain


class CellVariables:
    """Measures working pictures against one reference, cell by cell. One at a time: its arrays are used again."""

    def __init__(
        self, *, picture: Pixels, mean: FloatArray, upper: FloatArray, lower: FloatArray, settings: MapSettings
    ) -> None:
        """picture: the reference (H, W[, 3]) uint8. mean, upper, lower: (H, W, C) float32 of the good parts' channels,
        as of `channels_of`: their mean, and the least and greatest level that is usual at a pixel."""
        grid, channels = settings.grid, mean.shape[2]
        self._light = Light(picture)
        self._planes = ChannelPlanes(settings.channels, picture.shape)
        self._mean, self._upper, self._lower = (self._planes.steps_of(levels) for levels in (mean, upper, lower))
        self._coarse = CoarsePlanes(self._mean.shape)
        self._mean_detail, self._detail, self._other = (np.empty_like(self._mean) for _ in range(3))
        _subtract(self._mean, self._coarse.of(self._mean), self._mean_detail)
        cells = (mean - self._planes.least).reshape(grid.rows, grid.cell_px, grid.columns, grid.cell_px, channels)
        self._cell_mean = cells.mean(axis=(1, 3)).transpose(2, 0, 1)  # (C, rows, columns)
        self._means = CellMeans(grid, channels=channels, sets=3)
        self._highest = CellExtremes(grid, channels=channels, sets=5, choose=np.maximum)
        self._lowest = CellExtremes(grid, channels=channels, sets=3, choose=np.minimum)
        self._measured = np.empty((11, channels, grid.rows, grid.columns), np.float32)
        self._chosen = [number for variable in settings.variables for number in MEASURED[variable]]
        self._found = np.empty((len(self._chosen), *self._measured.shape[1:]), np.float32)

    def of(self, pixels: Pixels) -> FloatArray:
        """(H, W[, 3]) uint8 → (rows, columns, V) float32, grey levels. Raises NotJudged for light far off."""
        return np.ascontiguousarray(np.moveaxis(self.planes_of(pixels), 0, 2))

    def planes_of(self, pixels: Pixels, *, light: float | None = None) -> FloatArray:
        """The same as (V, rows, columns), overwritten by the next picture's. light: what `Light.of` says, if known."""
        gain = self._light.gain(pixels) if light is None else checked_gain(light)
        self._measure(self._planes.of(pixels, gain=1.0 / gain))
        measured, step = self._measured, np.float32(1 / STEPS_PER_LEVEL)
        means = self._means.found()
        np.sqrt(means[1:], out=means[1:])
        np.multiply(means.swapaxes(1, 2), step, out=measured[MEANS])
        measured[0] -= self._cell_mean
        np.multiply(self._highest.found().swapaxes(0, 1), step, out=measured[HIGHEST])
        np.multiply(self._lowest.found().swapaxes(0, 1), step, out=measured[LOWEST])
        np.maximum(measured[EXCESS], 0, out=measured[EXCESS])
        np.take(measured, self._chosen, axis=0, out=self._found)
        return self._found.reshape(-1, *self._found.shape[2:])

    def _measure(self, seen: Steps) -> None:
        """Take planes (H, C, W) of a picture in the order of MEASURED."""
        coarse, detail, other = self._coarse.of(seen), self._detail, self._other
        self._means.take(0, seen)
        self._take_both_ends(0, _subtract(seen, self._mean, other))
        self._means.take_squares(1, _absolute(other))
        self._take_both_ends(2, _subtract(seen, coarse, detail))
        self._take_both_ends(1, _subtract(detail, self._mean_detail, other))
        self._means.take_squares(2, _absolute(detail))
        self._highest.take(3, _subtract(seen, self._upper, other))
        self._highest.take(4, _subtract(self._lower, seen, other))

    def _take_both_ends(self, number: int, planes: Steps) -> None:
        self._highest.take(number, planes)
        self._lowest.take(number, planes)


def _subtract(planes: Steps, others: Steps, into: Steps) -> Steps:
    """The difference of planes (H, C, W); it stops where 16 bits end."""
    cv2.subtract(_flat(planes), _flat(others), dst=_flat(into))
    return into


def _absolute(planes: Steps) -> Steps:
    """The same, never negative; they are overwritten."""
    return np.abs(planes, out=planes)


def _flat(planes: Steps) -> Steps:
    return planes.reshape(planes.shape[0], -1)


def variable_count(settings: MapSettings) -> int:
    """V of `CellVariables.of`."""
    planes = sum(len(MEASURED[variable]) for variable in settings.variables)
    return planes * len(settings.channels)


def grey_of(pixels: Pixels) -> Pixels:
    """(H, W[, 3]) → (H, W)."""
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
