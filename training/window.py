"""Which part of the frame is looked at: the less of it is inspected, the larger that is seen."""

from collections.abc import Sequence

import numpy as np

from edge.frame import Frame
from edge.settings import AlignmentMode, AlignmentSettings, MapSettings, Window
from edge.view import halvable
from training.alignment_mode import ModeChoice, choose_mode
from training.regions import Mask
from training.registration import WIDEST_SHIFT

USUAL_SHIFT = AlignmentSettings().largest_shift
LARGEST_SHARE = 0.9  # of the frame; more, and all of it is shown


def look_at(
    frames: Sequence[Frame], settings: MapSettings, *, inspected: Mask | None, mode: AlignmentMode | None = None
) -> tuple[ModeChoice, MapSettings]:
    """How good parts lie, and the settings with that and with the window that is looked at.

    inspected: (height, width) bool of a frame; None: everywhere. mode: as somebody said; None: chosen by what the
    window shows of the good parts, as what lies around them may change.
    """
    choice = ModeChoice(mode=mode) if mode else choose_mode(frames, narrowed(settings, inspected))
    return choice, narrowed(choice.applied_to(settings), inspected)


def narrowed(settings: MapSettings, inspected: Mask | None) -> MapSettings:
    """The same, showing only the box around all that is inspected, with room for the largest shift.

    inspected: (height, width) bool of a frame; None: everywhere, and then nothing changes. The room is what lets all of
    the box be compared wherever the part lies, and the window is never so small that a part could not be found which
    lies as far off as is usual in whole frames.
    """
    if inspected is None:
        return settings
    size_px, shift = inspected.shape, settings.alignment.largest_shift
    sides = [np.flatnonzero(inspected.any(axis=axis))[[0, -1]] + (0, 1) for axis in (1, 0)]  # of rows, of columns
    room_px = max(end - begin for begin, end in sides) * shift / (1 - 2 * shift)
    least_px = max(size_px) * USUAL_SHIFT / WIDEST_SHIFT
    top, bottom, left, right = (
        edge
        for (begin, end), size in zip(sides, size_px, strict=True)
        for edge in _widened(begin - room_px, end + room_px, least=min(least_px, size), size=size)
    )
    if (bottom - top) * (right - left) > LARGEST_SHARE * inspected.size:
        return settings
    window = Window(left=left, top=top, width=right - left, height=bottom - top)
    return settings.model_copy(update={"window": window})


def _widened(begin: float, end: float, *, least: float, size: int) -> tuple[int, int]:
    """One side of a window, at least so long, within a frame of this size."""
    begin -= max(least - (end - begin), 0) / 2
    begin = min(max(begin, 0), size - least)
    return halvable(begin, max(end, begin + least), size)
