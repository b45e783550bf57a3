"""`training corrected`: which corrected parts a new model gets right, and what hides a defect that it still misses."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.drivers import open_embedder
from edge.inspection import Inspection
from edge.model_store import arm, read_bundle
from edge.pictures import read_picture
from edge.preprocess import CEILING_SIGMA, FLOOR_SIGMA
from training.collecting import Corrected, corrected_in, picture_of
from training.run_folder import bundle_in

CONSPICUOUS_SIGMA = 5.0  # of good parts; what the page outlines


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One corrected part: was the station right, is the new model, and why not."""

    part: Corrected
    was_right: bool
    is_right: bool | None
    words: str


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The options of `training corrected`."""
    parser = subparsers.add_parser("corrected", help="how a model judges the parts that people have corrected")
    parser.add_argument("model", type=Path, metavar="RUN_OR_BUNDLE")
    parser.add_argument("data", type=Path, metavar="VERSION", help="data set of `training collect`")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Judge them and print one line each, and the sums. What was taught is no proof, and the last line says so."""
    bundle = read_bundle(bundle_in(arguments.model))
    inspector = arm(bundle, open_embedder(bundle))
    collected = corrected_in(arguments.data)
    lines = []
    for part in collected.corrected:
        path = picture_of(arguments.data, collected.station, part)
        lines.append(line_of(part, inspector.inspect(read_picture(path)) if path else None))
    for line in lines:
        print(f"part {line.part.sequence:8}  {line.part.correction:4}  {line.words}")
    known = [line for line in lines if line.is_right is not None]
    before, after = sum(line.was_right for line in known), sum(bool(line.is_right) for line in known)
    print(f"right before: {before} of {len(known)}, right now: {after} of {len(known)}")
    print("if the model was taught these very parts, that they are right is no proof: test it on others")
    return 0


def line_of(part: Corrected, found: Inspection | None) -> Line:
    """A corrected part and what the new model says of it."""
    was_right = (part.outcome == "OK") == (part.correction == "good")
    if found is None:
        return Line(part=part, was_right=was_right, is_right=None, words="no picture: not judged")
    outcome = found.verdict.outcome.value
    is_right = (outcome == "OK") == (part.correction == "good")
    words = f"{part.outcome} before, {outcome} now: {'right' if is_right else 'WRONG'}"
    if not is_right and part.correction == "bad":
        words += f"; {hidden_by(found)}"
    return Line(part=part, was_right=was_right, is_right=is_right, words=words)


def hidden_by(found: Inspection) -> str:
    """Why a defect is passed: the map does not show it, or what comes after the map does not heed it."""
    if found.cell_map is None:
        return "there is no map of it"
    sigmas = FLOOR_SIGMA + found.cell_map.astype(np.float64) * (CEILING_SIGMA - FLOOR_SIGMA) / 255
    seen = int((sigmas >= CONSPICUOUS_SIGMA).sum())
    if not seen:
        return (
            f"the map does not see it (strongest cell {sigmas.max():.1f} deviations of good parts): "
            "more light or magnification, or a finer grid"
        )
    margin = found.verdict.margin
    share = "" if margin is None else f" at {margin:.2f} of the limit"
    return f"the map sees it ({seen} cells beyond {CONSPICUOUS_SIGMA:g} deviations), embedding or limit hide it{share}"
