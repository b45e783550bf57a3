"""Other distances than the one that judges, on the same test parts: would another have ranked them better?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans

from edge.scoring import Distances, Metric, distances
from edge.variables import FloatArray
from training.evaluate import Judged, auroc_of
from training.learn import Learned
from training.whitening import whitening_of

UNIT_SPACES = (2, 3)
SMALLEST_UNIT_SPACE = 10  # good parts a unit space, on average


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """How one distance ranks the test parts. name: of its words. count: of unit spaces, 0 if it has none. is_used: it
    is the one that judges."""

    name: str
    auroc: float
    count: int = 0
    is_used: bool = False


def distances_of(learned: Learned, judged: Sequence[Judged], auroc: float | None) -> list[Ranked]:
    """auroc: of the distance that judges, as it was evaluated. Empty where good or defective parts are missing.

    All others are made from the good parts that were learned from alone; what was not judged is farther than any.
    """
    if auroc is None:
        return []
    good = learned.embeddings_good
    found = [
        Ranked(name=metric.value, auroc=auroc, is_used=True)
        if metric is learned.metric
        else _ranked(metric.value, judged, _measured(good, metric))
        for metric in Metric
    ]
    counts = [count for count in UNIT_SPACES if len(good) >= count * SMALLEST_UNIT_SPACE]
    found += [_ranked("two_stage", judged, _two_stage(good, count), count=count) for count in counts]
    return [*found, _of_maps(judged)]


def _ranked(
    name: str, judged: Sequence[Judged], measure: Callable[[FloatArray], Distances], *, count: int = 0
) -> Ranked:
    placed = [part for part in judged if part.embedding is not None]
    by_part: dict[int, float] = {}
    if placed:
        measured = measure(np.stack([part.embedding for part in placed if part.embedding is not None]))
        by_part = {id(part): float(distance) for part, distance in zip(placed, measured, strict=True)}
    return _of(name, judged, lambda part: by_part.get(id(part), np.inf), count=count)


def _of_maps(judged: Sequence[Judged]) -> Ranked:
    """Without any embedding: the strongest cell."""
    return _of("map", judged, lambda part: np.inf if part.cell_map is None else float(part.cell_map.max()))


def _of(name: str, judged: Sequence[Judged], distance: Callable[[Judged], float], *, count: int = 0) -> Ranked:
    good = [distance(part) for part in judged if part.is_good]
    found = auroc_of(good, [distance(part) for part in judged if not part.is_good])
    assert found is not None  # there are parts of either kind
    return Ranked(name=name, auroc=found, count=count)


def _measured(good: FloatArray, metric: Metric) -> Callable[[FloatArray], Distances]:
    whitening = whitening_of(good) if metric is Metric.MAHALANOBIS else None
    return lambda at: distances(at, good.mean(axis=0), metric=metric, whitening=whitening)


def _two_stage(good: FloatArray, count: int) -> Callable[[FloatArray], Distances]:
    """First which kind of good part (k-means on the embeddings), then how far from its centre."""
    spaces = KMeans(n_clusters=count, n_init=10, random_state=0).fit(good.astype(float))
    return lambda at: np.asarray(spaces.transform(at.astype(float)).min(axis=1))
