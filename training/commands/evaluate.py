"""`training evaluate`: how a finished bundle judges pictures of known truth."""

import argparse
import json
from pathlib import Path

from edge.drivers import open_embedder
from edge.errors import EdgeError
from edge.model_store import arm, read_bundle
from training.dataset import open_dataset
from training.evaluate import Evaluation, as_json, evaluate, judge_all
from training.run_folder import bundle_in


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The options of `training evaluate`."""
    parser = subparsers.add_parser("evaluate", help="judge the test pictures of a folder and count the mistakes")
    parser.add_argument("model", type=Path, metavar="RUN_OR_BUNDLE", help="folder of `training fit`, or a bundle")
    parser.add_argument("data", type=Path, metavar="DATA", help="folder in the layout of `training fit`")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures and every picture's distance")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Judge and print."""
    bundle = read_bundle(bundle_in(arguments.model))
    inspector = arm(bundle, open_embedder(bundle))
    evaluation = evaluate(judge_all(inspector, open_dataset(arguments.data).test))
    print(as_text(evaluation))
    if arguments.json is not None:
        try:
            arguments.json.write_text(json.dumps(as_json(evaluation), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise EdgeError(f"{arguments.json} could not be written: {error.strerror}") from error
    return 0


def as_text(evaluation: Evaluation) -> str:
    """The figures for people."""
    auroc = "not defined, one kind of part is missing" if evaluation.auroc is None else f"{evaluation.auroc:.4f}"
    lines = [
        f"AUROC      {auroc}",
        f"escapes    {evaluation.escapes}",
        f"overkills  {evaluation.overkills}",
    ]
    if evaluation.overkill_at_zero_escapes is not None:
        lines.append(f"overkill at zero escapes  {evaluation.overkill_at_zero_escapes}")
    if evaluation.faults:
        lines.append(f"could not be judged  {evaluation.faults} (counted as rejected)")
    if len(evaluation.per_defect) <= 30:
        lines += [f"  {label:<20} escapes {rate}" for label, rate in evaluation.per_defect.items()]
    return "\n".join(lines)
