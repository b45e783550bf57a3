"""The pins of the demo connector: where each one stands, leans and ends, and how its metal shines."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from edge.drivers.connector_part import PIN_ADDRESSES, Defect, DefectKind
from edge.drivers.connector_scene import (
    FRACTION_BITS,
    PITCH_X,
    PITCH_Y,
    SHADOW_PER_HEIGHT,
    Bytes,
    Floats,
    View,
    fill_convex,
    fixed_point,
)

PIN_LENGTH = 70.0
PIN_RADIUS = 5.6
BEND_BEGINS = 0.12
"""A pin bends where it leaves the housing: at this share of its length."""
JITTER_DEGREES = 0.28
LARGEST_JITTER_DEGREES = 0.7

GOLD = np.array([98.0, 172.0, 214.0])
ACROSS = np.array([-1.0, -0.74, -0.48, -0.22, 0.16, 0.6, 1.0])
SHINE = np.array([0.4, 0.8, 1.42, 0.98, 0.66, 0.36])
"""Brightness of the strips between the edges ACROSS, as a cylinder mirrors a lamp at the upper left."""
ALONG = np.array([0.0, BEND_BEGINS, 0.28, 0.46, 0.7, 0.94])
FADE = np.array([0.52, 0.66, 0.77, 0.87, 0.96])
SHAFT_SHINE = (FADE[:, None] * SHINE).ravel()
SHADOW_DEPTH = (255, 245, 230, 205, 175, 150)
SHADOW_WIDTH_PX = 9
TIP_AT_END = np.array([False, False, True, True])
TIP_OFFSETS = np.array([(0.0, 0.0), (-1.1, -1.0), (0.0, 0.0), (-0.9, -0.8)])
TIP_RADII = PIN_RADIUS * np.array([1.0, 0.78, 0.62, 0.27])
TIP_SHINE = np.array([0.72, 1.02, 1.3, 1.75])
"""The tip as discs on top of one another: shoulder, its lit part, the flat end, its highlight."""
HOLE_RADII = np.array([12.5, 12.0, 9.6, 7.4])
HOLE_OFFSETS = np.array([(0.6, 0.5, 0.0), (-0.5, -0.4, 0.0), (0.0, 0.0, 0.0), (-0.6, -0.8, 0.0)])
HOLE_GREYS = np.array([82.0, 40.0, 27.0, 9.0])
"""The hole as discs: its lit rim, the countersink, its wall and the dark inside."""

_STATIONS = np.append(ALONG, 1.0)
_CIRCLE = np.column_stack([np.cos(np.linspace(0, 2 * np.pi, 20, False)), np.sin(np.linspace(0, 2 * np.pi, 20, False))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One pin as it stands in one part.

    root: where it leaves the floor, world x and y in pixels. lean_degrees: from the vertical, to the right and away
    from the viewer. length: pixels above the floor, 0 if there is no pin. sheen: brightness, about 1.
    """

    root: tuple[float, float]
    lean_degrees: tuple[float, float] = (0.0, 0.0)
    length: float = PIN_LENGTH
    sheen: float = 1.0

    def axis(self, shares: Floats) -> Floats:
        """World points (N, 3) on the centre line, at shares (N,) of the length."""
        right, away = np.tan(np.deg2rad(self.lean_degrees))
        direction = np.array([right, -away, 1.0]) / np.sqrt(1 + right**2 + away**2)
        straight = np.minimum(shares, BEND_BEGINS)[:, None] * np.array([0.0, 0.0, 1.0])
        leaning = np.maximum(shares - BEND_BEGINS, 0)[:, None] * direction
        return np.asarray(np.array([*self.root, 0.0]) + self.length * (straight + leaning))


def nominal_root(address: str) -> tuple[float, float]:
    """Where the pin leaves the floor in a perfect part: world x and y, in pixels."""
    return ((int(address[0]) - 5) * PITCH_X, (int(address[1]) - 2) * PITCH_Y)


def standing_pins(rng: np.random.Generator, defect: Defect | None) -> list[Pin]:
    """The 27 pins of one part in the order of PIN_ADDRESSES, each with its tolerance, one with the defect."""
    leans = np.clip(rng.normal(0, JITTER_DEGREES, (27, 2)), -LARGEST_JITTER_DEGREES, LARGEST_JITTER_DEGREES)
    offsets = np.clip(rng.normal(0, 0.3, (27, 2)), -0.7, 0.7)
    lengths = PIN_LENGTH * (1 + np.clip(rng.normal(0, 0.008, 27), -0.02, 0.02))
    sheens = 1 + np.clip(rng.normal(0, 0.04, 27), -0.1, 0.1)
    pins = []
    for index, address in enumerate(PIN_ADDRESSES):
        x, y = nominal_root(address)
        pin = Pin(
            root=(x + float(offsets[index, 0]), y + float(offsets[index, 1])),
            lean_degrees=(float(leans[index, 0]), float(leans[index, 1])),
            length=float(lengths[index]),
            sheen=float(sheens[index]),
        )
        pins.append(_spoilt(pin, defect) if defect is not None and defect.pin == address else pin)
    return pins


def _spoilt(pin: Pin, defect: Defect) -> Pin:
    right, away = pin.lean_degrees
    match defect.kind:
        case DefectKind.BENT_X:
            return replace(pin, lean_degrees=(right + defect.amount, away))
        case DefectKind.BENT_Y:
            return replace(pin, lean_degrees=(right, away + defect.amount))
        case DefectKind.MISSING:
            return replace(pin, length=0.0)
        case DefectKind.PUSHED_IN:
            depth = 0.05 + 0.55 * defect.amount
            return replace(pin, length=pin.length * (1 - depth), sheen=pin.sheen * (1 - 0.4 * depth))
    return pin


def draw_shadows(shadow: Bytes, view: View, pins: list[Pin]) -> None:
    """Add the shadows that the pins cast on the floor; shadow (H, W) uint8, 255 is darkest."""
    points = _axes(pins)
    fallen = points[..., :2] + points[..., 2:] * SHADOW_PER_HEIGHT
    flat = np.concatenate([fallen, np.zeros_like(points[..., :1])], axis=-1)
    for line in fixed_point(view.project(flat), scale=1).tolist():
        for first, second, strength in zip(line[:-1], line[1:], SHADOW_DEPTH, strict=True):
            cv2.line(shadow, first, second, strength, SHADOW_WIDTH_PX, cv2.LINE_AA, FRACTION_BITS)


def draw_holes(canvas: Bytes, view: View, shade: float) -> None:
    """The countersunk holes that the pins come out of, empty."""
    disc = np.column_stack([_CIRCLE, np.zeros(len(_CIRCLE))])
    roots = np.array([(*nominal_root(address), 0.0) for address in PIN_ADDRESSES])
    rings = (roots[:, None, :] + HOLE_OFFSETS)[:, :, None, :] + HOLE_RADII[
        :, None, None
    ] * disc  # (pin, ring, corner, 3)
    tones = HOLE_GREYS[:, None] * shade * np.array([1.06, 1.0, 0.94, 0.0]) + (0.0, 0.0, 0.0, 200.0)
    for polygons in view.project(rings):
        fill_convex(canvas, polygons, tones.tolist())


def draw_pins(canvas: Bytes, view: View, pins: list[Pin]) -> None:
    """Shaft, tip and highlights of the pins that are there, the far ones first."""
    present = sorted((pin for pin in pins if pin.length), key=lambda pin: pin.root[1])
    lines = view.project(_axes(present))  # (pin, station, xy)
    along = lines[:, -1] - lines[:, 0]
    across = np.column_stack([-along[:, 1], along[:, 0]]) / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
    edges = lines[:, :-1, None, :] + PIN_RADIUS * ACROSS[:, None] * across[:, None, None, :]  # (pin, station, edge, xy)
    strips = np.stack([edges[:, :-1, :-1], edges[:, :-1, 1:], edges[:, 1:, 1:], edges[:, 1:, :-1]], axis=3)
    strips = strips.reshape(len(present), -1, 4, 2)
    roots = lines[:, :1, None, :] + 1.04 * PIN_RADIUS * _CIRCLE
    centres = np.where(TIP_AT_END[:, None], lines[:, -1:], lines[:, -2:-1]) + TIP_OFFSETS
    discs = centres[:, :, None, :] + TIP_RADII[:, None, None] * _CIRCLE * (1.0, 0.92)
    for index, pin in enumerate(present):
        fill_convex(canvas, roots[index], _metal(np.array([0.26]) * pin.sheen))
        fill_convex(canvas, strips[index], _metal(SHAFT_SHINE * pin.sheen))
        fill_convex(canvas, discs[index], _metal(TIP_SHINE * pin.sheen))


def _axes(pins: list[Pin]) -> Floats:
    """The centre lines of the pins: world points (pin, station, 3)."""
    return np.stack([pin.axis(_STATIONS) for pin in pins])


def _metal(brightness: Floats) -> list[list[float]]:
    """Gold under a white lamp, (N,) brightness to N colours: the brighter, the whiter."""
    whiteness = np.clip(brightness - 0.9, 0.0, 0.8)[:, None]
    tone = GOLD * np.minimum(brightness, 1.25)[:, None] * (1 - whiteness) + 255 * whiteness
    return [[*colour, 0.0] for colour in np.minimum(tone, 255).tolist()]
