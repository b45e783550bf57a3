"""Finding a part although something large on it is not as it should be: least trimmed squares.

The fifth of the pixels that agrees least with the reference is left out at every step (Rousseeuw, "Least Median of
Squares Regression", 1984, names the estimator), so that a large defect does not pull the part out of its place. It
takes several times as long as `Refiner`, so it is only asked when the plain search finds nothing that fits well.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from edge.pose import FloatArray, Mask, Placement, seen_at, steepest_descent, stepped, window_of
from edge.pose_search import CONVERGED_PX, Method

KEPT_SHARE = 0.8
LOCAL_SHARE = 0.1  # of the picture: what its pixels are compared with
REGRESSIONS = 2  # at each placement: what is left out changes what is found, and the other way round
LONGEST_STEP_PX = 3.0
SMALLEST_GAIN = 0.05  # of the reference's contrast: nothing is seen
SMALLEST_ENERGY = 1e-6
LEVEL_FLOOR = 8.0  # grey levels; differences smaller than this stay small


def locally_normalised(picture: FloatArray) -> FloatArray:
    """Differences from the surroundings in units of the local deviation: a blot counts no more than its area."""
    sigma = LOCAL_SHARE * max(picture.shape)
    mean = cv2.GaussianBlur(picture, (0, 0), sigma)
    variance = cv2.GaussianBlur(picture * picture, (0, 0), sigma) - mean * mean
    return np.asarray((picture - mean) / (np.sqrt(np.maximum(variance, 0)) + LEVEL_FLOOR), dtype=np.float32)


class TrimmedRefiner:
    """Gauss-Newton on the pixels that agree with the reference, in pictures of one size. One at a time: its arrays are
    used again.

    reference: (h, w) float32. is_seen: (h, w) pixels that take part. sought: as of `Search`.
    """

    def __init__(self, reference: FloatArray, is_seen: Mask, sought: Sequence[int]) -> None:
        self._sought = list(sought)
        self._arm_px = max(reference.shape) / 2
        self._window = window_of(is_seen)
        self._chosen = np.flatnonzero(is_seen[self._window].ravel())
        steepest = steepest_descent(reference)[self._sought][:, *self._window]
        template = reference[self._window].ravel()[self._chosen]
        slopes = steepest.reshape(len(steepest), -1)[:, self._chosen]
        # Rows of one linear regression: gain, offset, and the steps times the gain; below them what is seen.
        self._rows_and_seen = np.zeros((2 + len(slopes) + 1, len(template)), np.float32)
        self._rows, self._seen = self._rows_and_seen[:-1], self._rows_and_seen[-1]
        np.concatenate([template[np.newaxis], np.ones((1, len(template)), np.float32), slopes], out=self._rows)
        self._weighted = np.empty_like(self._rows)
        self._most = int(KEPT_SHARE * len(template))

    def refine(self, picture: FloatArray, placement: Placement, *, iterations: int) -> Placement:
        """The placement after some steps; its fit is the correlation of the pixels that agree."""
        best = replace(placement, fit=-1.0)
        kept = np.ones(self._rows.shape[1], np.float32)
        for _ in range(iterations):
            seen = np.take(seen_at(picture, placement, self._window), self._chosen, out=self._seen, mode="clip")
            for _ in range(REGRESSIONS):
                found = self._regression(kept)
                misfit = np.abs(seen - found.astype(np.float32) @ self._rows)
                kept = (misfit <= np.partition(misfit, self._most)[self._most]).astype(np.float32)
            fit = _correlation(seen, self._rows[0], kept)
            if fit > best.fit:
                best = replace(placement, fit=fit)
            if found[0] < SMALLEST_GAIN:
                break
            step = np.zeros(3)
            step[self._sought] = np.clip(found[2:] / found[0], -LONGEST_STEP_PX, LONGEST_STEP_PX)
            placement = stepped(placement, step, arm_px=self._arm_px)
            if np.abs(step).max() < CONVERGED_PX:
                break
        return best

    def _regression(self, kept: FloatArray) -> npt.NDArray[np.float64]:
        """Least squares over the pixels kept of what is seen: gain, offset, and the steps times the gain."""
        np.multiply(self._rows, kept, out=self._weighted)
        products = (self._weighted @ self._rows_and_seen.T).astype(np.float64)
        normal, right = products[:, :-1], products[:, -1]
        normal.flat[:: products.shape[1]] = normal.diagonal() * (1 + 1e-6) + 1e-6  # for pictures without contrast
        return np.asarray(np.linalg.solve(normal, right))


def _correlation(first: FloatArray, second: FloatArray, kept: FloatArray) -> float:
    total = float(kept.sum())
    first = (first - float(first @ kept) / total) * kept
    second = (second - float(second @ kept) / total) * kept
    energy = float(first @ first) * float(second @ second)
    return float(first @ second) / energy**0.5 if energy > SMALLEST_ENERGY else 0.0


TRIMMED = Method(prepared=locally_normalised, refiner=TrimmedRefiner, candidates=5, within=0.3, iterations=(6, 8))
