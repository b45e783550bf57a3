"""Which part of the picture is inspected: `dataset.yaml` in the folder of a data set.

    regions:                     # only what lies in one of these is inspected; without them, all of the picture is
      - [[40, 30], [600, 30], [600, 450], [40, 450]]
    masks:                       # what lies in one of these is not
      - [[300, 200], [340, 200], [320, 240]]

A polygon is a list of corners [x, y] in pixels of the camera's frame, from its upper left corner; whole numbers are the
middles of pixels. What lies outside must never reject a part.
"""

import os
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import ErrorDetails

from edge.errors import ConfigError
from edge.frame import Pixels
from edge.settings import Strict
from edge.yaml_lines import Written, parse
from training.errors import DataSetError

FILE = "dataset.yaml"
SMALLEST_AREA_PX = 16.0
FRACTION_BITS = 4
SMALLEST_SHARE = 0.01
"""Of the frame, that must be left to inspect."""

Mask = npt.NDArray[np.bool_]


def _polygon(corners: list[list[float]]) -> list[list[float]]:
    if abs(cv2.contourArea(np.array(corners, dtype=np.float32))) < SMALLEST_AREA_PX:
        raise ValueError("has no area: its corners lie on one line, or its sides cross")
    return corners


Corner = Annotated[list[float], Field(min_length=2, max_length=2)]
Polygon = Annotated[list[Corner], Field(min_length=3, max_length=1000), AfterValidator(_polygon)]
Polygons = Annotated[list[Polygon], Field(min_length=1, max_length=100)]


class Description(Strict):
    """What `dataset.yaml` may say; corners in pixels of the frame."""

    regions: Polygons | None = None
    masks: Polygons | None = None


def has_description(root: Path) -> bool:
    """True if the data set in this folder says what is inspected."""
    return (root / FILE).exists()


def inspected_pixels(root: Path, *, width_px: int, height_px: int) -> Mask | None:
    """Which pixels of a frame of this size are inspected, by the `dataset.yaml` of the data set in `root`.

    (height, width) bool, in the place of the camera's frame, before any alignment: True inside a region (or everywhere
    without regions) and outside every mask. The sides of a polygon belong to it. None without such a file.
    Raises DataSetError with every fault of the file, each with its line.
    """
    if not has_description(root):
        return None
    path = root / FILE
    description, written = _read(path)
    faults = [
        (written.lines.get((key, number), 1), f"{key}.{number}: {_outside(polygon, width_px, height_px)}")
        for key, polygons in (("regions", description.regions), ("masks", description.masks))
        for number, polygon in enumerate(polygons or [])
        if _outside(polygon, width_px, height_px)
    ]
    _raise(path, faults)
    inspected = np.ones((height_px, width_px), dtype=bool)
    if description.regions:
        inspected = _inside(description.regions, width_px, height_px)
    if description.masks:
        inspected &= ~_inside(description.masks, width_px, height_px)
    if inspected.mean() < SMALLEST_SHARE:
        raise DataSetError(f"{path}: regions and masks leave {inspected.mean():.1%} of the picture to be inspected")
    return inspected


def _read(path: Path) -> tuple[Description, Written]:
    try:
        written = parse(path.read_bytes(), name=str(path))
    except OSError as error:
        raise DataSetError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}") from error
    except ConfigError as error:
        raise DataSetError(str(error)) from error
    faults = [(line, f"{key}: written twice") for line, key in written.duplicates]
    try:
        description = Description.model_validate(written.data)
    except ValidationError as error:
        faults += [_fault(detail, written) for detail in error.errors(include_url=False)]
        description = Description()
    _raise(path, faults)
    return description, written


def _raise(path: Path, faults: list[tuple[int, str]]) -> None:
    if faults:
        raise DataSetError("\n".join(f"{path}:{line}: {words}" for line, words in sorted(faults)))


def _fault(detail: ErrorDetails, written: Written) -> tuple[int, str]:
    """Line and words of one fault."""
    known = tuple(detail["loc"])
    while known and known not in written.lines:
        known = known[:-1]
    where = ".".join(str(step) for step in detail["loc"]) or "the file"
    if detail["type"] == "extra_forbidden":
        words = f"unknown key, there are {' and '.join(Description.model_fields)}"
    elif detail["type"] == "value_error":
        words = str(detail["ctx"]["error"])
    else:
        words = f"{detail['msg'].replace('Input should be', 'should be')}, not {detail['input']!r:.60}"
    return written.lines.get(known, 1), f"{where}: {words}"


def _outside(polygon: list[list[float]], width_px: int, height_px: int) -> str:
    """What is wrong with the place of a polygon; empty if it lies within the frame, its border included."""
    for x, y in polygon:
        if not (0 <= x <= width_px and 0 <= y <= height_px):
            return f"the corner [{x:g}, {y:g}] lies outside the picture of {width_px}x{height_px} pixels"
    return ""


def _inside(polygons: list[list[list[float]]], width_px: int, height_px: int) -> Mask:
    filled: Pixels = np.zeros((height_px, width_px), dtype=np.uint8)
    for polygon in polygons:  # one by one: where two overlap, both hold
        corners = np.rint(np.array(polygon) * (1 << FRACTION_BITS)).astype(np.int32)
        cv2.fillPoly(filled, [corners], 1, cv2.LINE_8, FRACTION_BITS)
    return np.asarray(filled > 0)
