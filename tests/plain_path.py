"""From a working picture to a map in plain steps of float32: slow, and what the device's path is held against."""

import cv2
import numpy as np

from edge.bundle import Bundle
from edge.channels import CHANNELS, COARSE_SIGMA_PX, FINE_SIGMA_PX, OPPONENT_COLOURS
from edge.frame import Pixels
from edge.preprocess import LARGEST_VARIABLE, NEIGHBOURHOOD_CELLS, CellFunction, References, cell_levels
from edge.settings import Channel, Grid, MapSettings, Variable
from edge.variables import FloatArray, Light


def plain_map(bundle: Bundle, pixels: Pixels) -> Pixels:
    """Working picture → map (rows, columns) uint8."""
    settings = bundle.manifest.map
    variables = plain_variables(bundle.references, settings, pixels)
    return cell_levels(plain_cells(bundle.cells, variables), settings.grid)


def plain_variables(references: References, settings: MapSettings, pixels: Pixels) -> FloatArray:
    """Working picture → (rows, columns, V)."""
    seen = plain_channels(pixels, settings.channels, gain=1.0 / Light(references.picture).gain(pixels))
    difference = seen - references.mean
    detail = seen - smoothed(seen, COARSE_SIGMA_PX)
    detail_difference = detail - (references.mean - smoothed(references.mean, COARSE_SIGMA_PX))
    grid = settings.grid
    found = {
        Variable.SHIFT: [mean(difference, grid)],
        Variable.SCATTER: [np.sqrt(mean(np.square(difference), grid))],
        Variable.DIFFERENCE: [largest(difference, grid), -largest(-difference, grid)],
        Variable.DETAIL_DIFFERENCE: [largest(detail_difference, grid), -largest(-detail_difference, grid)],
        Variable.DETAIL: [largest(detail, grid), -largest(-detail, grid)],
        Variable.DETAIL_SCATTER: [np.sqrt(mean(np.square(detail), grid))],
        Variable.EXCESS: [
            np.maximum(largest(seen - references.upper, grid), 0),
            np.maximum(largest(references.lower - seen, grid), 0),
        ],
    }
    return np.concatenate([each for variable in settings.variables for each in found[variable]], axis=2)


def plain_channels(pixels: Pixels, channels: tuple[Channel, ...], *, gain: float) -> FloatArray:
    """Working picture → (H, W, C)."""
    if pixels.ndim == 2:
        return smoothed(pixels.astype(np.float32)[:, :, np.newaxis] * np.float32(gain), FINE_SIGMA_PX)
    rows = [CHANNELS.index(channel) for channel in channels]
    return smoothed(pixels.astype(np.float32) @ (OPPONENT_COLOURS[rows] * gain).T.astype(np.float32), FINE_SIGMA_PX)


def smoothed(planes: FloatArray, sigma_px: float) -> FloatArray:
    return cv2.GaussianBlur(planes, (0, 0), sigma_px).reshape(planes.shape).astype(np.float32)


def mean(planes: FloatArray, grid: Grid) -> FloatArray:
    return in_cells(planes, grid).mean(axis=(1, 3))


def largest(planes: FloatArray, grid: Grid) -> FloatArray:
    return in_cells(planes, grid).max(axis=(1, 3))


def in_cells(planes: FloatArray, grid: Grid) -> FloatArray:
    return planes.reshape(grid.rows, grid.cell_px, grid.columns, grid.cell_px, -1)


def plain_cells(function: CellFunction, variables: FloatArray) -> FloatArray:
    """(rows, columns, V) → (cells,)."""
    own = np.clip((variables - function.centre) / function.scale, -LARGEST_VARIABLE, LARGEST_VARIABLE)
    side = (NEIGHBOURHOOD_CELLS, NEIGHBOURHOOD_CELLS)
    around = cv2.blur(own, side, borderType=cv2.BORDER_REPLICATE).reshape(own.shape)
    both = np.concatenate([own, around], axis=2).reshape(-1, 2 * own.shape[2])
    first = leaky(both @ function.inwards + function.unit_space, function.slopes[0])
    second = leaky(first @ function.across + function.across_bias, function.slopes[1])
    return ((second @ function.outwards - function.middle) / function.deviation).astype(np.float32)


def leaky(values: FloatArray, slopes: FloatArray) -> FloatArray:
    return np.maximum(values, 0) + slopes * np.minimum(values, 0)
