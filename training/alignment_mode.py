"""Which mode of alignment suits a set of good parts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edge.frame import Frame, Pixels
from edge.settings import AlignmentMode, AlignmentSettings, MapSettings
from training.registration import COMPARED, MOST_OUT_OF_PLACE, blank_placer, evenly, pair_fits, registered

COMMON_STRUCTURE = 0.6  # of fit: pictures that are alike by less have nothing in common that could be aligned
LESS_MISFIT = 0.5  # any angle must leave less than this share of what a fixture leaves
WORDS = {
    AlignmentMode.FIXTURE: "as in a fixture, shifted and rotated a little",
    AlignmentMode.ANY_ANGLE: "at any angle, shifted a little",
    AlignmentMode.NONE: "as they do: nothing is aligned",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChoice:
    """A mode of alignment and why.

    fits: what three quarters of the pairs of good parts reach; empty if told. turned: how many parts of so many a
    fixture would refuse for their angle, though they fit.
    """

    mode: AlignmentMode
    fits: dict[AlignmentMode, float] = field(default_factory=dict)
    turned: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        if not self.fits:
            return f"{WORDS[self.mode]} (as asked for)"
        fixture, any_angle = self.fits[AlignmentMode.FIXTURE], self.fits[AlignmentMode.ANY_ANGLE]
        return (
            f"{WORDS[self.mode]} (chosen by the good parts: of 1, they are alike by {fixture:.3f} when aligned as in "
            f"a fixture, by {any_angle:.3f} at any angle; a fixture would refuse {self.turned[0]} of {self.turned[1]} "
            "for their angle)"
        )


def choose_mode(frames: Sequence[Frame], settings: MapSettings) -> ModeChoice:
    """The simplest mode that makes good parts look alike.

    Pairs of parts are compared, so that no part is compared with a reference that it is in itself. What counts is the
    fit that three quarters of the pairs reach: among parts at any angle some pairs happen to lie alike. At any angle is
    chosen if it halves the misfit, and no sooner, because turning freely makes any two pictures a little more alike;
    or if a fixture would refuse some of the parts: nearly round ones fit in it wherever the search for them ends.
    """
    chosen = [frames[number] for number in evenly(len(frames), COMPARED)]
    placer = blank_placer(chosen[0], settings)
    smalls = [placer.small_grey(frame) for frame in chosen]
    fits = {}
    for mode in (AlignmentMode.FIXTURE, AlignmentMode.ANY_ANGLE):
        alignment = settings.alignment.model_copy(update={"mode": mode})
        pairs = pair_fits(smalls, alignment, compared_to_degrees=180.0)  # of the same pixels in both modes
        fits[mode] = float(np.quantile(pairs, 0.25))
    is_turned = 1 - fits[AlignmentMode.ANY_ANGLE] < LESS_MISFIT * (1 - fits[AlignmentMode.FIXTURE])
    turned = _turned_too_far(smalls, settings.alignment.model_copy(update={"mode": AlignmentMode.FIXTURE}))
    is_turned |= turned > MOST_OUT_OF_PLACE * len(smalls)
    mode = AlignmentMode.ANY_ANGLE if is_turned else AlignmentMode.FIXTURE
    if fits[mode] < COMMON_STRUCTURE:
        mode = AlignmentMode.NONE
    return ModeChoice(mode=mode, fits=fits, turned=(turned, len(smalls)))


def _turned_too_far(smalls: Sequence[Pixels], alignment: AlignmentSettings) -> int:
    """How many parts lie out of the range of rotation, against their middle."""
    placements = registered(smalls, alignment.model_copy(update={"clear_fit": -1.0}))
    return sum(abs(math.degrees(part.rotation_rad)) > alignment.rotation_range_degrees for part in placements)
