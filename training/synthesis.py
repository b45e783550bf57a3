"""Defects made from good pictures: in picture space, where they look like defects, and in map space.

Picture space: six kinds, each of random place and size: a patch pasted from elsewhere (cut-paste), a patch moved or
turned, a blob of another colour, a scratch, smoothed-away detail, and a blob of noise. Map space: the residue that such
a defect left on its map, laid anywhere on another good map and scaled, or a blob of raised cells. The second teaches
that a defect may be anywhere.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.frame import Pixels

FloatArray = npt.NDArray[np.float32]
Generator = np.random.Generator

SMALLEST_RADIUS_PX, LARGEST_RADIUS_PX = 1.0, 36.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a defect is drawn from: the part, another good part, and where it may show (0 to 1)."""

    pixels: Pixels
    donor: Pixels
    mask: FloatArray


def with_defect(pixels: Pixels, donors: Sequence[Pixels], random: Generator) -> Pixels:
    """A copy of a good working picture (H, W[, 3]) uint8 with one synthetic defect of a random kind, place and size."""
    draw = KINDS[int(random.integers(len(KINDS)))]
    radius = float(np.exp(random.uniform(math.log(SMALLEST_RADIUS_PX), math.log(LARGEST_RADIUS_PX))))
    mask = _blob(pixels.shape[:2], radius, random)
    donor = donors[int(random.integers(len(donors)))]
    changed = draw(Scene(pixels=pixels, donor=donor, mask=mask), random)
    weight = mask if pixels.ndim == 2 else mask[:, :, np.newaxis]
    return np.clip(np.rint(pixels + weight * (changed - pixels.astype(np.float32))), 0, 255).astype(np.uint8)


def _blob(shape: tuple[int, ...], radius: float, random: Generator) -> FloatArray:
    """A soft, irregular, elongated mask of 0 to 1 somewhere in the picture."""
    mask = np.zeros(shape, dtype=np.float32)
    middle = (random.uniform(0, shape[1]), random.uniform(0, shape[0]))
    stretch, turn = math.sqrt(random.uniform(1.0, 3.0)), random.uniform(0, math.pi)
    angles = np.linspace(0, 2 * math.pi, 12, endpoint=False)
    reach = radius * random.uniform(0.7, 1.3, size=12)
    x, y = reach * np.cos(angles) * stretch, reach * np.sin(angles) / stretch
    corners = np.stack(
        [middle[0] + x * math.cos(turn) - y * math.sin(turn), middle[1] + x * math.sin(turn) + y * math.cos(turn)],
        axis=1,
    )
    cv2.fillPoly(mask, [np.rint(corners * 16).astype(np.int32)], 1.0, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), random.uniform(0.6, 1.0 + radius / 8)).astype(np.float32)


def _pasted(scene: Scene, random: Generator) -> FloatArray:
    rows, columns = scene.pixels.shape[:2]
    shift = (int(random.integers(rows // 8, rows * 7 // 8)), int(random.integers(columns // 8, columns * 7 // 8)))
    return np.asarray(np.roll(scene.donor, shift, axis=(0, 1)), dtype=np.float32)


def _moved(scene: Scene, random: Generator) -> FloatArray:
    middle = np.unravel_index(int(np.argmax(scene.mask)), scene.mask.shape)
    turn = cv2.getRotationMatrix2D(
        (float(middle[1]), float(middle[0])), random.uniform(-40, 40), random.uniform(0.85, 1.15)
    )
    turn[:, 2] = turn[:, 2] + random.choice([-1, 1], 2) * random.uniform(1, 7, 2)
    size = (scene.pixels.shape[1], scene.pixels.shape[0])
    return np.asarray(cv2.warpAffine(scene.pixels, turn, size, borderMode=cv2.BORDER_REFLECT), dtype=np.float32)


def _coloured(scene: Scene, random: Generator) -> FloatArray:
    change = random.uniform(12, 70) * random.choice([-1, 1])
    if scene.pixels.ndim == 3:
        change = change * np.clip(random.normal(0.6, 0.6, 3), -1, 1)
    return scene.pixels.astype(np.float32) + np.asarray(change, dtype=np.float32)


def _scratched(scene: Scene, random: Generator) -> FloatArray:
    lines = np.zeros(scene.pixels.shape[:2], dtype=np.float32)
    points = np.argwhere(scene.mask > 0.2)[:, ::-1]
    if len(points) >= 2:
        chosen = points[random.choice(len(points), size=min(4, len(points)), replace=False)]
        chosen = chosen[np.argsort(chosen @ random.normal(size=2))]
        width = int(random.integers(1, 4))
        cv2.polylines(lines, [chosen.astype(np.int32)], False, 1.0, thickness=width, lineType=cv2.LINE_AA)
    depth = random.uniform(20, 90) * random.choice([-1, 1])
    soft = np.asarray(depth * cv2.GaussianBlur(lines, (0, 0), 0.7), dtype=np.float32)
    return scene.pixels + (soft if scene.pixels.ndim == 2 else soft[:, :, np.newaxis])


def _smoothed(scene: Scene, random: Generator) -> FloatArray:
    return cv2.GaussianBlur(scene.pixels, (0, 0), random.uniform(1.5, 6.0)).astype(np.float32)


def _roughened(scene: Scene, random: Generator) -> FloatArray:
    grain = random.normal(0, random.uniform(8, 40), size=scene.pixels.shape[:2]).astype(np.float32)
    soft = np.asarray(2.0 * cv2.GaussianBlur(grain, (0, 0), random.uniform(0.5, 1.5)), dtype=np.float32)
    return scene.pixels + (soft if scene.pixels.ndim == 2 else soft[:, :, np.newaxis])


Drawer = Callable[[Scene, Generator], FloatArray]
KINDS: tuple[Drawer, ...] = (_pasted, _moved, _coloured, _scratched, _smoothed, _roughened)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPool:
    """What map-space synthesis draws from; maps in levels of 0 to 255 as float32, (N, rows, columns) each.

    good: cross-fitted maps of good parts. disturbed: of good parts in a little worse light, place and focus. residues:
    what synthetic defects of picture space added to their good map.
    """

    good: FloatArray
    disturbed: FloatArray
    residues: FloatArray


class MapSynthesis:
    """Draws endless good and defective maps."""

    def __init__(self, pool: MapPool, random: Generator) -> None:
        self._pool = pool
        self._good = np.concatenate([pool.good, pool.disturbed])
        self._random = random
        self._rows, self._columns = pool.good.shape[1:]

    def good(self, count: int) -> FloatArray:
        """(count, rows, columns): good maps, half of them mixed from two by a soft mask, with a little noise."""
        random, pool = self._random, self._good
        first = pool[random.integers(len(pool), size=count)]
        second = pool[random.integers(len(pool), size=count)]
        masks = self._soft_masks(count)
        masks[random.random(count) < 0.5] = 1.0
        mixed = first * masks + second * (1 - masks)
        return np.asarray(mixed + random.normal(0, 2.0, mixed.shape), dtype=np.float32)

    def defective(self, count: int) -> FloatArray:
        """(count, rows, columns): good maps with a residue somewhere, or with a blob of raised cells."""
        maps = self.good(count)
        for number in range(count):
            maps[number] += self._blob() if self._random.random() < 0.35 else self._shifted_residue()
        return np.asarray(np.clip(maps, 0, 255), dtype=np.float32)

    def _shifted_residue(self) -> FloatArray:
        random = self._random
        residue = self._pool.residues[int(random.integers(len(self._pool.residues)))]
        if random.random() < 0.7:
            strongest = np.unravel_index(int(np.argmax(residue)), residue.shape)
            target = (int(random.integers(self._rows)), int(random.integers(self._columns)))
            residue = _translated(residue, target[0] - int(strongest[0]), target[1] - int(strongest[1]))
        return np.asarray(residue * random.uniform(0.5, 1.3), dtype=np.float32)

    def _blob(self) -> FloatArray:
        random = self._random
        rows = np.arange(self._rows, dtype=np.float32)[:, np.newaxis] - random.uniform(0, self._rows)
        columns = np.arange(self._columns, dtype=np.float32)[np.newaxis] - random.uniform(0, self._columns)
        turn, width = random.uniform(0, math.pi), math.exp(random.uniform(math.log(0.5), math.log(4.0)))
        stretch = random.uniform(1, 3)
        along = (rows * math.sin(turn) + columns * math.cos(turn)) / (width * stretch)
        across = (rows * math.cos(turn) - columns * math.sin(turn)) / width
        height = random.uniform(25, 140) / (1 if width < 1.5 else 1.5)
        shape = np.exp(-0.5 * (along**2 + across**2))
        grain = random.uniform(0.5, 1.5, shape.shape)
        return np.asarray(height * shape * grain, dtype=np.float32)

    def _soft_masks(self, count: int) -> FloatArray:
        coarse = self._random.uniform(-1.5, 2.5, size=(count, 4, 4)).astype(np.float32)
        size = (self._columns, self._rows)
        fine = np.stack([cv2.resize(mask, size, interpolation=cv2.INTER_CUBIC) for mask in coarse])
        return np.asarray(np.clip(fine, 0, 1), dtype=np.float32)


def _translated(residue: FloatArray, rows: int, columns: int) -> FloatArray:
    """The residue moved by whole cells; what leaves the map is lost."""
    move = np.array([[1, 0, columns], [0, 1, rows]], dtype=np.float32)
    return np.asarray(cv2.warpAffine(residue, move, residue.shape[::-1], flags=cv2.INTER_NEAREST), dtype=np.float32)
