"""Dirt and scratches of the demo connector."""

import cv2
import numpy as np

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

FLUX = np.array([34.0, 92.0, 142.0, 40.0])
DIRT = np.array([74.0, 94.0, 112.0, 120.0])


def draw_scratch(canvas: Bytes, view: View, *, severity: float, rng: np.random.Generator) -> None:
    """Scrape a few pale lines into a wall or the floor between two rows; longer, more and paler with severity."""
    y, height = [(-156.0, WALL_HEIGHT), (153.0, WALL_HEIGHT), (-58.0, 0.0), (34.0, 0.0)][rng.integers(4)]
    length = 40 + 130 * severity
    start = rng.uniform(-235, 235 - length)
    shares = np.linspace(0, 1, 9)
    paleness = 105 + 105 * severity
    slant = rng.uniform(-1, 1) * (4 if height else 24) * (shares - 0.5)
    for strand in range(1 + int(3.2 * severity)):
        begin, end = np.sort(rng.uniform(0, 1, 2)) * (0.25, 0.3) + (0.0, 0.7)
        if strand == 0:
            begin, end = 0.0, 1.0
        along = start + length * (begin + (end - begin) * shares)
        wander = np.cumsum(rng.normal(0, 0.35, 9)) + rng.uniform(-2, 2) * shares + rng.uniform(-4, 4)
        points = np.column_stack([along, y + slant + wander, np.full(9, height)])
        _groove(canvas, view.project(points), paleness * rng.uniform(0.8, 1.0), severity)


def _groove(canvas: Bytes, line: Floats, paleness: float, severity: float) -> None:
    dark, pale = fixed_point(line + np.array([0.5, 0.7])), fixed_point(line)
    thickness = 1 + round(1.4 * severity)
    cv2.polylines(canvas, [dark], False, (30, 28, 26, 255), 1, cv2.LINE_AA, FRACTION_BITS)
    tone = (paleness, paleness, paleness * 0.97, 160.0)
    cv2.polylines(canvas, [pale], False, tone, thickness, cv2.LINE_AA, FRACTION_BITS)


def draw_dirt(canvas: Bytes, view: View, *, pin: str, severity: float, rng: np.random.Generator) -> None:
    """Put a blob of flux (amber, glossy) or dirt (pale, dull, crumbly) on a pin or between it and its neighbour.

    Size and density grow with the severity; kind, place and outline are those of the part.
    """
    x, y = nominal_root(pin)
    is_flux = rng.random() < 0.5
    if rng.random() < 0.5:  # on the pin, somewhere along the shaft
        place = np.array([x, y, PIN_LENGTH * rng.uniform(0.2, 0.7)])
    else:  # beside it, never outside the outer columns
        side = -1 if x > 3.5 * PITCH_X or (x > -3.5 * PITCH_X and rng.random() < 0.5) else 1
        place = np.array([x + side * rng.uniform(0.3, 0.5) * PITCH_X, y + rng.uniform(-8, 8), 0.0])
    outline = view.project(place) + (5 + 12 * severity) * _blob(rng)
    density = 0.3 + 0.45 * severity if is_flux else 0.35 + 0.55 * severity
    _blend(canvas, outline, is_flux=is_flux, density=density, rng=rng)


def _blob(rng: np.random.Generator) -> Floats:
    """An irregular outline (48, 2) of radius 1 or so: a circle with a few random waves."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.ones(48)
    for order, (cosine, sine) in enumerate(rng.normal(0, 1, (4, 2)), start=1):
        radius += 0.16 / order * (cosine * np.cos(order * angles) + sine * np.sin(order * angles))
    circle = np.column_stack([np.cos(angles), 0.85 * np.sin(angles)])
    return np.asarray(np.clip(radius, 0.55, 1.5)[:, None] * circle)


def _blend(canvas: Bytes, outline: Floats, *, is_flux: bool, density: float, rng: np.random.Generator) -> None:
    left, top = np.maximum(np.floor(outline.min(axis=0)).astype(int) * SCALE - 8, 0)
    right, bottom = np.ceil(outline.max(axis=0)).astype(int) * SCALE + 8
    window = canvas[top:bottom, left:right]
    mask = np.zeros(window.shape[:2], np.uint8)
    offset = np.array([left, top], np.int32) << FRACTION_BITS
    cv2.fillPoly(mask, [fixed_point(outline) - offset], 255, cv2.LINE_AA, FRACTION_BITS)
    soft = cv2.GaussianBlur(mask, (0, 0), 1.8).astype(np.float32)[..., None] / 255
    bulge = cv2.GaussianBlur(mask, (0, 0), 5.0).astype(np.float32)[..., None] / 255
    tone = (FLUX if is_flux else DIRT) * (0.7 + 0.4 * bulge)
    if is_flux:  # a wet gleam on the side of the lamp
        gleam = np.clip(bulge - np.roll(bulge, (5, 5), axis=(0, 1)) - 0.3, 0, 0.15)
        tone[..., :3] += 1300 * gleam
    else:
        crumbs = cv2.GaussianBlur(rng.standard_normal(mask.shape, dtype=np.float32), (0, 0), 1.6)[..., None]
        tone[..., :3] *= 1 + 0.65 * crumbs
    mixed = window * (1 - soft * density) + np.clip(tone, 0, 255) * soft * density
    window[:] = np.rint(mixed).astype(np.uint8)
