"""Where the part lies: shift and rotation against the reference, and how well it fits.

Coarse to fine: every angle and shift is tried in a quarter of the alignment picture's size, the few best are refined in
half of it, and the best of them to a fraction of a pixel in the whole (`pose_search.py`).
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import NotJudged
from edge.frame import Pixels
from edge.pose_search import CoarseSearch, FloatArray, Placement, Refiner, always_seen, is_round
from edge.settings import AlignmentMode, AlignmentSettings
from edge.verdict import Reason

__all__ = ["STILL", "Aligner", "Placement", "Untouched", "aligner_for"]

STILL = Placement(x_px=0.0, y_px=0.0, rotation_rad=0.0, fit=1.0)

BLUR_SIGMA_PX = 1.2
MARGIN_PX = 2.0  # beyond the largest shift: what lies just outside is found there and named, not mistaken
CANDIDATES = 3
CANDIDATES_WITHIN = 0.15  # of fit, in the small picture
ITERATIONS_HALF, ITERATIONS = 4, 8


class Aligner:
    """Finds one reference in grey pictures of its own size.

    reference: (height, width) grey picture of the good part, uint8 or float32.
    largest_shift: share of the picture's longer side. largest_rotation_degrees: either way; 180 is any angle.
    """

    def __init__(
        self, reference: npt.NDArray[np.generic], *, largest_shift: float, largest_rotation_degrees: float
    ) -> None:
        self.height, self.width = reference.shape
        self._largest_shift_px = largest_shift * max(self.height, self.width)
        self._largest_rotation_rad = math.radians(largest_rotation_degrees)
        levels = _pyramid(reference)
        self._scales = [level.shape[1] / self.width for level in levels]
        seen = [self._always_seen(level, scale) for level, scale in zip(levels, self._scales, strict=True)]
        turns_not = is_round(levels[0], seen[0])
        self._coarse = CoarseSearch(
            levels[2],
            seen[2],
            shift_px=(self._largest_shift_px + MARGIN_PX) * self._scales[2],
            rotation_rad=0.0 if turns_not else self._largest_rotation_rad,
        )
        self._whole, self._half = (Refiner(levels[number], seen[number], is_round=turns_not) for number in range(2))

    def align(self, grey: Pixels) -> Placement:
        """The placement of the part in a grey picture of the reference's size; no limit is applied."""
        whole, half, quarter = _pyramid(grey)
        candidates = self._coarse.candidates(quarter, most=CANDIDATES, within=CANDIDATES_WITHIN)
        _, half_scale, quarter_scale = self._scales
        starts = [candidate.scaled(half_scale / quarter_scale) for candidate in candidates]
        refined = [self._half.refine(half, start, iterations=ITERATIONS_HALF) for start in starts]
        best = max(refined, key=lambda placement: placement.preferred_fit)
        return self._whole.refine(whole, best.scaled(1.0 / half_scale), iterations=ITERATIONS)

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

    def _always_seen(self, level: FloatArray, scale: float) -> npt.NDArray[np.bool_]:
        shift_px = (self._largest_shift_px + MARGIN_PX) * scale
        return always_seen(level.shape, shift_px=shift_px, rotation_rad=self._largest_rotation_rad)


class Untouched:
    """Takes every picture as it lies: in the place of an Aligner for material that has no place."""

    def align(self, grey: Pixels) -> Placement:  # noqa: ARG002
        """No shift, no rotation; the fit is one because nothing is compared."""
        return STILL

    def check(self, placement: Placement, *, smallest_fit: float) -> None:
        """Nothing was looked for, so nothing can be amiss."""


def aligner_for(reference: Pixels, settings: AlignmentSettings) -> Aligner | Untouched:
    """What finds this reference (height, width) in the way that the settings ask for."""
    if settings.mode is AlignmentMode.NONE:
        return Untouched()
    return Aligner(
        reference,
        largest_shift=settings.largest_shift,
        largest_rotation_degrees=settings.rotation_range_degrees,
    )


def _pyramid(grey: npt.NDArray[np.generic]) -> list[FloatArray]:
    """The smoothed picture in its own size, half and a quarter of it."""
    levels = [np.asarray(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), BLUR_SIGMA_PX), dtype=np.float32)]
    for _ in range(2):
        height, width = levels[-1].shape
        half = cv2.resize(levels[-1], ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, dtype=np.float32))
    return levels
