"""The search behind `alignment.py`: every angle and shift in a small picture, then Gauss-Newton in larger ones.

The refinement is Gauss-Newton in its inverse-compositional form (Baker and Matthews, "Lucas-Kanade 20 Years On", 2004):
gradients and normal matrix belong to the reference and are made once. Pictures are normalised to zero mean and unit
norm, so brightness and contrast do not matter, and the fit is their normalised cross-correlation.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from edge.pose import FloatArray, Mask, Placement, seen_at, steepest_descent, stepped, window_of

SMALLEST_NORM = 1e-3
CONVERGED_PX = 0.01
RIM_STEP_PX = 1.4  # between two angles of the coarse search, at the rim: half of it is well within Gauss-Newton's reach


class Refines(Protocol):
    """Brings a placement in pictures of one size to the best one near it."""

    def refine(self, picture: FloatArray, placement: Placement, *, iterations: int) -> Placement:
        """The placement after some steps, with its fit; one is a look at where it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How a search works. prepared: what the coarse search sees of a picture. within: see `CoarseSearch`."""

    prepared: Callable[[FloatArray], FloatArray]
    refiner: Callable[[FloatArray, Mask, Sequence[int]], Refines]
    candidates: int
    within: float
    iterations: tuple[int, int]


class Search:
    """From every angle and shift in the smallest of three pictures to a fraction of a pixel in the largest.

    levels: the reference in three sizes, as `pyramid` makes them. seen: for each, the pixels that take part. sought:
    what is looked for, 0 for the shift in x, 1 in y, 2 the rotation; the rest stays as it is.
    """

    def __init__(
        self,
        levels: Sequence[FloatArray],
        seen: Sequence[Mask],
        *,
        shift_px: float,
        rotation_rad: float,
        sought: Sequence[int],
        method: Method,
    ) -> None:
        self._method = method
        self._to_half = levels[1].shape[1] / levels[2].shape[1]
        self._to_whole = levels[0].shape[1] / levels[1].shape[1]
        self._coarse = CoarseSearch(
            method.prepared(levels[2]),
            seen[2],
            shift_px=shift_px / self._to_half / self._to_whole,
            rotation_rad=rotation_rad,
            sought=sought,
        )
        self._whole, self._half = (method.refiner(levels[number], seen[number], sought) for number in range(2))

    def find(self, levels: Sequence[FloatArray]) -> Placement:
        """The best placement in a picture's three sizes."""
        method = self._method
        candidates = self._coarse.candidates(method.prepared(levels[2]), most=method.candidates, within=method.within)
        starts = [candidate.scaled(self._to_half) for candidate in candidates]
        refined = [self._half.refine(levels[1], start, iterations=method.iterations[0]) for start in starts]
        best = max(refined, key=lambda placement: placement.preferred_fit)
        return self.near(levels, best.scaled(self._to_whole))

    def near(self, levels: Sequence[FloatArray], placement: Placement) -> Placement:
        """The best placement close to a known one, to a fraction of a pixel."""
        return self._whole.refine(levels[0], placement, iterations=self._method.iterations[1])

    def fit_at(self, levels: Sequence[FloatArray], placement: Placement) -> float:
        """How well a picture in three sizes fits at a known placement."""
        return self._whole.refine(levels[0], placement, iterations=1).fit


class CoarseSearch:
    """Tries every shift and angle in a small picture.

    reference: (h, w) float32. is_seen: (h, w) pixels that take part. sought: as of `Search`. The picture is compared
    where it lies with the reference turned by every angle, which is made once.
    """

    def __init__(
        self, reference: FloatArray, is_seen: Mask, *, shift_px: float, rotation_rad: float, sought: Sequence[int]
    ) -> None:
        rotation_rad = rotation_rad if 2 in sought else 0.0
        rows, columns = window_of(is_seen)
        self._mask = is_seen[rows, columns].ravel().astype(np.float32)
        self._pixels = float(self._mask.sum())
        self._size = (rows.stop - rows.start, columns.stop - columns.start)
        reach_y = min(math.ceil(shift_px), rows.start) if 1 in sought else 0
        reach_x = min(math.ceil(shift_px), columns.start) if 0 in sought else 0
        self._area = (
            slice(rows.start - reach_y, rows.stop + reach_y),
            slice(columns.start - reach_x, columns.stop + reach_x),
        )
        self._shifts = [
            (float(x), float(y)) for y in range(-reach_y, reach_y + 1) for x in range(-reach_x, reach_x + 1)
        ]
        self.rotations = _rotations(rotation_rad, rim_px=math.hypot(*self._size) / 2)
        self._is_full_turn = rotation_rad >= math.pi
        self._before = np.arange(len(self.rotations)) - 1
        self._after = (self._before + 2) % len(self.rotations)
        height, width = reference.shape
        templates = []
        for rotation in self.rotations:
            placement = Placement(x_px=0.0, y_px=0.0, rotation_rad=rotation, fit=0.0)
            matrix = placement.matrix(width=width, height=height)
            turned = cv2.warpAffine(reference, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
            templates.append(_normalised(np.asarray(turned[rows, columns], dtype=np.float32).ravel(), self._mask))
        self._templates = np.stack([*templates, self._mask], axis=1).astype(np.float32)  # (pixels, angles + 1)
        self._searched = np.ascontiguousarray(reference[self._area])
        self._views = np.lib.stride_tricks.sliding_window_view(self._searched, self._size)  # of one picture at a time

    def candidates(self, picture: FloatArray, *, most: int, within: float) -> list[Placement]:
        """The best shift at the best angles, best first: at most so many, none worse than the best by more."""
        np.copyto(self._searched, picture[self._area])
        patches = self._views.reshape(-1, self._mask.size)  # (shifts, pixels)
        products = patches @ self._templates
        energy = (patches * patches) @ self._mask - products[:, -1] ** 2 / self._pixels
        scores = products[:, :-1] / np.sqrt(np.maximum(energy, 1e-2))[:, np.newaxis]  # (shifts, angles)
        places = scores.argmax(axis=0)
        best = scores.max(axis=0)
        found = [
            Placement(
                x_px=self._shifts[places[number]][0],
                y_px=self._shifts[places[number]][1],
                rotation_rad=self.rotations[number],
                fit=float(best[number]),
            )
            for number in self._peaks(best)
        ]
        found.sort(key=lambda placement: -placement.preferred_fit)
        return [placement for placement in found[:most] if placement.fit >= found[0].fit - within]

    def _peaks(self, best: FloatArray) -> npt.NDArray[np.intp]:
        """Angles that fit better than their neighbours."""
        before, after = best[self._before], best[self._after]
        if not self._is_full_turn:
            before[0] = after[-1] = -np.inf
        return np.flatnonzero((best >= before) & (best > after) | (best == best.max()))


class Refiner:
    """Gauss-Newton in pictures of one size.

    reference: (h, w) float32. is_seen: (h, w) pixels that take part. sought: as of `Search`.
    """

    def __init__(self, reference: FloatArray, is_seen: Mask, sought: Sequence[int]) -> None:
        self._shape = reference.shape
        self._window = window_of(is_seen)
        mask = is_seen[self._window]
        self._mask = mask.astype(np.uint8)
        self._pixels = int(mask.sum())
        flat = mask.ravel().astype(np.float32)
        template = reference[self._window].ravel()
        self._template = _normalised(template, flat)
        centred = (template - (template @ flat) / self._pixels) * flat
        steepest = steepest_descent(reference)[:, *self._window].reshape(3, -1)
        steepest = steepest / (float(np.linalg.norm(centred)) or 1.0) * flat
        steepest -= steepest.sum(axis=1, keepdims=True) / self._pixels * flat
        moves = steepest[list(sought)]
        inverse = np.zeros((3, 3))
        normal = (moves @ moves.T).astype(np.float64) + 1e-12 * np.eye(len(moves))
        inverse[np.ix_(sought, sought)] = np.linalg.inv(normal)
        # One product gives the step and the fit: rows are the three steps by pixels, then the template.
        self._rows = np.vstack([inverse @ steepest, self._template]).astype(np.float32)
        self._at_template = (self._rows[:3] @ self._template).astype(np.float64)

    def refine(self, picture: FloatArray, placement: Placement, *, iterations: int) -> Placement:
        """The placement after some steps, the best fitting of those that were looked at."""
        best = replace(placement, fit=-1.0)
        for _ in range(iterations):
            fit, step = self._look(picture, placement)
            if fit > best.fit:
                best = replace(placement, fit=fit)
            placement = stepped(placement, step, arm_px=max(self._shape) / 2)
            if np.abs(step).max() < CONVERGED_PX:
                break
        return best

    def _look(self, picture: FloatArray, placement: Placement) -> tuple[float, npt.NDArray[np.float64]]:
        """Fit at a placement, and the step (x, y in pixels, rotation in pixels at the rim) to a better one."""
        seen = seen_at(picture, placement, self._window)
        deviation = float(cv2.meanStdDev(seen, mask=self._mask)[1][0, 0])
        norm = deviation * math.sqrt(self._pixels)
        if norm <= SMALLEST_NORM:
            return 0.0, np.zeros(3)  # a flat picture fits nothing
        products = (self._rows @ seen.ravel()).astype(np.float64) / norm
        return float(products[3]), products[:3] - self._at_template


PLAIN = Method(prepared=lambda picture: picture, refiner=Refiner, candidates=3, within=0.15, iterations=(4, 8))


def _normalised(pixels: FloatArray, mask: FloatArray) -> FloatArray:
    """Zero mean and unit norm where the mask is one, zero elsewhere; a flat picture becomes all zeros."""
    centred = (pixels - (pixels @ mask) / mask.sum()) * mask
    norm = float(np.linalg.norm(centred))
    return np.asarray(centred / norm if norm > SMALLEST_NORM else np.zeros_like(centred), dtype=np.float32)


def _rotations(largest_rad: float, *, rim_px: float) -> list[float]:
    """The angles to try, evenly spaced and zero among them; a full turn has no angle twice."""
    steps = math.ceil(largest_rad * rim_px / (2 * RIM_STEP_PX) - 1e-9)
    angles = [largest_rad * number / max(steps, 1) for number in range(-steps, steps + 1)]
    return angles[1:] if largest_rad >= math.pi else angles
