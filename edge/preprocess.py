"""A frame becomes a 36x39 map: how far each cell is from the good parts (our reading of NSOARTC).

The client's documents name NSOARTC but give no formulas. Here a cell is measured by the variables of `variables.py`,
those of its neighbourhood included; its unit space is what these variables are on good parts at that place; and how far
a part lies from it is told by a small function of the variables, the same for all cells, that was taught to tell good
parts from ones with made-up defects (`training/cells.py`). Its value, in standard deviations of good parts that it had
not seen, is kept as 8 bit: 0 to 255 stand for FLOOR_SIGMA to CEILING_SIGMA, so that a stored map gives the same
embedding again.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import NotJudged
from edge.frame import Pixels
from edge.settings import Grid, MapSettings
from edge.variables import CellVariables, FloatArray
from edge.verdict import Reason

FLOOR_SIGMA, CEILING_SIGMA = -3.0, 15.0
NEIGHBOURHOOD_CELLS = 3
HIDDEN_UNITS = 64
LARGEST_VARIABLE = 20.0  # in units of its scale: beyond it more says nothing more


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFunction:
    """How far a cell is from the good parts: two hidden layers, the same in every cell but for its unit space.

    Arrays are float32; V variables, twice (the cell's own, and their mean over its neighbourhood), K = HIDDEN_UNITS.

    centre, scale: (V,) what makes variables comparable. inwards: (2V, K). unit_space: (cells, K) what good parts' own
    variables at that place do to the first layer, bias included. across: (K, K), outwards: (K,), across_bias: (K,).
    slopes: (2, K) of negative values in either layer. middle, deviation: (1,) of the value over good parts.
    """

    centre: FloatArray
    scale: FloatArray
    inwards: FloatArray
    unit_space: FloatArray
    slopes: FloatArray
    across: FloatArray
    across_bias: FloatArray
    outwards: FloatArray
    middle: FloatArray
    deviation: FloatArray

    def of(self, variables: FloatArray) -> FloatArray:
        """(rows, columns, V) → (cells,) standard deviations from the good parts' mean."""
        surrounded = with_neighbourhood(scaled(variables, self.centre, self.scale))
        first = _leaky(surrounded @ self.inwards + self.unit_space, self.slopes[0])
        second = _leaky(first @ self.across + self.across_bias, self.slopes[1])
        return np.asarray((second @ self.outwards - self.middle) / self.deviation, dtype=np.float32)


def scaled(variables: FloatArray, centre: FloatArray, scale: FloatArray) -> FloatArray:
    """Variables (…, V) made comparable, and bounded."""
    return np.asarray(np.clip((variables - centre) / scale, -LARGEST_VARIABLE, LARGEST_VARIABLE), dtype=np.float32)


def with_neighbourhood(variables: FloatArray) -> FloatArray:
    """(rows, columns, V) → (cells, 2V): each cell's own, and their mean over the cells around it."""
    side = (NEIGHBOURHOOD_CELLS, NEIGHBOURHOOD_CELLS)
    around = np.asarray(cv2.blur(variables, side, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)
    return np.concatenate([variables, around.reshape(variables.shape)], axis=2).reshape(-1, 2 * variables.shape[2])


def _leaky(values: FloatArray, slopes: FloatArray) -> FloatArray:
    return np.maximum(values, 0) + slopes * np.minimum(values, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What the good parts look like; arrays of one model.

    picture: (H, W) or (H, W, 3) uint8, median of the aligned good parts, for people and for alignment.
    mean, upper, lower: (H, W, C) float32 of their channels, as `CellVariables` wants them.
    inspected: (H, W) uint8, 255 where the part is inspected; the rest is taken from the picture.
    """

    picture: Pixels
    mean: FloatArray
    upper: FloatArray
    lower: FloatArray
    inspected: Pixels

    def variables(self, settings: MapSettings) -> CellVariables:
        """What measures pictures against them."""
        return CellVariables(
            picture=self.picture, mean=self.mean, upper=self.upper, lower=self.lower, settings=settings
        )


class Mapper:
    """Turns working pictures into maps against one set of references."""

    def __init__(self, references: References, cells: CellFunction, settings: MapSettings) -> None:
        self._variables = references.variables(settings)
        self._cells = cells
        self._grid = settings.grid

    def to_map(self, pixels: Pixels) -> Pixels:
        """Working picture (H, W[, 3]) uint8 → map (rows, columns) uint8. Raises NotJudged for light far off."""
        return cell_levels(self._cells.of(self._variables.of(pixels)), self._grid)


def cell_levels(sigmas: npt.NDArray[np.floating], grid: Grid) -> Pixels:
    """Standard deviations (…, cells) → (…, rows, columns) uint8. Raises NotJudged if any is not a number."""
    if not np.isfinite(sigmas).all():
        raise NotJudged(Reason.NOT_FINITE, "the map holds values that are no numbers")
    levels = (sigmas - FLOOR_SIGMA) * (255.0 / (CEILING_SIGMA - FLOOR_SIGMA))
    rounded = np.asarray(np.clip(np.rint(levels), 0, 255), dtype=np.uint8)
    return rounded.reshape(*sigmas.shape[:-1], grid.rows, grid.columns)
