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
from edge.plane_cells import Usual
from edge.quality import FrameMeter
from edge.settings import Grid, MapSettings
from edge.variables import CellVariables, FloatArray, grey_of
from edge.verdict import Reason

FLOOR_SIGMA, CEILING_SIGMA = -3.0, 15.0
NEIGHBOURHOOD_CELLS = 3
HIDDEN_UNITS = 96
LARGEST_VARIABLE = 20.0  # in units of its scale: beyond it more says nothing more


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFunction:
    """How far a cell is from the good parts: two hidden layers of rectified units, the same in every cell but for its
    unit space.

    Arrays are float32; V variables, twice (the cell's own, and their mean over its neighbourhood), K = HIDDEN_UNITS.

    centre, scale: (V,) what makes variables comparable. inwards: (2V, K). unit_space: (cells, K) what good parts' own
    variables at that place do to the first layer, bias included. across: (K, K), outwards: (K,), across_bias: (K,).
    middle, deviation: (1,) of the value over good parts, the latter its standard deviation or more
    (`training/cells.py`).
    """

    centre: FloatArray
    scale: FloatArray
    inwards: FloatArray
    unit_space: FloatArray
    across: FloatArray
    across_bias: FloatArray
    outwards: FloatArray
    middle: FloatArray
    deviation: FloatArray

    def of(self, variables: FloatArray) -> FloatArray:
        """(rows, columns, V) → (cells,) standard deviations from the good parts' mean."""
        rows, columns, _ = variables.shape
        return CellJudge(self, rows=rows, columns=columns).of(np.moveaxis(variables, 2, 0))


class CellJudge:
    """One cell function, applied to map after map. One at a time: its arrays are used again.

    All of a variable's cells lie together here, so that two products of matrices do the most of it.
    """

    def __init__(self, function: CellFunction, *, rows: int, columns: int) -> None:
        size, units = function.inwards.shape
        self._function = function
        self._centre, self._per_scale = function.centre[:, np.newaxis], 1 / function.scale[:, np.newaxis]
        of_own, of_around = np.split(function.inwards.T, 2, axis=1)
        self._inwards = np.hstack([of_own, of_around / NEIGHBOURHOOD_CELLS**2])  # of sums, not of means
        self._unit_space = np.ascontiguousarray(function.unit_space.T)  # (K, cells)
        self._across = np.column_stack([function.across.T, function.across_bias])
        self._surrounded = np.empty((size, rows, columns), np.float32)
        self._own, self._around = np.split(self._surrounded, 2)
        self._both = self._surrounded.reshape(size, -1)
        self._of_three = np.empty((size // 2, rows, columns), np.float32)
        self._first = np.ones((units + 1, rows * columns), np.float32)  # the last row is what the bias is taken times
        self._second = np.empty((units, rows * columns), np.float32)

    def of(self, variables: FloatArray) -> FloatArray:
        """(V, rows, columns) → (cells,), as `CellFunction.of`."""
        own, first, second = self._both[: len(variables)], self._first[:-1], self._second
        np.subtract(variables.reshape(own.shape), self._centre, out=own)
        np.multiply(own, self._per_scale, out=own)
        np.clip(own, -LARGEST_VARIABLE, LARGEST_VARIABLE, out=own)
        _sum_of_neighbourhood(self._own, self._of_three, self._around)
        np.matmul(self._inwards, self._both, out=first)
        np.maximum(np.add(first, self._unit_space, out=first), 0, out=first)
        np.matmul(self._across, self._first, out=second)
        found = self._function.outwards @ np.maximum(second, 0, out=second)
        return np.asarray((found - self._function.middle) / self._function.deviation, dtype=np.float32)


def scaled(variables: FloatArray, centre: FloatArray, scale: FloatArray) -> FloatArray:
    """Variables (…, V) made comparable, and bounded."""
    return np.asarray(np.clip((variables - centre) / scale, -LARGEST_VARIABLE, LARGEST_VARIABLE), dtype=np.float32)


def with_neighbourhood(variables: FloatArray) -> FloatArray:
    """(rows, columns, V) → (cells, 2V): each cell's own, and their mean over the cells around it."""
    side = (NEIGHBOURHOOD_CELLS, NEIGHBOURHOOD_CELLS)
    around = np.asarray(cv2.blur(variables, side, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)
    return np.concatenate([variables, around.reshape(variables.shape)], axis=2).reshape(-1, 2 * variables.shape[2])


def _sum_of_neighbourhood(planes: FloatArray, of_three: FloatArray, sums: FloatArray) -> None:
    """(V, rows, columns) → the sum of the cells around each, its rim repeated beyond it. of_three: room for it."""
    np.add(planes[:, 1:], planes[:, :-1], out=of_three[:, 1:])  # of the row above and its own
    np.add(planes[:, :1], planes[:, :1], out=of_three[:, :1])
    of_three[:, :-1] += planes[:, 1:]
    of_three[:, -1:] += planes[:, -1:]
    in_line, sums_in_line = of_three.reshape(-1), sums.reshape(-1)  # one long row: quicker, but wrong at its rows' ends
    sums_in_line[0] = 0
    np.add(in_line[1:], in_line[:-1], out=sums_in_line[1:])
    sums_in_line[:-1] += in_line[1:]
    np.add(2 * of_three[:, :, 0], of_three[:, :, 1], out=sums[:, :, 0])
    np.add(2 * of_three[:, :, -1], of_three[:, :, -2], out=sums[:, :, -1])


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What the good parts look like; arrays of one model.

    picture: (H, W) or (H, W, 3) uint8, median of the aligned good parts, for people and for alignment.
    mean, upper, lower: (H, W, 1 or 0) float32, what is usual of their lightness; colour_mean, colour_upper,
    colour_lower: (H / 2, W / 2, 0 to 2) of their colours; as of `Usual` and `Levels`.
    inspected: (H, W) uint8, 255 where the part is inspected; the rest is taken from the picture.
    """

    picture: Pixels
    mean: FloatArray
    upper: FloatArray
    lower: FloatArray
    colour_mean: FloatArray
    colour_upper: FloatArray
    colour_lower: FloatArray
    inspected: Pixels

    def variables(self, settings: MapSettings) -> CellVariables:
        """What measures pictures against them."""
        return CellVariables(
            picture=self.picture,
            lightness=Usual(mean=self.mean, upper=self.upper, lower=self.lower),
            colours=Usual(mean=self.colour_mean, upper=self.colour_upper, lower=self.colour_lower),
            settings=settings,
        )

    def meter(self) -> FrameMeter:
        """What measures whether pictures are fit to be judged."""
        return FrameMeter(grey_of(self.picture), inspected=self.inspected)


class Mapper:
    """Turns working pictures into maps against one set of references."""

    def __init__(self, references: References, cells: CellFunction, settings: MapSettings) -> None:
        self._variables = references.variables(settings)
        self._grid = settings.grid
        self._cells = CellJudge(cells, rows=settings.grid.rows, columns=settings.grid.columns)

    def to_map(self, pixels: Pixels, *, grey: Pixels, light: float | None = None) -> Pixels:
        """Working picture (H, W[, 3]) uint8 → map (rows, columns) uint8. Raises NotJudged for light far off.

        grey: the picture's `grey_of`. light: what `Light.of` says of that, if known.
        """
        return cell_levels(self._cells.of(self._variables.planes_of(pixels, grey=grey, light=light)), self._grid)


def cell_levels(sigmas: npt.NDArray[np.floating], grid: Grid) -> Pixels:
    """Standard deviations (…, cells) → (…, rows, columns) uint8. Raises NotJudged if any is not a number."""
    if not np.isfinite(sigmas).all():
        raise NotJudged(Reason.NOT_FINITE, "the map holds values that are no numbers")
    levels = (sigmas - FLOOR_SIGMA) * (255.0 / (CEILING_SIGMA - FLOOR_SIGMA))
    rounded = np.asarray(np.clip(np.rint(levels), 0, 255), dtype=np.uint8)
    return rounded.reshape(*sigmas.shape[:-1], grid.rows, grid.columns)
