"""Good parts in their places, without the odd ones that a station would refuse: nothing is learned from those."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.errors import NotJudged
from edge.frame import Frame, Pixels
from edge.placing import Placer
from edge.settings import MapSettings
from training.alignment_limits import smallest_fit
from training.errors import TrainingError
from training.registration import MOST_OUT_OF_PLACE, place_good_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedParts:
    """Where good parts lie.

    smallest_fit: parts that fit less are not judged. kept: numbers of the frames that are learned from. pictures: their
    working pictures. refused: of the other frames, why.
    """

    placer: Placer
    smallest_fit: float
    kept: list[int]
    pictures: list[Pixels]
    refused: dict[int, str]


def placed_parts(
    frames: Sequence[Frame], settings: MapSettings, *, seed: int, inspected: npt.NDArray[np.bool_] | None = None
) -> PlacedParts:
    """Align good parts. TrainingError if so many are refused that a station would refuse good ones all day.

    inspected: (H, W) bool of a frame, False where the part is not inspected; None: everywhere.
    """
    placer, placed = place_good_parts(frames, settings, inspected=inspected)
    least = smallest_fit(placer, frames, np.random.default_rng(seed))
    refused = {}
    for number, part in enumerate(placed):
        try:
            placer.aligner.check(part.placement, smallest_fit=least)
        except NotJudged as reason:
            refused[number] = str(reason)
    if len(refused) > MOST_OUT_OF_PLACE * len(placed):
        first, why = next(iter(refused.items()))
        raise TrainingError(
            f"{len(refused)} of {len(placed)} good parts lie where a station would refuse them "
            f"({frames[first].source}: {why}); show them as they will lie on the line, or say with --alignment how "
            "they may lie"
        )
    kept = [number for number in range(len(placed)) if number not in refused]
    return PlacedParts(
        placer=placer,
        smallest_fit=least,
        kept=kept,
        pictures=[placed[number].pixels for number in kept],
        refused=refused,
    )
