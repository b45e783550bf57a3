"""Which mode of alignment suits a set of good parts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edge.alignment import Aligner, Placement
from edge.frame import Frame, Pixels
from edge.settings import AlignmentMode, AlignmentSettings, MapSettings
from training.registration import (
    CANDIDATES,
    COMPARED,
    MOST_OUT_OF_PLACE,
    WIDEST_SHIFT,
    blank_placer,
    evenly,
    pair_fits,
    registered,
)

COMMON_STRUCTURE = 0.6  # of fit: pictures that are alike by less have nothing in common that could be aligned
ROOM = 1.1  # what is allowed, in shifts of the farthest part that is not an odd one
ODD = 2.0  # times as far as nine in ten
MESH_REACH = 0.71  # of a square mesh: no place lies farther from the nearest knot
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
    fixture would refuse for their angle, though they fit. largest_shift: a share of the picture's longer side, where
    parts lie farther than usual; None: the usual one.
    """

    mode: AlignmentMode
    fits: dict[AlignmentMode, float] = field(default_factory=dict)
    turned: tuple[int, int] = (0, 0)
    largest_shift: float | None = None

    def applied_to(self, settings: MapSettings) -> MapSettings:
        """The settings, with parts that lie so."""
        found = settings.aligned(self.mode)
        if self.largest_shift is None:
            return found
        alignment = found.alignment.model_copy(update={"largest_shift": self.largest_shift})
        return found.model_copy(update={"alignment": alignment})

    def __str__(self) -> str:
        if not self.fits:
            return f"{WORDS[self.mode]} (as asked for)"
        fixture, any_angle = self.fits[AlignmentMode.FIXTURE], self.fits[AlignmentMode.ANY_ANGLE]
        shifted = "" if self.largest_shift is None else f", by up to {100 * self.largest_shift:.0f} % of the picture"
        return (
            f"{WORDS[self.mode]}{shifted} (chosen by the good parts: of 1, they are alike by {fixture:.3f} as in a "
            f"fixture, by {any_angle:.3f} at any angle; a fixture would refuse {self.turned[0]} of {self.turned[1]} "
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
        alignment = settings.aligned(mode).alignment
        pairs = pair_fits(smalls, alignment, compared_to_degrees=180.0)  # of the same pixels in both modes
        fits[mode] = float(np.quantile(pairs, 0.25))
    is_turned = 1 - fits[AlignmentMode.ANY_ANGLE] < LESS_MISFIT * (1 - fits[AlignmentMode.FIXTURE])
    lying = registered(smalls, settings.aligned(AlignmentMode.FIXTURE))
    most_rad = math.radians(settings.alignment.largest_rotation_degrees)
    turned = sum(abs(part.rotation_rad) > most_rad for part in lying)
    mode = AlignmentMode.FIXTURE
    if is_turned or turned > MOST_OUT_OF_PLACE * len(smalls):
        mode = AlignmentMode.ANY_ANGLE
        lying = registered(smalls, settings.aligned(mode))
    if fits[mode] < COMMON_STRUCTURE:
        return ModeChoice(mode=AlignmentMode.NONE, fits=fits, turned=(turned, len(smalls)))
    mesh_px = _mesh(smalls, settings.aligned(mode).alignment, fits[mode])
    needed_px = _farthest(lying) if mesh_px is None else MESH_REACH * mesh_px
    return ModeChoice(
        mode=mode,
        fits=fits,
        turned=(turned, len(smalls)),
        largest_shift=_largest_shift(ROOM * needed_px / max(smalls[0].shape), usual=settings.alignment.largest_shift),
    )


def _farthest(lying: Sequence[Placement]) -> float:
    """By how many pixels the farthest part is shifted that is not an odd one."""
    shifts = np.array([math.hypot(part.x_px, part.y_px) for part in lying])
    return float(shifts[shifts <= ODD * np.quantile(shifts, 1 - MOST_OUT_OF_PLACE)].max())


def _mesh(smalls: Sequence[Pixels], settings: AlignmentSettings, fit: float) -> float | None:
    """After how many pixels pictures repeat themselves, if most do so better than two of them fit each other."""
    found = [
        Aligner(
            smalls[number],
            largest_shift=settings.largest_shift,
            largest_rotation_degrees=settings.rotation_range_degrees,
            clear_fit=fit,
        ).repeats_after
        for number in evenly(len(smalls), CANDIDATES)
    ]
    periods = sorted(period for period in found if period is not None)
    return periods[len(periods) // 2] if len(periods) > len(found) / 2 else None


def _largest_shift(needed: float, *, usual: float) -> float | None:
    """Twice the usual shift, or the widest there is, where the usual one is less than needed; else None.

    The usual one is searched as long as it holds, since a wider search is longer and sees less of the picture.
    """
    if needed <= usual:
        return None
    return 2 * usual if needed <= 2 * usual < WIDEST_SHIFT else WIDEST_SHIFT
