"""Pictures of something else: whatever may lie in a fixture, or on a sensor, but the part that was taught."""

from collections.abc import Callable, Iterator
from functools import lru_cache

import cv2
import numpy as np

from edge.drivers.connector import render
from edge.drivers.connector_part import stream
from edge.drivers.connector_scene import OUTLINE, View, at_height, fill
from edge.frame import Pixels

Generator = np.random.Generator
Drawer = Callable[[int, int, Generator], np.ndarray]


def grain(shape: tuple[int, ...], random: Generator, *, spread: float) -> np.ndarray:
    return random.standard_normal(shape, dtype=np.float32) * np.float32(spread)


def uniform_noise(width: int, height: int, random: Generator) -> np.ndarray:
    return random.integers(0, 256, (height, width, 3), dtype=np.uint8)


def grey_noise(width: int, height: int, random: Generator) -> np.ndarray:
    level, spread = random.uniform(0, 255), np.exp(random.uniform(0, 4.5))
    return grain((height, width, 1), random, spread=spread) + np.float32(level)


def smooth_noise(width: int, height: int, random: Generator) -> np.ndarray:
    """Clouds of any size, in colour, stretched over a random range."""
    side = int(np.exp(random.uniform(np.log(2), np.log(width / 2))))
    clouds = grain((max(2, height // side), max(2, width // side), 3), random, spread=random.uniform(10, 80))
    clouds = cv2.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC)
    return clouds + np.float32(random.uniform(40, 200)) + grain((height, width, 1), random, spread=2)


def flat_colour(width: int, height: int, random: Generator) -> np.ndarray:
    return np.broadcast_to(random.uniform(0, 256, 3), (height, width, 3))


def black(width: int, height: int, random: Generator) -> np.ndarray:
    return np.abs(grain((height, width, 1), random, spread=random.choice([0.0, 0.5, 2.0])))


def white(width: int, height: int, random: Generator) -> np.ndarray:
    return 255 - black(width, height, random)


def shapes(width: int, height: int, random: Generator) -> np.ndarray:
    picture = np.ascontiguousarray(flat_colour(width, height, random))
    for _ in range(int(random.integers(1, 40))):
        middle = (int(random.integers(width)), int(random.integers(height)))
        radius, colour = int(random.integers(3, width // 3)), random.uniform(0, 256, 3).tolist()
        if random.random() < 0.5:
            cv2.circle(picture, middle, radius, colour, -1, cv2.LINE_AA)
        else:
            turned = cv2.boxPoints((middle, (radius, random.uniform(0.2, 2) * radius), random.uniform(0, 90)))
            cv2.fillPoly(picture, [turned.astype(np.int32)], colour, cv2.LINE_AA)
    return picture + grain((height, width, 1), random, spread=1.5)


def gradient(width: int, height: int, random: Generator) -> np.ndarray:
    across, down = np.linspace(-1, 1, width)[None, :, None], np.linspace(-1, 1, height)[:, None, None]
    slope = random.uniform(-100, 100, (2, 3))
    light = random.uniform(30, 220, 3) + across * slope[0] + down * slope[1]
    return light + grain((height, width, 1), random, spread=1)


def checkerboard(width: int, height: int, random: Generator) -> np.ndarray:
    side = int(random.integers(2, width // 4))
    rows, columns = np.mgrid[:height, :width]
    is_dark = ((rows // side + columns // side) % 2)[..., None]
    return np.where(is_dark, random.uniform(0, 120, 3), random.uniform(100, 256, 3))


def digits(width: int, height: int, random: Generator) -> np.ndarray:
    """A digit as large as the picture, bright on dark."""
    picture = np.zeros((height, width, 3))
    scale, thickness = height / 30, max(2, height // int(random.integers(8, 20)))
    at = (int(random.uniform(0.1, 0.4) * width), int(random.uniform(0.75, 0.95) * height))
    cv2.putText(picture, str(random.integers(10)), at, int(random.integers(4)), scale, (255,) * 3, thickness)
    return cv2.GaussianBlur(picture, (0, 0), height / 100)


def connector(random: Generator) -> Pixels:
    return _rendered(int(random.integers(40)))


@lru_cache(maxsize=40)
def _rendered(part: int) -> Pixels:
    return render(seed=5, part=part)


def mirrored_connector(width: int, height: int, random: Generator) -> np.ndarray:
    return resized(connector(random)[:, ::-1], width, height)


def upside_down_connector(width: int, height: int, random: Generator) -> np.ndarray:
    return resized(connector(random)[::-1, ::-1], width, height)


def half_covered_connector(width: int, height: int, random: Generator) -> np.ndarray:
    """Half of it, on any side, under a hand, a rag or a sheet of paper."""
    picture = connector(random).copy()
    half = [np.s_[:, :320], np.s_[:, 320:], np.s_[:240], np.s_[240:]][int(random.integers(4))]
    picture[half] = random.choice([20, 90, 150, 235]) + random.normal(0, 3, picture[half].shape)
    return resized(picture, width, height)


def connector_without_pins(width: int, height: int, random: Generator) -> np.ndarray:
    """The wrong variant: an empty housing, its floor closed."""
    picture = connector(random).copy()
    floor = picture[100:380, 60:580]
    floor[:] = cv2.blur(cv2.blur(floor, (61, 61)), (61, 61)) + np.abs(grain((*floor.shape[:2], 1), random, spread=2))
    return resized(picture, width, height)


def empty_fixture(width: int, height: int, random: Generator) -> np.ndarray:
    """The plate with its screws, nothing on it, in the light of that moment."""
    part = int(random.integers(40))
    picture = _rendered(part).astype(np.float32)
    view = View.drawn(stream(5, part, "placement", 0))
    mask = np.zeros(picture.shape[:2], np.uint8)
    for depth in (-26.0, 0.0, 30.0):
        fill(mask, view.project(at_height(OUTLINE, depth)), 255, scale=1)
    mask = cv2.dilate(mask, np.ones((45, 45), np.uint8))
    brush = cv2.blur(grain(mask.shape, random, spread=1), (51, 3))
    plate = picture[:8].mean(axis=(0, 1)) + (5 / brush.std() * brush)[..., None]
    return resized(np.where(mask[..., None] > 0, plate, picture), width, height)


EVERYWHERE: tuple[Drawer, ...] = (
    *(uniform_noise, grey_noise, smooth_noise, flat_colour, black, white),
    *(shapes, gradient, checkerboard, digits),
)
AROUND_CONNECTORS: tuple[Drawer, ...] = (
    *(mirrored_connector, upside_down_connector, half_covered_connector, connector_without_pins, empty_fixture),
)


def foreign_pictures(
    width: int, height: int, *, count: int, drawers: tuple[Drawer, ...] = (*EVERYWHERE, *AROUND_CONNECTORS)
) -> Iterator[tuple[str, Pixels]]:
    """(kind, (height, width, 3) uint8), each kind in turn; the same ones every time."""
    for number in range(count):
        drawer = drawers[number % len(drawers)]
        drawn = drawer(width, height, np.random.default_rng(number))
        pixels = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
        yield drawer.__name__, np.ascontiguousarray(np.broadcast_to(pixels, (height, width, 3)))


def resized(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    return cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=cv2.INTER_AREA)
