"""Good parts are brought to lie alike, against a reference made of themselves.

Most of it happens in the small grey pictures that are aligned, which fit into memory; the frames are read
once for these and twice more for the working pictures.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from edge.alignment import STILL, Aligner, Placement, Untouched, aligner_for
from edge.frame import Frame, Pixels
from edge.placing import Placer, WorkingPicture
from edge.settings import AlignmentMode, AlignmentSettings, MapSettings
from training.progress import progress
from training.unit_space import median_picture, without

CANDIDATES, COMPARED = 8, 24  # parts that may be the first reference, and parts that each is compared with
ROUNDS = 2
USUAL_QUARTILES = 4.0  # below the middle, in distances of the lower quartile from it: six deviations of a normal one
WIDEST_SHIFT, WIDEST_ROTATION_DEGREES = 0.2, 45.0
MOST_OUT_OF_PLACE = 0.1  # of the good parts: a few odd ones among them are no reason to give up
MANY_PARTS = 50  # none of so many moves their median by itself; of ten, each does
MIDDLE_STIFFNESS = 0.01  # for each part: parts that all lie at one angle do not say about which point they turn


def place_good_parts(
    frames: Sequence[Frame], settings: MapSettings, *, inspected: npt.NDArray[np.bool_] | None = None
) -> tuple[Placer, list[WorkingPicture]]:
    """A placer whose reference is the good parts' own median, and the parts in its place.

    inspected: (H, W) bool of a frame, as the reference lies; None: everywhere.
    """
    blank = blank_placer(frames[0], settings)
    smalls = [blank.small_grey(frame) for frame in progress(frames, "reading good parts")]
    placements = registered(smalls, settings)
    pairs = progress(list(zip(range(len(frames)), placements, strict=True)), "making the reference")
    median = median_picture([blank.place_at(frames[number], placement).pixels for number, placement in pairs])
    width, height = frames[0].width, frames[0].height
    where = None if inspected is None else blank.inspected_part(inspected)

    def placer_with(clear_fit: float) -> Placer:
        asked = _with(settings, clear_fit=clear_fit)
        return Placer(median, asked, frame_width=width, frame_height=height, inspected=where)

    plain = placer_with(-1.0)
    usual = usual_fit([plain.aligner.align(small).fit for small in smalls])
    placer = placer_with(usual)
    return placer, [placer.place(frame) for frame in progress(frames, "aligning good parts")]


def placed_as_new(
    frames: Sequence[Frame], pictures: Sequence[Pixels], placer: Placer, folds: Sequence[npt.NDArray[np.intp]]
) -> list[Pixels]:
    """The good parts' working pictures, each brought into place by the median of parts that its fold leaves over.

    Where a part has its share in the median, it is found there a little better than a new part will be, and the limit
    would lie too near. Among MANY_PARTS no part has a share that counts, and they stay as they are. folds: as of
    `folds_of`.
    """
    if len(pictures) >= MANY_PARTS:
        return list(pictures)
    width, height = frames[0].width, frames[0].height
    found = list(pictures)
    for left_out in folds:
        others = median_picture(without(pictures, left_out))
        by_others = Placer(others, placer.settings, frame_width=width, frame_height=height, inspected=placer.inspected)
        for number in left_out:
            found[number] = by_others.place(frames[number]).pixels
    return found


def usual_fit(fits: Sequence[float]) -> float:
    """What practically all good parts reach; a few odd ones among them do not change it."""
    lower, middle = np.quantile(fits, [0.25, 0.5])
    return max(float(middle - USUAL_QUARTILES * (middle - lower)), 0.0)


def _with(settings: MapSettings, *, clear_fit: float) -> MapSettings:
    alignment = settings.alignment.model_copy(update={"clear_fit": clear_fit})
    return settings.model_copy(update={"alignment": alignment})


def blank_placer(first: Frame, settings: MapSettings) -> Placer:
    """A placer without a reference, for frames of this format."""
    grid = settings.grid
    shape = (grid.height_px, grid.width_px, 3) if first.is_colour else (grid.height_px, grid.width_px)
    return Placer(np.zeros(shape, np.uint8), settings, frame_width=first.width, frame_height=first.height)


def registered(smalls: Sequence[Pixels], settings: MapSettings) -> list[Placement]:
    """Where every part lies against their common middle; smalls: (height, width) uint8 each.

    The first reference is the part that is most like the others: the median of parts that lie differently is a blur.
    Medians follow, of all parts brought into its place.
    """
    alignment = _with(settings, clear_fit=-1.0).alignment  # what fits less than usual is not known before
    if alignment.mode is AlignmentMode.NONE:
        return [STILL] * len(smalls)
    aligner: Aligner | Untouched = wide_aligner(_medoid(smalls, alignment), alignment)
    placements: list[Placement] = []
    for number in range(ROUNDS):
        placements = [aligner.align(small) for small in progress(smalls, f"aligning, round {number + 1}")]
        placements = _centred(placements, alignment.mode)
        median = median_picture([_moved_back(*pair) for pair in zip(smalls, placements, strict=True)])
        aligner = aligner_for(median, alignment)
    return [aligner.align(small) for small in progress(smalls, "aligning")]


def pair_fits(
    smalls: Sequence[Pixels], settings: AlignmentSettings, *, compared_to_degrees: float = 0.0
) -> npt.NDArray[np.float64]:
    """How well parts fit each candidate for the first reference, itself left out: (candidates, parts - 1).

    compared_to_degrees: as for `Aligner`.
    """
    fits = []
    for candidate in evenly(len(smalls), CANDIDATES):
        aligner = wide_aligner(smalls[candidate], settings, compared_to_degrees=compared_to_degrees)
        fits.append([aligner.align(small).fit for number, small in enumerate(smalls) if number != candidate])
    return np.array(fits)


def evenly(count: int, most: int) -> list[int]:
    """At most so many numbers below `count`, evenly spread."""
    return sorted({int(number) for number in np.linspace(0, count - 1, min(count, most))})


def wide_aligner(reference: Pixels, settings: AlignmentSettings, *, compared_to_degrees: float = 0.0) -> Aligner:
    """For a part as the reference: two parts may differ by twice what one may lie off the middle.

    In a fixture only the rotation is doubled: twice the shift would reach the next tooth or pin of a repeating pattern.
    """
    rotation = settings.rotation_range_degrees
    doubled = min(2 * settings.largest_shift, WIDEST_SHIFT)
    return Aligner(
        reference,
        largest_shift=doubled if settings.mode is AlignmentMode.ANY_ANGLE else settings.largest_shift,
        largest_rotation_degrees=rotation if rotation == 180 else min(2 * rotation, WIDEST_ROTATION_DEGREES),
        clear_fit=-1.0,
        compared_to_degrees=compared_to_degrees,
    )


def _medoid(smalls: Sequence[Pixels], settings: AlignmentSettings) -> Pixels:
    compared = [smalls[number] for number in evenly(len(smalls), COMPARED)]
    if len(compared) == 1:
        return compared[0]
    best = int(np.argmax(np.median(pair_fits(compared, settings), axis=1)))
    return compared[evenly(len(compared), CANDIDATES)[best]]


def _centred(placements: Sequence[Placement], mode: AlignmentMode) -> list[Placement]:
    """The same against a reference that lies in the middle: of how the parts lie, or of what they turn about."""
    if mode is AlignmentMode.FIXTURE:
        lying = [[part.x_px, part.y_px, part.rotation_rad] for part in placements]
        x, y, turn = np.quantile(lying, [0.1, 0.9], axis=0).mean(axis=0)  # of the range; a few odd parts do not count
        cosine, sine = math.cos(turn), math.sin(turn)
        return [_from(part, -(cosine * x + sine * y), sine * x - cosine * y, turn=-float(turn)) for part in placements]
    # The point p that moves least: R p + shift = m for all parts, in the least squares' sense.
    equations, values = [], []
    for part in placements:
        cosine, sine = math.cos(part.rotation_rad), math.sin(part.rotation_rad)
        equations += [[cosine, -sine, -1, 0], [sine, cosine, 0, -1]]
        values += [-part.x_px, -part.y_px]
    stiff = math.sqrt(MIDDLE_STIFFNESS * len(placements))
    equations += [[stiff, 0, 0, 0], [0, stiff, 0, 0]]
    x, y, _, _ = np.linalg.lstsq(np.array(equations), np.array([*values, 0, 0]), rcond=None)[0]
    return [_from(part, float(x), float(y), turn=0.0) for part in placements]


def _from(part: Placement, x_px: float, y_px: float, *, turn: float) -> Placement:
    """The placement against a reference that is itself turned and then shifted by this much."""
    cosine, sine = math.cos(part.rotation_rad), math.sin(part.rotation_rad)
    return Placement(
        x_px=part.x_px + cosine * x_px - sine * y_px,
        y_px=part.y_px + sine * x_px + cosine * y_px,
        rotation_rad=part.rotation_rad + turn,
        fit=part.fit,
    )


def _moved_back(small: Pixels, placement: Placement) -> Pixels:
    height, width = small.shape
    return np.asarray(
        cv2.warpAffine(
            small,
            placement.matrix(width=width, height=height),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        dtype=np.uint8,
    )
