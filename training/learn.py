"""From a data set to a trained network and its embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

import numpy as np

from edge.bundle import Centroids
from edge.frame import Frame
from edge.scoring import Distances, Metric, distances
from edge.settings import AlignmentMode, MapSettings
from edge.variables import FloatArray
from training.alignment_mode import ModeChoice
from training.batches import Batches, LabelledMaps
from training.checkpoint import Checkpoint
from training.dataset import GOOD, DataSet, LazyFrames, Sample, digest_of
from training.loop import Trained, TrainingSettings, centre, embed, train
from training.maps import GoodParts, learn_good_parts
from training.placed_parts import placed_parts
from training.whitening import whitening_of
from training.window import look_at

VERSIONS = ("kensa", "numpy", "opencv-python-headless", "torch")  # others take no part in what is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """What `training fit` was asked for. alignment: None lets the good parts decide."""

    training: TrainingSettings = field(default_factory=TrainingSettings)
    map: MapSettings = field(default_factory=MapSettings)
    alignment: AlignmentMode | None = None
    is_good_only: bool = False
    metric: Metric = Metric.EUCLIDEAN
    overkill: float = 0.02
    product: str = "part"
    serial: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What training gives.

    learned_from: good pictures. left_out: good pictures that nothing was learned from, as a station would refuse them,
    with the reason. smallest_fit: parts that fit less are not judged. data_sha256: of all pictures that were shown.
    Embeddings are of maps by references and a cell function that had not seen the part. embeddings_good: (N, 128) in
    the order of learned_from. embeddings_disturbed: (M, 128) in that of good.disturbed. embeddings_defects: by label,
    (M, 128).
    """

    settings: MapSettings
    metric: Metric
    alignment: ModeChoice
    learned_from: list[Sample]
    left_out: dict[Sample, str]
    smallest_fit: float
    defective: list[Sample]
    data_sha256: str
    first: Frame
    good: GoodParts
    trained: Trained
    embeddings_good: FloatArray
    embeddings_disturbed: FloatArray
    embeddings_defects: dict[str, FloatArray]

    @property
    def centroids(self) -> Centroids:
        """Means of the embeddings."""
        good = self.embeddings_good.mean(axis=0)
        defects = [embeddings.mean(axis=0) for embeddings in self.embeddings_defects.values()]
        return Centroids(
            good=good,
            defects=np.array(defects, dtype=np.float32).reshape(-1, len(good)),
            whitening=whitening_of(self.embeddings_good) if self.metric is Metric.MAHALANOBIS else None,
        )

    def from_good(self, embeddings: FloatArray) -> Distances:
        """(N, 128) → (N,) distances to the good parts' centroid, as the device measures them."""
        if self.metric is Metric.EUCLIDEAN:  # in single precision: the limits of finished models were found so
            return np.asarray(np.linalg.norm(embeddings - self.embeddings_good.mean(axis=0), axis=1), dtype=float)
        centroids = self.centroids
        return distances(embeddings, centroids.good, metric=self.metric, whitening=centroids.whitening)

    @property
    def unseen(self) -> Distances:
        """(N,) distances of the good parts from the others, which the limit rests on.

        A part hardly moves the mean of all, but it does shape a spread in 128 directions: for Mahalanobis each fold's
        parts are measured by mean and spread of the other parts.
        """
        if self.metric is not Metric.MAHALANOBIS:
            return self.from_good(self.embeddings_good)
        found = np.zeros(len(self.embeddings_good))
        for left_out in self.good.folds:
            others = np.delete(self.embeddings_good, left_out, axis=0)
            whitening = whitening_of(others)
            found[left_out] = distances(
                self.embeddings_good[left_out], others.mean(axis=0), metric=self.metric, whitening=whitening
            )
        return found


def learn(dataset: DataSet, settings: FitSettings, checkpoint: Checkpoint | None = None) -> Learned:
    """Everything up to the trained network and its embeddings. checkpoint: of a run that may be stopped."""
    seed = settings.training.seed
    samples = dataset.train_of(GOOD)
    labels = () if settings.is_good_only else dataset.labels
    defective = [sample for sample in dataset.train if sample.label in labels]
    data_sha256 = digest_of([*samples, *defective], inspected=dataset.inspected)
    if checkpoint is not None:
        checkpoint.begin(_made_of(settings, data_sha256))
    frames = LazyFrames(samples)
    first = frames[0]
    map_settings = settings.map if first.is_colour else settings.map.for_grey()
    choice, map_settings = look_at(frames, map_settings, inspected=dataset.inspected, mode=settings.alignment)
    placed = placed_parts(frames, map_settings, seed=seed, inspected=dataset.inspected)
    learned_from = [samples[number] for number in placed.pictures]
    good = learn_good_parts(
        LazyFrames(learned_from),
        placed,
        parts=[sample.part for sample in learned_from],
        seed=seed,
        defective=LazyFrames(defective),
        once=None if checkpoint is None else checkpoint.cells,
    )
    map_settings = good.placer.settings
    labelled = _labelled(defective, labels, good)
    batches = Batches(good.pool, labelled, size=settings.training.batch, seed=seed)
    trained = train(batches, map_settings.grid, labels=len(labels), settings=settings.training, checkpoint=checkpoint)
    if settings.metric is not Metric.COSINE:  # which knows nothing but the direction to the centroid
        centre(trained.network, good.maps)
    return Learned(
        settings=map_settings,
        metric=settings.metric,
        alignment=choice,
        learned_from=learned_from,
        left_out={samples[number]: why for number, why in placed.refused.items()},
        smallest_fit=placed.smallest_fit,
        defective=defective,
        data_sha256=data_sha256,
        first=first,
        good=good,
        trained=trained,
        embeddings_good=embed(trained.network, good.maps),
        embeddings_disturbed=embed(trained.network, good.disturbed),
        embeddings_defects=_embeddings_by_label(trained, labelled, labels),
    )


def _made_of(settings: FitSettings, data_sha256: str) -> str:
    """All that cell functions and network depend on, as text."""
    asked = (settings.training, settings.map, settings.alignment, settings.is_good_only)
    return "\n".join([data_sha256, *map(repr, asked), *(f"{name} {version(name)}" for name in VERSIONS)])


def _labelled(defective: Sequence[Sample], labels: Sequence[str], good: GoodParts) -> LabelledMaps | None:
    if not defective:
        return None
    return LabelledMaps(maps=good.labelled, labels=np.array([1 + labels.index(sample.label) for sample in defective]))


def _embeddings_by_label(
    trained: Trained, labelled: LabelledMaps | None, labels: Sequence[str]
) -> dict[str, FloatArray]:
    if labelled is None:
        return {}
    return {
        label: embed(trained.network, labelled.maps[labelled.labels == number])
        for number, label in enumerate(labels, start=1)
    }
