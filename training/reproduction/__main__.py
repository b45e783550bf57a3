"""The learners of the client's documents on rendered connectors with their 19 labels, several seeds each.

Siamese (SMNW3), at 26×36 and at 36×39; simple classification (SMNRT21), with 128 numbers and with 2; triplet (SMNRT42),
with and without the balance that its authors proposed. See `training/reproduction/data.py` for what stands in for the
documents' pictures.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.drivers import open_embedder
from edge.model_store import arm, read_bundle
from training.benchmark.tables import spread, table
from training.documents.networks import DocumentNet
from training.documents.pairs import DistanceSettings, train_siamese, train_triplet
from training.documents.simple import Floats, SimpleSettings, embed, train_simple
from training.errors import TrainingError
from training.reproduction.data import GOOD, Parts, rendered_parts
from training.reproduction.figures import NAMES, Embedded, Figures, figures_of
from training.tool import note, run_tool, whole, write_json

RENDER_SEED = 7  # the demo model was taught seed 0
EARLY, LATE = (26, 36), (36, 39)
HEADS = {
    "auroc": "AUROC",
    "mahalanobis": "Mahalanobis",
    "cosine": "cosine",
    "right": "right OK/NG, %",
    "named": "right of 19, %",
    "explained": "PC1 + PC2, %",
    "directions": "lean told, %",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sets:
    """What is learned from, what sets the limit, and what is measured on; no part is in two of them."""

    taught: Parts
    held_out: Parts
    tested: Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """One row of the table. train: values (N, inputs), labels (N,) and a seed → a network."""

    name: str
    grid: tuple[int, int]
    train: Callable[[Floats, "np.ndarray", int], DocumentNet]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it. Returns 0 when done, 1 when it failed, 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m training.reproduction", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "bundle", type=Path, metavar="BUNDLE", help="model of the rendered connector: models/demo/bundle"
    )
    parser.add_argument("--good", type=whole, default=200, metavar="N", help="good parts to learn from (200)")
    parser.add_argument("--per-label", type=whole, default=16, metavar="N", help="of each bent pin (16)")
    parser.add_argument("--epochs", type=whole, default=10, metavar="N", help="(10, as in the documents)")
    parser.add_argument("--triplets", type=whole, default=70_000, metavar="N", help="(70000, as in the documents)")
    parser.add_argument(
        "--only", default="", metavar="START", help="only learners whose name starts so, such as triplet"
    )
    parser.add_argument("--seeds", type=whole, default=3, metavar="N", help="networks of each kind (3)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="every figure of every network")
    return run_tool(parser, run, arguments)


def run(options: argparse.Namespace) -> None:
    """Render, train every network and print the table."""
    every = learners(epochs=options.epochs, triplets=options.triplets)
    asked_for = [learner for learner in every if learner.name.startswith(options.only)]
    if not asked_for:
        names = ", ".join(learner.name for learner in every)
        raise TrainingError(f"no learner's name starts with {options.only!r}; there are: {names}")
    sets = _sets(options)
    found: dict[str, list[Figures]] = {}
    for learner in asked_for:
        for seed in range(options.seeds):
            note(f"{learner.name}, seed {seed}")
            found.setdefault(learner.name, []).append(measured(learner, sets, seed=seed))
            if options.json is not None:
                write_json(options.json, found)
    print(as_text(found))


def learners(*, epochs: int, triplets: int) -> list[Learner]:
    """All of them, in the order of the documents."""
    large, small = (512, 256), (256, 256)

    def siamese(values: Floats, labels: np.ndarray, seed: int) -> DocumentNet:
        return train_siamese(values, labels, DistanceSettings(hidden=large, epochs=epochs, seed=seed)).network

    def simple(embedding: int) -> Callable[[Floats, np.ndarray, int], DocumentNet]:
        def train(values: Floats, labels: np.ndarray, seed: int) -> DocumentNet:
            settings = SimpleSettings(hidden=small, embedding=embedding, batch=16, epochs=epochs, seed=seed)
            return train_simple(values, labels, settings).network

        return train

    def triplet(*, is_balanced: bool) -> Callable[[Floats, np.ndarray, int], DocumentNet]:
        def train(values: Floats, labels: np.ndarray, seed: int) -> DocumentNet:
            settings = DistanceSettings(hidden=(512, 256, 256), epochs=epochs, seed=seed)
            return train_triplet(values, labels, settings, triplets=triplets, is_balanced=is_balanced).network

        return train

    return [
        Learner(name="Siamese, 26x36", grid=EARLY, train=siamese),
        Learner(name="Siamese", grid=LATE, train=siamese),
        Learner(name="simple, 128 numbers", grid=LATE, train=simple(128)),
        Learner(name="simple, 2 numbers", grid=LATE, train=simple(2)),
        Learner(name="triplet, as it was", grid=LATE, train=triplet(is_balanced=False)),
        Learner(name="triplet, good anchors 5 times", grid=LATE, train=triplet(is_balanced=True)),
    ]


def measured(learner: Learner, sets: Sets, *, seed: int) -> Figures:
    """Train one network and measure it."""
    rows, columns = learner.grid
    taught, held_out, tested = (
        (parts, parts.values(rows=rows, columns=columns)) for parts in (sets.taught, sets.held_out, sets.tested)
    )
    network = learner.train(taught[1], taught[0].labels, seed)
    embedded = (Embedded(parts=parts, at=embed(network, values)) for parts, values in (taught, held_out, tested))
    return figures_of(*embedded)


def as_text(found: dict[str, list[Figures]]) -> str:
    """Mean over the seeds, and from the smallest to the largest."""
    rows = []
    for name, several in found.items():
        cells = []
        for figure in NAMES:
            is_share = "%" in HEADS[figure]
            values = [getattr(one, figure) * (100 if is_share else 1) for one in several]
            cells.append(spread(values, 1 if is_share else 3))
        rows.append([name, *cells])
    return table(["learner", *(HEADS[name] for name in NAMES)], rows)


def _sets(options: argparse.Namespace) -> Sets:
    bundle = read_bundle(options.bundle)
    inspector = arm(bundle, open_embedder(bundle))
    good, per_label = options.good, options.per_label
    first, found = 0, []
    for count, bent in ((good, per_label), (max(20, good // 2), 0), (good, max(4, per_label // 2))):
        found.append(rendered_parts(inspector, good=count, per_label=bent, seed=RENDER_SEED, first=first))
        first += len(found[-1].labels)
    for name, parts in zip(("learned from", "to set the limit", "measured on"), found, strict=True):
        is_good = parts.labels == GOOD
        note(f"{name}: {is_good.sum()} good and {(~is_good).sum()} bent parts")
    return Sets(taught=found[0], held_out=found[1], tested=found[2])


if __name__ == "__main__":
    sys.exit(main())
