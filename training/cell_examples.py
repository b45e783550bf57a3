"""Cells of good parts, of disturbed ones and of ones with made-up defects, for the cell function to learn from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from edge.frame import Pixels
from edge.placing import Placer
from edge.settings import Grid, MapSettings
from edge.variables import FloatArray, variable_count
from training.disturbances import disturbed_a_little
from training.placement_spread import placement_spread_px
from training.progress import progress
from training.synthesis import with_defect
from training.unit_space import USUAL_REACH_PX, folds_of, median_picture, unit_space, without

SYNTHETIC_PER_PART = 16
SYNTHETIC_AT_LEAST, SYNTHETIC_AT_MOST = 400, 4800
DISTURBED_AT_LEAST, DISTURBED_AT_MOST = 200, 600
LEAST_CHANGE_LEVELS = 3.0  # grey levels, about the noise of an 8 bit camera: less need not be found in a cell
PLAIN_CHANGE_LEVELS = 14.0  # what people see without looking for it


@dataclass(frozen=True, slots=True, kw_only=True)
class CellExamples:
    """Variables of cells, float16 to save memory, by references that had not seen the parts.

    good: (N, rows, columns, V) of good parts as they are. disturbed: (M, rows, columns, V) of good parts in a little
    worse light, place and focus. defective: (P, rows, columns, V). changes: (P, rows, columns), by how much a defect
    has changed the picture in each cell at most, grey levels; a cell that is changed by more than `least_change` is
    defective. disturbed_of, defective_of: the number of the part that each was made of.
    """

    good: npt.NDArray[np.float16]
    disturbed: npt.NDArray[np.float16]
    defective: npt.NDArray[np.float16]
    changes: npt.NDArray[np.float16]
    disturbed_of: npt.NDArray[np.intp]
    defective_of: npt.NDArray[np.intp]
    least_change: float = LEAST_CHANGE_LEVELS

    @property
    def is_changed(self) -> npt.NDArray[np.bool_]:
        """(P, rows, columns): the cells that a defect has changed."""
        return np.asarray(self.changes > self.least_change)

    @property
    def is_plain(self) -> npt.NDArray[np.bool_]:
        """(P,): the defects that people see on the picture without looking for them."""
        return np.asarray(self.changes.max(axis=(1, 2)) > PLAIN_CHANGE_LEVELS)

    def without(self, parts: npt.NDArray[np.intp]) -> "CellExamples":
        """The examples that were not made of these parts."""
        kept, disturbed, defective = (
            ~np.isin(numbers, parts) for numbers in (np.arange(len(self.good)), self.disturbed_of, self.defective_of)
        )
        return replace(
            self,
            good=self.good[kept],
            disturbed=self.disturbed[disturbed],
            defective=self.defective[defective],
            changes=self.changes[defective],
            disturbed_of=self.disturbed_of[disturbed],
            defective_of=self.defective_of[defective],
        )


def cell_examples(
    pictures: Sequence[Pixels],
    placer: Placer,
    random: np.random.Generator,
    *,
    picture: Pixels | None = None,
    folds: Sequence[npt.NDArray[np.intp]] | None = None,
    as_new: Sequence[Pixels] | None = None,
    settings: MapSettings | None = None,
    synthetic: int | None = None,
    usual_reach_px: int = USUAL_REACH_PX,
) -> CellExamples:
    """Variables of good, disturbed and defective working pictures, by references that had not seen them.

    picture: their median, taken here if it is None. folds: as of `folds_of`, the numbers of pictures that are left out
    together; None: each shows another part. as_new: the parts as of `placed_as_new`; None: as they are. settings: how
    they are measured; None: as the placer's. synthetic: defects in all; None: what has proved enough. usual_reach_px:
    as for `unit_space`.
    """
    settings, count = settings or placer.settings, len(pictures)
    picture = median_picture(pictures) if picture is None else picture
    shift_px = placement_spread_px(pictures, picture, settings.grid)
    defective_of = (
        _spread(count, SYNTHETIC_PER_PART, SYNTHETIC_AT_LEAST, SYNTHETIC_AT_MOST)
        if synthetic is None
        else np.arange(synthetic) % count
    )
    disturbed_of = _spread(count, 1, DISTURBED_AT_LEAST, DISTURBED_AT_MOST)
    shape = (settings.grid.rows, settings.grid.columns, variable_count(settings))
    good, disturbed, defective = (
        np.empty((length, *shape), np.float16) for length in (count, len(disturbed_of), len(defective_of))
    )
    changes = np.zeros((len(defective_of), *shape[:2]), np.float16)
    folds = list(folds_of([str(number) for number in range(count)])) if folds is None else folds
    for left_out in progress(folds, "measuring cells"):
        seen = without(pictures, left_out)
        variables = unit_space(seen, settings, picture, usual_reach_px=usual_reach_px).variables(settings)
        for number in left_out:
            part = pictures[number] if as_new is None else as_new[number]
            good[number] = variables.of(part)
            for row in np.flatnonzero(disturbed_of == number):
                disturbed[row] = variables.of(placer.unmasked(disturbed_a_little(part, random, shift_px=shift_px)))
            for row in np.flatnonzero(defective_of == number):
                spoilt = placer.unmasked(with_defect(part, pictures, random))
                defective[row] = variables.of(spoilt)
                changes[row] = changes_of(part, spoilt, settings.grid)
    return CellExamples(
        good=good,
        disturbed=disturbed,
        defective=defective,
        changes=changes,
        disturbed_of=disturbed_of,
        defective_of=defective_of,
    )


def _spread(count: int, each: int, at_least: int, at_most: int) -> npt.NDArray[np.intp]:
    """Part numbers, every part as often as the others, as many in all as the bounds say."""
    return np.arange(min(max(each * count, at_least), at_most)) % count


def changes_of(part: Pixels, spoilt: Pixels, grid: Grid) -> FloatArray:
    """(rows, columns): by how much a defect has changed a working picture in each cell at most, grey levels."""
    change = cv2.GaussianBlur(spoilt.astype(np.float32) - part.astype(np.float32), (0, 0), 0.8)
    most = np.abs(change).reshape(grid.rows, grid.cell_px, grid.columns, -1).max(axis=1)
    return np.asarray(most.reshape(grid.rows, grid.columns, -1).max(axis=2), dtype=np.float32)
