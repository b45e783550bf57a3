"""From a data set to a bundle: the order of things, from top to bottom."""

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version

import numpy as np

from edge.bundle import (
    Bundle,
    Centroids,
    FrameFormat,
    Golden,
    GoldenResult,
    LimitRecord,
    Manifest,
    Training,
    decode,
    encode,
)
from edge.drivers.onnx import OnnxEmbedder
from edge.frame import Frame, Pixels
from edge.inspection import Inspector, self_test
from edge.preprocess import FloatArray, grey_of
from edge.quality import limits_from
from edge.settings import MapSettings
from edge.verdict import Outcome
from training.batches import Batches, LabelledMaps
from training.calibrate import Limit, conformal_limit
from training.dataset import GOOD, DataSet, LazyFrames, Sample, digest_of, split_by_part
from training.errors import TrainingError
from training.evaluate import Judged, judge_all
from training.export import check_parity, to_onnx
from training.loop import Trained, TrainingSettings, embed, train
from training.maps import GoodParts, labelled_maps, learn_good_parts
from training.synthesis import MapPool, with_defect

CALIBRATION_SHARE = 0.25
PARITY_MAPS = 64
SMALLEST_FIT_SHARE = 0.6  # of the worst good part's fit
MAP_MEAN_DEVIATIONS = 10.0
PROVISIONAL = 1e9  # the limit while the limit is being found
GOLDEN_OF_EACH = 2
LARGE_PICTURE_PIXELS = 4_000_000  # several of them would make the bundle unwieldy
GOLDEN_TRIES = 8
GOLDEN_FROM_LEARNED = 10
GOLDEN_MARGIN = 0.1  # how far from the limit a golden part lies, as a share of it
VERSIONS = ("numpy", "opencv-python-headless", "onnx", "onnxruntime", "torch")


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """What `training fit` was asked for."""

    training: TrainingSettings = field(default_factory=TrainingSettings)
    map: MapSettings = field(default_factory=MapSettings)
    is_good_only: bool = False
    overkill: float = 0.02
    product: str = "part"
    serial: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What training gives. embeddings_good: (N, 128). embeddings_defects: by label, (M, 128)."""

    settings: MapSettings
    learned_from: list[Sample]
    kept_apart: list[Sample]
    defective: list[Sample]
    first: Frame
    good: GoodParts
    trained: Trained
    embeddings_good: FloatArray
    embeddings_defects: dict[str, FloatArray]

    @property
    def centroids(self) -> Centroids:
        """Means of the embeddings."""
        good = self.embeddings_good.mean(axis=0)
        defects = [embeddings.mean(axis=0) for embeddings in self.embeddings_defects.values()]
        return Centroids(good=good, defects=np.array(defects, dtype=np.float32).reshape(-1, len(good)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A finished model. parity: torch against onnxruntime, as a share of an embedding's length."""

    archive: bytes
    bundle: Bundle
    inspector: Inspector
    learned: Learned
    limit: Limit
    calibration: list[Judged]
    parity: float


def fit(dataset: DataSet, settings: FitSettings) -> Fitted:
    """Train, calibrate and pack one model from a data set that `check_trainable` has passed.

    Raises TrainingError or ExportError in one sentence.
    """
    learned = learn(dataset, settings)
    network = to_onnx(learned.trained.network)
    embedder = OnnxEmbedder(network, cells=learned.good.maps[0].size)
    parity = check_parity(learned.trained.network, embedder, learned.good.maps[:PARITY_MAPS])

    draft = Bundle(
        manifest=_draft_manifest(learned, settings),
        network=network,
        references=learned.good.references,
        centroids=learned.centroids,
        golden=(),
        sha256="",
    )
    calibration = judge_all(Inspector(draft, embedder), learned.kept_apart)
    limit = _calibrated(calibration, settings.overkill)
    draft = _with_limit(draft, limit)
    results, golden = _golden(Inspector(draft, embedder), learned, seed=settings.training.seed)
    archive = encode(
        draft.manifest.model_copy(update={"golden": results}),
        network=network,
        references=draft.references,
        centroids=draft.centroids,
        golden=golden,
    )
    bundle = decode(archive)  # what ships is what was read back, and it must pass the device's own test
    inspector = Inspector(bundle, OnnxEmbedder(bundle.network, cells=learned.good.maps[0].size))
    self_test(bundle, inspector)
    return Fitted(
        archive=archive,
        bundle=bundle,
        inspector=inspector,
        learned=learned,
        limit=limit,
        calibration=calibration,
        parity=parity,
    )


def learn(dataset: DataSet, settings: FitSettings) -> Learned:
    """Everything up to the trained network and its embeddings."""
    seed = settings.training.seed
    learned_from, kept_apart = split_by_part(dataset.train_of(GOOD), share=CALIBRATION_SHARE, seed=seed)
    frames = LazyFrames(learned_from)
    first = frames[0]
    map_settings = settings.map if first.is_colour else settings.map.for_grey()
    good = learn_good_parts(frames, map_settings, np.random.default_rng(seed))
    labels = () if settings.is_good_only else dataset.labels
    defective = [sample for sample in dataset.train if sample.label in labels]
    labelled = _labelled(defective, labels, good, map_settings)
    pool = MapPool(good=good.maps.astype(np.float32), residues=good.residues)
    batches = Batches(pool, labelled, size=settings.training.batch, seed=seed)
    trained = train(batches, map_settings.grid, labels=len(labels), settings=settings.training)
    return Learned(
        settings=map_settings,
        learned_from=learned_from,
        kept_apart=kept_apart,
        defective=defective,
        first=first,
        good=good,
        trained=trained,
        embeddings_good=embed(trained.network, good.maps),
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


def _calibrated(calibration: Sequence[Judged], overkill: float) -> Limit:
    try:
        return conformal_limit([part.distance for part in calibration], overkill=overkill)
    except ValueError as error:
        reasons = sorted({str(part.verdict.reason) for part in calibration if part.verdict.distance is None})
        raise TrainingError(f"no limit can be set: {error} ({', '.join(reasons)})") from error


def _with_limit(draft: Bundle, limit: Limit) -> Bundle:
    record = draft.manifest.limit.model_copy(
        update={
            "distance": limit.distance,
            "calibrated": limit.distance,
            "overkill_guarantee": limit.guarantee,
            "calibration_parts": limit.parts,
        }
    )
    return replace(draft, manifest=draft.manifest.model_copy(update={"limit": record}))


def _draft_manifest(learned: Learned, settings: FitSettings) -> Manifest:
    """Everything but limit, golden results and file list, which are found with its help."""
    map_means = learned.good.maps.mean(axis=(1, 2))
    return Manifest(
        product=settings.product,
        serial=settings.serial,
        frame=FrameFormat(width=learned.first.width, height=learned.first.height, is_colour=learned.first.is_colour),
        map=learned.settings,
        quality=limits_from([grey_of(picture) for picture in learned.good.pictures]),
        limit=LimitRecord(
            distance=PROVISIONAL,
            calibrated=PROVISIONAL,
            overkill_target=settings.overkill,
            overkill_guarantee=1.0,
            calibration_parts=1,
            map_mean=min(float(map_means.mean() + MAP_MEAN_DEVIATIONS * map_means.std()), 250.0),
            smallest_fit=SMALLEST_FIT_SHARE * learned.good.smallest_fit,
        ),
        labels=tuple(learned.embeddings_defects),
        golden=(GoldenResult(picture="golden/0.png", outcome=Outcome.NG, distance=0.0),),  # replaced with the real ones
        training=Training(
            loss=settings.training.loss.value,
            network=settings.training.hidden,
            is_good_only=settings.is_good_only,
            seed=settings.training.seed,
            data_sha256=digest_of([*learned.learned_from, *learned.kept_apart, *learned.defective]),
            good_parts=len({sample.part for sample in learned.learned_from}),
            defect_parts=len({(sample.label, sample.part) for sample in learned.defective}),
            versions={"python": platform.python_version(), **{name: version(name) for name in VERSIONS}},
        ),
    )


def _golden(
    inspector: Inspector, learned: Learned, *, seed: int
) -> tuple[tuple[GoldenResult, ...], tuple[Golden, ...]]:
    """Two parts that are clearly good and two that are clearly not (large pictures: one), with what must be found."""
    is_large = learned.first.width * learned.first.height > LARGE_PICTURE_PIXELS
    of_each = 1 if is_large else GOLDEN_OF_EACH
    results: list[GoldenResult] = []
    golden: list[Golden] = []
    for frame in _golden_candidates(learned, np.random.default_rng(seed)):
        found = inspector.inspect(frame)
        margin, outcome = found.verdict.margin, found.verdict.outcome
        wanted = sum(result.outcome is outcome for result in results) < of_each
        if found.cell_map is None or found.embedding is None or margin is None or found.verdict.distance is None:
            continue
        if wanted and abs(margin - 1.0) > GOLDEN_MARGIN:
            name = f"golden/{len(results)}.png"
            results.append(GoldenResult(picture=name, outcome=outcome, distance=found.verdict.distance))
            golden.append(Golden(frame=frame, cell_map=found.cell_map, embedding=found.embedding))
        if len(results) == 2 * of_each:
            break
    if len({result.outcome for result in results}) < 2:
        raise TrainingError(
            "the model does not tell its own good parts from obvious defects: "
            "the good parts kept apart for calibration differ too much from those it learned from"
        )
    return tuple(results), tuple(golden)


def _golden_candidates(learned: Learned, random: np.random.Generator) -> Iterator[Frame]:
    """Frames of both outcomes, one at a time, because they may be large. Parts kept apart come first; where they are so
    few that all lie near the limit that they set, parts that were learned from follow."""
    defective = learned.defective[:: max(1, len(learned.defective) // 20)]
    for samples in (learned.kept_apart, learned.learned_from[:GOLDEN_FROM_LEARNED]):
        good = LazyFrames(samples)
        yield from good
        yield from LazyFrames(defective)
        for frame in good:
            yield from (_spoilt(frame, random) for _ in range(GOLDEN_TRIES))


def _spoilt(frame: Frame, random: np.random.Generator) -> Frame:
    pixels: Pixels = with_defect(frame.pixels, [frame.pixels], random)
    return Frame(pixels=pixels, source=f"{frame.source} with a synthetic defect")
