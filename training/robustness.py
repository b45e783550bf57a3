"""A finished model under what a shop floor does to pictures: `python -m training.robustness RUN_OR_BUNDLE DATA`.

Every test picture is disturbed in one way at a time, at full size, and judged by the device's own path. The table says,
for each trouble: how many good parts are rejected and how many of these by the gate (FAULT, with its reason), how many
defects pass, and how many defects the gate took out.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.drivers import open_embedder
from edge.frame import Frame
from edge.inspection import Inspector
from edge.model_store import arm, read_bundle
from training.benchmark.tables import rate, table
from training.calibrate import Rate
from training.dataset import GOOD, LazyFrames, Sample, open_dataset
from training.disturbances import Disturbance, disturbances
from training.errors import DataSetError
from training.evaluate import Judged, evaluate, judge_all
from training.run_folder import bundle_in
from training.tool import note, run_tool, whole, write_json

HEAD = ("trouble", "overkill", "of these FAULT", "escapes", "defects caught as FAULT", "reasons of FAULT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one disturbance did. good_faults, defect_faults: parts that the gate took out, by its reason."""

    name: str
    overkills: Rate
    escapes: Rate
    auroc: float | None
    good_faults: dict[str, int]
    defect_faults: dict[str, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge and print. Returns 0 when done, 1 when it failed, 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m training.robustness", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", type=Path, metavar="RUN_OR_BUNDLE", help="folder of `training fit`, or a bundle")
    parser.add_argument("data", type=Path, metavar="DATA", help="folder in the layout of `training fit`")
    parser.add_argument("--seed", type=int, default=0, help="of directions, noise and dust")
    parser.add_argument("--most", type=whole, metavar="N", help="judge at most N good and N defective parts, drawn")
    parser.add_argument("--json", type=Path, metavar="OUT", help="every figure, and the AUROC under each trouble")
    return run_tool(parser, run, arguments)


def run(options: argparse.Namespace) -> None:
    """Judge every test picture under every disturbance."""
    bundle = read_bundle(bundle_in(options.model))
    inspector = arm(bundle, open_embedder(bundle))
    samples = drawn(open_dataset(options.data).test, most=options.most, seed=options.seed)
    if not samples:
        raise DataSetError(f"{options.data}: there are no test pictures to judge")
    first, form = LazyFrames(samples)[0], bundle.manifest.frame
    if (first.width, first.height, first.is_colour) != (form.width, form.height, form.is_colour):
        kind = "colour" if form.is_colour else "grey"
        size = f"{form.width}x{form.height}"
        raise DataSetError(f"{first.source}: the model judges {kind} pictures of {size} pixels only")
    rows = []
    for disturbance in disturbances(bundle.manifest.map.grid):
        note(disturbance.name)
        rows.append(under(disturbance, inspector, samples, seed=options.seed))
    if options.json is not None:
        write_json(options.json, rows)
    print(table(HEAD, [_cells(row) for row in rows]))


def drawn(samples: Sequence[Sample], *, most: int | None, seed: int) -> list[Sample]:
    """At most so many good and so many defective samples, in their order."""
    kept: set[Sample] = set()
    for is_good in (True, False):
        group = [sample for sample in samples if (sample.label == GOOD) == is_good]
        order = np.random.default_rng(seed).permutation(len(group))
        kept |= {group[number] for number in order[:most]}
    return [sample for sample in samples if sample in kept]


def under(disturbance: Disturbance, inspector: Inspector, samples: Sequence[Sample], *, seed: int) -> Row:
    """The samples, disturbed and judged. The same seed draws the same for a picture, whatever the disturbance."""
    judged = judge_all(inspector, samples, _disturbed(disturbance, samples, seed=seed))
    found = evaluate(judged)
    return Row(
        name=disturbance.name,
        overkills=found.overkills,
        escapes=found.escapes,
        auroc=found.auroc,
        good_faults=_faults([part for part in judged if part.is_good]),
        defect_faults=_faults([part for part in judged if not part.is_good]),
    )


def _disturbed(disturbance: Disturbance, samples: Sequence[Sample], *, seed: int) -> Iterator[Frame]:
    for number, frame in enumerate(LazyFrames(samples)):
        pixels = disturbance.disturb(frame.pixels, np.random.default_rng((seed, number)))
        yield Frame(pixels=pixels, source=f"{frame.source}, {disturbance.name}")


def _faults(judged: Sequence[Judged]) -> dict[str, int]:
    return dict(Counter(str(part.verdict.reason) for part in judged if part.verdict.outcome == "FAULT").most_common())


def _cells(row: Row) -> list[str]:
    reasons = Counter(row.good_faults) + Counter(row.defect_faults)
    return [
        row.name,
        rate(row.overkills),
        str(sum(row.good_faults.values())),
        rate(row.escapes),
        str(sum(row.defect_faults.values())),
        ", ".join(f"{reason} {count}" for reason, count in reasons.most_common()) or "–",
    ]


if __name__ == "__main__":
    sys.exit(main())
