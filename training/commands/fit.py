"""`training fit`: a folder of pictures becomes a bundle, a report and figures."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from edge.errors import EdgeError
from edge.scoring import Metric
from edge.settings import AlignmentMode, Channel, Grid, MapSettings, Variable
from training.dataset import DataSet, check_trainable, open_dataset
from training.network_names import LOSSES, NETWORKS
from training.run_folder import RunFolder

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from training.checkpoint import Checkpoint
    from training.learn import FitSettings

LONGEST_NAME = 64


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The options of `training fit`."""
    parser = subparsers.add_parser("fit", help="train a model on a folder of pictures, mostly of good parts")
    parser.add_argument("data", type=Path, metavar="DATA", help="folder with train/good (or good) and defect folders")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="new folder for bundle and report")
    parser.add_argument("--loss", choices=LOSSES, default="classify")
    parser.add_argument("--network", choices=sorted(NETWORKS), default="256-256", help="hidden layers")
    parser.add_argument(
        "--distance", choices=list(Metric), default=Metric.EUCLIDEAN, help="from the good parts, by which is judged"
    )
    parser.add_argument("--good-only", action="store_true", help="do not learn from pictures of defects")
    parser.add_argument("--seed", type=_whole, default=0, help="the same seed gives the same model")
    parser.add_argument(
        "--overkill", type=_share, default=0.02, metavar="SHARE", help="good parts that may be rejected"
    )
    parser.add_argument("--product", type=_name, default="part", help="name of the part, travels in the bundle")
    parser.add_argument("--serial", type=_whole, default=1, help="must grow with every model that a station gets")
    parser.add_argument("--grid", type=_grid, default=Grid(), metavar="ROWSxCOLUMNS", help="cells of the map (36x39)")
    parser.add_argument(
        "--channels", type=_several(Channel), default=tuple(Channel), help="comma-separated; all by default"
    )
    parser.add_argument(
        "--variables", type=_several(Variable), default=tuple(Variable), help="comma-separated; all by default"
    )
    parser.add_argument(
        "--alignment",
        choices=["auto", *(mode.value.replace("_", "-") for mode in AlignmentMode)],
        default="auto",
        help="how parts may lie: decided by the good parts (auto), shifted and rotated a little (fixture), at any "
        "angle, or as they do, with nothing aligned (none)",
    )
    parser.add_argument("--language", choices=["en", "ja"], default="en", help="of the report, which can show both")
    parser.add_argument("--resume", action="store_true", help="go on from where this run was stopped")
    parser.add_argument("--tensorboard", type=Path, metavar="DIR", help="write event files for TensorBoard there, too")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Train and write RUN, whole or not at all; a run that is stopped keeps what was learned."""
    folder = RunFolder(arguments.out)
    dataset = open_dataset(arguments.data)
    check_trainable(dataset, is_good_only=arguments.good_only)
    print(f"{arguments.data}: {_counts(dataset.train)} to train on, {_counts(dataset.test)} to test on")

    from training.checkpoint import Checkpoint  # after the folder was looked at: torch takes seconds to load
    from training.event_files import open_writer

    writer = None if arguments.tensorboard is None else open_writer(arguments.tensorboard)
    checkpoint = Checkpoint(arguments.out, is_resumed=arguments.resume)
    if arguments.resume:
        print(f"going on from {checkpoint.folder}" if checkpoint.holds_something else "nothing to go on from: anew")
    try:
        _fit(arguments, dataset, folder, checkpoint, writer)
    except KeyboardInterrupt:
        if not checkpoint.holds_something:
            raise
        print(f"training: stopped; {checkpoint.folder} keeps what was learned, --resume goes on", file=sys.stderr)
        return 1
    except EdgeError:
        if not arguments.resume:
            checkpoint.remove()
        raise
    checkpoint.remove()
    return 0


def _fit(
    arguments: argparse.Namespace,
    dataset: DataSet,
    folder: RunFolder,
    checkpoint: "Checkpoint",
    writer: "SummaryWriter | None",
) -> None:
    from training.commands.evaluate import as_text
    from training.evaluate import evaluate, judge_all
    from training.event_files import write_events
    from training.fit import fit
    from training.report import findings_of, metrics_of, report_of

    began = time.monotonic()
    fitted = fit(dataset, _settings(arguments), checkpoint)
    evaluation = evaluate(judge_all(fitted.inspector, dataset.test)) if dataset.test else None
    finished = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    findings = findings_of(fitted, evaluation, seconds=time.monotonic() - began, finished=finished)
    folder.write(
        {
            "bundle": fitted.archive,
            "metrics.json": (json.dumps(metrics_of(findings), indent=1) + "\n").encode(),
            "report.html": report_of(findings, language=arguments.language).encode(),
        }
    )
    if writer is not None:
        write_events(writer, findings)
    if evaluation is not None:
        print(as_text(evaluation))
    if window := fitted.bundle.manifest.map.window:
        print(f"looked at: {window} of {fitted.bundle.manifest.frame}, the regions with room around them")
    print(f"alignment: {fitted.learned.alignment}")
    for sample, why in fitted.learned.left_out.items():
        print(f"not learned from: {sample.path}, a good part that a station would refuse ({why})")
    print(fitted.limit)
    print(f"{arguments.out / 'bundle'}, report.html and metrics.json written in {time.monotonic() - began:.0f} s")


def _settings(arguments: argparse.Namespace) -> "FitSettings":
    from training.learn import FitSettings
    from training.loop import LossName, TrainingSettings

    return FitSettings(
        training=TrainingSettings(
            loss=LossName(arguments.loss), hidden=NETWORKS[arguments.network], seed=arguments.seed
        ),
        map=MapSettings(grid=arguments.grid, channels=arguments.channels, variables=arguments.variables),
        alignment=None if arguments.alignment == "auto" else AlignmentMode(arguments.alignment.replace("-", "_")),
        is_good_only=arguments.good_only,
        metric=Metric(arguments.distance),
        overkill=arguments.overkill,
        product=arguments.product,
        serial=arguments.serial,
    )


def _counts(samples: "tuple[object, ...]") -> str:
    labels = [getattr(sample, "label", "") for sample in samples]
    defects = sum(label != "good" for label in labels)
    return f"{len(labels) - defects} good and {defects} defective pictures"


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share between 0 and 1")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**31:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to {2**31 - 1}")
    return value


def _name(text: str) -> str:
    if not 1 <= len(text) <= LONGEST_NAME:
        raise argparse.ArgumentTypeError(f"a name has 1 to {LONGEST_NAME} characters, not {len(text)}")
    return text


def _grid(text: str) -> Grid:
    try:
        rows, columns = (int(side) for side in text.split("x"))
        return Grid(rows=rows, columns=columns)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is no grid; write ROWSxCOLUMNS, each from 4 to 128") from error


Choice = TypeVar("Choice", bound=StrEnum)


def _several(choices: type[Choice]) -> Callable[[str], tuple[Choice, ...]]:
    def parse(text: str) -> tuple[Choice, ...]:
        try:
            return tuple(dict.fromkeys(choices(name) for name in text.split(",")))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text}: choose from {', '.join(choices)}") from error

    return parse
