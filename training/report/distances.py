"""Other distances than the one that judges, on the same test parts: would another have ranked them better?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.covariance import LedoitWolf

from edge.variables import FloatArray
from training.evaluate import Judged, auroc_of
from training.learn import Learned

UNIT_SPACES = (2, 3)
HIGHER_ORDER = 4
SMALLEST_UNIT_SPACE = 10  # good parts a unit space, on average

Distances = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """How one distance ranks the test parts. name: of its words. count: of unit spaces, 0 if it has none."""

    name: str
    auroc: float
    count: int = 0


def distances_of(learned: Learned, judged: Sequence[Judged], auroc: float | None) -> list[Ranked]:
    """auroc: of the distance that judges, as it was evaluated. Empty where good or defective parts are missing.

    All others are made from the good parts that were learned from alone; what was not judged is farther than any.
    """
    if auroc is None:
        return []
    good = learned.embeddings_good
    found = [Ranked(name="euclidean", auroc=auroc)]
    found.append(_ranked("mahalanobis", judged, _mahalanobis(good)))
    found.append(_ranked("cosine", judged, _cosine(good)))
    found.append(_ranked("higher", judged, _higher_order(good)))
    counts = [count for count in UNIT_SPACES if len(good) >= count * SMALLEST_UNIT_SPACE]
    found += [_ranked("two_stage", judged, _two_stage(good, count), count=count) for count in counts]
    return [*found, _of_maps(judged)]


def _ranked(
    name: str, judged: Sequence[Judged], distances: Callable[[FloatArray], Distances], *, count: int = 0
) -> Ranked:
    placed = [part for part in judged if part.embedding is not None]
    by_part: dict[int, float] = {}
    if placed:
        measured = distances(np.stack([part.embedding for part in placed if part.embedding is not None]))
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


def _mahalanobis(good: FloatArray) -> Callable[[FloatArray], Distances]:
    """Covariance shrunk by Ledoit and Wolf (2004)."""
    shape = LedoitWolf().fit(good.astype(float))
    return lambda at: np.sqrt(shape.mahalanobis(at.astype(float)))


def _cosine(good: FloatArray) -> Callable[[FloatArray], Distances]:
    centre = good.mean(axis=0).astype(float)
    length = np.linalg.norm(centre)
    return lambda at: 1 - (at @ centre) / np.maximum(np.linalg.norm(at, axis=1) * length, 1e-12)


def _higher_order(good: FloatArray) -> Callable[[FloatArray], Distances]:
    """Minkowski distance of a higher order: a few large differences count for more than many small ones."""
    centre = good.mean(axis=0).astype(float)
    return lambda at: np.asarray((np.abs(at - centre) ** HIGHER_ORDER).sum(axis=1) ** (1 / HIGHER_ORDER))


def _two_stage(good: FloatArray, count: int) -> Callable[[FloatArray], Distances]:
    """First which kind of good part (k-means on the embeddings), then how far from its centre."""
    spaces = KMeans(n_clusters=count, n_init=10, random_state=0).fit(good.astype(float))
    return lambda at: np.asarray(spaces.transform(at.astype(float)).min(axis=1))
