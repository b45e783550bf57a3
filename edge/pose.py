"""Placements and pictures that are looked at through them: the geometry that both searches share."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

BLUR_SIGMA_PX = 1.2
ROUND_SHARE = 0.02  # of a picture's gradient, across the radius; measured: a bottle 0.003 to 0.01, an oval pill 0.09
EVEN_FIT = 0.98  # of a picture and itself moved; measured: a zipper along its length 0.987, an oval pill 0.91 at most
EVEN_SHARE = 0.05  # of the longer side, that it is moved by at least: by a pixel or two, every picture fits itself
NEXT_PX = 3.0  # finer meshes are a texture to the picture that is aligned
PREFERENCE = 0.002  # of fit: a part that looks the same at several angles is taken as turned least


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How a part lies: shift in pixels of the picture, rotation about its middle in radians, fit from -1 to 1."""

    x_px: float
    y_px: float
    rotation_rad: float
    fit: float

    def matrix(self, *, width: int, height: int) -> npt.NDArray[np.float64]:
        """(2, 3) matrix from reference to frame coordinates, rotating about the picture's middle."""
        cosine, sine = math.cos(self.rotation_rad), math.sin(self.rotation_rad)
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        return np.array(
            [
                [cosine, -sine, centre_x + self.x_px - cosine * centre_x + sine * centre_y],
                [sine, cosine, centre_y + self.y_px - sine * centre_x - cosine * centre_y],
            ]
        )

    def scaled(self, factor: float) -> "Placement":
        """The same in a picture `factor` times as large."""
        return replace(self, x_px=self.x_px * factor, y_px=self.y_px * factor)

    @property
    def preferred_fit(self) -> float:
        """The fit, a little less for a part that is turned far: decides between angles that look the same."""
        return self.fit - PREFERENCE * abs(self.rotation_rad) / math.pi


def always_seen(shape: tuple[int, int], *, shift_px: float, rotation_rad: float) -> Mask:
    """Pixels that stay in the picture whatever the shift and rotation up to these: (height, width)."""
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    radius, bearing = np.hypot(x, y), np.arctan2(y, x)
    turns = np.linspace(-rotation_rad, rotation_rad, 2 * math.ceil(math.degrees(rotation_rad) / 5) + 1)
    is_seen = np.ones(shape, dtype=bool)
    for turn in turns:
        is_seen &= np.abs(radius * np.cos(bearing + turn)) <= (width - 1) / 2 - shift_px
        is_seen &= np.abs(radius * np.sin(bearing + turn)) <= (height - 1) / 2 - shift_px
    is_seen[height // 3 : height - height // 3, width // 3 : width - width // 3] = True  # long, narrow pictures
    return is_seen


def pyramid(grey: npt.NDArray[np.generic]) -> list[FloatArray]:
    """The smoothed picture in its own size, half and a quarter of it."""
    levels = [np.asarray(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), BLUR_SIGMA_PX), dtype=np.float32)]
    for _ in range(2):
        height, width = levels[-1].shape
        half = cv2.resize(levels[-1], ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, dtype=np.float32))
    return levels


def steepest_descent(reference: FloatArray) -> FloatArray:
    """How the picture changes when the reference moves in x, in y, and turns by a pixel at the rim: (3, h, w)."""
    height, width = reference.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    slope_y, slope_x = np.gradient(reference, axis=0), np.gradient(reference, axis=1)
    turn = slope_y * (columns - (width - 1) / 2) - slope_x * (rows - (height - 1) / 2)
    return np.stack([slope_x, slope_y, turn / (max(reference.shape) / 2)]).astype(np.float32)


def is_round(reference: FloatArray, is_seen: Mask) -> bool:
    """True if the picture does not say how it is turned: hardly any of its gradient lies across the radius.

    Compared are the energy that turning adds, over what shifting explains, and what it would be if all gradients did.
    """
    height, width = reference.shape
    steepest = steepest_descent(reference)[:, is_seen].astype(np.float64)  # (3, pixels)
    normal = steepest @ steepest.T + 1e-9 * np.eye(3)
    turning = normal[2, 2] - normal[2, :2] @ np.linalg.solve(normal[:2, :2], normal[:2, 2])
    y, x = np.nonzero(is_seen)
    radius = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2) / (max(reference.shape) / 2)
    most = float((np.square(steepest[:2]).sum(axis=0) * radius**2).sum())
    return bool(turning < ROUND_SHARE * most)


def is_even(reference: FloatArray, is_seen: Mask, *, shift_px: float) -> tuple[bool, bool]:
    """True for x, and for y, if the picture does not say where it lies in this direction: a strip, a zipper, a tube.

    It fits itself wherever it is moved to within this shift, by whole pixels.
    """
    window = window_of(is_seen)
    seen = reference[window]

    def is_even_along(axis: int) -> bool:
        place = window[axis]
        reach = min(int(shift_px), place.start, reference.shape[axis] - place.stop)
        if reach < EVEN_SHARE * max(reference.shape):
            return False
        around = list(window)
        around[axis] = slice(place.start - reach, place.stop + reach)
        fits = cv2.matchTemplate(reference[tuple(around)], seen, cv2.TM_CCOEFF_NORMED)
        return bool(fits.min() > EVEN_FIT)

    return is_even_along(1), is_even_along(0)


def repeats_after(
    reference: FloatArray, *, shift_px: float, least_fit: float, along: tuple[bool, bool]
) -> float | None:
    """How far off, in pixels, the nearest other place is at which the reference fits itself as well as this: a mesh.

    Looked for up to this shift; None if there is none. along: whether x, and y, say where the part lies at all.
    """
    reach_x, reach_y = (min(int(shift_px), size // 2) for size in reference.shape[::-1])
    y, x = np.mgrid[-reach_y : reach_y + 1, -reach_x : reach_x + 1]
    fits = _overlap_fits(reference)[y, x]
    is_peak = (fits >= cv2.dilate(fits, np.ones((3, 3)))) & (fits >= least_fit)
    away = np.hypot(x * along[0], y * along[1])[1:-1, 1:-1]  # at the rim the fit may rise on
    elsewhere = away[is_peak[1:-1, 1:-1] & (away >= NEXT_PX)]
    return float(elsewhere.min()) if elsewhere.size else None


def _overlap_fits(picture: FloatArray) -> npt.NDArray[np.float64]:
    """[y, x]: how well a picture fits itself moved by so much, where both are: correlation from -1 to 1."""
    height, width = picture.shape
    size = (2 * height, 2 * width)
    values = picture.astype(np.float64) - picture.mean()
    here, plain, squared = (np.fft.rfft2(each, size) for each in (np.ones_like(values), values, np.square(values)))

    def summed(left: npt.NDArray[np.complex128], right: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
        return np.fft.irfft2(left * right.conj(), size)

    count = np.maximum(summed(here, here), 1.0)
    left, right = summed(plain, here), summed(here, plain)
    covariance = summed(plain, plain) - left * right / count
    variance = (summed(squared, here) - left**2 / count) * (summed(here, squared) - right**2 / count)
    return np.asarray(covariance / np.sqrt(np.maximum(variance, 1e-6)))


def seen_at(picture: FloatArray, placement: Placement, window: tuple[slice, slice]) -> FloatArray:
    """A window of the reference's coordinates as the picture shows it: (rows, columns) float32."""
    height, width = picture.shape
    rows, columns = window
    matrix = placement.matrix(width=width, height=height)
    matrix[:, 2] += matrix[:, 0] * columns.start + matrix[:, 1] * rows.start
    seen = cv2.warpAffine(
        picture,
        matrix,
        (columns.stop - columns.start, rows.stop - rows.start),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(seen, dtype=np.float32)


def stepped(placement: Placement, step: npt.NDArray[np.float64], *, arm_px: float) -> Placement:
    """The placement after taking back one small step, which was measured in the reference's own coordinates."""
    x, y, turn = step.tolist()
    cosine, sine = math.cos(placement.rotation_rad), math.sin(placement.rotation_rad)
    return Placement(
        x_px=placement.x_px - (cosine * x - sine * y),
        y_px=placement.y_px - (sine * x + cosine * y),
        rotation_rad=math.remainder(placement.rotation_rad - turn / arm_px, 2 * math.pi),
        fit=placement.fit,
    )


def window_of(is_seen: Mask) -> tuple[slice, slice]:
    """The rectangle around the pixels that take part."""
    rows, columns = np.flatnonzero(is_seen.any(axis=1)), np.flatnonzero(is_seen.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
