"""How well a part must fit to be judged: between what good parts reach and what wrongly placed ones do."""

from collections.abc import Iterator, Sequence

from edge.alignment import Aligner
from edge.errors import NotJudged
from edge.frame import Frame, Pixels
from edge.placing import Placer
from edge.settings import AlignmentMode, AlignmentSettings
from training.moved_pictures import Generator, drawn_motion, emptied
from training.registration import evenly

PARTS = 24
NO_LESS_THAN = 0.6  # pictures of something else reach that
MISFIT_ALLOWED = 3.0  # times the misfit of the least of the usual good parts, at the least
TOO_FAR = (0.04, 0.09)  # beyond the largest shift, as a share of the longer side
TURNED_TOO_FAR = (20.0, 40.0)  # degrees


def smallest_fit(placer: Placer, frames: Sequence[Frame], random: Generator) -> float:
    """The fit below which a part is not judged: halfway between wrongly placed and usual good parts.

    Wrongly placed are good parts that are moved out of the range, and pictures without the part. Most are refused for
    where they seem to lie; what the others fit is what this limit has to hold off. It stays three times the usual
    misfit away from a perfect fit, whatever that lets through: a good part must not be refused.
    """
    if not isinstance(placer.aligner, Aligner):
        return NO_LESS_THAN  # nothing is compared, so nothing is refused
    aligner, alignment = placer.aligner, placer.settings.alignment
    smalls = [placer.small_grey(frames[number]) for number in evenly(len(frames), PARTS)]
    turns = alignment.mode is AlignmentMode.FIXTURE and not aligner.is_round
    fits = [_fit_not_refused(aligner, picture) for picture in _wrong(smalls, random, alignment, turns=turns)]
    halfway = (max(NO_LESS_THAN, *fits) + alignment.clear_fit) / 2
    return max(min(halfway, 1 - MISFIT_ALLOWED * (1 - alignment.clear_fit)), 0.0)


def _wrong(
    smalls: Sequence[Pixels], random: Generator, alignment: AlignmentSettings, *, turns: bool
) -> Iterator[Pixels]:
    least, most = (alignment.largest_shift + beyond for beyond in TOO_FAR)
    for small in smalls:
        yield emptied(small, random)
        yield drawn_motion(random, small, shift=(least, most), degrees=(0, 0)).of(small)
        if turns:
            yield drawn_motion(random, small, shift=(0, 0), degrees=TURNED_TOO_FAR).of(small)


def _fit_not_refused(aligner: Aligner, picture: Pixels) -> float:
    placement = aligner.align(picture)
    try:
        aligner.check(placement, smallest_fit=-1.0)
    except NotJudged:
        return -1.0
    return placement.fit
