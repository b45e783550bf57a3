"""The search behind `alignment.py`: every angle and shift in a small picture, then Gauss-Newton in larger ones.

The refinement is Gauss-Newton in its inverse-compositional form (Baker and Matthews, "Lucas-Kanade 20 Years On", 2004):
gradients and normal matrix belong to the reference and are made once. Pictures are normalised to zero mean and unit
norm, so brightness and contrast do not matter, and the fit is their normalised cross-correlation.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

CONVERGED_PX = 0.01
SMALLEST_NORM = 1e-3
ROUND_SHARE = 0.02
RIM_STEP_PX = 1.4  # between two angles of the coarse search, at the rim: half of it is well within Gauss-Newton's reach
PREFERENCE = 0.002  # of fit: a part that looks the same at several angles is taken as turned least


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How a part lies: shift in pixels of the picture, rotation about its middle in radians, fit from -1 to 1."""

    x_px: float
    y_px: float
    rotation_rad: float
    fit: float

    def matrix(self, *, width: int, height: int) -> npt.NDArray[np.float64]:
        """(2, 3) matrix from reference to frame coordinates, rotating about the picture's middle."""
        cosine, sine = math.cos(self.rotation_rad), math.sin(self.rotation_rad)
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        return np.array(
            [
                [cosine, -sine, centre_x + self.x_px - cosine * centre_x + sine * centre_y],
                [sine, cosine, centre_y + self.y_px - sine * centre_x - cosine * centre_y],
            ]
        )

    def scaled(self, factor: float) -> "Placement":
        """The same in a picture `factor` times as large."""
        return replace(self, x_px=self.x_px * factor, y_px=self.y_px * factor)

    @property
    def preferred_fit(self) -> float:
        """The fit, a little less for a part that is turned far: decides between angles that look the same."""
        return self.fit - PREFERENCE * abs(self.rotation_rad) / math.pi


def always_seen(shape: tuple[int, int], *, shift_px: float, rotation_rad: float) -> npt.NDArray[np.bool_]:
    """Pixels that stay in the picture whatever the shift and rotation up to these: (height, width)."""
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    radius, bearing = np.hypot(x, y), np.arctan2(y, x)
    turns = np.linspace(-rotation_rad, rotation_rad, 2 * math.ceil(math.degrees(rotation_rad) / 5) + 1)
    is_seen = np.ones(shape, dtype=bool)
    for turn in turns:
        is_seen &= np.abs(radius * np.cos(bearing + turn)) <= (width - 1) / 2 - shift_px
        is_seen &= np.abs(radius * np.sin(bearing + turn)) <= (height - 1) / 2 - shift_px
    is_seen[height // 3 : height - height // 3, width // 3 : width - width // 3] = True  # long, narrow pictures
    return is_seen


class CoarseSearch:
    """Tries every shift and angle in a small picture.

    reference: (h, w) float32. is_seen: (h, w) pixels that take part. The picture is compared where it lies with the
    reference turned by every angle, which is made once.
    """

    def __init__(
        self, reference: FloatArray, is_seen: npt.NDArray[np.bool_], *, shift_px: float, rotation_rad: float
    ) -> None:
        rows, columns = window_of(is_seen)
        self._mask = is_seen[rows, columns].ravel().astype(np.float32)
        self._size = (rows.stop - rows.start, columns.stop - columns.start)
        reach_y, reach_x = (min(math.ceil(shift_px), edge) for edge in (rows.start, columns.start))
        self._area = (
            slice(rows.start - reach_y, rows.stop + reach_y),
            slice(columns.start - reach_x, columns.stop + reach_x),
        )
        self._shifts = [
            (float(x), float(y)) for y in range(-reach_y, reach_y + 1) for x in range(-reach_x, reach_x + 1)
        ]
        self.rotations = _rotations(rotation_rad, rim_px=math.hypot(*self._size) / 2)
        self._is_full_turn = rotation_rad >= math.pi
        height, width = reference.shape
        templates = []
        for rotation in self.rotations:
            placement = Placement(x_px=0.0, y_px=0.0, rotation_rad=rotation, fit=0.0)
            matrix = placement.matrix(width=width, height=height)
            turned = cv2.warpAffine(reference, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
            templates.append(_normalised(np.asarray(turned[rows, columns], dtype=np.float32).ravel(), self._mask))
        self._templates = np.stack([*templates, self._mask], axis=1).astype(np.float32)  # (pixels, angles + 1)

    def candidates(self, picture: FloatArray, *, most: int, within: float) -> list[Placement]:
        """The best shift at the best angles, best first: at most so many, none worse than the best by more."""
        views = np.lib.stride_tricks.sliding_window_view(picture[self._area], self._size)
        patches = views.reshape(-1, self._mask.size)  # (shifts, pixels)
        products = patches @ self._templates
        pixels = float(self._mask.sum())
        energy = (patches * patches) @ self._mask - products[:, -1] ** 2 / pixels
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
        before, after = np.roll(best, 1), np.roll(best, -1)
        if not self._is_full_turn:
            before[0] = after[-1] = -np.inf
        return np.flatnonzero((best >= before) & (best > after) | (best == best.max()))


class Refiner:
    """Gauss-Newton in pictures of one size.

    reference: (h, w) float32. is_seen: (h, w) pixels that take part. is_round: the rotation stays as it is.
    """

    def __init__(self, reference: FloatArray, is_seen: npt.NDArray[np.bool_], *, is_round: bool) -> None:
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
        inverse = np.linalg.inv((steepest @ steepest.T).astype(np.float64) + 1e-12 * np.eye(3))
        if is_round:
            inverse = np.zeros((3, 3))
            inverse[:2, :2] = np.linalg.inv((steepest[:2] @ steepest[:2].T).astype(np.float64) + 1e-12 * np.eye(2))
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


def steepest_descent(reference: FloatArray) -> FloatArray:
    """How the picture changes when the reference moves in x, in y, and turns by a pixel at the rim: (3, h, w)."""
    height, width = reference.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    slope_y, slope_x = np.gradient(reference, axis=0), np.gradient(reference, axis=1)
    turn = slope_y * (columns - (width - 1) / 2) - slope_x * (rows - (height - 1) / 2)
    return np.stack([slope_x, slope_y, turn / (max(reference.shape) / 2)]).astype(np.float32)


def is_round(reference: FloatArray, is_seen: npt.NDArray[np.bool_]) -> bool:
    """True if the picture does not say how it is turned: hardly any of its gradient lies across the radius.

    Compared are the energy that turning adds, over what shifting explains, and what it would be if all gradients did.
    """
    height, width = reference.shape
    steepest = steepest_descent(reference)[:, is_seen].astype(np.float64)  # (3, pixels)
    normal = steepest @ steepest.T + 1e-9 * np.eye(3)
    turning = normal[2, 2] - normal[2, :2] @ np.linalg.solve(normal[:2, :2], normal[:2, 2])
    y, x = np.nonzero(is_seen)
    radius = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2) / (max(reference.shape) / 2)
    most = float((np.square(steepest[:2]).sum(axis=0) * radius**2).sum())
    return bool(turning < ROUND_SHARE * most)


def seen_at(picture: FloatArray, placement: Placement, window: tuple[slice, slice]) -> FloatArray:
    """A window of the reference's coordinates as the picture shows it: (rows, columns) float32."""
    height, width = picture.shape
    rows, columns = window
    matrix = placement.matrix(width=width, height=height)
    matrix[:, 2] += matrix[:, 0] * columns.start + matrix[:, 1] * rows.start
    seen = cv2.warpAffine(
        picture,
        matrix,
        (columns.stop - columns.start, rows.stop - rows.start),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(seen, dtype=np.float32)


def stepped(placement: Placement, step: npt.NDArray[np.float64], *, arm_px: float) -> Placement:
    """The placement after taking back one small step, which was measured in the reference's own coordinates."""
    x, y, turn = step.tolist()
    cosine, sine = math.cos(placement.rotation_rad), math.sin(placement.rotation_rad)
    return Placement(
        x_px=placement.x_px - (cosine * x - sine * y),
        y_px=placement.y_px - (sine * x + cosine * y),
        rotation_rad=math.remainder(placement.rotation_rad - turn / arm_px, 2 * math.pi),
        fit=placement.fit,
    )


def window_of(is_seen: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rectangle around the pixels that take part."""
    rows, columns = np.flatnonzero(is_seen.any(axis=1)), np.flatnonzero(is_seen.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


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
