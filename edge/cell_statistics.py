"""Largest, smallest and mean values of planes in each cell: down the rows first, where what is added lies together.

Planes are (H, C, W) int16, as in `channels.py`; a cell is `cell_px` squared of one channel. Several sets of planes are
taken first and finished together, because few long steps cost less than many short ones.
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from edge.channels import FloatArray, Steps
from edge.settings import Grid


class CellExtremes:
    """The largest, or the smallest, values of each cell."""

    def __init__(self, grid: Grid, *, channels: int, sets: int, choose: np.ufunc) -> None:
        """choose: np.maximum or np.minimum. sets: how many planes are taken each time."""
        self._grid, self._choose = grid, choose
        self._shape = (sets, grid.rows, channels, grid.columns)
        lines, width = sets * grid.rows, channels * grid.width_px
        self._in_rows = np.empty((lines, width), np.int16)
        self._turned = np.empty((width, lines), np.int16)
        self._cells = np.empty((channels * grid.columns, lines), np.int16)
        self._found = np.empty((lines, channels * grid.columns), np.int16)

    def take(self, number: int, planes: Steps) -> None:
        """The planes with this number, from 0."""
        rows = planes.reshape(self._grid.rows, self._grid.cell_px, -1)
        self._choose.reduce(rows, axis=1, out=self._in_rows[number * len(rows) : (number + 1) * len(rows)])

    def found(self) -> Steps:
        """(sets, rows, C, columns) of the planes that were taken; overwritten by the next."""
        cv2.transpose(self._in_rows, dst=self._turned)
        turned = self._turned.reshape(len(self._cells), self._grid.cell_px, -1)
        cv2.transpose(self._choose.reduce(turned, axis=1, out=self._cells), dst=self._found)
        return self._found.reshape(self._shape)


class CellMeans:
    """The mean of values, or of their squares, in each cell; values are never negative."""

    def __init__(self, grid: Grid, *, channels: int, sets: int) -> None:
        """sets: how many planes are taken each time."""
        self._grid = grid
        self._shape = (sets, grid.rows, channels, grid.columns)
        self._in_rows = np.zeros((sets * grid.rows, channels * grid.width_px), np.float32)

    def take(self, number: int, planes: Steps) -> None:
        """The planes with this number, from 0: their mean."""
        self._add(number, planes, cv2.accumulate)

    def take_squares(self, number: int, planes: Steps) -> None:
        """The planes with this number, from 0: the mean of their squares."""
        self._add(number, planes, cv2.accumulateSquare)

    def _add(self, number: int, planes: Steps, add: Callable[[npt.NDArray[np.uint16], FloatArray], object]) -> None:
        rows = planes.view(np.uint16).reshape(self._grid.rows, -1)
        into = self._in_rows[number * self._grid.rows : (number + 1) * self._grid.rows]
        into.fill(0)
        width = into.shape[1]
        for first in range(0, rows.shape[1], width):
            add(rows[:, first : first + width], into)

    def found(self) -> FloatArray:
        """(sets, rows, C, columns) of the planes that were taken."""
        sets, rows, channels, columns = self._shape
        size = (channels * columns, sets * rows)
        sums = cv2.resize(self._in_rows, size, interpolation=cv2.INTER_AREA)  # the mean of a cell's columns
        return np.divide(sums, np.float32(self._grid.cell_px), dtype=np.float32).reshape(self._shape)
