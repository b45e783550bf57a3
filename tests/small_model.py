"""A model small enough to be taken apart thousands of times: 9x12 cells, 16 hidden units, never trained."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from edge.bundle import Bundle, Centroids, Golden, decode, encode
from edge.drivers.connector import Defect, DefectKind, render
from edge.drivers.onnx import OnnxEmbedder
from edge.frame import Frame
from edge.inspection import Inspector
from edge.manifest import FrameFormat, GoldenResult, LimitRecord, Manifest, Training
from edge.quality import QualityLimits, limits_from
from edge.settings import Channel, Grid, MapSettings, Variable
from edge.variables import grey_of
from edge.verdict import Outcome
from training.cell_examples import cell_examples
from training.cells import LEAST_STEPS, learn_cells, standardised
from training.export import to_onnx
from training.network import EmbeddingNet
from training.registration import place_good_parts
from training.unit_space import median_picture, unit_space

PRODUCT, MIRRORED = "small connector", "mirrored connector"
WIDTH_PX, HEIGHT_PX = 128, 96
GOOD_PARTS = 16
SETTINGS = MapSettings(
    grid=Grid(rows=9, columns=12, cell_px=8),
    channels=(Channel.LIGHTNESS, Channel.RED_GREEN),
    variables=(Variable.SHIFT, Variable.SCATTER, Variable.DIFFERENCE, Variable.EXCESS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Small:
    """The model, its archive, an inspector with it, and good frames that it has seen and one that it has not."""

    raw: bytes
    bundle: Bundle
    inspector: Inspector
    frames: list[Frame]
    unseen: Frame


def small_frame(part: int, defect: Defect | None = None) -> Frame:
    """A rendered connector at a fifth of its size."""
    pixels = cv2.resize(render(seed=3, part=part, defect=defect), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return Frame(pixels=pixels.astype(np.uint8), source=f"part {part}")


def small_mirrored(part: int) -> Frame:
    """The same part for a mirrored line: another kind."""
    frame = small_frame(part)
    return Frame(pixels=np.ascontiguousarray(frame.pixels[:, ::-1]), source=f"{frame.source}, mirrored")


def build_small_model(kind: Callable[[int], Frame] = small_frame, *, product: str = PRODUCT) -> Small:
    """kind: makes the good parts."""
    frames = [kind(part) for part in range(GOOD_PARTS)]
    placer, placed = place_good_parts(frames, SETTINGS)
    pictures = [part.pixels for part in placed]
    examples = cell_examples(pictures, placer, np.random.default_rng(0))
    function = learn_cells(examples, seed=0, description="", steps=LEAST_STEPS)
    values = np.stack([function.of(part.astype(np.float32)) for part in examples.good])
    torch.manual_seed(0)
    network = to_onnx(EmbeddingNet(SETTINGS.grid, (16,)).eval())
    embedder = OnnxEmbedder(network, cells=SETTINGS.grid.cells)
    references = unit_space(pictures, SETTINGS, median_picture(pictures))
    draft = Bundle(
        manifest=_manifest(limits_from([grey_of(picture) for picture in pictures], references.meter()), product),
        network=network,
        references=references,
        cells=standardised(function, values),
        centroids=Centroids(good=np.zeros(128, np.float32), defects=np.ones((2, 128), np.float32)),
        golden=(),
        sha256="",
    )
    found = [Inspector(draft, embedder).inspect(frame) for frame in frames]
    embeddings = np.stack([part.embedding for part in found if part.embedding is not None])
    draft = replace(draft, centroids=replace(draft.centroids, good=embeddings.mean(axis=0)))
    distances = [_distance(Inspector(draft, embedder), frame) for frame in frames]
    limit = draft.manifest.limit.model_copy(update={"distance": 2 * max(distances), "calibrated": 2 * max(distances)})
    draft = replace(draft, manifest=draft.manifest.model_copy(update={"limit": limit}))
    raw = _with_golden(draft, Inspector(draft, embedder), kind)
    bundle = decode(raw)
    return Small(raw=raw, bundle=bundle, inspector=Inspector(bundle, embedder), frames=frames, unseen=kind(GOOD_PARTS))


def spoilt(frame: Frame) -> Frame:
    """The same part with a pale plate over a few pins."""
    pixels = frame.pixels.copy()
    pixels[40:64, 30:66] = (60, 190, 230)
    return Frame(pixels=pixels, source=f"{frame.source}, spoilt")


def _with_golden(draft: Bundle, inspector: Inspector, kind: Callable[[int], Frame]) -> bytes:
    missing = small_frame(1, Defect(kind=DefectKind.MISSING, pin="52", amount=1.0))
    frames = [
        kind(0),
        missing if kind is small_frame else kind(1),
        spoilt(kind(2)),
    ]
    results, golden = [], []
    for number, frame in enumerate(frames):
        found = inspector.inspect(frame)
        assert found.cell_map is not None
        assert found.embedding is not None
        assert found.verdict.distance is not None
        results.append(
            GoldenResult(picture=f"golden/{number}.png", outcome=found.verdict.outcome, distance=found.verdict.distance)
        )
        golden.append(Golden(frame=frame, cell_map=found.cell_map, embedding=found.embedding))
    return encode(
        draft.manifest.model_copy(update={"golden": tuple(results)}),
        network=draft.network,
        references=draft.references,
        cells=draft.cells,
        centroids=draft.centroids,
        golden=tuple(golden),
    )


def _distance(inspector: Inspector, frame: Frame) -> float:
    distance = inspector.inspect(frame).verdict.distance
    assert distance is not None
    return distance


def _manifest(quality: QualityLimits, product: str) -> Manifest:
    return Manifest(
        product=product,
        serial=7,
        frame=FrameFormat(width=WIDTH_PX, height=HEIGHT_PX, is_colour=True),
        map=SETTINGS,
        quality=quality,
        limit=LimitRecord(
            distance=1e9,
            calibrated=1e9,
            overkill_target=0.1,
            overkill_guarantee=0.1,
            calibration_parts=GOOD_PARTS,
            map_mean=150.0,
            smallest_fit=0.3,  # the plate of `spoilt` covers a third of what is compared
        ),
        labels=("bent_11", "missing_52"),
        golden=(GoldenResult(picture="golden/0.png", outcome=Outcome.NG, distance=0.0),),
        training=Training(
            loss="classify",
            network=(16,),
            is_good_only=False,
            seed=0,
            data_sha256="0" * 64,
            good_parts=GOOD_PARTS,
            defect_parts=2,
            versions={"numpy": np.__version__},
        ),
    )
