"""How far good parts are from networks that had not seen them: what the limit rests on.

Parts kept apart would tell the same and teach nothing; of ten parts none can be spared. Instead every fold of the good
parts is measured by a network that was trained without it, on maps that were cross-fitted already (`maps.py`).
"""

from dataclasses import replace

import numpy as np

from edge.frame import Pixels
from edge.settings import Grid
from edge.variables import FloatArray
from training.batches import Batches, LabelledMaps
from training.loop import Trained, TrainingSettings, embed, train
from training.maps import GoodParts
from training.synthesis import MapPool

FOLD_STEPS = 500  # a third of the usual number: distances come out alike once they are put on one scale


def pool_of(good: GoodParts, is_seen: np.ndarray | None = None) -> MapPool:
    """What maps are made of. is_seen: (N,) bool of the good pictures, None: all of them."""
    seen = np.arange(len(good.maps)) if is_seen is None else np.flatnonzero(is_seen)
    return MapPool(
        good=good.maps[seen].astype(np.float32),
        disturbed=good.disturbed[np.isin(good.disturbed_of, seen)].astype(np.float32),
        residues=good.residues[np.isin(good.residues_of, seen)],
    )


def fresh_distances(
    good: GoodParts, labelled: LabelledMaps | None, trained: Trained, grid: Grid, settings: TrainingSettings
) -> FloatArray:
    """(N,) distance of every good picture from a network that had not seen its part, on the scale of the trained one.

    Networks differ in how far they spread what they embed; the usual distance (median) of the disturbed good parts that
    a network has learned from is its unit.
    """
    distances = np.zeros(len(good.maps), np.float32)
    everything = np.ones(len(good.maps), np.bool_)
    unit = _unit(trained, good, everything)
    shorter = replace(settings, steps=min(FOLD_STEPS, settings.steps))
    labels = 0 if labelled is None else len(np.unique(labelled.labels))
    for left_out in good.folds:
        is_seen = everything.copy()
        is_seen[left_out] = False
        batches = Batches(pool_of(good, is_seen), labelled, size=settings.batch, seed=settings.seed)
        other = train(batches, grid, labels=labels, settings=shorter)
        distances[left_out] = _distances(other, good, is_seen, left_out) * (unit / _unit(other, good, is_seen))
    return distances


def _unit(trained: Trained, good: GoodParts, is_seen: np.ndarray) -> float:
    seen = np.flatnonzero(is_seen)
    disturbed = good.disturbed[np.isin(good.disturbed_of, seen)]
    return float(np.median(_far(trained, good.maps[seen], disturbed)))


def _distances(trained: Trained, good: GoodParts, is_seen: np.ndarray, left_out: np.ndarray) -> FloatArray:
    return _far(trained, good.maps[is_seen], good.maps[left_out])


def _far(trained: Trained, centre: Pixels, maps: Pixels) -> FloatArray:
    """(M,) distances of maps from the mean embedding of others."""
    embeddings = embed(trained.network, maps)  # (M, 128)
    return np.asarray(np.linalg.norm(embeddings - embed(trained.network, centre).mean(axis=0), axis=1))
