"""What a model is worth that few good parts were taught to: `python -m training.few_parts DATA… --parts 5 10 20 50`.

Every model learns from a random draw of the set's good training parts and from nothing else, and is judged on all test
pictures by the device's own path.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from training.benchmark import tables
from training.benchmark.models import Division, Kind, Measured, measure
from training.calibrate import CONDITION, MARGIN, parts_for
from training.dataset import GOOD, DataSet, check_trainable, open_dataset
from training.errors import DataSetError
from training.learn import FitSettings
from training.loop import TrainingSettings
from training.tool import note, run_tool, share, whole, write_json

HEAD = ("set", "good parts", "draws", "AUROC", "escapes", "overkill", "expected", "guaranteed", "fit, s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One model from few parts: how many, and which draw."""

    parts: int
    draw: int
    measured: Measured


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit and judge. Returns 0 when done, 1 when it failed, 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m training.few_parts", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA", help="folder in the layout of `training fit`")
    parser.add_argument("--parts", nargs="+", type=whole, default=[5, 10, 20, 50], metavar="N")
    parser.add_argument("--draws", type=whole, default=5, metavar="N", help="models of each number of parts (5)")
    parser.add_argument("--overkill", type=share, default=0.01, metavar="SHARE", help="to calibrate for (0.01)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="every figure, written anew after each model")
    return run_tool(parser, run, arguments)


def run(options: argparse.Namespace) -> None:
    """Fit and judge every draw, and print the table."""
    datasets = [_checked(folder, most=max(options.parts)) for folder in options.data]
    done: list[Drawn] = []
    for dataset, parts, draw in product(datasets, options.parts, range(options.draws)):
        note(f"{dataset.root.name}: {parts} good parts, draw {draw + 1} of {options.draws}")
        settings = FitSettings(training=TrainingSettings(seed=draw), is_good_only=True, overkill=options.overkill)
        division = draw_of(dataset, parts, seed=draw)
        measured = measure(division, settings, kind=Kind.GOOD_ONLY, network="256-256")
        done.append(Drawn(parts=parts, draw=draw, measured=measured))
        if options.json is not None:
            write_json(options.json, done)
    print(as_text(done, overkill=options.overkill))


def draw_of(dataset: DataSet, parts: int, *, seed: int) -> Division:
    """The data set with so many of its good training parts, drawn by physical part, and no others to learn from."""
    good = dataset.train_of(GOOD)
    names = sorted({sample.part for sample in good})
    chosen = {names[number] for number in np.random.default_rng(seed).permutation(len(names))[:parts]}
    train = tuple(sample for sample in good if sample.part in chosen)
    return Division(dataset=replace(dataset, train=train), words=f"learns from {parts} good parts, draw {seed}")


def as_text(done: Sequence[Drawn], *, overkill: float) -> str:
    """The table, and what so few parts can promise."""
    rows = []
    for name, parts in dict.fromkeys((one.measured.data, one.parts) for one in done):
        group = [one.measured for one in done if (one.measured.data, one.parts) == (name, parts)]
        figures = [one.figures for one in group]
        rows.append(
            [
                name,
                str(parts),
                str(len(group)),
                tables.estimates(one.auroc for one in figures),
                tables.rates(one.escapes for one in figures),
                tables.rates(one.overkills for one in figures),
                tables.spread([100 * one.limit.expected for one in group], 1, unit=" %"),
                tables.spread([100 * one.limit.guarantee for one in group], 1, unit=" %"),
                tables.spread([one.seconds for one in group], 0),
            ]
        )
    promise = (
        f"expected, guaranteed: the overkill that so many parts allow to promise, on average over draws; guaranteed"
        f"{CONDITION}. {overkill:.1%} was asked for; that takes {parts_for(overkill)} parts. Where there are fewer the "
        f"limit may be widened {MARGIN}: a margin, no guarantee."
    )
    return "\n\n".join([tables.NOTE, tables.table(HEAD, rows), promise])


def _checked(folder: Path, *, most: int) -> DataSet:
    dataset = open_dataset(folder)
    check_trainable(dataset, is_good_only=True)
    there = len({sample.part for sample in dataset.train_of(GOOD)})
    if there < most:
        raise DataSetError(f"{folder}: there are {there} good parts to draw from, {most} were asked for with --parts")
    if not dataset.test:
        raise DataSetError(f"{folder}: there are no test pictures to judge")
    return dataset


if __name__ == "__main__":
    sys.exit(main())
