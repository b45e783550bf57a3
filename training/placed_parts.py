"""Good parts in their places, without the odd ones that a station would refuse: nothing is learned from those."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.errors import NotJudged
from edge.frame import Frame, Pixels
from edge.placing import Placer, WorkingPicture
from edge.settings import MapSettings
from edge.variables import Light
from training.alignment_limits import smallest_fit
from training.errors import TrainingError
from training.registration import MOST_OUT_OF_PLACE, place_good_parts
from training.unit_space import median_picture


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedParts:
    """Where good parts lie.

    smallest_fit: parts that fit less are not judged. kept: numbers of the frames that are learned from. pictures: their
    working pictures. median: of those. refused: of the other frames, why.
    """

    placer: Placer
    smallest_fit: float
    kept: list[int]
    pictures: list[Pixels]
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
    refused = _misplaced(placed, placer, least)
    while True:  # the median moves a little with each part that is taken out
        _check_share(refused, frames)
        kept = [number for number in range(len(placed)) if number not in refused]
        pictures = [placed[number].pixels for number in kept]
        median = median_picture(pictures)
        odd = _in_other_light(pictures, median)
        if not odd:
            break
        refused |= {kept[number]: why for number, why in odd.items()}
    return PlacedParts(placer=placer, smallest_fit=least, kept=kept, pictures=pictures, median=median, refused=refused)


def _misplaced(placed: Sequence[WorkingPicture], placer: Placer, least: float) -> dict[int, str]:
    refused = {}
    for number, part in enumerate(placed):
        try:
            placer.aligner.check(part.placement, smallest_fit=least)
        except NotJudged as reason:
            refused[number] = str(reason)
    return refused


def _in_other_light(pictures: Sequence[Pixels], median: Pixels) -> dict[int, str]:
    light, refused = Light(median), {}
    for number, picture in enumerate(pictures):
        try:
            light.gain(picture)
        except NotJudged as reason:
            refused[number] = str(reason)
    return refused


def _check_share(refused: dict[int, str], frames: Sequence[Frame]) -> None:
    if len(refused) > MOST_OUT_OF_PLACE * len(frames):
        first, why = min(refused.items())
        raise TrainingError(
            f"a station would refuse {len(refused)} of {len(frames)} good parts ({frames[first].source}: {why}); is it "
            "the same part, in the same light? Show them as they will lie on the line, or say with --alignment how "
            "they may lie"
        )
