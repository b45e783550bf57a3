"""What is measured in every cell of a working picture, against the good parts' own picture.

With reference pixels m (mean of the good parts) and pixels x of the part, the Recognition-Taguchi (RT) method knows two
statistics of a window: how far the level lies off (its sensitivity β) and the scatter √V_e around the reference. Both
average over the window, and a small defect drowns in them; beside them stand the extremes of the same differences, and
how far a pixel lies beyond what good parts show at that place, a pixel's neighbours included.
"""

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import NotJudged
from edge.frame import Pixels
from edge.settings import Channel, Grid, MapSettings, Variable
from edge.verdict import Reason

FloatArray = npt.NDArray[np.float32]

SMALLEST_GAIN, LARGEST_GAIN = 0.6, 1.6
FINE_SIGMA_PX, COARSE_SIGMA_PX = 0.7, 2.5  # between the two lies what counts as detail
OPPONENT_COLOURS = np.array(
    [[0.114, 0.587, 0.299], [0.0, -0.5, 0.5], [0.5, -0.25, -0.25]], dtype=np.float32
)  # of B, G, R
CHANNELS = (Channel.LIGHTNESS, Channel.RED_GREEN, Channel.YELLOW_BLUE)


class Light:
    """How bright a picture is against the reference: the sensitivity of the whole picture."""

    def __init__(self, picture: Pixels) -> None:
        """picture: the reference (H, W[, 3]) uint8."""
        self._reference = grey_of(picture).astype(np.float32)
        self._energy = float(np.square(self._reference).sum()) or 1.0

    def of(self, grey: Pixels) -> float:
        """Σmx / Σm² over a grey working picture (H, W), whatever it is."""
        return float(np.vdot(self._reference, grey.astype(np.float32))) / self._energy

    def gain(self, pixels: Pixels) -> float:
        """The same over a working picture (H, W[, 3]). Raises NotJudged when it is far from one."""
        gain = self.of(grey_of(pixels))
        if not gain >= SMALLEST_GAIN:
            raise NotJudged(Reason.TOO_DARK, f"{100 * gain:.0f} % of the reference's brightness")
        if gain > LARGEST_GAIN:
            raise NotJudged(Reason.TOO_BRIGHT, f"{100 * gain:.0f} % of the reference's brightness")
        return gain


def channels_of(pixels: Pixels, channels: tuple[Channel, ...], *, gain: float) -> FloatArray:
    """Working picture (H, W[, 3]) uint8 → (H, W, C) float32, slightly smoothed; light scaled by `gain`."""
    if pixels.ndim == 2:
        return _smoothed(pixels.astype(np.float32)[:, :, np.newaxis] * np.float32(gain), FINE_SIGMA_PX)
    rows = [CHANNELS.index(channel) for channel in channels]
    planes = cv2.transform(pixels.astype(np.float32), OPPONENT_COLOURS[rows] * np.float32(gain))
    return _smoothed(np.asarray(planes, dtype=np.float32), FINE_SIGMA_PX)


class CellVariables:
    """Measures working pictures against one reference, cell by cell."""

    def __init__(
        self, *, picture: Pixels, mean: FloatArray, upper: FloatArray, lower: FloatArray, settings: MapSettings
    ) -> None:
        """picture: the reference (H, W[, 3]) uint8. mean, upper, lower: (H, W, C) float32 of the good parts' channels,
        as of `channels_of`: their mean, and the least and greatest level that is usual at a pixel."""
        self._grid = settings.grid
        self._channels, self._variables = settings.channels, settings.variables
        self._light = Light(picture)
        self._mean, self._upper, self._lower = mean, upper, lower
        self._mean_detail = mean - _smoothed(mean, COARSE_SIGMA_PX)

    def of(self, pixels: Pixels) -> FloatArray:
        """(H, W[, 3]) uint8 → (rows, columns, V) float32, grey levels. Raises NotJudged for light far off."""
        seen = channels_of(pixels, self._channels, gain=1.0 / self._light.gain(pixels))
        difference = seen - self._mean
        detail = seen - _smoothed(seen, COARSE_SIGMA_PX)
        found: list[FloatArray] = []
        for variable in self._variables:
            if variable is Variable.SHIFT:
                found.append(_mean(difference, self._grid))
            elif variable is Variable.SCATTER:
                found.append(_root_mean_square(difference, self._grid))
            elif variable is Variable.DIFFERENCE:
                found += _extremes(difference, self._grid)
            elif variable is Variable.DETAIL_DIFFERENCE:
                found += _extremes(detail - self._mean_detail, self._grid)
            elif variable is Variable.DETAIL:
                found += _extremes(detail, self._grid)
            elif variable is Variable.DETAIL_SCATTER:
                found.append(_root_mean_square(detail, self._grid))
            else:
                found.append(np.maximum(_largest(seen - self._upper, self._grid), 0))
                found.append(np.maximum(_largest(self._lower - seen, self._grid), 0))
        return np.concatenate(found, axis=2)


def variable_count(settings: MapSettings) -> int:
    """V of `CellVariables.of`."""
    planes = sum(1 if variable in ONE_A_CHANNEL else 2 for variable in settings.variables)
    return planes * len(settings.channels)


ONE_A_CHANNEL = frozenset({Variable.SHIFT, Variable.SCATTER, Variable.DETAIL_SCATTER})


def grey_of(pixels: Pixels) -> Pixels:
    """(H, W[, 3]) → (H, W)."""
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def _smoothed(planes: FloatArray, sigma_px: float) -> FloatArray:
    """(H, W[, C]) → (H, W, C)."""
    blurred = np.asarray(cv2.GaussianBlur(planes, (0, 0), sigma_px), dtype=np.float32)
    return blurred.reshape(*blurred.shape[:2], -1)


def _mean(planes: FloatArray, grid: Grid) -> FloatArray:
    """(H, W, C) → (rows, columns, C)."""
    cells = cv2.resize(planes, (grid.columns, grid.rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, dtype=np.float32).reshape(grid.rows, grid.columns, -1)


def _root_mean_square(planes: FloatArray, grid: Grid) -> FloatArray:
    return np.sqrt(_mean(planes * planes, grid))


def _extremes(planes: FloatArray, grid: Grid) -> list[FloatArray]:
    return [_largest(planes, grid), -_largest(-planes, grid)]


def _largest(planes: FloatArray, grid: Grid) -> FloatArray:
    """Largest value in each cell, (H, W, C) → (rows, columns, C); rows first, because they lie together in memory."""
    in_rows = planes.reshape(grid.rows, grid.cell_px, -1).max(axis=1)
    cells: FloatArray = in_rows.reshape(grid.rows, grid.columns, grid.cell_px, -1).max(axis=2)
    return cells
