"""A camera over a fixture with a connector in it, for the demo line and the tests: pictures without a camera.

It imitates a black housing with 27 gilded pins seen slightly from the side, tolerance from part to part, six kinds of
defect, placement within a nest, light that drifts, focus that varies a little, and the noise of a sensor.

It does NOT imitate: lens distortion, chromatic errors and vignetting; a colour filter array and its interpolation;
motion blur and a rolling shutter; compression; over-exposure and glare; light reflected from one surface to another;
shadows that fall on other pins; real gold, real flux, real dust; a dirty lens; parts that lie upside down or are not
there; two defects in one part; a foreign part; warped housings; a fixture that wears over months. Sensor noise and
moulding texture are cut from one large tile each. Limits and error rates found on these pictures say that the software
works; they say nothing about a real connector.
"""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from edge.drivers.connector_faults import draw_dirt, draw_scratch
from edge.drivers.connector_part import (
    CLEAR_BEND_DEGREES,
    CLEAR_SEVERITY,
    PIN_ADDRESSES,
    Defect,
    DefectKind,
    line_part,
    stream,
)
from edge.drivers.connector_pins import Pin, draw_holes, draw_pins, draw_shadows, nominal_root, standing_pins
from edge.drivers.connector_scene import (
    BODY_DEPTH,
    HEIGHT_PX,
    OPENING,
    OUTLINE,
    SCALE,
    SHADOW_PER_HEIGHT,
    WALL_HEIGHT,
    WIDTH_PX,
    Bytes,
    Floats,
    View,
    at_height,
    draw_housing,
    fill,
)
from edge.errors import PictureError

__all__ = [
    "CLEAR_BEND_DEGREES",
    "CLEAR_SEVERITY",
    "HEIGHT_PX",
    "PIN_ADDRESSES",
    "WIDTH_PX",
    "Defect",
    "DefectKind",
    "line_part",
    "pin_centre",
    "render",
    "tip_shift",
]

TILE_PX = 1024
SHADOW_STRENGTH = 0.62
TEXTURE_STRENGTH = 0.16
READ_NOISE = 1.1
SHOT_NOISE = 0.016
"""Variance for each grey level of signal."""

Reals = npt.NDArray[np.float32]


def pin_centre(pin: str) -> tuple[float, float]:
    """The middle of a straight pin, between root and tip, in pixels (x, y) of a picture without shift and turn.

    Raises PictureError if there is no such pin.
    """
    if pin not in PIN_ADDRESSES:
        raise PictureError(f"there is no pin {pin}, the pins are 11 to 93 with a last digit of 1 to 3")
    x, y = View().project(Pin(root=nominal_root(pin)).axis(np.array([0.0, 1.0]))).mean(axis=0)
    return (float(x), float(y))


def tip_shift(defect: Defect) -> tuple[float, float]:
    """How far a bend moves the tip of an upright pin, in pixels (x, y) of a picture without shift and turn.

    Whatever is no bend moves nothing: (0, 0).
    """
    if defect.pin is None or not defect.kind.is_bend:
        return (0.0, 0.0)
    lean = (defect.amount, 0.0) if defect.kind is DefectKind.BENT_X else (0.0, defect.amount)
    root, tip = nominal_root(defect.pin), np.array([1.0])
    upright, bent = (View().project(pin.axis(tip))[0] for pin in (Pin(root=root), Pin(root=root, lean_degrees=lean)))
    x, y = bent - upright
    return (float(x), float(y))


def render(*, seed: int, part: int, shot: int = 0, defect: Defect | None = None) -> Bytes:
    """One picture of one part: (480, 640, 3) uint8, blue, green, red.

    part: fixes the thing (tolerances, texture, the look of the defect). shot: fixes placement, light, focus and noise.
    The same arguments give the same bytes with the same versions of numpy and OpenCV.
    A defect changes only its own surroundings. Raises PictureError if a number is negative.
    """
    body = stream(seed, part, "body")
    shade = float(np.clip(body.normal(1, 0.05), 0.88, 1.12))
    pins = standing_pins(stream(seed, part, "pins"), defect)
    view = View.drawn(stream(seed, part, "placement", shot))
    large = _draw(view, pins, shade=shade, defect=defect, rng=stream(seed, part, "defect"))
    small = cv2.resize(large, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    takes = small[..., 3] * np.float32(1 / 255)
    surface = (1 + _texture(view, body)) * (1 - _shadow(view, pins))
    return _expose(small[..., :3], 1 + takes * (surface - 1), stream(seed, part, "camera", shot))


def _draw(view: View, pins: list[Pin], *, shade: float, defect: Defect | None, rng: np.random.Generator) -> Bytes:
    """Everything that has an outline, on the large canvas (960, 1280, 4); channels as in Colour."""
    canvas = _fixture().copy()
    draw_housing(canvas, view, shade)
    draw_holes(canvas, view, shade)
    if defect is not None and defect.kind is DefectKind.SCRATCHED:
        draw_scratch(canvas, view, severity=defect.amount, rng=rng)
    draw_pins(canvas, view, pins)
    if defect is not None and defect.pin is not None and defect.kind is DefectKind.CONTAMINATED:
        draw_dirt(canvas, view, pin=defect.pin, severity=defect.amount, rng=rng)
    return canvas


def _shadow(view: View, pins: list[Pin]) -> Reals:
    """How much light is missing on fixture and floor: (480, 640), 0 to SHADOW_STRENGTH."""
    around = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    reach = SHADOW_PER_HEIGHT * (WALL_HEIGHT + BODY_DEPTH) * 0.6
    fill(around, view.project(at_height(OUTLINE + reach, -BODY_DEPTH)), 235, scale=1)
    around = cv2.blur(around, (13, 13)).astype(np.uint8)
    for height in np.linspace(-BODY_DEPTH, WALL_HEIGHT, 5):
        fill(around, view.project(at_height(OUTLINE, height)), 0, scale=1)
    inside = np.zeros_like(around)
    fill(inside, view.project(at_height(OPENING, 0)), 235, scale=1)
    fill(inside, view.project(at_height(OPENING + SHADOW_PER_HEIGHT * WALL_HEIGHT, 0)), 0, scale=1)
    draw_shadows(inside, view, [pin for pin in pins if pin.length])
    inside = cv2.blur(inside, (5, 5)).astype(np.uint8)
    return cv2.max(around, inside) * np.float32(SHADOW_STRENGTH / 255)


def _texture(view: View, rng: np.random.Generator) -> Reals:
    """The moulded surface, mottled and with a few specks, as a change of brightness (480, 640) about 0."""
    top, left = rng.integers(0, TILE_PX - HEIGHT_PX), rng.integers(0, TILE_PX - WIDTH_PX)
    tile = _mottle()[top : top + HEIGHT_PX, left : left + WIDTH_PX].copy()
    for x, y, grey in rng.uniform((40, 90, 70), (600, 420, 175), (26, 3)):
        cv2.circle(tile, (int(x * 8), int(y * 8)), int(rng.uniform(5, 12)), grey, -1, cv2.LINE_AA, 3)
    corners = np.array([[-200.0, -100.0, 0.0], [200.0, -100.0, 0.0], [0.0, 100.0, 0.0]])
    move = cv2.getAffineTransform(View().project(corners).astype(np.float32), view.project(corners).astype(np.float32))
    tile = cv2.warpAffine(tile, move, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REFLECT).astype(np.uint8)
    return (tile.astype(np.float32) - 128) * np.float32(TEXTURE_STRENGTH / 40)


def _expose(colour: Bytes, gain: Reals, rng: np.random.Generator) -> Bytes:
    """Lamp, lens and sensor: (480, 640, 3) surface colours and their gain to a picture."""
    slope = rng.normal(0, 0.022, 2)
    across = np.linspace(-slope[0], slope[0], WIDTH_PX, dtype=np.float32)
    down = np.linspace(-slope[1], slope[1], HEIGHT_PX, dtype=np.float32)
    light = float(np.clip(rng.normal(1, 0.03), 0.92, 1.08)) + across[None, :] + down[:, None]
    gain = gain * light
    blur = float(np.clip(rng.normal(0.62, 0.1), 0.42, 0.9))
    top, left = rng.integers(0, TILE_PX - HEIGHT_PX), rng.integers(0, TILE_PX - WIDTH_PX)
    grain = _grain()[:, top : top + HEIGHT_PX, left : left + WIDTH_PX]
    picture = np.empty((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    for channel, white in enumerate(np.clip(rng.normal(1, 0.008, 3), 0.98, 1.02)):
        seen = cv2.GaussianBlur(colour[..., channel] * gain * np.float32(white), (5, 5), blur)
        seen += cv2.sqrt(seen * np.float32(SHOT_NOISE) + np.float32(READ_NOISE**2)) * grain[channel]
        picture[..., channel] = np.clip(np.rint(seen), 0, 255)
    return picture


@lru_cache(maxsize=1)
def _grain() -> Reals:
    """A large tile of sensor noise (3, TILE_PX, TILE_PX), mean 0 and deviation 1."""
    return np.random.default_rng(1).standard_normal((3, TILE_PX, TILE_PX), dtype=np.float32)


@lru_cache(maxsize=1)
def _mottle() -> Bytes:
    """A large tile of moulded surface, 128 in the middle: fine grain over faint clouds."""
    fine = np.random.default_rng(2).standard_normal((TILE_PX, TILE_PX), dtype=np.float32)
    clouds = cv2.GaussianBlur(fine, (0, 0), 14)
    grain = cv2.GaussianBlur(fine, (0, 0), 0.9)
    level = 128 + 9 * clouds / clouds.std() * 0.7 + 10 * grain / grain.std()
    return np.asarray(np.clip(level, 0, 255), dtype=np.uint8)


@lru_cache(maxsize=1)
def _fixture() -> Bytes:
    """The aluminium plate under the part, brushed, with four screws: (960, 1280, 4); it takes shadow, not texture."""
    size = (HEIGHT_PX * SCALE, WIDTH_PX * SCALE)
    brush = cv2.GaussianBlur(np.random.default_rng(3).standard_normal(size, dtype=np.float32), (0, 0), 26, sigmaY=1.1)
    grey = 148 + 5 * brush / brush.std()
    plate = np.dstack([grey * 1.0, grey * 0.985, grey * 0.97, np.full(size, 255.0)])
    canvas: Bytes = np.asarray(np.clip(plate, 0, 255), dtype=np.uint8)
    screws: Floats = np.array([(70, 42), (1210, 42), (70, 918), (1210, 918)], dtype=float)
    for x, y in screws.astype(int):
        for radius, tone in ((27, 105), (25, 60), (21, 128), (11, 48)):
            cv2.circle(canvas, (int(x), int(y)), radius, (tone, tone, tone, 255), -1, cv2.LINE_AA)
    return canvas
