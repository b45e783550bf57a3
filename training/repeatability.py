"""Is the same thing shown again ever rejected? `python -m training.repeatability FOLDER`

FOLDER holds pictures of which several show the same: `<group>_<repeat>.jpg`, where the group is the text before the
last underscore. For each group, models learn from some of its repeats and judge the others; none should be rejected.
With `--also-by PATTERN` the groups whose names have the same match of this regular expression are taught together
too, one model for all: some repeats of each group are learned, the others judged.
"""

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from edge.pictures import list_pictures
from training.benchmark.tables import rate, table
from training.calibrate import Rate
from training.dataset import GOOD, SMALLEST_GOOD_PARTS, DataSet, Sample, check_one_format
from training.errors import DataSetError, TrainingError
from training.evaluate import Judged, judge_all
from training.fit import fit
from training.learn import FitSettings
from training.loop import TrainingSettings
from training.tool import note, run_tool, share, whole, write_json

HEAD = (
    "group",
    "learned of each",
    "models",
    "repeats rejected",
    "of these FAULT",
    "largest distance / limit",
    "no model",
)
Groups = dict[str, dict[str, list[Sample]]]
"""By the name of what is taught together: its groups, each with its repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One model. why_none: the sentence with which training refused. judged: (file, outcome, reason, margin)."""

    taught_together: str
    learned_of_each: int
    learned: tuple[str, ...]
    why_none: str | None
    rejections: Rate
    faults: int
    largest_margin: float | None
    rejected: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit and judge. Returns 0 when done, 1 when it failed, 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m training.repeatability", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--learn", nargs="+", type=whole, default=[4, 3], metavar="N", help="repeats to learn (4 3)")
    parser.add_argument("--choices", type=whole, default=1, metavar="N", help="of which repeats are learned (1)")
    parser.add_argument("--also-by", type=re.compile, metavar="PATTERN", help="one model for groups that match alike")
    parser.add_argument("--overkill", type=share, default=0.01, metavar="SHARE", help="to calibrate for (0.01)")
    parser.add_argument("--steps", type=whole, metavar="N", help="of training, where the usual number takes too long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="OUT", help="every model, written anew after each")
    return run_tool(parser, run, arguments)


def run(options: argparse.Namespace) -> None:
    """Fit and judge every choice, and print the table."""
    repeats = repeats_in(options.folder)
    together: Groups = {name: {name: samples} for name, samples in repeats.items()}
    if options.also_by is not None:
        together |= joined(repeats, options.also_by)
    done: list[Choice] = []
    for name, groups in together.items():
        for count in options.learn:
            for learned in choices(groups, count, most=options.choices, seed=options.seed):
                note(f"{name}: learns {len(learned)} pictures")
                done.append(judged_choice(name, groups, learned, count, options))
                if options.json is not None:
                    write_json(options.json, done)
    print(as_text(done))


def repeats_in(folder: Path) -> dict[str, list[Sample]]:
    """The pictures of a folder by their group. Raises DataSetError or PictureError, in one sentence."""
    found: defaultdict[str, list[Sample]] = defaultdict(list)
    for path in list_pictures(folder):
        group, underscore, _ = path.stem.rpartition("_")
        if not underscore or not group:
            raise DataSetError(f"{path}: its name is not <group>_<repeat>")
        found[group].append(Sample(path=path, label=GOOD, part=path.stem))
    for group, samples in found.items():
        if len(samples) < 2:
            raise DataSetError(f"{samples[0].path}: there is no other picture of {group} to compare it with")
        check_one_format(samples)
    return dict(found)


def joined(repeats: dict[str, list[Sample]], pattern: "re.Pattern[str]") -> Groups:
    """Groups by what the pattern finds in their names. Raises DataSetError for a name in which it finds nothing."""
    found: defaultdict[str, dict[str, list[Sample]]] = defaultdict(dict)
    for group, samples in repeats.items():
        match = pattern.search(group)
        if match is None:
            raise DataSetError(f"--also-by finds nothing in the name '{group}'")
        found[f"all {match[0]}"][group] = samples
    for groups in found.values():
        check_one_format([sample for samples in groups.values() for sample in samples])
    return dict(found)


def choices(groups: dict[str, list[Sample]], count: int, *, most: int, seed: int) -> list[list[Sample]]:
    """At most so many different choices of `count` repeats of every group, the same numbers of repeat in all groups."""
    shortest = min(len(samples) for samples in groups.values())
    if count >= shortest:
        raise DataSetError(f"of {shortest} repeats {count} cannot be learned: at least one must be left to judge")
    possible = list(combinations(range(shortest), count))
    order = np.random.default_rng(seed).permutation(len(possible))[:most]
    return [[samples[number] for samples in groups.values() for number in possible[choice]] for choice in order]


def judged_choice(
    name: str, groups: dict[str, list[Sample]], learned: list[Sample], count: int, options: argparse.Namespace
) -> Choice:
    """One model that has learned these pictures, and its judgement on the others."""
    others = [sample for samples in groups.values() for sample in samples if sample not in learned]
    dataset = DataSet(root=options.folder, train=tuple(learned), test=tuple(others))
    training = TrainingSettings(seed=options.seed)
    if options.steps is not None:
        training = TrainingSettings(seed=options.seed, steps=options.steps)
    judged: list[Judged] = []
    why_none = None
    try:
        if len(learned) < SMALLEST_GOOD_PARTS:
            raise TrainingError(f"{len(learned)} good parts, at least {SMALLEST_GOOD_PARTS} are needed")  # noqa: TRY301
        fitted = fit(dataset, FitSettings(training=training, is_good_only=True, overkill=options.overkill))
        judged = judge_all(fitted.inspector, others)
    except TrainingError as error:
        why_none = str(error)
    margins = [part.verdict.margin for part in judged if part.verdict.margin is not None]
    return Choice(
        taught_together=name,
        learned_of_each=count,
        learned=tuple(sample.path.name for sample in learned),
        why_none=why_none,
        rejections=Rate(events=sum(part.is_rejected for part in judged), trials=len(judged)),
        faults=sum(part.verdict.distance is None for part in judged),
        largest_margin=max(margins, default=None),
        rejected=tuple(f"{part.sample.path.name}: {part.verdict.reason}" for part in judged if part.is_rejected),
    )


def as_text(done: Sequence[Choice]) -> str:
    """One row for what is taught together and how many repeats were learned, then the sum of all."""
    rows = [
        _row(
            f"{name}", str(count), [one for one in done if (one.taught_together, one.learned_of_each) == (name, count)]
        )
        for name, count in dict.fromkeys((one.taught_together, one.learned_of_each) for one in done)
    ]
    rows.append(_row("all", "", done))
    refusals = dict.fromkeys(one.why_none for one in done if one.why_none is not None)
    return "\n\n".join([table(HEAD, rows), *(f"no model: {why}" for why in refusals)])


def _row(name: str, count: str, group: Sequence[Choice]) -> list[str]:
    total = Rate(events=sum(one.rejections.events for one in group), trials=sum(one.rejections.trials for one in group))
    margins = [one.largest_margin for one in group if one.largest_margin is not None]
    return [
        name,
        count,
        str(sum(one.why_none is None for one in group)),
        rate(total) if total.trials else "–",
        str(sum(one.faults for one in group)),
        f"{max(margins):.2f}" if margins else "–",
        str(sum(one.why_none is not None for one in group)),
    ]


if __name__ == "__main__":
    sys.exit(main())
