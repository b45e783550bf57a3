"""Defects of eight kinds that training does not draw, for choosing without looking at `test/`. Pure, and seeded.

Crack, speck, stain, scratch, warp, chip, smear and dirt, drawn on a full frame of a good part before it is aligned,
otherwise than those of `training/synthesis.py`, which the cell function learns from: what pays only for the latter does
not show here. They are no photographs of real defects: light does not fall on them, and no edge bends.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.frame import Pixels

FloatArray = npt.NDArray[np.float32]
Generator = np.random.Generator

SIDE_PX = 512  # all lengths are pixels of a frame whose longer side has so many, and grow with the frame
CORNER_PX = 20
SMALLEST_CHANGE_LEVELS = 8  # what changes no pixel by so much is drawn again: a plain surface can be warped unseen
ATTEMPTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A place of the part and what surrounds it; all that a defect may change.

    levels: (h, w, C) float32. elsewhere: the same size, around another place. background: (C,) levels of the frame's
    corner. place: x, y in the window, in pixels. scale: pixels of the frame to one of SIDE_PX.
    """

    levels: FloatArray
    elsewhere: FloatArray
    background: FloatArray
    place: tuple[float, float]
    scale: float

    def spot(self, radius_px: float, *, squeeze: float = 1.0, power: float = 1.0) -> FloatArray:
        """(h, w, 1): 1 at the place, falling as a bell; flatter on top with more power."""
        radius = radius_px * self.scale
        x = (np.arange(self.levels.shape[1], dtype=np.float32) - np.float32(self.place[0])) / np.float32(radius)
        y = (np.arange(self.levels.shape[0], dtype=np.float32) - np.float32(self.place[1])) / np.float32(
            radius * squeeze
        )
        distance = np.float32(0.5) * (np.square(x)[np.newaxis, :] + np.square(y)[:, np.newaxis])
        return np.asarray(np.exp(-(distance**power)), dtype=np.float32)[:, :, np.newaxis]

    def line(self, points: FloatArray, *, width_px: float, blur_px: float) -> FloatArray:
        """(h, w, 1): 1 on a soft line through points (n, 2), in pixels from the place."""
        drawn = self._empty()
        thickness = max(1, round(width_px * self.scale))
        cv2.polylines(drawn, [self._corners(points)], False, 1.0, thickness, cv2.LINE_AA, 3)
        return self._softened(drawn, blur_px)

    def patch(self, points: FloatArray, *, blur_px: float) -> FloatArray:
        """(h, w, 1): 1 within soft-edged corners (n, 2), in pixels from the place."""
        drawn = self._empty()
        cv2.fillPoly(drawn, [self._corners(points)], 1.0, cv2.LINE_AA, 3)
        return self._softened(drawn, blur_px)

    def _empty(self) -> FloatArray:
        return np.zeros(self.levels.shape[:2], np.float32)

    def _corners(self, points: FloatArray) -> npt.NDArray[np.int32]:
        return np.asarray(np.rint((points * self.scale + self.place) * 8), dtype=np.int32)

    def _softened(self, drawn: FloatArray, blur_px: float) -> FloatArray:
        return _blurred(drawn, blur_px * self.scale)[:, :, np.newaxis]


Draw = Callable[[Window, Generator], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of defect. reach_px: it changes nothing farther from its place, along either side of the frame."""

    name: str
    reach_px: int
    draw: Draw


def with_held_out_defect(pixels: Pixels, kind: Kind, is_part: npt.NDArray[np.bool_], random: Generator) -> Pixels:
    """A copy of a good part's frame (H, W[, 3]) uint8 with one defect. is_part: (H, W), where its place may be."""
    places = np.flatnonzero(is_part)
    changed = pixels.copy()
    for _ in range(ATTEMPTS):
        place, other = (divmod(int(random.choice(places)), pixels.shape[1]) for _ in range(2))
        cut, window = _window(pixels, place, other, reach_px=kind.reach_px)
        drawn = np.clip(np.rint(kind.draw(window, random)), 0, 255)
        if np.abs(drawn - window.levels).max() >= SMALLEST_CHANGE_LEVELS:
            changed[cut] = drawn.astype(np.uint8).reshape(changed[cut].shape)
            break
    return changed


def _window(
    pixels: Pixels, place: tuple[int, int], other: tuple[int, int], *, reach_px: int
) -> tuple[tuple[slice, slice], Window]:
    """The surroundings of `place`, (row, column), as far as they lie in the frame, and where they were cut."""
    scale = max(pixels.shape[:2]) / SIDE_PX
    reach = max(round(reach_px * scale), 2)
    starts = [max(middle - reach, 0) for middle in place]
    stops = [min(middle + reach + 1, side) for middle, side in zip(place, pixels.shape[:2], strict=True)]
    cut = (slice(starts[0], stops[0]), slice(starts[1], stops[1]))
    sides = [stop - start for start, stop in zip(starts, stops, strict=True)]
    firsts = [
        min(max(middle - side // 2, 0), whole - side)
        for middle, side, whole in zip(other, sides, pixels.shape[:2], strict=True)
    ]
    elsewhere = pixels[firsts[0] : firsts[0] + sides[0], firsts[1] : firsts[1] + sides[1]]
    corner = pixels[:CORNER_PX, :CORNER_PX]
    return cut, Window(
        levels=pixels[cut].astype(np.float32).reshape(*sides, -1),
        elsewhere=elsewhere.astype(np.float32).reshape(*sides, -1),
        background=np.median(corner.reshape(-1, 1 if pixels.ndim == 2 else 3), axis=0).astype(np.float32),
        place=(float(place[1] - starts[1]), float(place[0] - starts[0])),
        scale=scale,
    )


def _crack(window: Window, random: Generator) -> FloatArray:
    """A thin dark line that wanders, with a lit edge beside it."""
    points = _path(random, length_px=random.uniform(18, 70), steps=8, turning=0.5)
    dark = window.line(points, width_px=1, blur_px=0.6)
    lit = window.line(points + np.float32(1.2), width_px=1, blur_px=0.7)
    return window.levels + np.float32(random.uniform(15, 60)) * (np.float32(0.4) * lit - dark)


def _speck(window: Window, random: Generator) -> FloatArray:
    """One to three small grains of one foreign colour."""
    levels = window.levels
    colour = np.asarray(random.uniform(20, 230, levels.shape[2]), dtype=np.float32)
    for _ in range(int(random.integers(1, 4))):
        grain = random.normal(0, 6, 2) + _ellipse(*random.uniform(1, 5, 2), turn=random.uniform(0, np.pi))
        cover = window.patch(grain.astype(np.float32), blur_px=0.7) * np.float32(random.uniform(0.3, 0.9))
        levels = levels + cover * (colour - levels)
    return levels


def _stain(window: Window, random: Generator) -> FloatArray:
    """A large soft tint."""
    tint = np.asarray(random.normal(0, 1, window.levels.shape[2]), dtype=np.float32)
    tint *= np.float32(random.uniform(12, 45) / float(np.linalg.norm(tint)))
    return window.levels + tint * window.spot(random.uniform(12, 45), squeeze=random.uniform(0.5, 1))


def _scratch(window: Window, random: Generator) -> FloatArray:
    """One to three nearly straight lines, all darker or all brighter."""
    levels, depth = window.levels, np.float32(random.uniform(8, 35) * random.choice([-1, 1]))
    for _ in range(int(random.integers(1, 4))):
        points = _path(random, length_px=random.uniform(20, 110), steps=6, turning=0.08)
        start = random.normal(0, 8, 2).astype(np.float32)
        levels = levels + depth * window.line(points + start, width_px=random.uniform(0.6, 2.4), blur_px=0.8)
    return levels


def _warp(window: Window, random: Generator) -> FloatArray:
    """The surface itself pushed aside by a few pixels."""
    spot = window.spot(random.uniform(10, 30))[:, :, 0] * np.float32(random.uniform(2.5, 8) * window.scale)
    turn = random.uniform(0, 2 * np.pi)
    rows, columns = np.indices(spot.shape, dtype=np.float32)
    return _with_channels(
        cv2.remap(
            window.levels,
            columns + spot * np.float32(np.cos(turn)),
            rows + spot * np.float32(np.sin(turn)),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )


def _chip(window: Window, random: Generator) -> FloatArray:
    """A cornered piece that shows the background, or another place of the part."""
    radius = random.uniform(4, 16)
    angles, reaches = np.sort(random.uniform(0, 2 * np.pi, 7)), radius * random.uniform(0.6, 1.4, 7)
    corners = np.stack([reaches * np.cos(angles), reaches * np.sin(angles)], axis=1).astype(np.float32)
    cover = window.patch(corners, blur_px=0.8)
    shown = window.elsewhere if random.random() < 0.6 else window.background
    return window.levels + cover * (shown + np.float32(random.normal(0, 12)) - window.levels)


def _smear(window: Window, random: Generator) -> FloatArray:
    """The surface wiped along one direction."""
    side = max(3, round(random.uniform(5, 17) * window.scale))
    turn, middle = random.uniform(0, np.pi), (side - 1) / 2
    ends = [
        (round(middle + sign * middle * np.cos(turn)), round(middle + sign * middle * np.sin(turn))) for sign in (-1, 1)
    ]
    kernel = np.zeros((side, side), np.float32)
    cv2.line(kernel, ends[0], ends[1], 1.0)
    wiped = _with_channels(cv2.filter2D(window.levels, -1, kernel / kernel.sum()))
    return window.levels + window.spot(random.uniform(8, 24), power=2.0) * (wiped - window.levels)


def _dirt(window: Window, random: Generator) -> FloatArray:
    """Grainy dark dots, thinning out from their middle."""
    grain = random.standard_normal(window.levels.shape[:2], dtype=np.float32)
    grain = _blurred(grain, random.uniform(1, 4) * window.scale)
    grain = np.maximum(grain / (grain.std() + 1e-6), 0)[:, :, np.newaxis]
    colour = np.asarray(random.normal(random.uniform(0.3, 1), 0.3, window.levels.shape[2]), dtype=np.float32)
    darkness = grain * window.spot(random.uniform(8, 30)) * np.float32(random.uniform(8, 35))
    return window.levels - np.asarray(darkness * colour, dtype=np.float32)


KINDS = (
    Kind(name="crack", reach_px=75, draw=_crack),
    Kind(name="speck", reach_px=30, draw=_speck),
    Kind(name="stain", reach_px=135, draw=_stain),
    Kind(name="scratch", reach_px=140, draw=_scratch),
    Kind(name="warp", reach_px=90, draw=_warp),
    Kind(name="chip", reach_px=28, draw=_chip),
    Kind(name="smear", reach_px=60, draw=_smear),
    Kind(name="dirt", reach_px=90, draw=_dirt),
)


def _path(random: Generator, *, length_px: float, steps: int, turning: float) -> FloatArray:
    """(steps + 1, 2): a walk from the place, turning by so many radians (one deviation) at each step."""
    angles = random.uniform(0, 2 * np.pi) + np.cumsum(random.normal(0, turning, steps))
    moves = length_px / steps * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)]).astype(np.float32)


def _ellipse(long: float, short: float, *, turn: float) -> npt.NDArray[np.float64]:
    """(16, 2): an ellipse's rim."""
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    x, y = long * np.cos(angles), short * np.sin(angles)
    return np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=1)


def _blurred(drawn: FloatArray, sigma: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), max(sigma, 0.3)), dtype=np.float32)


def _with_channels(levels: npt.ArrayLike) -> FloatArray:
    """(h, w[, C]) → (h, w, C): OpenCV drops a single channel."""
    array = np.asarray(levels, dtype=np.float32)
    return array.reshape(*array.shape[:2], -1)
