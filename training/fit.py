"""From a data set to a bundle: the order of things, from top to bottom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.bundle import Bundle, decode, encode
from edge.drivers import open_embedder
from edge.drivers.onnx import OnnxEmbedder
from edge.inspection import Inspector
from edge.model_store import arm
from training.calibrate import Limit, cross_fitted_limit
from training.checkpoint import Checkpoint
from training.dataset import DataSet
from training.errors import TrainingError
from training.evaluate import Judged, judge_all
from training.export import check_parity, to_onnx
from training.learn import FitSettings, Learned, learn
from training.packing import draft_manifest, golden_parts

PARITY_MAPS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A finished model. parity: torch against onnxruntime, as a share of an embedding's length.

    calibration: the good parts as judged by what had not seen them, last those that were left out. seen: those that
    were learned from, as judged by the model of them all.
    """

    settings: FitSettings
    archive: bytes
    bundle: Bundle
    inspector: Inspector
    learned: Learned
    limit: Limit
    calibration: list[Judged]
    seen: list[Judged]
    parity: float


def fit(dataset: DataSet, settings: FitSettings, checkpoint: Checkpoint | None = None) -> Fitted:
    """Train, calibrate and pack one model from a data set that `check_trainable` has passed.

    checkpoint: of a run that may be stopped. Raises TrainingError or ExportError in one sentence.
    """
    learned = learn(dataset, settings, checkpoint)
    network = to_onnx(learned.trained.network)
    embedder = OnnxEmbedder(network, cells=learned.good.maps[0].size)
    parity = check_parity(learned.trained.network, embedder, learned.good.maps[:PARITY_MAPS])

    draft = Bundle(
        manifest=draft_manifest(learned, settings),
        network=network,
        references=learned.good.references,
        cells=learned.good.cells,
        centroids=learned.centroids,
        golden=(),
        sha256="",
    )
    judging = Inspector(draft, embedder)
    seen = judge_all(judging, learned.learned_from)
    calibration = [*_as_if_fresh(seen, learned), *judge_all(judging, [*learned.left_out])]
    limit = _calibrated(calibration, learned, settings.overkill)
    draft = _with_limit(draft, limit)
    results, golden = golden_parts(Inspector(draft, embedder), learned, seed=settings.training.seed)
    archive = encode(
        draft.manifest.model_copy(update={"golden": results}),
        network=network,
        references=draft.references,
        cells=draft.cells,
        centroids=draft.centroids,
        golden=golden,
    )
    bundle = decode(archive)  # what ships is what was read back, and it must pass the device's own test
    inspector = arm(bundle, open_embedder(bundle))
    return Fitted(
        settings=settings,
        archive=archive,
        bundle=bundle,
        inspector=inspector,
        learned=learned,
        limit=limit,
        calibration=calibration,
        seen=seen,
        parity=parity,
    )


def _as_if_fresh(judged: Sequence[Judged], learned: Learned) -> list[Judged]:
    """Judgements with the distance that each part has from a model that had not seen it, where it was judged at all."""
    return [
        part
        if part.verdict.distance is None
        else replace(part, verdict=replace(part.verdict, distance=float(distance)))
        for part, distance in zip(judged, learned.unseen, strict=True)
    ]


def farthest_of_parts(calibration: Sequence[Judged]) -> list[float]:
    """A part of several pictures is as far off as the farthest of them: one is enough to reject it."""
    farthest: dict[str, float] = {}
    for part in calibration:
        farthest[part.sample.part] = max(part.distance, farthest.get(part.sample.part, 0.0))
    return [*farthest.values()]


def _calibrated(calibration: Sequence[Judged], learned: Learned, overkill: float) -> Limit:
    try:
        return cross_fitted_limit(
            farthest_of_parts(calibration),
            [float(distance) for distance in learned.from_good(learned.embeddings_disturbed)],
            overkill=overkill,
            folds=len(learned.good.folds),
        )
    except ValueError as error:  # of each part one picture was refused
        raise TrainingError(f"no limit can be set: {error}") from error


def _with_limit(draft: Bundle, limit: Limit) -> Bundle:
    record = draft.manifest.limit.model_copy(
        update={
            "distance": limit.distance,
            "calibrated": limit.distance,
            "overkill_guarantee": limit.guarantee,
            "calibration_parts": limit.parts,
            "rule": limit.rule,
        }
    )
    return replace(draft, manifest=draft.manifest.model_copy(update={"limit": record}))
