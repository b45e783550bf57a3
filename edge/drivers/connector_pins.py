"""The pins of the demo connector: where each one stands, leans and ends, and how its metal shines."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from edge.drivers.connector_part import PIN_ADDRESSES, Defect, DefectKind
from edge.drivers.connector_scene import (
    PITCH_X,
    PITCH_Y,
    SHADOW_PER_HEIGHT,
    Bytes,
    Colour,
    Floats,
    View,
    fill,
    fixed_point,
)

PIN_LENGTH = 70.0
PIN_RADIUS = 5.6
BEND_BEGINS = 0.12
"""A pin bends where it leaves the housing: at this share of its length."""
JITTER_DEGREES = 0.28
LARGEST_JITTER_DEGREES = 0.7

GOLD = np.array([98.0, 172.0, 214.0])
ACROSS = np.array([-1.0, -0.72, -0.42, -0.16, 0.2, 0.62, 1.0])
SHINE = np.array([0.42, 0.86, 1.32, 0.94, 0.62, 0.36])
"""Brightness of the strips between the edges ACROSS, as a cylinder mirrors a lamp at the upper left."""
ALONG = np.array([0.0, BEND_BEGINS, 0.4, 0.72, 0.93])
FADE = np.array([0.46, 0.66, 0.82, 0.96])
_CIRCLE = np.column_stack([np.cos(np.linspace(0, 2 * np.pi, 20, False)), np.sin(np.linspace(0, 2 * np.pi, 20, False))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One pin as it stands in one part.

    root: where it leaves the floor, world x and y in pixels. lean_degrees: from the vertical, to the right and away from
    the viewer. length: pixels above the floor, 0 if there is no pin. sheen: brightness, about 1.
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
    """The 27 pins of one part in the order of PIN_ADDRESSES: good ones with their tolerance, and one with the defect."""
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
            depth = 0.12 + 0.55 * defect.amount
            return replace(pin, length=pin.length * (1 - depth), sheen=pin.sheen * (1 - 0.4 * depth))
    return pin


def draw_shadow(shadow: Bytes, view: View, pin: Pin) -> None:
    """Add the shadow that a pin casts on the floor; shadow (H, W) uint8, 255 is darkest."""
    points = pin.axis(ALONG)
    fallen = np.column_stack([points[:, :2] + points[:, 2:] * SHADOW_PER_HEIGHT, np.zeros(len(points))])
    line = fixed_point(view.project(fallen), scale=1)
    for first, second, strength in zip(line[:-1], line[1:], (255, 225, 190, 150), strict=True):
        cv2.line(shadow, first.tolist(), second.tolist(), strength, 9, cv2.LINE_AA, 4)


def draw_hole(canvas: Bytes, view: View, address: str, shade: float) -> None:
    """The countersunk hole that a pin comes out of, empty."""
    centre = np.array([*nominal_root(address), 0.0])
    disc = np.column_stack([_CIRCLE, np.zeros(len(_CIRCLE))])
    for radius, offset, grey in ((12.5, (0.6, 0.5), 82), (12.0, (-0.5, -0.4), 40), (9.6, (0.0, 0.0), 27), (7.4, (-0.6, -0.8), 9)):
        tone = grey * shade
        place = centre + np.array([*offset, 0.0])
        fill(canvas, view.project(place + radius * disc), (tone * 1.06, tone, tone * 0.94, 200))


def draw_pin(canvas: Bytes, view: View, pin: Pin) -> None:
    """Shaft, tip and highlights of one pin; nothing if it is missing."""
    if not pin.length:
        return
    line = view.project(pin.axis(np.append(ALONG, 1.0)))
    along = line[-1] - line[0]
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
    edges = line[:-1, None, :] + PIN_RADIUS * ACROSS[None, :, None] * across  # (section, edge, xy)
    fill(canvas, line[0] + 1.04 * PIN_RADIUS * _CIRCLE, _metal(0.26 * pin.sheen))
    fill(canvas, np.concatenate([edges[:, 0], edges[::-1, -1]]), _metal(0.5 * pin.sheen))
    for section, fade in enumerate(FADE):
        for strip, shine in enumerate(SHINE):
            quad = edges[[section, section, section + 1, section + 1], [strip, strip + 1, strip + 1, strip]]
            fill(canvas, quad, _metal(shine * fade * pin.sheen))
    shoulder, end = line[-2], line[-1]
    fill(canvas, shoulder + PIN_RADIUS * _CIRCLE * (1.0, 0.92), _metal(0.72 * pin.sheen))
    fill(canvas, shoulder + (-1.1, -1.0) + 0.78 * PIN_RADIUS * _CIRCLE, _metal(1.02 * pin.sheen))
    fill(canvas, end + 0.62 * PIN_RADIUS * _CIRCLE * (1.0, 0.92), _metal(1.3 * pin.sheen))
    fill(canvas, end + (-0.9, -0.8) + 0.27 * PIN_RADIUS * _CIRCLE, _metal(1.75 * pin.sheen))


def _metal(brightness: float) -> Colour:
    """Gold under a white lamp: the brighter, the whiter."""
    whiteness = min(max(brightness - 0.9, 0.0), 0.8)
    blue, green, red = np.minimum(GOLD * min(brightness, 1.25) * (1 - whiteness) + 255 * whiteness, 255)
    return (float(blue), float(green), float(red), 0.0)
