"""What the network learns from: honest maps of good parts, of labelled defects and of synthetic ones.

A good part's map comes from references and a cell function that had not seen the part (cross-fitting); otherwise good
parts would look quieter in training than they ever will on the line. Labelled defects teach every cell function: the
limit rests on good parts alone, and their own maps only give them their names.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from edge.errors import NotJudged
from edge.frame import Frame, Pixels
from edge.placing import Placer
from edge.preprocess import CellFunction, References, cell_levels
from edge.settings import Grid
from edge.variables import FloatArray, variable_count
from training.cell_examples import CellExamples, cell_examples
from training.cells import learn_cells, standardised, steps_for
from training.errors import TrainingError
from training.placed_parts import PlacedParts
from training.progress import progress
from training.registration import placed_as_new
from training.synthesis import MapPool
from training.unit_space import folds_of, unit_space

SMALLEST_VISIBLE_SHARE = 0.5  # of the plain ones; 0.97 on pills
SMALLEST_VISIBLE_LEVELS = 30  # a synthetic defect that raises no cell by two deviations teaches nothing

Variables = npt.NDArray[np.float16]

CellsOnce = Callable[[int, Callable[[], CellFunction]], CellFunction]
"""Number of a cell function and how to learn it → the function, learned now or before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodParts:
    """What good parts give.

    pictures: working pictures. maps: (N, rows, columns) uint8, cross-fitted. disturbed: (M, rows, columns) uint8, of
    the same parts in a little worse light, place and focus. residues: (P, rows, columns) float32, what visible
    synthetic defects added to a good map, in levels. invisible: how many more raised no cell visibly. labelled: (L,
    rows, columns) uint8 maps of labelled defects, by what has learned from them. folds: numbers of the pictures that a
    fold had not seen, by which all this was cross-fitted.
    """

    placer: Placer
    references: References
    cells: CellFunction
    pictures: list[Pixels]
    maps: Pixels
    disturbed: Pixels
    residues: FloatArray
    invisible: int
    labelled: Pixels
    folds: list[npt.NDArray[np.intp]]

    @property
    def pool(self) -> MapPool:
        """What further maps are made of."""
        return MapPool(
            good=self.maps.astype(np.float32), disturbed=self.disturbed.astype(np.float32), residues=self.residues
        )


def learn_good_parts(
    frames: Sequence[Frame],
    placed: PlacedParts,
    *,
    parts: Sequence[str],
    seed: int,
    defective: Sequence[Frame] = (),
    once: CellsOnce | None = None,
) -> GoodParts:
    """Map good and synthetic defective parts by what was learned from the others.

    frames: of the placed pictures, in their order. parts: of which physical part each is. defective: of labelled
    defects; TrainingError for one that cannot be brought into place. once: takes cell functions over from a run that
    was stopped.
    """
    folds = list(folds_of(parts))
    random = np.random.default_rng(seed)
    placer, pictures, picture = placed.placer, [*placed.pictures.values()], placed.median
    settings = placer.settings
    as_new = placed_as_new(frames, pictures, placer, folds)
    examples = cell_examples(pictures, placer, random, picture=picture, folds=folds, as_new=as_new)
    references = unit_space(pictures, settings, picture, inspected=placer.inspected)
    labelled = _measured(defective, placer, references)
    function, values = _cross_fitted(examples, labelled, folds, seed=seed, once=once)
    function = standardised(function, values.good)
    maps, disturbed, spoilt = (
        cell_levels((each - function.middle) / function.deviation, settings.grid)
        for each in (values.good, values.disturbed, values.defective)
    )
    residues = spoilt.astype(np.float32) - maps[examples.defective_of]
    is_visible = residues.max(axis=(1, 2)) > SMALLEST_VISIBLE_LEVELS
    plain = is_visible[examples.is_plain]
    if plain.sum() < max(SMALLEST_VISIBLE_SHARE * len(plain), 1):
        raise TrainingError(
            "most synthetic defects cannot be seen on these pictures: good parts differ too much from each other "
            "(do they all lie alike, in the same light, and is it one kind of part?)"
        )
    return GoodParts(
        placer=placer,
        references=references,
        cells=function,
        pictures=pictures,
        maps=maps,
        disturbed=disturbed,
        residues=residues[is_visible],
        invisible=int((~is_visible).sum()),
        labelled=_mapped(function, labelled, settings.grid),
        folds=folds,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """What cell functions give that had not seen the part, (N, cells) float32 each."""

    good: FloatArray
    disturbed: FloatArray
    defective: FloatArray


def _cross_fitted(
    examples: CellExamples,
    labelled: Variables,
    folds: Sequence[npt.NDArray[np.intp]],
    *,
    seed: int,
    once: CellsOnce | None,
) -> tuple[CellFunction, _Values]:
    """The function of all examples, and the values of each by a function of the others."""
    cells = examples.good.shape[1] * examples.good.shape[2]
    steps = steps_for(len(examples.good))  # the same for all: their values are compared
    good, disturbed, defective = (
        np.zeros((len(each), cells), np.float32) for each in (examples.good, examples.disturbed, examples.defective)
    )

    def learned(number: int, left_out: npt.NDArray[np.intp] | None = None) -> CellFunction:
        shown = examples if left_out is None else examples.without(left_out)
        description = f"cell function {number} of {len(folds) + 1}"
        learn = partial(learn_cells, shown, labelled=labelled, seed=seed, description=description, steps=steps)
        return learn() if once is None else once(number, learn)

    for number, left_out in enumerate(folds, start=1):
        function = learned(number, left_out)
        for variables, values, made_of in (
            (examples.good, good, np.arange(len(good))),
            (examples.disturbed, disturbed, examples.disturbed_of),
            (examples.defective, defective, examples.defective_of),
        ):
            for row in np.flatnonzero(np.isin(made_of, left_out)):
                values[row] = function.of(variables[row].astype(np.float32))
    return learned(len(folds) + 1), _Values(good=good, disturbed=disturbed, defective=defective)


def _measured(frames: Sequence[Frame], placer: Placer, references: References) -> Variables:
    """(L, rows, columns, V) of defective parts, in the order of the frames."""
    grid = placer.settings.grid
    found = np.empty((len(frames), grid.rows, grid.columns, variable_count(placer.settings)), np.float16)
    variables = references.variables(placer.settings)
    for number in progress(range(len(frames)), "measuring defects"):
        frame = frames[number]
        try:
            found[number] = variables.of(placer.place(frame).pixels)
        except NotJudged as reason:
            raise TrainingError(f"{frame.source} cannot be learned from: {reason}") from reason
    return found


def _mapped(function: CellFunction, variables: Variables, grid: Grid) -> Pixels:
    maps = np.empty((len(variables), grid.rows, grid.columns), np.uint8)
    for number, part in enumerate(variables):
        maps[number] = cell_levels(function.of(part.astype(np.float32)), grid)
    return maps
