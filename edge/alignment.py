"""Where the part lies: shift and rotation against the reference, and how well it fits.

The estimate is a Gauss-Newton search in its inverse-compositional form (Baker and Matthews, "Lucas-Kanade 20 Years On",
2004): gradients and normal matrix belong to the reference and are made once. Both pictures are normalised to zero mean
and unit norm, so brightness and contrast do not matter, and the fit is their normalised cross-correlation. A coarse
search over shifts by matching the reference's middle gives the start.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import NotJudged
from edge.frame import Pixels
from edge.verdict import Reason

FloatArray = npt.NDArray[np.float32]

ITERATIONS = 12
CONVERGED_PX = 0.01
BLUR_SIGMA_PX = 1.2
ROTATION_PRIOR = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How a part lies: x and y shift in pixels of the alignment picture, rotation in radians, fit from -1 to 1."""

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


class Aligner:
    """Finds one reference in grey pictures of its own size.

    reference: (height, width) grey picture of the good part, uint8 or float32.
    largest_shift: share of the picture's longer side. largest_rotation_degrees: either way.
    """

    def __init__(
        self, reference: npt.NDArray[np.generic], *, largest_shift: float, largest_rotation_degrees: float
    ) -> None:
        self.height, self.width = reference.shape
        self._largest_shift_px = largest_shift * max(self.height, self.width)
        self._largest_rotation_rad = math.radians(largest_rotation_degrees)
        # What a shift or rotation may bring in from outside does not take part.
        inset = math.ceil(self._largest_shift_px) + 2
        # On a long, narrow picture at least the middle third does.
        rows, columns = min(inset, self.height // 3), min(inset, self.width // 3)
        self._window = (slice(rows, self.height - rows), slice(columns, self.width - columns))
        smooth = _smooth(reference)
        self._middle = smooth[self._window].copy()
        self._template = _normalised(self._middle).ravel()
        self._steepest, self._inverse = self._normal_equations(smooth)

    def align(self, grey: Pixels) -> Placement:
        """The placement of the part in a grey picture of the reference's size; no limit is applied."""
        smooth = _smooth(grey)
        x_px, y_px = self._coarse_shift(smooth)
        start = Placement(x_px=x_px, y_px=y_px, rotation_rad=0.0, fit=-1.0)
        return self._refine(smooth, start)

    def check(self, placement: Placement, *, smallest_fit: float) -> None:
        """Raise NotJudged if the part lies outside the allowed range or does not look like the reference."""
        if not placement.fit >= smallest_fit:
            raise NotJudged(
                Reason.MISALIGNED, f"fit {placement.fit:.2f} is below {smallest_fit:.2f}: is this the right part?"
            )
        shift_px = math.hypot(placement.x_px, placement.y_px)
        if shift_px > self._largest_shift_px:
            raise NotJudged(
                Reason.MISALIGNED, f"shifted by {100 * shift_px / max(self.height, self.width):.1f} % of the picture"
            )
        if abs(placement.rotation_rad) > self._largest_rotation_rad:
            raise NotJudged(Reason.MISALIGNED, f"rotated by {math.degrees(placement.rotation_rad):.1f} degrees")

    def _normal_equations(self, smooth: FloatArray) -> tuple[FloatArray, npt.NDArray[np.float64]]:
        rows, columns = np.mgrid[: self.height, : self.width].astype(np.float32)
        slope_y, slope_x = np.gradient(smooth, axis=0), np.gradient(smooth, axis=1)
        scale = float(np.linalg.norm(self._middle - self._middle.mean())) or 1.0
        arm = max(self.height, self.width) / 2  # rotation in units of an edge's movement, so that the steps compare
        turn = (slope_y * (columns - (self.width - 1) / 2) - slope_x * (rows - (self.height - 1) / 2)) / arm
        slopes = [np.asarray(slope)[self._window].ravel() / scale for slope in (slope_x, slope_y, turn)]
        steepest = np.stack(slopes)  # (3, pixels)
        steepest -= steepest.mean(axis=1, keepdims=True)
        normal = (steepest @ steepest.T).astype(np.float64)
        # A round part does not say how it is turned: a little stiffness keeps its rotation at zero.
        normal[2, 2] += ROTATION_PRIOR * (normal[0, 0] + normal[1, 1]) / 2 + 1e-12
        normal[0, 0] += 1e-12
        normal[1, 1] += 1e-12
        return steepest.astype(np.float32), np.asarray(np.linalg.inv(normal), dtype=np.float64)

    def _coarse_shift(self, smooth: FloatArray) -> tuple[float, float]:
        # Every second pixel is enough for a start.
        half = cv2.resize(smooth, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        middle = cv2.resize(self._middle, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        scores = cv2.matchTemplate(half, middle, cv2.TM_CCOEFF_NORMED)
        if not np.isfinite(scores).all():
            return 0.0, 0.0
        row, column = np.unravel_index(int(np.argmax(scores)), scores.shape)
        inset_row, inset_column = self._window[0].start / 2, self._window[1].start / 2
        return 2.0 * (float(column) - inset_column), 2.0 * (float(row) - inset_row)

    def _refine(self, smooth: FloatArray, placement: Placement) -> Placement:
        arm = max(self.height, self.width) / 2
        best = placement
        for _ in range(ITERATIONS):
            seen = self._seen(smooth, placement)
            fit = float(seen @ self._template)
            if not math.isfinite(fit):
                break
            if fit > best.fit:
                best = Placement(x_px=placement.x_px, y_px=placement.y_px, rotation_rad=placement.rotation_rad, fit=fit)
            step = self._inverse @ (self._steepest @ (seen - self._template)).astype(np.float64)
            placement = _composed(placement, step, arm)
            if abs(step).max() < CONVERGED_PX:
                break
        return best

    def _seen(self, smooth: FloatArray, placement: Placement) -> FloatArray:
        moved = cv2.warpAffine(
            smooth,
            placement.matrix(width=self.width, height=self.height),
            (self.width, self.height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return _normalised(np.asarray(moved[self._window], dtype=np.float32)).ravel()


def _composed(placement: Placement, step: npt.NDArray[np.float64], arm: float) -> Placement:
    """The placement after taking back one small step, which was measured in the reference's own coordinates."""
    cosine, sine = math.cos(placement.rotation_rad), math.sin(placement.rotation_rad)
    return Placement(
        x_px=placement.x_px - (cosine * step[0] - sine * step[1]),
        y_px=placement.y_px - (sine * step[0] + cosine * step[1]),
        rotation_rad=placement.rotation_rad - step[2] / arm,
        fit=placement.fit,
    )


def _smooth(grey: npt.NDArray[np.generic]) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), BLUR_SIGMA_PX), dtype=np.float32)


def _normalised(picture: FloatArray) -> FloatArray:
    """Zero mean, unit norm; a flat picture becomes all zeros and fits nothing."""
    centred = picture - picture.mean()
    norm = float(np.linalg.norm(centred))
    return centred / norm if norm > 1e-3 else np.zeros_like(centred)
