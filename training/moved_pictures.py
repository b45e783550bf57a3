"""Pictures moved by known amounts and disturbed as on a shop floor, to measure alignment by."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.alignment import Placement
from edge.frame import Pixels

Generator = np.random.Generator
Disturbance = Callable[[Pixels, Generator], Pixels]

NOISE_LEVELS = 8.0
LARGEST_LIGHT_CHANGE = 0.3
DEFECT_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """A shift in pixels of the frame and a turn about its middle in degrees."""

    x_px: float
    y_px: float
    degrees: float

    def of(self, pixels: Pixels) -> Pixels:
        """The picture moved; what comes in from outside mirrors what lies inside, and so is as structured."""
        height, width = pixels.shape[:2]
        rigid = Placement(x_px=self.x_px, y_px=self.y_px, rotation_rad=math.radians(self.degrees), fit=1.0)
        moved = cv2.warpAffine(
            pixels,
            rigid.matrix(width=width, height=height),
            (width, height),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT,
        )
        return np.asarray(moved, dtype=np.uint8)


def drawn_motion(
    random: Generator, pixels: Pixels, *, shift: tuple[float, float], degrees: tuple[float, float]
) -> Motion:
    """Shift as a share of the longer side and turn, each between two amounts and in any direction."""
    length, bearing = random.uniform(*shift) * max(pixels.shape[:2]), random.uniform(0, 2 * math.pi)
    return Motion(
        x_px=length * math.cos(bearing),
        y_px=length * math.sin(bearing),
        degrees=random.uniform(*degrees) * random.choice([-1, 1]),
    )


def as_it_is(pixels: Pixels, random: Generator) -> Pixels:  # noqa: ARG001
    """No disturbance."""
    return pixels


def relit(pixels: Pixels, random: Generator) -> Pixels:
    """Up to 30 % brighter or darker."""
    return _bytes(pixels * np.float32(1 + random.uniform(-LARGEST_LIGHT_CHANGE, LARGEST_LIGHT_CHANGE)))


def noisy(pixels: Pixels, random: Generator) -> Pixels:
    """Independent noise with a deviation of 8 grey levels in every pixel."""
    return _bytes(pixels + random.normal(0, NOISE_LEVELS, pixels.shape).astype(np.float32))


def spoilt(pixels: Pixels, random: Generator) -> Pixels:
    """An ellipse of one colour somewhere in the middle half, which covers a tenth of the picture."""
    height, width = pixels.shape[:2]
    stretch = math.exp(random.uniform(-0.5, 0.5))
    radius = math.sqrt(DEFECT_SHARE * width * height / math.pi)
    middle = (int(width * random.uniform(0.25, 0.75)), int(height * random.uniform(0.25, 0.75)))
    changed = pixels.copy()
    colour = [int(level) for level in random.integers(0, 256, 3)]
    axes = (max(int(radius * stretch), 1), max(int(radius / stretch), 1))
    cv2.ellipse(changed, middle, axes, random.uniform(0, 180), 0, 360, colour, thickness=-1, lineType=cv2.LINE_AA)
    return changed


def emptied(pixels: Pixels, random: Generator) -> Pixels:
    """No part: only the rim of the picture stays, its mean with a little noise fills the rest."""
    rim = max(min(pixels.shape[:2]) // 20, 1)
    outer = np.concatenate(
        [
            strip.reshape(-1, *pixels.shape[2:])
            for strip in (pixels[:rim], pixels[-rim:], pixels[:, :rim], pixels[:, -rim:])
        ]
    )
    empty = pixels.astype(np.float32)
    empty[rim:-rim, rim:-rim] = outer.mean(axis=0)
    soft = cv2.GaussianBlur(empty, (0, 0), rim)
    return _bytes(soft + random.normal(0, 2, pixels.shape).astype(np.float32))


def _bytes(values: npt.NDArray[np.generic]) -> Pixels:
    return np.asarray(np.clip(np.rint(values.astype(np.float32)), 0, 255), dtype=np.uint8)
