"""Which mode of alignment suits a set of good parts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edge.frame import Frame
from edge.settings import AlignmentMode, MapSettings
from training.registration import COMPARED, blank_placer, evenly, pair_fits

COMMON_STRUCTURE = 0.6  # of fit: pictures that are alike by less have nothing in common that could be aligned
LESS_MISFIT = 0.5  # any angle must leave less than this share of what a fixture leaves
WORDS = {
    AlignmentMode.FIXTURE: "as in a fixture, shifted and rotated a little",
    AlignmentMode.ANY_ANGLE: "at any angle, shifted a little",
    AlignmentMode.NONE: "as they do: nothing is aligned",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChoice:
    """A mode of alignment and why. fits: what three quarters of the pairs of good parts reach; empty if told."""

    mode: AlignmentMode
    fits: dict[AlignmentMode, float] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.fits:
            return f"{WORDS[self.mode]} (as asked for)"
        fixture, any_angle = self.fits[AlignmentMode.FIXTURE], self.fits[AlignmentMode.ANY_ANGLE]
        return (
            f"{WORDS[self.mode]} (chosen by the good parts: of 1, they are alike by {fixture:.3f} when aligned as in "
            f"a fixture, by {any_angle:.3f} at any angle)"
        )


def choose_mode(frames: Sequence[Frame], settings: MapSettings) -> ModeChoice:
    """The simplest mode that makes good parts look alike.

    Pairs of parts are compared, so that no part is compared with a reference that it is in itself. What counts is the
    fit that three quarters of the pairs reach: among parts at any angle some pairs happen to lie alike. At any angle is
    chosen only if it halves the misfit, because turning freely makes any two pictures a little more alike.
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
    mode = AlignmentMode.ANY_ANGLE if is_turned else AlignmentMode.FIXTURE
    return ModeChoice(mode=mode if fits[mode] >= COMMON_STRUCTURE else AlignmentMode.NONE, fits=fits)
