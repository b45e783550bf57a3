"""The three losses on real sets, several seeds each: `python -m training.benchmark DATA… --seeds 3`.

Every model is trained from good parts alone and judged on the set's test pictures by the device's own path. Prints one
row a set and loss with the mean and the range over seeds, ready for a README; --json writes every single figure.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import EdgeError
from training.dataset import DataSet, check_trainable, open_dataset
from training.evaluate import as_json, evaluate, judge_all
from training.fit import fit
from training.learn import FitSettings
from training.loop import LossName, TrainingSettings
from training.network_names import NETWORKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One trained and judged model. figures: as of `training evaluate --json`, without the pictures."""

    data: str
    loss: str
    network: str
    seed: int
    seconds: float
    figures: dict[str, object]


def measure(dataset: DataSet, *, loss: LossName, network: str, seed: int) -> Row:
    """Train one good-only model and judge the test pictures."""
    began = time.monotonic()
    training = TrainingSettings(loss=loss, hidden=NETWORKS[network], seed=seed)
    fitted = fit(dataset, FitSettings(training=training, is_good_only=True))
    seconds = time.monotonic() - began
    figures = as_json(evaluate(judge_all(fitted.inspector, dataset.test)))
    del figures["pictures"]
    return Row(data=dataset.root.name, loss=loss, network=network, seed=seed, seconds=seconds, figures=figures)


def table(rows: Sequence[Row]) -> str:
    """Markdown: mean (smallest to largest over seeds) of each figure."""
    lines = [
        "| set | loss | network | seeds | AUROC | escapes | overkills | fit, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((row.data, row.loss, row.network) for row in rows):
        group = [row for row in rows if (row.data, row.loss, row.network) == key]
        cells = [
            _spread([float(str(row.figures["auroc"])) for row in group], digits=3),
            _spread([_share(row, "escapes") for row in group], digits=2),
            _spread([_share(row, "overkills") for row in group], digits=2),
            _spread([row.seconds for row in group], digits=0),
        ]
        lines.append(f"| {' | '.join(key)} | {len(group)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark. Returns 0 when done, 1 when it failed."""
    parser = argparse.ArgumentParser(prog="python -m training.benchmark", description="The three losses on real sets.")
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--losses", nargs="+", choices=list(LossName), default=list(LossName))
    parser.add_argument("--network", choices=sorted(NETWORKS), default="256-256")
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    try:
        for dataset in [open_dataset(folder) for folder in options.data]:
            check_trainable(dataset, is_good_only=True)
            for loss in options.losses:
                for seed in range(options.seeds):
                    rows.append(measure(dataset, loss=LossName(loss), network=options.network, seed=seed))
                    row = rows[-1]
                    print(f"{row.data} {row.loss} seed {seed}: AUROC {row.figures['auroc']}", file=sys.stderr)
        if options.json is not None:
            options.json.write_text(json.dumps([_plain(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    except (EdgeError, OSError) as error:
        print(f"training.benchmark: {error}", file=sys.stderr)
        return 1
    print(table(rows))
    return 0


def _plain(row: Row) -> dict[str, object]:
    named = {"data": row.data, "loss": row.loss, "network": row.network, "seed": row.seed}
    return {**named, "seconds": row.seconds, **row.figures}


def _share(row: Row, rate: str) -> float:
    counted = row.figures[rate]
    assert isinstance(counted, dict)
    return float(counted["events"]) / max(int(counted["trials"]), 1)


def _spread(values: Sequence[float], *, digits: int) -> str:
    middle = sum(values) / len(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    sys.exit(main())
