"""From a working picture to a map in plain steps of float32: slow, and what the device's path is held against."""

import cv2
import numpy as np

from edge.bundle import Bundle
from edge.channels import COARSE_SIGMA_PX, FINE_SIGMA_PX
from edge.frame import Pixels
from edge.plane_cells import Usual
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
    gain = 1.0 / Light(references.picture).gain(pixels)
    lightness = Usual(mean=references.mean, upper=references.upper, lower=references.lower)
    colours = Usual(mean=references.colour_mean, upper=references.colour_upper, lower=references.colour_lower)
    of_channel = {}
    for channel in settings.channels:
        if channel is Channel.LIGHTNESS:
            seen, usual, sigma_px = plain_lightness(pixels, gain=gain), lightness, COARSE_SIGMA_PX
        else:
            number = [each for each in settings.channels if each is not Channel.LIGHTNESS].index(channel)
            usual = Usual(*(levels[:, :, number : number + 1] for levels in colours))
            seen, sigma_px = plain_colour(pixels, channel, gain=gain), COARSE_SIGMA_PX / 2
        of_channel[channel] = plain_measured(seen, usual, sigma_px=sigma_px, grid=settings.grid)
    in_order = [
        of_channel[channel][variable][side]
        for variable in settings.variables
        for side in range(2)
        for channel in settings.channels
        if side < len(of_channel[channel][variable])
    ]
    return np.stack(in_order, axis=2)


def plain_measured(seen: FloatArray, usual: Usual, *, sigma_px: float, grid: Grid) -> dict[Variable, list[FloatArray]]:
    """Levels (H, W) of one channel → (rows, columns) each."""
    reference, upper, lower = (levels[:, :, 0] for levels in usual)
    difference = seen - reference
    detail = seen - smoothed(seen, sigma_px)
    detail_difference = detail - (reference - smoothed(reference, sigma_px))
    return {
        Variable.SHIFT: [mean(difference, grid)],
        Variable.SCATTER: [np.sqrt(mean(np.square(difference), grid))],
        Variable.DIFFERENCE: [largest(difference, grid), -largest(-difference, grid)],
        Variable.DETAIL_DIFFERENCE: [largest(detail_difference, grid), -largest(-detail_difference, grid)],
        Variable.DETAIL: [largest(detail, grid), -largest(-detail, grid)],
        Variable.DETAIL_SCATTER: [np.sqrt(mean(np.square(detail), grid))],
        Variable.EXCESS: [np.maximum(largest(seen - upper, grid), 0), np.maximum(largest(lower - seen, grid), 0)],
    }


def plain_lightness(pixels: Pixels, *, gain: float) -> FloatArray:
    """Working picture → (H, W)."""
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return smoothed(gain * grey.astype(np.float32), FINE_SIGMA_PX)


def plain_colour(pixels: Pixels, channel: Channel, *, gain: float) -> FloatArray:
    """Working picture (H, W, 3) → (H / 2, W / 2)."""
    height, width = pixels.shape[:2]
    means = pixels.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    blue, green, red = (gain * means[:, :, number] for number in range(3))
    levels = (red - green) / 2 if channel is Channel.RED_GREEN else blue / 2 - (red + green) / 4
    return np.asarray(levels, dtype=np.float32)


def smoothed(planes: FloatArray, sigma_px: float) -> FloatArray:
    return cv2.GaussianBlur(planes, (0, 0), sigma_px).astype(np.float32)


def mean(planes: FloatArray, grid: Grid) -> FloatArray:
    return in_cells(planes, grid).mean(axis=(1, 3))


def largest(planes: FloatArray, grid: Grid) -> FloatArray:
    return in_cells(planes, grid).max(axis=(1, 3))


def in_cells(planes: FloatArray, grid: Grid) -> FloatArray:
    height, width = planes.shape
    return planes.reshape(grid.rows, height // grid.rows, grid.columns, width // grid.columns)


def plain_cells(function: CellFunction, variables: FloatArray) -> FloatArray:
    """(rows, columns, V) → (cells,)."""
    own = np.clip((variables - function.centre) / function.scale, -LARGEST_VARIABLE, LARGEST_VARIABLE)
    side = (NEIGHBOURHOOD_CELLS, NEIGHBOURHOOD_CELLS)
    around = cv2.blur(own, side, borderType=cv2.BORDER_REPLICATE).reshape(own.shape)
    both = np.concatenate([own, around], axis=2).reshape(-1, 2 * own.shape[2])
    first = np.maximum(both @ function.inwards + function.unit_space, 0)
    second = np.maximum(first @ function.across + function.across_bias, 0)
    return ((second @ function.outwards - function.middle) / function.deviation).astype(np.float32)
