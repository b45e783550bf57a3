"""Dirt and scratches of the demo connector."""

import cv2
import numpy as np

from edge.drivers.connector_part import Defect, DefectKind
from edge.drivers.connector_pins import PIN_LENGTH, nominal_root
from edge.drivers.connector_scene import (
    FRACTION_BITS,
    PITCH_X,
    SCALE,
    WALL_HEIGHT,
    Bytes,
    Floats,
    View,
    fixed_point,
)

FLUX = np.array([58.0, 112.0, 150.0, 60.0])
DIRT = np.array([30.0, 38.0, 46.0, 90.0])


def draw_scratch(canvas: Bytes, view: View, defect: Defect, rng: np.random.Generator) -> None:
    """Scrape a few pale lines into a wall or the floor between two rows; longer, more and paler with severity."""
    y, height = [(-156.0, WALL_HEIGHT), (153.0, WALL_HEIGHT), (-58.0, 0.0), (34.0, 0.0)][rng.integers(4)]
    severity = defect.amount
    length = 40 + 130 * severity
    start = rng.uniform(-235, 235 - length)
    shares = np.linspace(0, 1, 9)
    paleness = 105 + 105 * severity
    for strand in range(1 + int(3.2 * severity)):
        begin, end = np.sort(rng.uniform(0, 1, 2)) * (0.25, 0.3) + (0.0, 0.7)
        if strand == 0:
            begin, end = 0.0, 1.0
        along = start + length * (begin + (end - begin) * shares)
        wander = np.cumsum(rng.normal(0, 0.35, 9)) + rng.uniform(-3, 3) * shares + rng.uniform(-4, 4)
        points = np.column_stack([along, y + wander, np.full(9, height)])
        _groove(canvas, view.project(points), paleness * rng.uniform(0.8, 1.0), severity)


def _groove(canvas: Bytes, line: Floats, paleness: float, severity: float) -> None:
    dark, pale = fixed_point(line + np.array([0.5, 0.7])), fixed_point(line)
    thickness = 1 + round(1.4 * severity)
    cv2.polylines(canvas, [dark], False, (30, 28, 26, 255), 1, cv2.LINE_AA, FRACTION_BITS)
    tone = (paleness, paleness, paleness * 0.97, 160.0)
    cv2.polylines(canvas, [pale], False, tone, thickness, cv2.LINE_AA, FRACTION_BITS)


def draw_dirt(canvas: Bytes, view: View, defect: Defect, rng: np.random.Generator) -> None:
    """Put a blob of flux (amber, glossy) or dirt (dark, dull) on a pin or between it and its neighbour.

    Size and density grow with the severity; kind, place and outline are those of the part.
    """
    assert defect.pin is not None
    x, y = nominal_root(defect.pin)
    is_flux = rng.random() < 0.5
    if rng.random() < 0.5:  # on the pin, somewhere along the shaft
        place = np.array([x, y, PIN_LENGTH * rng.uniform(0.2, 0.7)])
    else:
        side = -1 if x > 3.5 * PITCH_X or (x > -3.5 * PITCH_X and rng.random() < 0.5) else 1
        place = np.array([x + side * rng.uniform(0.3, 0.5) * PITCH_X, y + rng.uniform(-8, 8), 0.0])
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    waves = rng.normal(0, 1, (4, 2))
    outline = 1 + sum(
        0.16
        / (1 + order)
        * (waves[order, 0] * np.cos((order + 1) * angles) + waves[order, 1] * np.sin((order + 1) * angles))
        for order in range(4)
    )
    radius = 5 + 12 * defect.amount
    blob = radius * np.clip(outline, 0.55, 1.5)[:, None] * np.column_stack([np.cos(angles), 0.85 * np.sin(angles)])
    _blend_blob(canvas, view.project(place) + blob, is_flux=is_flux, density=0.35 + 0.55 * defect.amount)


def _blend_blob(canvas: Bytes, outline: Floats, *, is_flux: bool, density: float) -> None:
    left, top = np.maximum(np.floor(outline.min(axis=0)).astype(int) * SCALE - 8, 0)
    right, bottom = np.ceil(outline.max(axis=0)).astype(int) * SCALE + 8
    window = canvas[top:bottom, left:right]
    mask = np.zeros(window.shape[:2], np.uint8)
    offset = np.array([left, top]) << FRACTION_BITS
    cv2.fillPoly(mask, [fixed_point(outline) - offset.astype(np.int32)], 255, cv2.LINE_AA, FRACTION_BITS)
    soft = cv2.GaussianBlur(mask, (0, 0), 2.2).astype(np.float32) / 255
    rim = cv2.GaussianBlur(mask, (0, 0), 5.0).astype(np.float32) / 255
    tone = (FLUX if is_flux else DIRT) * (0.75 + 0.35 * rim[..., None])
    weight = (soft * density)[..., None]
    mixed = window * (1 - weight) + tone * weight
    if is_flux:  # a wet gleam towards the lamp
        shifted = np.roll(rim, (5, 5), axis=(0, 1))
        mixed[..., :3] += 190 * density * (np.clip(rim - shifted - 0.12, 0, 0.3) * soft)[..., None]
    window[:] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def draw_fault(canvas: Bytes, view: View, defect: Defect | None, rng: np.random.Generator, *, kind: DefectKind) -> None:
    """Draw the defect if it is of this kind."""
    if defect is None or defect.kind is not kind:
        return
    (draw_scratch if kind is DefectKind.SCRATCHED else draw_dirt)(canvas, view, defect, rng)
