"""The rendered line seen from above: the empty place, a part laid into it, and what may come over the scene.

It does NOT imitate: a perspective, lens distortion, motion blur; a belt whose surface moves; hands that cast shadows;
hard shadows; parts that touch each other; parts that tumble, or lie on top of another; vibration of the camera; colour;
compression. The parts are those of edge.drivers.connector, with what that does not imitate.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from edge.drivers.connector import HEIGHT_PX, WIDTH_PX, line_part, render
from edge.drivers.connector_part import stream
from edge.drivers.connector_scene import BODY_DEPTH, OUTLINE, WALL_HEIGHT, Floats, View, at_height
from edge.frame import Pixels

SCENE_WIDTH_PX, SCENE_HEIGHT_PX = 320, 240
PART_SCALE = 0.3
READ_NOISE, SHOT_NOISE = 1.2, 0.02
NOISE_TILE_PX = 512

Reals = npt.NDArray[np.float32]
Rng = np.random.Generator
Over = Callable[["Canvas", float], None]
"""Draws something over the scene, at a time in seconds since it began."""


@dataclass(slots=True, kw_only=True)
class Canvas:
    """A scene on its way: grey surfaces and the light that falls on them, (height, width) each."""

    surface: Reals
    light: Reals


# What may come over the scene.


def hand(rng: Rng) -> tuple[float, Over]:
    """An arm from outside with a hand, bare or gloved, that stays a while, trembling or not at all."""
    side, reach = rng.integers(4), float(rng.uniform(0.45, 1.2))
    along = float(rng.uniform(0.25, 0.75))
    starts = [
        (along * SCENE_WIDTH_PX, -80.0),
        (along * SCENE_WIDTH_PX, SCENE_HEIGHT_PX + 80.0),
        (-80.0, along * SCENE_HEIGHT_PX),
        (SCENE_WIDTH_PX + 80.0, along * SCENE_HEIGHT_PX),
    ]
    start = np.array(starts[side])
    end = start + reach * (np.array([SCENE_WIDTH_PX / 2, SCENE_HEIGHT_PX / 2]) - start)
    grey = (150, 95, 120, 213, 60)[rng.integers(5)]
    move_s, stay_s = float(rng.uniform(0.25, 0.6)), float(rng.uniform(0.1, 1.6))
    tremble = 0.0 if rng.random() < 0.35 else float(rng.uniform(0.3, 1.5))
    width, spread = float(rng.uniform(30, 62)), float(rng.uniform(0.14, 0.3))
    grain = np.random.default_rng(rng.integers(1 << 30))

    def draw(canvas: Canvas, t: float) -> None:
        done = min(t / move_s, (2 * move_s + stay_s - t) / move_s, 1.0)
        done = 1 - (1 - max(done, 0.0)) ** 2
        tip = start + done * (end - start) + tremble * grain.normal(0, 1, 2) * (done > 0.98)
        _draw_hand(canvas, start, tip, grey=grey, width=width, spread=spread)

    return 2 * move_s + stay_s, draw


def _draw_hand(canvas: Canvas, start: Floats, tip: Floats, *, grey: float, width: float, spread: float) -> None:
    way = (tip - start) / max(float(np.linalg.norm(tip - start)), 1e-6)
    across = np.array([-way[1], way[0]])
    palm = tip - way * width
    mask = np.zeros(canvas.light.shape, np.uint8)
    relief = np.zeros(canvas.light.shape, np.uint8)
    _stroke(mask, start - way * 60, palm, width)
    cv2.circle(mask, _point(palm), round(16 * (width * 0.62)), 255, -1, cv2.LINE_AA, 4)
    for finger in range(-2, 3):
        bend = way + across * spread * finger
        ends = palm + bend * width * (1.0 if finger != 2 else 0.75)
        _stroke(mask, palm, ends, width * 0.26)
        _stroke(relief, palm + bend * 14 + across * 4, ends + across * 4, 2.0)
    for fold in range(5):
        middle = start + (palm - start) * (fold / 5)
        _stroke(relief, middle - across * width * 0.4, middle + across * width * 0.4, 2.0)
    cover = mask * np.float32(1 / 255)
    skin = np.float32(grey) * (1 - relief * np.float32(0.35 / 255))
    canvas.surface += cover * (skin - canvas.surface)


def shadow(rng: Rng) -> tuple[float, Over]:
    """Somebody walks by or stands in the light: a broad band with soft edges."""
    seconds, depth = float(rng.uniform(0.4, 2.0)), float(rng.uniform(0.15, 0.5))
    angle, width, soft = float(rng.uniform(0, np.pi)), float(rng.uniform(30, 130)), float(rng.uniform(14, 40))
    way = float(rng.uniform(0, 1)) * 500
    rows, columns = np.mgrid[0:SCENE_HEIGHT_PX, 0:SCENE_WIDTH_PX].astype(np.float32)
    position = (columns - SCENE_WIDTH_PX / 2) * np.cos(angle) + (rows - SCENE_HEIGHT_PX / 2) * np.sin(angle)

    def draw(canvas: Canvas, t: float) -> None:
        distance = np.abs(position - (t / seconds - 0.5) * way) - width / 2
        fade = min(t / 0.15, (seconds - t) / 0.15, 1.0)
        canvas.light *= np.asarray(1 - depth * max(fade, 0.0) / (1 + np.exp(distance / (soft / 4))), dtype=np.float32)

    return seconds, draw


def lamp(rng: Rng) -> tuple[float, Over]:
    """Another lamp goes on or off: brighter or darker at once, and not the same everywhere."""
    gain, slope = float(rng.uniform(0.65, 1.4)), rng.normal(0, 0.12, 2)
    across = np.linspace(-slope[0], slope[0], SCENE_WIDTH_PX, dtype=np.float32)
    down = np.linspace(-slope[1], slope[1], SCENE_HEIGHT_PX, dtype=np.float32)

    def draw(canvas: Canvas, _: float) -> None:
        canvas.light *= gain + across[None, :] + down[:, None]

    return float(rng.uniform(0.2, 2.0)), draw


def flash(rng: Rng) -> tuple[float, Over]:
    """Welding nearby."""

    def draw(canvas: Canvas, _: float) -> None:
        canvas.light *= 4

    return float(rng.uniform(0.04, 0.2)), draw


def darkness(rng: Rng) -> tuple[float, Over]:
    """The lamp goes out for a moment."""

    def draw(canvas: Canvas, _: float) -> None:
        canvas.light *= 0.05

    return float(rng.uniform(0.1, 0.6)), draw


def speck(rng: Rng) -> tuple[float, Over]:
    """A fly, a flake, a screw: far smaller than a part, and at rest."""
    at = (float(rng.uniform(60, 260)), float(rng.uniform(50, 190)))
    size, grey = float(rng.uniform(2, 7)), float(rng.uniform(15, 235))

    def draw(canvas: Canvas, _: float) -> None:
        cv2.circle(canvas.surface, _point(np.array(at)), round(16 * size), grey, -1, cv2.LINE_AA, 4)

    return float(rng.uniform(0.4, 1.5)), draw


# Light, surfaces, sensor.


def lay(canvas: Canvas, *, seed: int, number: int, x: float, y: float) -> None:
    """A part with its middle at x, y; it throws a soft shadow."""
    grey, cover, shade = _laid(seed, number, x, y)
    canvas.light *= shade
    canvas.surface += grey - cover * canvas.surface


@lru_cache(maxsize=1)  # a part at rest looks the same in every frame
def _laid(seed: int, number: int, x: float, y: float) -> tuple[Reals, Reals, Reals]:
    """The part's grey times cover, its cover, and the light that its shadow leaves: (height, width) each."""
    sprite = _sprite(seed, number)
    height, width = sprite.shape[:2]
    move = np.array([[1, 0, x - width / 2], [0, 1, y - height / 2]], np.float32)
    laid = np.asarray(cv2.warpAffine(sprite, move, (SCENE_WIDTH_PX, SCENE_HEIGHT_PX)), dtype=np.float32)
    cover = laid[..., 1]
    fallen = cv2.blur(np.roll(cover, (4, 5), (0, 1)), (9, 9))
    shade = 1 - np.float32(0.35) * fallen * (1 - cover)
    return laid[..., 0], cover, np.asarray(shade, dtype=np.float32)


@lru_cache(maxsize=4)
def _sprite(seed: int, number: int) -> Reals:
    """A part cut out: (height, width, 2), grey times cover, and cover 0 to 1."""
    picture = render(seed=seed, part=number, defect=line_part(seed=seed, number=number))
    view = View.drawn(stream(seed, number, "placement"))
    outline = np.concatenate([view.project(at_height(OUTLINE, height)) for height in (-BODY_DEPTH, WALL_HEIGHT)])
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(outline.astype(np.int32)), 255, cv2.LINE_AA)
    cover = mask.astype(np.float32) / 255
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    cut = np.dstack([grey * cover, cover])
    size = (round(WIDTH_PX * PART_SCALE), round(HEIGHT_PX * PART_SCALE))
    return np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def empty_place(seed: int) -> Reals:
    """The place without a part: a plate with screws, a plain one, or rails, by the seed."""
    rng = np.random.default_rng((seed, 78))
    size = (SCENE_HEIGHT_PX, SCENE_WIDTH_PX)
    brush = cv2.GaussianBlur(rng.standard_normal(size, dtype=np.float32), (0, 0), 12, sigmaY=0.8)
    grey = rng.uniform(80, 165) + rng.uniform(1, 4) * brush / brush.std()
    place = np.asarray(grey, dtype=np.float32)
    marks = seed % 3
    if marks == 1:
        for y in (34, 206):
            cv2.line(place, (0, y), (SCENE_WIDTH_PX, y), 45, 5, cv2.LINE_AA)
    if marks == 2:
        for x in (40, 160, 280):
            for y in (36, 204):
                cv2.circle(place, (x, y), 8, 60, -1, cv2.LINE_AA)
                cv2.circle(place, (x, y), 4, 200, -1, cv2.LINE_AA)
    return place


def expose(canvas: Canvas, rng: Rng) -> Pixels:
    top, left = rng.integers(0, NOISE_TILE_PX - SCENE_HEIGHT_PX), rng.integers(0, NOISE_TILE_PX - SCENE_WIDTH_PX)
    grain = _grain()[top : top + SCENE_HEIGHT_PX, left : left + SCENE_WIDTH_PX]
    seen = cv2.GaussianBlur(canvas.surface * canvas.light, (3, 3), 0.6)
    noise = cv2.sqrt(np.maximum(seen, 0) * np.float32(SHOT_NOISE) + np.float32(READ_NOISE**2)) * grain
    return np.clip(np.rint(seen + noise), 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _grain() -> Reals:
    return np.random.default_rng(4).standard_normal((NOISE_TILE_PX, NOISE_TILE_PX), dtype=np.float32)


def _stroke(mask: Pixels, start: Floats, end: Floats, width: float) -> None:
    cv2.line(mask, _point(start), _point(end), 255, max(round(width), 1), cv2.LINE_AA, 4)


def _point(position: Floats) -> tuple[int, int]:
    return round(float(position[0]) * 16), round(float(position[1]) * 16)
