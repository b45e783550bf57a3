"""A frame becomes a 36x39 map: how far each cell is from the good parts (our reading of NSOARTC).

The client's documents name NSOARTC but give no formulas. This is built on the Recognition-Taguchi (RT) method: in a
window around each cell, with reference pixels m and pixels x, n of them, per channel:

    r = Σm²   β = Σmx / r (sensitivity)   V_e = (Σx² - β²r) / (n - 1)   1/√η = √V_e (scatter around the reference)

The variables of a cell are β and, because scatter is skewed, the logarithm of √V_e, for each channel and window. Its
unit space is the mean and shrunk covariance of these variables over the good parts. The squared Mahalanobis distance D²
of a part from it, as log D² standardised by good parts that the statistics had not seen, is the value of the cell, kept
as 8 bit: 0 to 255 stand for FLOOR_SIGMA to CEILING_SIGMA, so that a stored map gives the same embedding again.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import NotJudged
from edge.frame import Pixels
from edge.settings import Channel, MapSettings
from edge.verdict import Reason

FloatArray = npt.NDArray[np.float32]

FLOOR_SIGMA, CEILING_SIGMA = -3.0, 15.0
DARK_LEVEL = 4.0  # grey levels; a reference darker than this says nothing about sensitivity
SCATTER_FLOOR = 1.0  # grey levels squared: what an 8 bit camera's noise leaves at best
SMALLEST_GAIN, LARGEST_GAIN = 0.6, 1.6
COLOUR_OFFSET = 128.0  # opponent colours are signed, sensitivity wants a positive reference
OPPONENT_COLOURS = np.array(
    [[0.114, 0.587, 0.299], [0.0, -0.5, 0.5], [0.5, -0.25, -0.25]], dtype=np.float32
)  # of B, G, R


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What the good parts look like; arrays of one model, all float32 but the picture.

    picture: (H, W) or (H, W, 3) uint8, median of the aligned good parts, for people and for alignment.
    channels: (H, W, C) mean of each channel over the good parts.
    cell_mean: (rows·columns, V) mean of the RT variables, V = 2·C·windows.
    cell_whitening: (rows·columns, V, V) lower triangular, whitening @ (variables - mean) has unit covariance.
    log_mean, log_deviation: (rows·columns,) of log D² over good parts that the statistics had not seen.
    """

    picture: Pixels
    channels: FloatArray
    cell_mean: FloatArray
    cell_whitening: FloatArray
    log_mean: FloatArray
    log_deviation: FloatArray


class Mapper:
    """Turns working pictures into maps against one set of references."""

    def __init__(self, references: References, settings: MapSettings) -> None:
        self._statistics = CellStatistics(references.channels, references.picture, settings)
        self._references = references
        self._shape = (settings.grid.rows, settings.grid.columns)

    def to_map(self, pixels: Pixels) -> Pixels:
        """Working picture (H, W[, 3]) uint8 → map (rows, columns) uint8. Raises NotJudged for light far off."""
        references = self._references
        return cell_levels(log_distances(self._statistics.of(pixels), references), references).reshape(self._shape)


def log_distances(variables: FloatArray, references: References) -> FloatArray:
    """RT variables (cells, V) → log of the squared Mahalanobis distance per variable, (cells,)."""
    centred = (variables - references.cell_mean)[:, :, np.newaxis]  # (cells, V, 1)
    white = np.matmul(references.cell_whitening, centred)[:, :, 0]  # (cells, V)
    squared = np.einsum("cv,cv->c", white, white) / white.shape[1]
    return np.asarray(np.log(squared + 1e-6), dtype=np.float32)


def cell_levels(log_distance: FloatArray, references: References) -> Pixels:
    """log D² (…, cells) → standardised and as 8 bit, the same shape. Raises NotJudged if any is not a number."""
    return quantised((log_distance - references.log_mean) / references.log_deviation)


def quantised(sigmas: npt.NDArray[np.floating]) -> Pixels:
    """Standardised cell values → 8 bit. Raises NotJudged if any is not a number."""
    if not np.isfinite(sigmas).all():
        raise NotJudged(Reason.NOT_FINITE, "the map holds values that are no numbers")
    scaled = (sigmas - FLOOR_SIGMA) * (255.0 / (CEILING_SIGMA - FLOOR_SIGMA))
    return np.asarray(np.clip(np.rint(scaled), 0, 255), dtype=np.uint8)


class Light:
    """How bright a picture is against the reference: the sensitivity of the whole picture."""

    def __init__(self, picture: Pixels) -> None:
        """picture: the reference (H, W[, 3]) uint8."""
        self._reference = grey_of(picture).astype(np.float32)
        self._energy = float(np.square(self._reference).sum()) or 1.0

    def gain(self, pixels: Pixels) -> float:
        """Σmx / Σm² over a working picture. Raises NotJudged when it is far from one."""
        gain = float(np.vdot(self._reference, grey_of(pixels).astype(np.float32))) / self._energy
        if not gain >= SMALLEST_GAIN:
            raise NotJudged(Reason.TOO_DARK, f"{100 * gain:.0f} % of the reference's brightness")
        if gain > LARGEST_GAIN:
            raise NotJudged(Reason.TOO_BRIGHT, f"{100 * gain:.0f} % of the reference's brightness")
        return gain


class CellStatistics:
    """The RT variables of every cell against the reference channels."""

    def __init__(self, channels: FloatArray, picture: Pixels, settings: MapSettings) -> None:
        """channels: (H, W, C) float32, mean of the good parts. picture: (H, W[, 3]) uint8, for the overall gain."""
        self._settings = settings
        self._grid = settings.grid
        self._reference = channels
        self._light = Light(picture)
        energy = self._pooled(channels * channels)
        self._windowed_energy = [_windowed(energy, side) + DARK_LEVEL**2 for side in settings.windows_cells]

    def of(self, pixels: Pixels) -> FloatArray:
        """(H, W[, 3]) uint8 → (rows·columns, V) float32: sensitivity and log scatter, per window and channel."""
        difference = channels_of(pixels, self._settings.channels, gain=1.0 / self._light.gain(pixels)) - self._reference
        product, square = self._pooled(self._reference * difference), self._pooled(difference * difference)
        variables = []
        for side, energy in zip(self._settings.windows_cells, self._windowed_energy, strict=True):
            # With x = m + d:  β - 1 = Σmd / r  and  Σ(x - βm)² = Σd² - (Σmd)² / r, without subtracting large numbers.
            slope = _windowed(product, side)
            scatter = _windowed(square, side) - slope * slope / energy
            variables += [slope / energy, 0.5 * np.log(np.maximum(scatter, 0.0) + SCATTER_FLOOR)]
        stacked = np.concatenate(variables, axis=2)
        return stacked.reshape(self._grid.cells, -1)

    def _pooled(self, picture: FloatArray) -> FloatArray:
        """Mean over each cell: (H, W, C) → (rows, columns, C)."""
        cells = cv2.resize(picture, (self._grid.columns, self._grid.rows), interpolation=cv2.INTER_AREA)
        return np.asarray(cells, dtype=np.float32).reshape(self._grid.rows, self._grid.columns, -1)


def _windowed(cells: FloatArray, side: int) -> FloatArray:
    """Mean over a window of side x side cells around each: (rows, columns, C) → the same."""
    blurred = cv2.blur(cells, (side, side), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.float32).reshape(cells.shape)


def channels_of(pixels: Pixels, channels: tuple[Channel, ...], *, gain: float) -> FloatArray:
    """Working picture (H, W[, 3]) uint8 → (H, W, C) float32 in the order asked for; light scaled by `gain`."""
    if pixels.ndim == 2:
        lightness = pixels.astype(np.float32) * gain
        planes = {Channel.LIGHTNESS: lightness}
    else:
        opponents = cv2.transform(pixels.astype(np.float32), OPPONENT_COLOURS * gain)
        lightness = np.ascontiguousarray(opponents[:, :, 0])
        planes = {
            Channel.LIGHTNESS: lightness,
            Channel.RED_GREEN: opponents[:, :, 1] + COLOUR_OFFSET,
            Channel.YELLOW_BLUE: opponents[:, :, 2] + COLOUR_OFFSET,
        }
    smooth = cv2.GaussianBlur(lightness, (0, 0), 1.2)
    across, down = (
        cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1 / 32),
        cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1 / 32),
    )
    planes[Channel.GRADIENT_0] = np.abs(across)
    planes[Channel.GRADIENT_90] = np.abs(down)
    planes[Channel.GRADIENT_45] = np.abs(across + down) * np.float32(2**-0.5)
    planes[Channel.GRADIENT_135] = np.abs(across - down) * np.float32(2**-0.5)
    planes[Channel.DEVIATION] = np.abs(lightness - cv2.blur(lightness, (9, 9)))
    planes[Channel.LAPLACIAN] = np.abs(cv2.Laplacian(smooth, cv2.CV_32F))
    return np.stack([planes[channel] for channel in channels], axis=2)


def grey_of(pixels: Pixels) -> Pixels:
    """(H, W[, 3]) → (H, W)."""
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
