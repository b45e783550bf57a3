"""Models of several seeds on whole data sets, judged by the device's own path: AUROC, escapes, overkill, time.

DATA is a folder as for `training fit`, or the word `connector`: then the demo part is rendered, into a temporary
folder. Every set gets a model that learns from good parts alone, and one that is shown defects too; where the set has
none to learn from, these are half of its defective test pictures, which are then not judged.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from training.benchmark import bends
from training.benchmark.models import Division, Kind, Measured, divided, measure
from training.benchmark.summary import as_text, connector_text
from training.commands.connector import Counts, write
from training.dataset import DataSet, check_trainable, open_dataset
from training.errors import DataSetError, ExportError, TrainingError
from training.learn import FitSettings
from training.loop import LossName, TrainingSettings
from training.network_names import NETWORKS
from training.tool import note, run_tool, share, whole, write_json

RENDERED = "connector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One model to be made and judged."""

    division: Division
    kind: Kind
    loss: LossName
    seed: int
    truth: bends.Truth | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark. Returns 0 when done, 1 when it failed, 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m training.benchmark", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("data", nargs="+", metavar="DATA", help=f"folder, or '{RENDERED}'")
    parser.add_argument("--seeds", type=whole, default=3, metavar="N", help="models of each kind (default: 3)")
    parser.add_argument("--kinds", nargs="+", choices=list(Kind), default=list(Kind), help="what models are taught")
    parser.add_argument("--losses", nargs="+", choices=list(LossName), default=[LossName.CLASSIFY])
    parser.add_argument("--network", choices=sorted(NETWORKS), default="256-256")
    parser.add_argument("--overkill", type=share, default=0.01, metavar="SHARE", help="to calibrate for (0.01)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="every figure, written anew after each model")
    rendered = parser.add_argument_group(f"the rendered set '{RENDERED}'")
    rendered.add_argument("--connector-parts", type=whole, default=600, metavar="N", help="good ones to train on (600)")
    rendered.add_argument("--connector-bends", type=whole, metavar="N", help="bent ones to train on (grows with parts)")
    rendered.add_argument("--fresh-good", type=whole, default=2000, metavar="N", help="good ones to judge (2000)")
    rendered.add_argument("--fresh-bends", type=whole, default=1080, metavar="N", help="bent ones to judge (1080)")
    rendered.add_argument("--connector-seed", type=int, default=1, metavar="S", help="another seed, other parts (1)")
    return run_tool(parser, run, arguments)


def run(options: argparse.Namespace) -> None:
    """Make and judge every model, and print the tables. TrainingError at the end for those that were not to be made."""
    with ExitStack() as stack:
        datasets = [_opened(name, options, stack) for name in options.data]
        jobs = [job for dataset in datasets for job in _jobs(dataset, options)]
        done: list[Measured] = []
        failed: list[str] = []
        for number, job in enumerate(jobs, start=1):
            name = f"{job.division.dataset.root.name} {job.kind} {job.loss} seed {job.seed}"
            note(f"model {number} of {len(jobs)}: {name}")
            try:
                done.append(_measured(job, options))
            except (TrainingError, ExportError) as error:  # the others took hours, or will
                note(f"not made: {error}")
                failed.append(f"{name}: {error}")
            if options.json is not None:
                write_json(options.json, done)
    if done:
        print(as_text(done))
    if any(measured.bends for measured in done):
        print(f"\n{connector_text(done)}")
    if failed:
        raise TrainingError(f"{len(failed)} of {len(jobs)} models were not made ({'; '.join(failed)})")


def _opened(name: str, options: argparse.Namespace, stack: ExitStack) -> DataSet:
    root = Path(name)
    if name == RENDERED and not root.exists():
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kensa-"))) / RENDERED
        counts = Counts(
            train_bends=options.connector_bends, test_good=options.fresh_good, sized_bends=options.fresh_bends
        )
        note(f"rendering into {root}, which goes when the benchmark ends")
        write(root, parts=options.connector_parts, seed=options.connector_seed, counts=counts)
    dataset = open_dataset(root)
    if not dataset.test:
        raise DataSetError(f"{root}: there are no test pictures to judge")
    return dataset


def _jobs(dataset: DataSet, options: argparse.Namespace) -> list[Job]:
    truth = bends.read_truth(dataset.root)
    jobs = []
    for kind, loss, seed in product(options.kinds, options.losses, range(options.seeds)):
        division = divided(dataset, Kind(kind), seed=seed)
        jobs.append(Job(division=division, kind=Kind(kind), loss=LossName(loss), seed=seed, truth=truth))
    for kind in options.kinds:  # one look at every picture is enough: other seeds have the same ones
        division = next(job.division for job in jobs if job.kind == kind)
        check_trainable(division.dataset, is_good_only=kind == Kind.GOOD_ONLY)
    return jobs


def _measured(job: Job, options: argparse.Namespace) -> Measured:
    settings = FitSettings(
        training=TrainingSettings(loss=job.loss, hidden=NETWORKS[options.network], seed=job.seed),
        is_good_only=job.kind is Kind.GOOD_ONLY,
        overkill=options.overkill,
    )
    return measure(job.division, settings, kind=job.kind, network=options.network, truth=job.truth)


if __name__ == "__main__":
    sys.exit(main())
