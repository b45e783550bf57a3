"""Good parts in their places, without the odd ones that a station would refuse: nothing is learned from those."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge.errors import NotJudged
from edge.frame import Frame, Pixels
from edge.placing import Placer
from edge.settings import MapSettings
from edge.variables import Light
from training.alignment_limits import smallest_fit
from training.errors import TrainingError
from training.registration import MOST_OUT_OF_PLACE, place_good_parts
from training.unit_space import median_picture

Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedParts:
    """Where good parts lie.

    smallest_fit: parts that fit less are not judged. pictures: working pictures of what is learned from, by the number
    of the frame. median: of those. refused: of the other frames, why.
    """

    placer: Placer
    smallest_fit: float
    pictures: dict[int, Pixels]
    median: Pixels
    refused: dict[int, str]


def placed_parts(
    frames: Sequence[Frame], settings: MapSettings, *, seed: int, inspected: npt.NDArray[np.bool_] | None = None
) -> PlacedParts:
    """Align good parts. TrainingError if so many are refused that a station would refuse good ones all day.

    inspected: (H, W) bool of a frame, False where the part is not inspected; None: everywhere.
    """
    placer, placed = place_good_parts(frames, settings, inspected=inspected)
    least = smallest_fit(placer, frames, np.random.default_rng(seed))
    lying = {number: part.placement for number, part in enumerate(placed)}
    refused = _refused(lying, lambda placement: placer.aligner.check(placement, smallest_fit=least))
    while True:  # the median moves a little with each part that is taken out
        _check_share(refused, frames, settings)
        kept = {number: part.pixels for number, part in enumerate(placed) if number not in refused}
        median = median_picture([*kept.values()])
        in_other_light = _refused(kept, Light(median).gain)
        if not in_other_light:
            break
        refused |= in_other_light
    return PlacedParts(placer=placer, smallest_fit=least, pictures=kept, median=median, refused=refused)


def _refused(parts: Mapping[int, Seen], check: Callable[[Seen], object]) -> dict[int, str]:
    """Of the parts by number that do not pass, why."""
    refused = {}
    for number, part in parts.items():
        try:
            check(part)
        except NotJudged as reason:
            refused[number] = str(reason)
    return refused


def _check_share(refused: dict[int, str], frames: Sequence[Frame], settings: MapSettings) -> None:
    if len(refused) > MOST_OUT_OF_PLACE * len(frames):
        first, why = min(refused.items())
        wider = "" if settings.window is None else ", draw the regions of dataset.yaml wider"
        raise TrainingError(
            f"a station would refuse {len(refused)} of {len(frames)} good parts ({frames[first].source}: {why}); is it "
            f"the same part, in the same light? Show them as they will lie on the line{wider}, or say with --alignment "
            "how they may lie"
        )
