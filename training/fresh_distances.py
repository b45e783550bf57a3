"""How far good parts are from networks that had not seen them: what the limit rests on.

Parts kept apart would tell the same and teach nothing; of ten parts none can be spared. Instead every fold of the good
parts is measured by a network that was trained without it, on maps that were cross-fitted already (`maps.py`).
"""

from dataclasses import dataclass

import numpy as np

from edge.settings import Grid
from edge.variables import FloatArray
from training.batches import Batches, LabelledMaps
from training.loop import TrainingSettings, embed, train
from training.maps import GoodParts
from training.synthesis import MapPool


def pool_of(good: GoodParts, is_seen: np.ndarray | None = None) -> MapPool:
    """What maps are made of. is_seen: (N,) bool of the good pictures, None: all of them."""
    seen = np.arange(len(good.maps)) if is_seen is None else np.flatnonzero(is_seen)
    return MapPool(
        good=good.maps[seen].astype(np.float32),
        disturbed=good.disturbed[np.isin(good.disturbed_of, seen)].astype(np.float32),
        residues=good.residues[np.isin(good.residues_of, seen)],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshDistances:
    """good: (N,) of every good picture. disturbed: (M,) of the disturbed ones. Each by a network that had not seen the
    part."""

    good: FloatArray
    disturbed: FloatArray


def fresh_distances(
    good: GoodParts, labelled: LabelledMaps | None, grid: Grid, settings: TrainingSettings
) -> FreshDistances:
    """A network for each fold.

    They are trained exactly as the model's own is: a shorter training gives another scale, and learns parts by heart
    less.
    """
    found = FreshDistances(
        good=np.zeros(len(good.maps), np.float32), disturbed=np.zeros(len(good.disturbed), np.float32)
    )
    labels = 0 if labelled is None else len(np.unique(labelled.labels))
    for left_out in good.folds:
        is_seen = np.ones(len(good.maps), np.bool_)
        is_seen[left_out] = False
        batches = Batches(pool_of(good, is_seen), labelled, size=settings.batch, seed=settings.seed)
        network = train(batches, grid, labels=labels, settings=settings).network
        centre = embed(network, good.maps[is_seen]).mean(axis=0)
        disturbed = np.flatnonzero(np.isin(good.disturbed_of, left_out))
        found.good[left_out] = np.linalg.norm(embed(network, good.maps[left_out]) - centre, axis=1)
        found.disturbed[disturbed] = np.linalg.norm(embed(network, good.disturbed[disturbed]) - centre, axis=1)
    return found
