"""The demo connector as a shape in space: where things are, how the camera projects them, and the moulded housing.

World axes, in pixels of the nominal picture at the floor of the housing: x to the right, y towards the viewer (down in
the picture), z out of the floor. The camera looks down TILT_DEGREES off the vertical, from the viewer's side, so that a
standing pin shows its tip above its root and a bend is a visible lean.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]
Colour = tuple[float, float, float, float]
"""Blue, green, red, and how much of shadow and moulding texture the surface takes, each 0 to 255."""

WIDTH_PX, HEIGHT_PX = 640, 480
SCALE = 2
"""Everything is drawn this many times larger and averaged down."""
FRACTION_BITS = 4
CENTRE = np.array([320.0, 248.0])
TILT_DEGREES = 25.0
CAMERA_DISTANCE = 2200.0
PITCH_X, PITCH_Y = 56.0, 92.0
WALL_HEIGHT, BODY_DEPTH, BEVEL = 30.0, 26.0, 3.5
LIGHT = np.array([-0.42, -0.40, 0.81])
SHADOW_PER_HEIGHT = np.array([0.42, 0.20])
"""How far a shadow reaches to the right and towards the viewer, per pixel of height."""

_TURN = np.deg2rad(TILT_DEGREES)

OUTLINE = np.array([  # clockwise in the picture; a notch in the far wall, a key on the near one, one corner cut
    (-284, -160), (-276, -168), (-150, -168), (-150, -157), (-112, -157), (-112, -168), (276, -168), (284, -160),
    (284, 140), (256, 168), (150, 168), (150, 177), (92, 177), (92, 168), (-276, 168), (-284, 160),
], dtype=float)  # fmt: skip
OPENING = np.array([
    (-262, -137), (-256, -143), (256, -143), (262, -137), (262, 137), (256, 143), (-256, 143), (-262, 137),
    (-262, 14), (-255, 14), (-255, -14), (-262, -14),
], dtype=float)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How the part lies in the fixture: a turn and a shift in the plane of the floor."""

    angle_degrees: float = 0.0
    shift_px: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "View":
        """A placement as a nest leaves it: within 2 degrees and about 2 % of the picture's width."""
        angle = float(np.clip(rng.normal(0, 0.7), -2, 2))
        shift = np.clip(rng.normal(0, 4.5, 2), -12.5, 12.5)
        return cls(angle_degrees=angle, shift_px=(float(shift[0]), float(shift[1])))

    def project(self, points: Floats) -> Floats:
        """World points (..., 3) to picture positions (..., 2), in pixels."""
        angle = np.deg2rad(self.angle_degrees)
        x = points[..., 0] * np.cos(angle) - points[..., 1] * np.sin(angle) + self.shift_px[0]
        y = points[..., 0] * np.sin(angle) + points[..., 1] * np.cos(angle) + self.shift_px[1]
        towards_camera = y * np.sin(_TURN) + points[..., 2] * np.cos(_TURN)
        scale = CAMERA_DISTANCE / (CAMERA_DISTANCE - towards_camera)
        flat = np.stack([x * scale, (y * np.cos(_TURN) - points[..., 2] * np.sin(_TURN)) * scale], axis=-1)
        return np.asarray(flat + CENTRE)


def at_height(outline: Floats, height: float) -> Floats:
    """A plan outline (N, 2) as world points (N, 3)."""
    return np.column_stack([outline, np.full(len(outline), height)])


def grown(outline: Floats, by: float) -> Floats:
    """A clockwise outline (N, 2) with every side moved outwards; negative moves inwards."""
    side = np.roll(outline, -1, axis=0) - outline
    normal = np.column_stack([side[:, 1], -side[:, 0]]) / np.linalg.norm(side, axis=1, keepdims=True)
    before = np.roll(normal, 1, axis=0)
    mitre = (normal + before) / (1 + np.sum(normal * before, axis=1, keepdims=True))
    return np.asarray(outline + by * mitre)


def fixed_point(points: Floats, scale: int = SCALE) -> npt.NDArray[np.int32]:
    """Picture positions as the fixed-point numbers that OpenCV draws with, on a canvas `scale` times larger."""
    return np.rint(((points + 0.5) * scale - 0.5) * (1 << FRACTION_BITS)).astype(np.int32)


def fill(canvas: Bytes, points: Floats, colour: Colour | int, scale: int = SCALE) -> None:
    """Fill a polygon given in picture positions (N, 2)."""
    cv2.fillPoly(canvas, [fixed_point(points, scale)], colour, cv2.LINE_AA, FRACTION_BITS)


def fill_convex(canvas: Bytes, polygons: Floats, colours: list[list[float]]) -> None:
    """Fill convex polygons (N, corners, 2) one after the other: much faster than one by one."""
    for corners, colour in zip(fixed_point(polygons), colours, strict=True):
        cv2.fillConvexPoly(canvas, corners, colour, cv2.LINE_AA, FRACTION_BITS)


def lit(colour: Colour, normal: Floats) -> Colour:
    """The colour of a matt surface under the lamp; an upward one keeps its own."""
    share = 0.45 + 0.55 * max(0.0, float(normal @ LIGHT)) / float(LIGHT[2])
    blue, green, red, texture = colour
    return (blue * share, green * share, red * share, texture)


def _bands(canvas: Bytes, view: View, upper: Floats, lower: Floats, colour: Colour, inwards: bool = False) -> None:
    """The sloping or upright faces between two outlines (N, 3), as far as the camera sees them, the far ones first."""
    following = np.roll(upper, -1, axis=0)
    normals = np.cross(following - upper, lower - upper) * (1 if inwards else -1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    top, bottom = view.project(upper), view.project(lower)
    quads = np.stack([top, np.roll(top, -1, axis=0), np.roll(bottom, -1, axis=0), bottom], axis=1)
    right, down = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    is_seen = (right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0] > 0) == inwards
    for side in np.argsort(upper[:, 1] + following[:, 1], kind="stable"):
        if is_seen[side]:
            fill(canvas, quads[side], lit(colour, normals[side]))


def draw_housing(canvas: Bytes, view: View, shade: float) -> None:
    """Floor, walls and bevels of the empty housing; shade: brightness of this part's material, about 1."""
    body: Colour = (84 * shade, 78 * shade, 72 * shade, 255)
    wall = grown(OUTLINE, -BEVEL)
    lip = grown(OPENING, BEVEL)
    _bands(canvas, view, at_height(OUTLINE, WALL_HEIGHT - BEVEL), at_height(OUTLINE, -BODY_DEPTH), body)
    fill(canvas, view.project(at_height(OUTLINE, WALL_HEIGHT - BEVEL)), body)
    floor: Colour = (body[0] * 0.72, body[1] * 0.72, body[2] * 0.72, 255)
    fill(canvas, view.project(at_height(OPENING, WALL_HEIGHT - BEVEL)), floor)
    _bands(canvas, view, at_height(OPENING, WALL_HEIGHT - BEVEL), at_height(OPENING, 0), body, inwards=True)
    _bands(canvas, view, at_height(wall, WALL_HEIGHT), at_height(OUTLINE, WALL_HEIGHT - BEVEL), body)
    _bands(canvas, view, at_height(lip, WALL_HEIGHT), at_height(OPENING, WALL_HEIGHT - BEVEL), body, inwards=True)
    ring = [fixed_point(view.project(at_height(outline, WALL_HEIGHT))) for outline in (wall, lip)]
    cv2.fillPoly(canvas, ring, body, cv2.LINE_AA, FRACTION_BITS)
