"""From a data set to a trained network and its embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edge.bundle import Centroids
from edge.frame import Frame
from edge.settings import AlignmentMode, MapSettings
from edge.variables import FloatArray
from training.alignment_mode import ModeChoice, choose_mode
from training.batches import Batches, LabelledMaps
from training.dataset import GOOD, DataSet, LazyFrames, Sample, digest_of
from training.loop import Trained, TrainingSettings, embed, train
from training.maps import GoodParts, labelled_maps, learn_good_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """What `training fit` was asked for. alignment: None lets the good parts decide."""

    training: TrainingSettings = field(default_factory=TrainingSettings)
    map: MapSettings = field(default_factory=MapSettings)
    alignment: AlignmentMode | None = None
    is_good_only: bool = False
    overkill: float = 0.02
    product: str = "part"
    serial: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What training gives.

    data_sha256: of all that was learned from. Embeddings are of maps by references and a cell function that had not
    seen the part. embeddings_good: (N, 128) in the order of learned_from. embeddings_disturbed: (M, 128) in that of
    good.disturbed. embeddings_defects: by label, (M, 128).
    """

    settings: MapSettings
    alignment: ModeChoice
    learned_from: list[Sample]
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
        return Centroids(good=good, defects=np.array(defects, dtype=np.float32).reshape(-1, len(good)))

    def from_good(self, embeddings: FloatArray) -> FloatArray:
        """(N, 128) → (N,) distances to the good parts' centroid, which the limit rests on."""
        return np.asarray(np.linalg.norm(embeddings - self.embeddings_good.mean(axis=0), axis=1))


def learn(dataset: DataSet, settings: FitSettings) -> Learned:
    """Everything up to the trained network and its embeddings."""
    seed = settings.training.seed
    learned_from = dataset.train_of(GOOD)
    frames = LazyFrames(learned_from)
    first = frames[0]
    map_settings = settings.map if first.is_colour else settings.map.for_grey()
    choice = choose_mode(frames, map_settings) if settings.alignment is None else ModeChoice(mode=settings.alignment)
    good = learn_good_parts(
        frames,
        map_settings.aligned(choice.mode),
        parts=[sample.part for sample in learned_from],
        seed=seed,
        inspected=dataset.inspected,
    )
    map_settings = good.placer.settings
    labels = () if settings.is_good_only else dataset.labels
    defective = [sample for sample in dataset.train if sample.label in labels]
    labelled = _labelled(defective, labels, good, map_settings)
    batches = Batches(good.pool, labelled, size=settings.training.batch, seed=seed)
    trained = train(batches, map_settings.grid, labels=len(labels), settings=settings.training)
    return Learned(
        settings=map_settings,
        alignment=choice,
        learned_from=learned_from,
        defective=defective,
        data_sha256=digest_of([*learned_from, *defective], inspected=dataset.inspected),
        first=first,
        good=good,
        trained=trained,
        embeddings_good=embed(trained.network, good.maps),
        embeddings_disturbed=embed(trained.network, good.disturbed),
        embeddings_defects=_embeddings_by_label(trained, labelled, labels),
    )


def _labelled(
    defective: Sequence[Sample], labels: Sequence[str], good: GoodParts, settings: MapSettings
) -> LabelledMaps | None:
    if not defective:
        return None
    maps = labelled_maps(defective, LazyFrames(defective), good, settings)
    return LabelledMaps(maps=maps, labels=np.array([1 + labels.index(sample.label) for sample in defective]))


def _embeddings_by_label(
    trained: Trained, labelled: LabelledMaps | None, labels: Sequence[str]
) -> dict[str, FloatArray]:
    if labelled is None:
        return {}
    return {
        label: embed(trained.network, labelled.maps[labelled.labels == number])
        for number, label in enumerate(labels, start=1)
    }
