"""What is measured of planes of one size in every cell, against what good parts show there."""

from typing import NamedTuple

import cv2
import numpy as np

from edge.cell_statistics import CellExtremes, CellMeans
from edge.channels import STEPS_PER_LEVEL, CoarseColours, CoarseLightness, FloatArray, Steps, steps_of
from edge.settings import Grid, Variable

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
ALL_MEASURED = 11


class Usual(NamedTuple):
    """Of good parts, at every pixel: (H, W, C) float32 levels, their mean, and the greatest and least usual ones."""

    mean: FloatArray
    upper: FloatArray
    lower: FloatArray


class PlaneCells:
    """Measures planes of one size, part after part. One at a time: its arrays are used again."""

    def __init__(self, usual: Usual, grid: Grid, *, least: float, coarse: CoarseLightness | CoarseColours) -> None:
        """grid: its cells are measured in pixels of these planes. least: of levels that planes can hold."""
        channels = usual.mean.shape[2]
        self._mean, self._upper, self._lower = (steps_of(levels, least=least) for levels in usual)
        self._coarse = coarse
        self._mean_detail, self._detail, self._other = (np.empty_like(self._mean) for _ in range(3))
        _subtract(self._mean, self._coarse.of(self._mean), self._mean_detail)
        cells = (usual.mean - least).reshape(grid.rows, grid.cell_px, grid.columns, grid.cell_px, channels)
        self._cell_mean = cells.mean(axis=(1, 3)).transpose(2, 0, 1)  # (C, rows, columns)
        self._means = CellMeans(grid, channels=channels, sets=3)
        self._highest = CellExtremes(grid, channels=channels, sets=5, choose=np.maximum)
        self._lowest = CellExtremes(grid, channels=channels, sets=3, choose=np.minimum)

    def measure(self, seen: Steps, into: FloatArray) -> None:
        """Planes (H, C, W) of a picture → grey levels (ALL_MEASURED, C, rows, columns), in the order of MEASURED."""
        self._take(seen)
        step = np.float32(1 / STEPS_PER_LEVEL)
        means = self._means.found()
        np.sqrt(means[1:], out=means[1:])
        np.multiply(means.swapaxes(1, 2), step, out=into[MEANS])
        into[0] -= self._cell_mean
        np.multiply(self._highest.found().swapaxes(1, 2), step, out=into[HIGHEST])
        np.multiply(self._lowest.found().swapaxes(1, 2), step, out=into[LOWEST])
        np.maximum(into[EXCESS], 0, out=into[EXCESS])

    def _take(self, seen: Steps) -> None:
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
