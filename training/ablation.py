"""What each part of the map is worth: `python -m training.ablation DATA… [--seeds N] [--rows NAME…] [--json OUT]`.

One thing is left out or changed at a time. No picture of `test/` is opened: three quarters of the good training parts
are learned from, and on the others defects of kinds are drawn that training does not use
(`training/held_out_defects.py`). The network that judges maps plays no part: here a part's distance is the mean of its
map's strongest cells.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2

from edge.pictures import read_picture
from edge.preprocess import HIDDEN_UNITS, cell_levels
from edge.settings import COLOUR_CHANNELS, Grid, MapSettings, Variable
from training.benchmark import tables
from training.cell_examples import LEAST_CHANGE_LEVELS, SYNTHETIC_PER_PART
from training.cells import STEPS, CellShape, learn_cells
from training.dataset import GOOD, DataSet, check_trainable, open_dataset
from training.errors import DataSetError
from training.held_out_trial import (
    POOLINGS,
    Distance,
    Measured,
    Trial,
    aurocs,
    averaged,
    mean_over_kinds,
    measure,
    set_up,
    summed,
)
from training.mahalanobis import learn_mahalanobis
from training.network import ORDER
from training.threads import use_one_thread
from training.tool import note, run_tool, whole, write_json
from training.unit_space import USUAL_REACH_PX

SETTINGS = MapSettings()
SHOWN = (averaged(5), averaged(1), averaged(20), summed(ORDER))  # the last is what the network does
OTHER_CELL_PX = 12
OTHER_LEAST_CHANGES = (4.0, 14.0)
TIMED_PICTURES = 24
SMALLEST_GOOD_PARTS = 12  # a quarter is held out, and five folds are made of the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One row. settings: what is measured; the rest: how it is learned from. is_distance: by Mahalanobis instead."""

    name: str
    settings: MapSettings
    steps: int
    usual_reach_px: int = USUAL_REACH_PX
    synthetic_per_part: int = SYNTHETIC_PER_PART
    least_change: float = LEAST_CHANGE_LEVELS
    has_disturbed: bool = True
    shape: CellShape = field(default_factory=CellShape)
    is_distance: bool = False

    @property
    def measuring(self) -> tuple[Grid, int]:
        """What cannot be had by leaving out columns of what was measured once."""
        return self.settings.grid, self.usual_reach_px


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One row on one set.

    aurocs: by kind of defect, and by what makes one distance of a map. map_ms: the fastest of some working
    pictures to their maps, so that other work of the machine counts little. learning_s: of the cell function.
    """

    data: str
    seed: int
    variant: str
    learned_parts: int
    held_out_parts: int
    aurocs: dict[str, dict[str, float]]
    map_ms: float
    learning_s: float


def variants(settings: MapSettings) -> list[Variant]:
    """Every row of the table, the default first."""
    default = Variant(name="everything", settings=settings, steps=STEPS)
    every, side = settings.variables, settings.grid.cell_px
    grid = Grid(
        rows=settings.grid.height_px // OTHER_CELL_PX,
        columns=settings.grid.width_px // OTHER_CELL_PX,
        cell_px=OTHER_CELL_PX,
    )
    kept = tuple(channel for channel in settings.channels if channel not in COLOUR_CHANNELS)
    without_colour = [_measuring(default, "without colour", channels=kept)] if settings.is_colour else []
    return [
        default,
        *(_measuring(default, f"without {one}", variables=_but(every, one)) for one in every),
        *(_measuring(default, f"{one} alone", variables=(one,)) for one in every),
        *without_colour,
        replace(default, name="without the neighbourhood", shape=CellShape(sees_neighbourhood=False)),
        replace(default, name="without the unit space as input", shape=CellShape(knows_unit_space=False)),
        replace(default, name="without disturbed good parts", has_disturbed=False),
        replace(default, name="Mahalanobis distance", is_distance=True),
        replace(
            default,
            name="Mahalanobis distance, without the neighbourhood",
            is_distance=True,
            shape=CellShape(sees_neighbourhood=False),
        ),
        *(replace(default, name=f"{steps} steps, not {STEPS}", steps=steps) for steps in (STEPS // 2, STEPS * 2)),
        *(
            replace(default, name=f"{units} hidden units, not {HIDDEN_UNITS}", shape=CellShape(hidden_units=units))
            for units in (HIDDEN_UNITS // 2, HIDDEN_UNITS * 2)
        ),
        *(
            replace(default, name=f"{each} defects a part, not {SYNTHETIC_PER_PART}", synthetic_per_part=each)
            for each in (SYNTHETIC_PER_PART // 2, SYNTHETIC_PER_PART * 2)
        ),
        *(
            replace(
                default, name=f"changes of {levels:g} grey levels, not {LEAST_CHANGE_LEVELS:g}", least_change=levels
            )
            for levels in OTHER_LEAST_CHANGES
        ),
        replace(default, name="excess without tolerance", usual_reach_px=0),
        _measuring(default, f"cells of {OTHER_CELL_PX} px, not {side}", grid=grid),
    ]


def evaluate_variant(trial: Trial, measured: Measured, variant: Variant, *, data: str) -> Result:
    """Learn and judge one row. measured: at least what the variant wants, by its own way of measuring."""
    chosen = measured.only(
        variables=variant.settings.variables,
        channels=variant.settings.channels,
        synthetic_per_part=variant.synthetic_per_part,
    )
    start = time.perf_counter()
    distance = _learned(chosen, variant, seed=trial.seed)
    seconds = time.perf_counter() - start
    return Result(
        data=data,
        seed=trial.seed,
        variant=variant.name,
        learned_parts=len(trial.learned),
        held_out_parts=len(trial.good),
        aurocs=aurocs(distance, chosen),
        map_ms=_map_ms(trial, chosen, distance),
        learning_s=seconds,
    )


def _learned(measured: Measured, variant: Variant, *, seed: int) -> Distance:
    examples = replace(measured.examples, least_change=variant.least_change)
    if variant.is_distance:
        return learn_mahalanobis(examples.good, sees_neighbourhood=variant.shape.sees_neighbourhood)
    if not variant.has_disturbed:
        examples = replace(examples, disturbed=examples.good)
    return learn_cells(examples, seed=seed, description=variant.name, steps=variant.steps, shape=variant.shape)


def _map_ms(trial: Trial, measured: Measured, distance: Distance) -> float:
    variables = measured.references.variables(measured.settings)
    taken = []
    for picture in trial.good[:TIMED_PICTURES]:
        start = time.perf_counter()
        cell_levels(distance.of(variables.of(picture)), measured.settings.grid)
        taken.append(1000 * (time.perf_counter() - start))
    return min(taken)


def _measuring(default: Variant, name: str, **changed: object) -> Variant:
    return replace(default, name=name, settings=default.settings.model_copy(update=changed))


def _but(every: Iterable[Variable], one: Variable) -> tuple[Variable, ...]:
    return tuple(variable for variable in every if variable is not one)


def as_text(results: Sequence[Result]) -> str:
    """A row for each variant, and for each set AUROC by SHOWN and the time; then all ways of pooling the first one's
    maps."""
    sets = list(dict.fromkeys(result.data for result in results))
    names = list(dict.fromkeys(result.variant for result in results))

    def of(variant: str, data: str) -> list[Result]:
        return [result for result in results if (result.data, result.variant) == (data, variant)]

    def auroc(variant: str, data: str, pooling: str) -> str:
        return tables.spread([mean_over_kinds(result.aurocs, pooling) for result in of(variant, data)], 3)

    head = ["map", *(text for data in sets for text in (f"{data}: {SHOWN[0]}", *SHOWN[1:], "ms a map"))]
    rows = []
    for variant in names:
        row = [variant]
        for data in sets:
            row += [auroc(variant, data, pooling) for pooling in SHOWN]
            row.append(tables.spread([result.map_ms for result in of(variant, data)], 1))
        rows.append(row)
    poolings = [[pooling, *(auroc(names[0], data, pooling) for data in sets)] for pooling in POOLINGS]
    return f"{tables.table(head, rows)}\n\n{tables.table([f'distance of a map: {names[0]}', *sets], poolings)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study. Returns 0 when done, 1 when it failed, 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m training.ablation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA", help="folder in the layout of `training fit`")
    parser.add_argument("--seeds", type=whole, default=1, metavar="N", help="splits, each with its own defects (1)")
    names = [variant.name for variant in variants(SETTINGS)]
    parser.add_argument("--rows", nargs="+", choices=names, metavar="NAME", help=f"only these: {', '.join(names)}")
    parser.add_argument("--json", type=Path, metavar="OUT", help="every figure, written anew after each row")
    return run_tool(parser, run, arguments)


def run(options: argparse.Namespace) -> None:
    """Measure every row on every set, and print the table."""
    use_one_thread()
    cv2.setNumThreads(1)
    results: list[Result] = []
    for dataset in [_checked(folder) for folder in options.data]:
        for seed in range(options.seeds):
            for result in _results(dataset, options.rows, seed=seed):
                results.append(result)
                if options.json is not None:
                    write_json(options.json, results)
    print(as_text(results))


def _checked(folder: Path) -> DataSet:
    dataset = replace(open_dataset(folder), test=())
    there = len({sample.part for sample in dataset.train_of(GOOD)})
    if there < SMALLEST_GOOD_PARTS:
        raise DataSetError(f"{folder}: {there} good parts to train on, at least {SMALLEST_GOOD_PARTS} are needed here")
    check_trainable(dataset, is_good_only=True)
    return dataset


def _results(dataset: DataSet, rows: Sequence[str] | None, *, seed: int) -> Iterable[Result]:
    is_colour = read_picture(dataset.train_of(GOOD)[0].path).is_colour
    settings = SETTINGS if is_colour else SETTINGS.for_grey()
    wanted = [variant for variant in variants(settings) if rows is None or variant.name in rows]
    data = dataset.root.resolve().name
    note(f"{data}, seed {seed}: drawing and placing")
    trial = set_up(dataset, settings, seed=seed)
    for measuring in dict.fromkeys(variant.measuring for variant in wanted):
        alike = [variant for variant in wanted if variant.measuring == measuring]
        note(f"{data}, seed {seed}: measuring for {', '.join(variant.name for variant in alike)}")
        grid, reach = measuring
        measured = measure(
            trial,
            settings.model_copy(update={"grid": grid}),
            synthetic_per_part=max(variant.synthetic_per_part for variant in alike),
            usual_reach_px=reach,
        )
        for variant in alike:
            result = evaluate_variant(trial, measured, variant, data=data)
            note(f"{data}, seed {seed}: {variant.name}: {mean_over_kinds(result.aurocs, SHOWN[0]):.4f}")
            yield result


if __name__ == "__main__":
    sys.exit(main())
