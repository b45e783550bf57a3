"""One frame to one verdict: quality, alignment, map, embedding, distance, judgement, each with its time."""

import math
import time
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
import numpy.typing as npt

from edge.alignment import Placement
from edge.bundle import Bundle
from edge.errors import ModelError, NotJudged
from edge.frame import Frame, Pixels
from edge.interfaces import Embedder, EmbedsMany
from edge.judge import judge
from edge.manifest import Manifest
from edge.placing import Placer, WorkingPicture
from edge.preprocess import Mapper
from edge.quality import FrameQuality, check_frame, check_noise
from edge.record import Imaging
from edge.scoring import Scorer
from edge.variables import Light, grey_of
from edge.verdict import Reason, Verdict, fault

ON_THE_LIMIT = 1e-3  # of it


@dataclass(slots=True, kw_only=True)
class StageTimes:
    """Milliseconds that each stage took; zero for a stage that was not reached."""

    align_ms: float = 0.0
    quality_ms: float = 0.0
    map_ms: float = 0.0
    embed_ms: float = 0.0
    judge_ms: float = 0.0

    @property
    def total_ms(self) -> float:
        """All stages together."""
        return sum((float(getattr(self, field.name)) for field in fields(self)), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A verdict with what it was made from; what was not reached is None.

    cell_map: (rows, columns) uint8. embedding: (128,) float32.
    """

    verdict: Verdict
    times: StageTimes
    working: WorkingPicture | None = None
    imaging: Imaging | None = None
    cell_map: Pixels | None = None
    embedding: npt.NDArray[np.float32] | None = None


class Inspector:
    """Judges frames with one model."""

    def __init__(self, bundle: Bundle, embedder: Embedder) -> None:
        manifest = bundle.manifest
        self._manifest = manifest
        self._embedder = embedder
        self.limit = manifest.limit.distance  # in use; a person may move it, between parts
        self._placer = Placer(
            bundle.references.picture,
            manifest.map,
            frame_width=manifest.frame.width,
            frame_height=manifest.frame.height,
            inspected=bundle.references.inspected,
        )
        self._percent = _percent_of_frame(manifest)
        self._light = Light(bundle.references.picture)
        self._meter = bundle.references.meter()
        self._shape = bundle.references.picture.shape
        self.golden_frames = tuple(golden.frame for golden in bundle.golden)
        self._mapper = Mapper(bundle.references, bundle.cells, manifest.map)
        self._scorer = Scorer(
            good_centroid=bundle.centroids.good,
            defect_centroids=bundle.centroids.defects,
            labels=manifest.labels,
            metric=manifest.metric,
            whitening=bundle.centroids.whitening,
        )

    def inspect(self, frame: Frame) -> Inspection:
        """The verdict on one frame. A frame that cannot be judged is a FAULT; only errors of our own are raised."""
        found = Inspection(verdict=fault(Reason.INTERNAL), times=StageTimes())
        times = found.times
        try:
            with _Stopwatch(times, "align_ms"):
                self._placer.check_format(frame)
                working = self._placer.place(frame)
            found = replace(found, working=working)
            with _Stopwatch(times, "quality_ms"):
                grey = grey_of(working.pixels)
                quality, light = self._meter.of(grey), self._light.of(grey)
                found = replace(found, imaging=self._imaging(light, quality, working.placement))
                check_frame(quality, self._manifest.quality)
                self._placer.aligner.check(working.placement, smallest_fit=self._manifest.limit.smallest_fit)
            with _Stopwatch(times, "map_ms"):
                cell_map = self._mapper.to_map(working.pixels, grey=grey, light=light)
            judged = self._judged(replace(found, cell_map=cell_map), cell_map)
            self._check_if_ok(judged.verdict, quality)
        except NotJudged as reason:
            return replace(found, verdict=fault(reason.reason, reason.detail))
        return judged

    def judge_map(self, cell_map: Pixels) -> Verdict:
        """The verdict on a stored map, as for the frame it came from."""
        return self._verdict(cell_map, self._embedder.embed(cell_map))

    def judge_maps(self, cell_maps: Pixels, embedder: EmbedsMany) -> list[Verdict]:
        """The verdicts on stored maps (N, rows, columns). embedder: of the same network, for many maps at once.

        Its last bits may differ, so what lies on the limit is judged singly.
        """
        limit = self._manifest.limit
        scores = self._scorer.score_many(embedder.embed_many(cell_maps), cell_maps)
        return [
            self.judge_map(cell_map)
            if abs(score.distance - limit.distance) <= ON_THE_LIMIT * limit.distance
            else judge(score, limit=limit.distance, map_limit=limit.map_mean)
            for score, cell_map in zip(scores, cell_maps, strict=True)
        ]

    def judge_working(self, pixels: Pixels) -> Verdict:
        """The verdict on a stored working picture, taken as it lies; a FAULT where it cannot be judged."""
        try:
            self._check_shape(pixels)
            grey = grey_of(pixels)
            quality = self._meter.of(grey)
            check_frame(quality, self._manifest.quality)
            verdict = self.judge_map(self._mapper.to_map(pixels, grey=grey))
            self._check_if_ok(verdict, quality)
        except NotJudged as reason:
            return fault(reason.reason, reason.detail)
        return verdict

    def _check_shape(self, pixels: Pixels) -> None:
        if pixels.shape != self._shape:
            raise NotJudged(Reason.WRONG_FORMAT, f"{pixels.shape}, the model's own are {self._shape}")

    def _check_if_ok(self, verdict: Verdict, quality: FrameQuality) -> None:
        if verdict.reason is Reason.WITHIN_LIMIT:
            check_noise(quality, self._manifest.quality)

    def _judged(self, found: Inspection, cell_map: Pixels) -> Inspection:
        with _Stopwatch(found.times, "embed_ms"):
            embedding = self._embedder.embed(cell_map)
        with _Stopwatch(found.times, "judge_ms"):
            verdict = self._verdict(cell_map, embedding)
        return replace(found, verdict=verdict, embedding=embedding)

    def _imaging(self, light: float, quality: FrameQuality, lies: Placement) -> Imaging:
        return Imaging(
            light_gain=light,
            sharpness=quality.sharpness,
            shift_x_percent=lies.x_px * self._percent,
            shift_y_percent=lies.y_px * self._percent,
            rotation_degrees=math.degrees(lies.rotation_rad),
            fit=lies.fit,
        )

    def _verdict(self, cell_map: Pixels, embedding: npt.NDArray[np.float32]) -> Verdict:
        score = self._scorer.score(embedding, cell_map)
        return judge(score, limit=self.limit, map_limit=self._manifest.limit.map_mean)


def _percent_of_frame(manifest: Manifest) -> float:
    """What a pixel of the picture that is aligned is, of the frame's longer side."""
    frame, window = manifest.frame, manifest.map.window or manifest.frame
    shown = max(window.width, window.height) / max(frame.width, frame.height)
    return 100 * shown / manifest.map.alignment.picture_px


# Another processor rounds a pixel in two hundred the other way; the search for the part's place can magnify that, above
# all on a part with a large defect. Measured on 60 parts with two demo models, x86 against a Cortex-A72: up to 2.4 % of
# the cells are off by more than 8 levels, single ones by up to 17, and the distance by up to 5.4 % of the limit.
# tests/vm/test_cortex_a72.py prints such figures.
DISTANCE_TOLERANCE = 0.1  # of the calibrated limit
MAP_TOLERANCE_LEVELS = 8
MOST_CELLS_BEYOND = 0.04  # of all cells


def self_test(bundle: Bundle, inspector: Inspector) -> None:
    """Judge the bundle's golden pictures and compare. Raises ModelError where this device sees something else."""
    for entry, golden in zip(bundle.manifest.golden, bundle.golden, strict=True):
        found = inspector.inspect(golden.frame)
        distance = found.verdict.distance
        if found.cell_map is None or distance is None:
            raise ModelError(f"self-test: {entry.picture} could not be judged here: {found.verdict.detail}")
        beyond = float(np.mean(cv2.absdiff(found.cell_map, golden.cell_map) > MAP_TOLERANCE_LEVELS))
        if beyond > MOST_CELLS_BEYOND:
            raise ModelError(f"self-test: the map of {entry.picture} differs in {100 * beyond:.0f} % of its cells here")
        if abs(distance - entry.distance) > DISTANCE_TOLERANCE * bundle.manifest.limit.calibrated:
            raise ModelError(f"self-test: {entry.picture} is at {distance:.4f} here, {entry.distance:.4f} was taught")
        if found.verdict.outcome is not entry.outcome:
            raise ModelError(f"self-test: {entry.picture} is {found.verdict.outcome} here, {entry.outcome} was taught")


class _Stopwatch:
    """Writes the milliseconds of a block into one field, also when the block raises."""

    def __init__(self, times: StageTimes, stage: str) -> None:
        self._times = times
        self._stage = stage
        self._began_ns = 0

    def __enter__(self) -> None:
        self._began_ns = time.perf_counter_ns()

    def __exit__(self, *_: object) -> None:
        setattr(self._times, self._stage, (time.perf_counter_ns() - self._began_ns) / 1e6)
