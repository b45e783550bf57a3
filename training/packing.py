"""A trained network becomes a bundle: its manifest, and golden parts that every device must judge the same."""

import platform
from collections.abc import Iterator
from importlib.metadata import version

import numpy as np

from edge.bundle import Golden
from edge.frame import Frame
from edge.inspection import Inspector
from edge.manifest import FrameFormat, GoldenResult, LimitRecord, Manifest, Training
from edge.quality import limits_from
from edge.settings import Window
from edge.variables import grey_of
from edge.verdict import Outcome
from training.dataset import LazyFrames
from training.errors import TrainingError
from training.learn import FitSettings, Learned
from training.maps import GoodParts
from training.synthesis import with_defect

FEW_PARTS = 30
MAP_MEAN_DEVIATIONS = 10.0
LARGEST_MAP_MEAN = 250.0
PROVISIONAL = 1e9  # the limit while the limit is being found
GOLDEN_OF_EACH = 2
LARGE_PICTURE_PIXELS = 4_000_000  # several of them would make the bundle unwieldy
GOLDEN_TRIES = 8  # each with twice as many synthetic defects as the one before
GOLDEN_GOOD_PARTS = 24
GOLDEN_MARGIN = 0.1  # how far from the limit a golden part lies, as a share of it
VERSIONS = ("numpy", "opencv-python-headless", "onnx", "onnxruntime", "torch")


def draft_manifest(learned: Learned, settings: FitSettings) -> Manifest:
    """Everything but limit, golden results and file list, which are found with its help."""
    return Manifest(
        product=settings.product,
        serial=settings.serial,
        frame=FrameFormat(width=learned.first.width, height=learned.first.height, is_colour=learned.first.is_colour),
        map=learned.settings,
        quality=limits_from([grey_of(picture) for picture in learned.good.pictures], learned.good.references.meter()),
        metric=settings.metric,
        limit=LimitRecord(
            distance=PROVISIONAL,
            calibrated=PROVISIONAL,
            overkill_target=settings.overkill,
            overkill_guarantee=1.0,
            calibration_parts=1,
            map_mean=map_mean_limit(learned.good),
            smallest_fit=learned.smallest_fit,
        ),
        labels=tuple(learned.embeddings_defects),
        golden=(GoldenResult(picture="golden/0.png", outcome=Outcome.NG, distance=0.0),),  # replaced with the real ones
        training=Training(
            loss=settings.training.loss.value,
            network=settings.training.hidden,
            is_good_only=settings.is_good_only,
            seed=settings.training.seed,
            data_sha256=learned.data_sha256,
            good_parts=len({sample.part for sample in learned.learned_from}),
            defect_parts=len({(sample.label, sample.part) for sample in learned.defective}),
            versions={"python": platform.python_version(), **{name: version(name) for name in VERSIONS}},
        ),
    )


def map_mean_limit(good: GoodParts) -> float:
    """The largest mean of a map, in levels, that is still of such a part. The spread of a few parts is known too badly
    to be multiplied; their disturbed copies count as well."""
    means = good.maps.mean(axis=(1, 2))
    known = means if len(means) >= FEW_PARTS else np.concatenate([means, good.disturbed.mean(axis=(1, 2))])
    return min(float(means.mean() + MAP_MEAN_DEVIATIONS * known.std()), LARGEST_MAP_MEAN)


def golden_parts(
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
            "its good parts differ too much from each other, or they are too few"
        )
    return tuple(results), tuple(golden)


def _golden_candidates(learned: Learned, random: np.random.Generator) -> Iterator[Frame]:
    """Frames of both outcomes, one at a time, because they may be large; good parts, defective ones, then spoilt ones,
    the more the longer it takes: with few good parts the limit is wide, and passes many a synthetic defect."""
    yield from LazyFrames(learned.learned_from[:GOLDEN_GOOD_PARTS])
    yield from LazyFrames(learned.defective[:: max(1, len(learned.defective) // 20)])
    for doublings in range(GOLDEN_TRIES):
        for frame in LazyFrames(learned.learned_from[:GOLDEN_OF_EACH]):
            yield _spoilt(frame, learned.settings.window, random, defects=2**doublings)


def _spoilt(frame: Frame, window: Window | None, random: np.random.Generator, *, defects: int) -> Frame:
    pixels = frame.pixels.copy()
    shown = pixels if window is None else pixels[window.pixels]
    good = shown.copy()
    for _ in range(defects):
        shown[:] = with_defect(shown, [good], random)
    return Frame(pixels=pixels, source=f"{frame.source} with {defects} synthetic defects")
