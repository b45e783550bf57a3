"""What a shop floor does to a picture: light, placement, focus, noise, compression, dust. Pure, and seeded.

Each takes a full frame's pixels, (H, W) or (H, W, 3) uint8, and gives pixels of the same shape. They imitate one cause
at a time and only its main effect: a gain changes no colour, a shift repeats the border's pixels, and defocus is the
same everywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from edge.frame import Pixels
from edge.settings import Grid

Disturb = Callable[[Pixels, np.random.Generator], Pixels]
DUST_SPECKS = 3
DUST_RADII = (0.008, 0.02)  # of the longer side: a grain on the front glass is far out of focus
DUST_DARKNESS = (0.15, 0.4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """One kind of trouble at one strength. group: names the kind. name: kind and strength in words."""

    group: str
    name: str
    disturb: Disturb


def disturbances(grid: Grid) -> list[Disturbance]:
    """All that the table of robustness has, in its order; the undisturbed picture comes first.

    grid: of the model, whose working picture is the scale of defocus.
    """
    blur = partial(defocus, working_width_px=grid.width_px)
    return [
        Disturbance(group="none", name="none", disturb=lambda pixels, _: pixels),
        *(_one("light", f"{change:+d} %", partial(light, gain=1 + change / 100)) for change in (-30, -20, -10)),
        *(_one("light", f"{change:+d} %", partial(light, gain=1 + change / 100)) for change in (10, 20, 30)),
        *(_one("light gradient", f"±{side} %", partial(light_gradient, slope=side / 100)) for side in (10, 20, 30)),
        *(_one("shift", f"{share} % of the longer side", partial(shift, share=share / 100)) for share in (1, 3, 5)),
        *(_one("rotation", f"{degrees}°", partial(rotation, degrees=degrees)) for degrees in (2, 5, 10)),
        *(_one("defocus", f"σ {sigma:g} working px", partial(blur, sigma_px=sigma)) for sigma in (0.5, 1.0, 2.0)),
        *(_one("sensor noise", f"σ {sigma} levels", partial(noise, sigma_levels=sigma)) for sigma in (2, 5, 10)),
        *(_one("JPEG", f"quality {quality}", partial(jpeg, quality=quality)) for quality in (90, 70, 40)),
        _one("lens dust", f"{DUST_SPECKS} specks", dust),
    ]


def _one(group: str, strength: str, disturb: Disturb) -> Disturbance:
    return Disturbance(group=group, name=f"{group} {strength}", disturb=disturb)


def light(pixels: Pixels, _: np.random.Generator, *, gain: float) -> Pixels:
    """All levels multiplied; what is beyond white is cut off, as a sensor does."""
    return _levels(pixels.astype(np.float32) * np.float32(gain))


def light_gradient(pixels: Pixels, random: np.random.Generator, *, slope: float) -> Pixels:
    """Brighter towards one side and darker towards the other, 1 ± slope at the sides; the direction is drawn."""
    height, width = pixels.shape[:2]
    angle = random.uniform(0, 2 * np.pi)
    across = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(np.cos(angle))
    down = np.linspace(-1, 1, height, dtype=np.float32) * np.float32(np.sin(angle))
    gain = across[np.newaxis, :] + down[:, np.newaxis]
    gain = 1 + np.float32(slope) * gain / np.abs(gain).max()
    return _levels(pixels.astype(np.float32) * _spread(gain, pixels))


def shift(pixels: Pixels, random: np.random.Generator, *, share: float) -> Pixels:
    """Moved by a share of the longer side; the direction is drawn."""
    angle = random.uniform(0, 2 * np.pi)
    reach = share * max(pixels.shape[:2])
    return _moved(pixels, np.array([[1, 0, reach * np.cos(angle)], [0, 1, reach * np.sin(angle)]]))


def rotation(pixels: Pixels, random: np.random.Generator, *, degrees: float) -> Pixels:
    """Turned about the middle; to which side is drawn."""
    height, width = pixels.shape[:2]
    sign = 1 if random.random() < 0.5 else -1
    return _moved(pixels, cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), sign * degrees, 1.0))


def defocus(pixels: Pixels, _: np.random.Generator, *, sigma_px: float, working_width_px: int) -> Pixels:
    """Blurred, with a deviation in pixels of the working picture, which is `working_width_px` wide."""
    sigma = sigma_px * pixels.shape[1] / working_width_px
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), dtype=np.uint8)


def noise(pixels: Pixels, random: np.random.Generator, *, sigma_levels: float) -> Pixels:
    """Noise of one deviation on every pixel and channel."""
    grain = random.standard_normal(pixels.shape, dtype=np.float32)
    return _levels(pixels.astype(np.float32) + np.float32(sigma_levels) * grain)


def jpeg(pixels: Pixels, _: np.random.Generator, *, quality: int) -> Pixels:
    """Packed as JPEG and unpacked."""
    packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    flag = cv2.IMREAD_GRAYSCALE if pixels.ndim == 2 else cv2.IMREAD_COLOR
    return np.asarray(cv2.imdecode(packed, flag), dtype=np.uint8)


def dust(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """A few soft dark blobs, as dust in front of the lens gives; place, size and darkness are drawn."""
    height, width = pixels.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    clear = np.ones((height, width), np.float32)
    for _speck in range(DUST_SPECKS):
        x, y = random.uniform((0, 0), (width, height))
        radius = random.uniform(*DUST_RADII) * max(height, width)
        distance = ((columns - np.float32(x)) ** 2 + (rows - np.float32(y)) ** 2) / np.float32(2 * radius**2)
        clear *= 1 - np.float32(random.uniform(*DUST_DARKNESS)) * np.exp(-distance)
    return _levels(pixels.astype(np.float32) * _spread(clear, pixels))


LITTLE_GRADIENT, LITTLE_BLUR_PX, LITTLE_NOISE_LEVELS = 0.1, 0.5, 3.0
LITTLE_TURN_DEGREES = 0.05


def disturbed_a_little(pixels: Pixels, random: np.random.Generator, *, shift_px: float) -> Pixels:
    """A working picture as another day might show the same good part: the light a little uneven, the focus a little
    off, a little noise, and not quite in place; each as strong as drawn, none of it a defect.

    shift_px: at most, in each direction: what alignment leaves (`placement_spread.py`); more would hide small bends.
    """
    height, width = pixels.shape[:2]
    middle = ((width - 1) / 2, (height - 1) / 2)
    turn = cv2.getRotationMatrix2D(middle, random.uniform(-LITTLE_TURN_DEGREES, LITTLE_TURN_DEGREES), 1.0)
    turn[:, 2] = turn[:, 2] + random.uniform(-shift_px, shift_px, 2)
    changed = light_gradient(_moved(pixels, turn), random, slope=random.uniform(0, LITTLE_GRADIENT))
    blur = random.uniform(0, LITTLE_BLUR_PX)
    if blur > LITTLE_BLUR_PX / 3:
        changed = defocus(changed, random, sigma_px=blur, working_width_px=width)
    return noise(changed, random, sigma_levels=random.uniform(0, LITTLE_NOISE_LEVELS))


def _moved(pixels: Pixels, matrix: np.ndarray) -> Pixels:
    size = (pixels.shape[1], pixels.shape[0])
    moved = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)


def _spread(gain: np.ndarray, pixels: Pixels) -> np.ndarray:
    return gain if pixels.ndim == 2 else gain[:, :, np.newaxis]


def _levels(values: np.ndarray) -> Pixels:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
