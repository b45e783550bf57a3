"""What is measured in every cell of a working picture, against the good parts' own picture.

With reference pixels m (mean of the good parts) and pixels x of the part, the Recognition-Taguchi (RT) method knows two
statistics of a window: how far the level lies off (its sensitivity β) and the scatter √V_e around the reference. Both
average over the window, and a small defect drowns in them; beside them stand the extremes of the same differences, and
how far a pixel lies beyond what good parts show at that place, a pixel's neighbours included.
"""

import cv2
import numpy as np

from edge.channels import (
    COLOUR_STEP_PX,
    LARGEST_GAIN,
    LEAST_COLOUR,
    LEAST_LIGHTNESS,
    SMALLEST_GAIN,
    CoarseColours,
    CoarseLightness,
    ColourPlanes,
    FloatArray,
    LightnessPlane,
    channels_of,
    colours_of,
    grey_of,
)
from edge.errors import NotJudged
from edge.frame import Pixels
from edge.plane_cells import ALL_MEASURED, MEASURED, PlaneCells, Usual
from edge.settings import Channel, MapSettings
from edge.verdict import Reason

__all__ = ["CellVariables", "FloatArray", "Light", "channels_of", "checked_gain", "grey_of", "variable_count"]

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

    def __init__(self, *, picture: Pixels, lightness: Usual, colours: Usual, settings: MapSettings) -> None:
        """picture: the reference (H, W[, 3]) uint8. lightness, colours: what is usual, as of `Levels`."""
        grid, size = settings.grid, picture.shape[:2]
        self._light = Light(picture)
        chosen = colours_of(settings.channels)
        self._lightness = LightnessPlane(size) if Channel.LIGHTNESS in settings.channels else None
        self._colours = ColourPlanes(chosen, size) if chosen else None
        if self._lightness:
            coarse = CoarseLightness(size)
            self._lightness_cells = PlaneCells(lightness, grid, least=LEAST_LIGHTNESS, coarse=coarse)
        if self._colours:
            half = grid.reduced(COLOUR_STEP_PX)
            of_colours = CoarseColours((half.height_px, len(chosen), half.width_px))
            self._colour_cells = PlaneCells(colours, half, least=LEAST_COLOUR, coarse=of_colours)
        order = [channel for channel in settings.channels if channel not in chosen] + list(chosen)
        self._measured = np.empty((ALL_MEASURED, len(order), grid.rows, grid.columns), np.float32)
        self._of_lightness, self._of_colours = np.split(self._measured, [len(order) - len(chosen)], axis=1)
        self._planes = self._measured.reshape(-1, grid.rows, grid.columns)
        self._chosen = np.array(
            [
                number * len(order) + order.index(channel)
                for variable in settings.variables
                for number in MEASURED[variable]
                for channel in settings.channels
            ]
        )
        self._found = np.empty((len(self._chosen), grid.rows, grid.columns), np.float32)

    def of(self, pixels: Pixels) -> FloatArray:
        """(H, W[, 3]) uint8 → (rows, columns, V) float32, grey levels. Raises NotJudged for light far off."""
        return np.ascontiguousarray(np.moveaxis(self.planes_of(pixels, grey=grey_of(pixels)), 0, 2))

    def planes_of(self, pixels: Pixels, *, grey: Pixels, light: float | None = None) -> FloatArray:
        """The same as (V, rows, columns), overwritten by the next picture's.

        grey: the picture's `grey_of`. light: what `Light.of` says of that, if known.
        """
        gain = 1.0 / checked_gain(self._light.of(grey) if light is None else light)
        if self._lightness:
            self._lightness_cells.measure(self._lightness.of(grey, gain=gain), self._of_lightness)
        if self._colours:
            self._colour_cells.measure(self._colours.of(pixels, gain=gain), self._of_colours)
        return np.take(self._planes, self._chosen, axis=0, out=self._found, mode="clip")  # others take a detour


def variable_count(settings: MapSettings) -> int:
    """V of `CellVariables.of`."""
    planes = sum(len(MEASURED[variable]) for variable in settings.variables)
    return planes * len(settings.channels)
