"""Where the part lies: shift and rotation against the reference, and how well it fits.

The plain search (`pose_search.py`) finds good parts. When nothing fits well, a slower one (`pose_trimmed.py`) leaves
out the fifth of the picture that agrees least, so that a part with a large defect is still found where it lies.
"""

import math
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import NotJudged
from edge.frame import Pixels
from edge.pose import Mask, Placement, always_seen, is_even, is_round, pyramid, repeats_after
from edge.pose_search import PLAIN, Search
from edge.pose_trimmed import TRIMMED
from edge.settings import CLEAR_FIT, AlignmentMode, AlignmentSettings
from edge.verdict import Reason

__all__ = ["STILL", "Aligner", "Placement", "Untouched", "aligner_for"]

STILL = Placement(x_px=0.0, y_px=0.0, rotation_rad=0.0, fit=1.0)
LEAST_COMPARED = 0.2  # of what is always seen; less, and the rest of the picture says better where the part lies
LARGEST_STILL_DEGREES = 15.0  # of a fixture: what is left out lies at nearly the same place of every picture
LEAST_REPEAT = 0.6  # of a reference and itself: pictures of something else fit by as much
MARGIN_PX = 2.0  # beyond the largest shift: what lies just outside is found there and named, not mistaken


class Aligner:
    """Finds one reference in grey pictures of its own size.

    reference: (height, width) grey picture of the good part, uint8 or float32.
    largest_shift: share of the picture's longer side. largest_rotation_degrees: either way; 180 is any angle.
    clear_fit: a part that fits less is looked for again, leaving out what may be a defect on it.
    compared_to_degrees: compare no more of the picture than an aligner with this range would.
    inspected: (height, width) uint8, 255 where pictures are compared; None: everywhere. Ignored where it leaves too
    little to find a part by.
    """

    def __init__(
        self,
        reference: npt.NDArray[np.generic],
        *,
        largest_shift: float,
        largest_rotation_degrees: float,
        clear_fit: float = CLEAR_FIT,
        compared_to_degrees: float = 0.0,
        inspected: Pixels | None = None,
    ) -> None:
        self.height, self.width = reference.shape
        self._largest_shift_px = largest_shift * max(self.height, self.width)
        self._largest_rotation_rad = math.radians(largest_rotation_degrees)
        self._clear_fit = clear_fit
        levels = pyramid(reference)
        scales = [level.shape[1] / self.width for level in levels]
        reach_px = self._largest_shift_px + MARGIN_PX
        turned = max(largest_rotation_degrees, compared_to_degrees)
        seen = [
            always_seen(level.shape, shift_px=reach_px * scale, rotation_rad=math.radians(turned))
            for level, scale in zip(levels, scales, strict=True)
        ]
        if inspected is not None:
            seen = _only(seen, inspected, is_turned=largest_rotation_degrees > LARGEST_STILL_DEGREES)
        self.is_round = is_round(levels[0], seen[0])
        self.is_even = (False, False)
        if largest_rotation_degrees <= LARGEST_STILL_DEGREES:  # of a part turned farther, x and y are other directions
            self.is_even = is_even(levels[0], seen[0], shift_px=self._largest_shift_px)
        self.repeats_after = repeats_after(
            levels[0],
            shift_px=2 * reach_px,
            least_fit=max(clear_fit, LEAST_REPEAT),
            along=(not self.is_even[0], not self.is_even[1]),
        )
        sought = [number for number, is_untold in enumerate((*self.is_even, self.is_round)) if not is_untold]
        self._plain, self._trimmed = (
            Search(
                levels,
                seen,
                shift_px=reach_px,
                rotation_rad=self._largest_rotation_rad,
                sought=sought,
                method=method,
            )
            for method in (PLAIN, TRIMMED)
        )

    def align(self, grey: Pixels) -> Placement:
        """The placement of the part in a grey picture of the reference's size; no limit is applied."""
        levels = pyramid(grey)
        plain = self._plain.find(levels)
        if plain.fit >= self._clear_fit:
            return plain
        trimmed = self._trimmed.near(levels, plain)
        if trimmed.fit < self._clear_fit:
            trimmed = self._trimmed.find(levels)
        if trimmed.fit < self._clear_fit:
            return plain
        # Where it lies is known, but the fit is that of the whole: parts of a repeating pattern fit well elsewhere too.
        return replace(trimmed, fit=self._plain.fit_at(levels, trimmed))

    def check(self, placement: Placement, *, smallest_fit: float) -> None:
        """Raise NotJudged if the part lies outside the allowed range or does not look like the reference.

        What repeats itself is not refused for its shift, which may be one mesh off.
        """
        if not placement.fit >= smallest_fit:
            raise NotJudged(
                Reason.MISALIGNED, f"fit {placement.fit:.2f} is below {smallest_fit:.2f}: is this the right part?"
            )
        shift_px = math.hypot(placement.x_px, placement.y_px)
        if shift_px > self._largest_shift_px and self.repeats_after is None:
            raise NotJudged(
                Reason.MISALIGNED, f"shifted by {100 * shift_px / max(self.height, self.width):.1f} % of the picture"
            )
        if abs(placement.rotation_rad) > self._largest_rotation_rad:
            raise NotJudged(Reason.MISALIGNED, f"rotated by {math.degrees(placement.rotation_rad):.1f} degrees")


class Untouched:
    """Takes every picture as it lies: in the place of an Aligner for material that has no place."""

    def align(self, grey: Pixels) -> Placement:  # noqa: ARG002
        """No shift, no rotation; the fit is one because nothing is compared."""
        return STILL

    def check(self, placement: Placement, *, smallest_fit: float) -> None:
        """Nothing was looked for, so nothing can be amiss."""


def _only(seen: list[Mask], inspected: Pixels, *, is_turned: bool) -> list[Mask]:
    """What takes part, without what is not inspected. The coarse search compares in the picture's coordinates, where
    a part that is turned far has it elsewhere, and keeps all."""
    kept = [
        each & (cv2.resize(inspected, each.shape[::-1], interpolation=cv2.INTER_AREA) == 255)  # whole pixels only
        for each in seen
    ]
    if any(each.sum() < LEAST_COMPARED * all_of.sum() for each, all_of in zip(kept, seen, strict=True)):
        return seen
    return [*kept[:-1], seen[-1] if is_turned else kept[-1]]


def aligner_for(
    reference: Pixels, settings: AlignmentSettings, *, inspected: Pixels | None = None
) -> Aligner | Untouched:
    """What finds this reference (height, width) in the way that the settings ask for. inspected: as for `Aligner`."""
    if settings.mode is AlignmentMode.NONE:
        return Untouched()
    return Aligner(
        reference,
        largest_shift=settings.largest_shift,
        largest_rotation_degrees=settings.rotation_range_degrees,
        clear_fit=settings.clear_fit,
        inspected=inspected,
    )
