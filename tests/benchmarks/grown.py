"""A model grown to other frames, another map or other known defects, without being trained anew.

Pictures and references are resized; where the grid is another, the network is one of the same kind with random weights.
It costs what a trained one would; its verdicts mean nothing.
"""

from dataclasses import replace

import cv2
import numpy as np

from edge.bundle import Bundle
from edge.channels import COLOUR_STEP_PX
from edge.frame import Frame
from edge.manifest import FrameFormat
from edge.settings import Grid


def with_frame(bundle: Bundle, width: int, height: int) -> Bundle:
    """The model of a camera with other frames."""
    golden = tuple(
        replace(each, frame=Frame(pixels=cv2.resize(each.frame.pixels, (width, height)).astype(np.uint8)))
        for each in bundle.golden
    )
    size = FrameFormat(width=width, height=height, is_colour=bundle.manifest.frame.is_colour)
    return replace(bundle, golden=golden, manifest=bundle.manifest.model_copy(update={"frame": size}))


def with_grid(bundle: Bundle, grid: Grid) -> Bundle:
    """The model with another map."""
    old, references = bundle.manifest.map.grid, bundle.references
    half = grid.reduced(COLOUR_STEP_PX)
    bigger = {
        **{name: _grown(getattr(references, name), grid) for name in ("picture", "mean", "upper", "lower")},
        **{name: _grown(getattr(references, name), half) for name in ("colour_mean", "colour_upper", "colour_lower")},
        "inspected": cv2.resize(references.inspected, (grid.width_px, grid.height_px)),
    }
    places = bundle.cells.unit_space.reshape(old.rows, old.columns, -1)
    unit_space = cv2.resize(places, (grid.columns, grid.rows)).reshape(grid.cells, -1)
    import torch  # takes seconds to load, and is not there on a device

    from training.export import to_onnx
    from training.network import EmbeddingNet

    torch.manual_seed(0)
    network = EmbeddingNet(grid, bundle.manifest.training.network).eval()
    manifest = bundle.manifest.model_copy(
        update={
            "map": bundle.manifest.map.model_copy(update={"grid": grid}),
            "quality": bundle.manifest.quality.model_copy(update={"sharpness": 0.0}),  # sizes differ in that
        }
    )
    return replace(
        bundle,
        manifest=manifest,
        references=replace(references, **bigger),
        cells=replace(bundle.cells, unit_space=unit_space),
        network=to_onnx(network),
    )


def _grown(planes: np.ndarray, grid: Grid) -> np.ndarray:
    return cv2.resize(planes, (grid.width_px, grid.height_px)).reshape(grid.height_px, grid.width_px, -1)


def with_labels(bundle: Bundle, count: int) -> Bundle:
    """The model with other known defects."""
    random = np.random.default_rng(0)
    defects = random.normal(0, 10, (count, bundle.centroids.good.size)).astype(np.float32)
    labels = tuple(f"defect_{number}" for number in range(count))
    manifest = bundle.manifest.model_copy(update={"labels": labels})
    return replace(bundle, manifest=manifest, centroids=replace(bundle.centroids, defects=defects))
