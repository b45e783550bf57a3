"""The embedding looked at: its main directions, its nearest neighbours, and whether it has collapsed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

from edge.variables import FloatArray
from training.dataset import Sample
from training.evaluate import Judged
from training.fit import Fitted
from training.learn import Learned
from training.loop import LossName, TrainingSettings

DIRECTIONS = 10
NEIGHBOURS = 4
TOLD_APART = 0.8  # of the pairs in training: below it look
SMALLEST_RANK = 2.0  # directions: below it look
APART = 1.5  # a label's centroid, in usual distances of good parts: below it look
BY_HEART = 2.0  # unseen good parts against seen ones: above it look
STUCK = 0.9  # of the loss when all parts lie on one point: above it look


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A part in the embedding. judged: None for one that was learned from. at: (128,)."""

    sample: Sample
    at: FloatArray
    judged: Judged | None = None


def points_of(learned: Learned, judged: Sequence[Judged]) -> list[Point]:
    """What was learned from, then what was judged and got so far as to be embedded."""
    points = [
        Point(sample=sample, at=at) for sample, at in zip(learned.learned_from, learned.embeddings_good, strict=True)
    ]
    for label, embeddings in learned.embeddings_defects.items():
        samples = [sample for sample in learned.defective if sample.label == label]
        points += [Point(sample=sample, at=at) for sample, at in zip(samples, embeddings, strict=True)]
    return points + [
        Point(sample=part.sample, at=part.embedding, judged=part) for part in judged if part.embedding is not None
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flattened:
    """places: (N, 2) of the points. middle: (2,) the good centroid. explained: share of the variance, largest first."""

    places: npt.NDArray[np.float64]
    middle: npt.NDArray[np.float64]
    explained: list[float]


def flattened(points: Sequence[Point], centroid: FloatArray) -> Flattened:
    """The points' principal components."""
    values = np.stack([point.at for point in points]).astype(float)
    analysis = PCA(n_components=min(DIRECTIONS, *values.shape), svd_solver="full").fit(values)
    return Flattened(
        places=analysis.transform(values)[:, :2],
        middle=analysis.transform(centroid[np.newaxis].astype(float))[0, :2],
        explained=[float(share) for share in analysis.explained_variance_ratio_],
    )


def nearest_taught(at: FloatArray, taught: Sequence[Point]) -> list[tuple[Point, float]]:
    """The nearest parts that were learned from, with their Euclidean distances, nearest first."""
    distances = np.linalg.norm(np.stack([point.at for point in taught]) - at, axis=1)
    return [(taught[number], float(distances[number])) for number in np.argsort(distances, kind="stable")[:NEIGHBOURS]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One way in which an embedding can fail. name: of its words. is_well: None where it does not apply."""

    name: str
    value: float | None
    bound: float
    is_well: bool | None


def checks_of(fitted: Fitted) -> list[Check]:
    """All of them, with the bound beyond which a person should look."""
    learned = fitted.learned
    everything = np.concatenate([learned.embeddings_good, *learned.embeddings_defects.values()])
    usual = float(np.median(learned.unseen))
    nearest = _nearest_label(learned)
    flat = flat_loss(fitted.settings.training, labels=len(learned.embeddings_defects))
    end = _last_losses(learned.trained.losses) / flat
    return [
        _at_least("told_apart", learned.trained.separation, TOLD_APART),
        _at_least("rank", effective_rank(everything), SMALLEST_RANK),
        _at_least("apart", None if nearest is None else _ratio(nearest, usual), APART),
        _at_most("by_heart", _ratio(_usual(fitted.calibration), _usual(fitted.seen)), BY_HEART),
        _at_most("stuck", end, STUCK),
    ]


def effective_rank(embeddings: npt.NDArray[np.floating]) -> float:
    """Over how many directions parts spread: exp of the entropy of the singular values (Roy and Vetterli, 2007)."""
    values = np.linalg.svd(embeddings.astype(float) - embeddings.mean(axis=0), compute_uv=False)
    if not values.sum() > 0:
        return 0.0
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def flat_loss(settings: TrainingSettings, *, labels: int) -> float:
    """About what the loss is when all parts lie on one point: what learning must get away from."""
    if settings.loss is LossName.CLASSIFY:
        return math.log(labels + 2)  # naming by chance, made-up defects and good parts among the names
    pairs = 0.5 if settings.loss is LossName.SIAMESE else 1.0  # of the pairs half are unequal
    return pairs * settings.margin**2


def _usual(judged: Sequence[Judged]) -> float:
    """Median distance of what was judged at all."""
    return float(np.median([part.distance for part in judged if part.verdict.distance is not None]))


def _ratio(value: float, unit: float) -> float | None:
    return value / unit if unit > 0 else None


def _nearest_label(learned: Learned) -> float | None:
    """From the good centroid to the nearest label's."""
    centroids = learned.centroids
    if not len(centroids.defects):
        return None
    return float(learned.from_good(centroids.defects).min())


def _last_losses(losses: Sequence[float]) -> float:
    return float(np.mean(losses[-max(1, len(losses) // 20) :]))


def _at_least(name: str, value: float | None, bound: float) -> Check:
    return Check(name=name, value=value, bound=bound, is_well=None if value is None else value >= bound)


def _at_most(name: str, value: float | None, bound: float) -> Check:
    return Check(name=name, value=value, bound=bound, is_well=None if value is None else value <= bound)
