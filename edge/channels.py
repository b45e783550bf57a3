"""Lightness and opponent colours of a working picture, in whole numbers of 16 bits, and the same smoothed widely.

Colours are of half the picture's size: cameras and JPEG tell no more of them. A level is kept as steps above the least
that its channel can have, so that nothing is negative before differences are taken. Half as many bytes as float32 are
half as much to read, and twice as many are compared by one instruction. Planes are (H, C, W): a row of one channel, the
same row of the next, then the next row. So whatever goes along rows finds long ones, and one channel is a picture of
its own for OpenCV.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from edge.frame import Pixels
from edge.settings import COLOUR_CHANNELS, Channel

FloatArray = npt.NDArray[np.float32]
Steps = npt.NDArray[np.int16]

SMALLEST_GAIN, LARGEST_GAIN = 0.6, 1.6  # of a picture's light, against the reference's
FINE_SIGMA_PX, COARSE_SIGMA_PX = 0.7, 2.5  # of the working picture; between the two lies what counts as detail
FINE_TAPS, COARSE_COLOUR_TAPS = 5, 9
STRIP_PX = 36  # rows of colours at once: what is made on the way is small enough to stay at hand
COLOUR_STEP_PX = 2  # a colour's pixel is the mean of so many squared, and needs no other fine smoothing
FINER = 16  # parts of a grey level to which that mean is told
LIGHTNESS_WEIGHTS = np.array([0.114, 0.587, 0.299])  # of B, G, R
OPPONENT_COLOURS = {Channel.RED_GREEN: (0.0, -0.5, 0.5), Channel.YELLOW_BLUE: (0.5, -0.25, -0.25)}  # of B, G, R
LEAST_LIGHTNESS, LEAST_COLOUR = 0.0, -127.5 / SMALLEST_GAIN  # in the darkest light
STEPS_PER_LEVEL = 76  # 15 bits hold all levels in the darkest light; a quarter of a level is a whole number
# Smoothed in half the size: with the kernels of pyrDown and pyrUp before and after it, these weights come as near to
# the Gaussian as least squares can bring them.
HALF_SIZE_WEIGHTS = np.array([0.000170, 0.006350, 0.057059, 0.242704, 0.387434, 0.242704, 0.057059, 0.006350, 0.000170])
MARGIN_PX = len(HALF_SIZE_WEIGHTS) // 2


class Levels(NamedTuple):
    """Of a picture's channels, float32, in grey levels. lightness: (H, W, 1), or (H, W, 0) where it is not looked at.
    colours: (H / 2, W / 2, C), C up to two, in the order asked for."""

    lightness: FloatArray
    colours: FloatArray


class LightnessPlane:
    """Makes planes of lightness of working pictures of one size."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """shape: (H, W)."""
        self._fine = cv2.getGaussianKernel(FINE_TAPS, FINE_SIGMA_PX)
        self._steps = np.empty((shape[0], 1, shape[1]), np.int16)

    def of(self, grey: Pixels, *, gain: float) -> Steps:
        """Working picture (H, W) uint8 → (H, 1, W), slightly smoothed, its light scaled by `gain`, from 0 to
        1 / SMALLEST_GAIN. It is overwritten by the next picture's."""
        weights = STEPS_PER_LEVEL * gain * self._fine
        cv2.sepFilter2D(grey, cv2.CV_16S, self._fine, weights, dst=self._steps[:, 0])
        return self._steps


class ColourPlanes:
    """Makes planes of opponent colours of working pictures of one size, which must be even."""

    def __init__(self, channels: tuple[Channel, ...], shape: tuple[int, ...]) -> None:
        """shape: (H, W)."""
        height, width = (pixels // COLOUR_STEP_PX for pixels in shape)
        self._weights = STEPS_PER_LEVEL / FINER * np.array([OPPONENT_COLOURS[channel] for channel in channels])
        self._strips = [slice(top, min(top + STRIP_PX, height)) for top in range(0, height, STRIP_PX)]
        self._finer = np.empty((COLOUR_STEP_PX * STRIP_PX, shape[1], 3), np.uint16)
        self._halved = np.empty((STRIP_PX, width, 3), np.uint16)
        self._exact = np.empty((STRIP_PX, width, 3), np.float32)
        self._one = np.empty((STRIP_PX, width), np.float32)
        self._steps = np.empty((height, len(channels), width), np.int16)

    def of(self, pixels: Pixels, *, gain: float) -> Steps:
        """Working picture (H, W, 3) uint8 → (H / 2, C, W / 2), its light scaled as that of `LightnessPlane`."""
        half_a_step = 0.5 - STEPS_PER_LEVEL * LEAST_COLOUR  # what follows cuts off
        weights = [np.array([[*(gain * weights), half_a_step]]) for weights in self._weights]
        for strip in self._strips:
            steps = self._steps[strip]
            self._take(pixels[COLOUR_STEP_PX * strip.start : COLOUR_STEP_PX * strip.stop], weights, steps)
        return self._steps

    def _take(self, pixels: Pixels, weights: Sequence[npt.NDArray[np.float64]], steps: Steps) -> None:
        finer, rows = self._finer[: len(pixels)], len(steps)
        halved, exact, one = self._halved[:rows], self._exact[:rows], self._one[:rows]
        np.multiply(pixels, FINER, out=finer, dtype=np.uint16)
        cv2.resize(finer, one.shape[::-1], interpolation=cv2.INTER_AREA, dst=halved)
        np.copyto(exact, halved)
        for channel, weight in enumerate(weights):
            cv2.transform(exact, weight, dst=one)
            np.copyto(steps[:, channel], one, casting="unsafe")


def colours_of(channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """Those that are colours."""
    return tuple(channel for channel in channels if channel in COLOUR_CHANNELS)


def grey_of(pixels: Pixels) -> Pixels:
    """(H, W[, 3]) → (H, W)."""
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def channels_of(pixels: Pixels, channels: tuple[Channel, ...], *, gain: float) -> Levels:
    """What is looked at in a working picture (H, W[, 3]) uint8 of even size; grey pictures have no colours."""
    height, width = pixels.shape[:2]
    lightness = np.empty((height, width, 0), np.float32)
    colours = np.empty((height // COLOUR_STEP_PX, width // COLOUR_STEP_PX, 0), np.float32)
    if Channel.LIGHTNESS in channels:
        planes = LightnessPlane((height, width)).of(grey_of(pixels), gain=gain)
        lightness = levels_of(planes, least=LEAST_LIGHTNESS)
    if chosen := colours_of(channels):
        colours = levels_of(ColourPlanes(chosen, (height, width)).of(pixels, gain=gain), least=LEAST_COLOUR)
    return Levels(lightness=lightness, colours=colours)


def steps_of(levels: FloatArray, *, least: float) -> Steps:
    """Levels (H, W, C) as planes (H, C, W)."""
    steps = np.rint(STEPS_PER_LEVEL * (levels - least)).transpose(0, 2, 1)
    return np.ascontiguousarray(np.clip(steps, 0, np.iinfo(np.int16).max), dtype=np.int16)


def levels_of(steps: Steps, *, least: float) -> FloatArray:
    """Planes (H, C, W) as levels (H, W, C)."""
    levels = steps.transpose(0, 2, 1) * np.float32(1 / STEPS_PER_LEVEL) + np.float32(least)
    return np.ascontiguousarray(levels, dtype=np.float32)


class CoarseLightness:
    """Smooths planes of lightness by COARSE_SIGMA_PX.

    That takes 21 weights either way; nine are enough in half the size, where a quarter of the pixels are left.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        """shape: (H, W), both even."""
        self._coarse = np.empty((shape[0], 1, shape[1]), np.int16)
        height, width = (pixels // 2 for pixels in shape)
        self._half = np.empty((height, width), np.int16)
        self._padded = np.empty((height + 2 * MARGIN_PX, width + 2 * MARGIN_PX), np.int16)
        self._filtered = np.empty_like(self._padded)

    def of(self, planes: Steps) -> Steps:
        """(H, 1, W), mirrored at the rims. They are overwritten by the next planes'."""
        cv2.pyrDown(planes[:, 0], dst=self._half)
        # Every second pixel is left, the first among them: at the far rims the mirror stands half a pixel farther out.
        middle = self._padded[:-MARGIN_PX, :-MARGIN_PX]
        cv2.copyMakeBorder(self._half, MARGIN_PX, 0, MARGIN_PX, 0, cv2.BORDER_REFLECT_101, dst=middle)
        cv2.copyMakeBorder(middle, 0, MARGIN_PX, 0, MARGIN_PX, cv2.BORDER_REFLECT, dst=self._padded)
        cv2.sepFilter2D(self._padded, -1, HALF_SIZE_WEIGHTS, HALF_SIZE_WEIGHTS, dst=self._filtered)
        cv2.pyrUp(self._filtered[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX], dst=self._coarse[:, 0])
        return self._coarse


class CoarseColours:
    """Smooths planes of colours by the same length."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """shape: (H / 2, C, W / 2)."""
        self._weights = cv2.getGaussianKernel(COARSE_COLOUR_TAPS, COARSE_SIGMA_PX / COLOUR_STEP_PX)
        self._coarse = np.empty(shape, np.int16)

    def of(self, planes: Steps) -> Steps:
        """(H / 2, C, W / 2), mirrored at the rims. They are overwritten by the next planes'."""
        for channel in range(planes.shape[1]):
            cv2.GaussianBlur(planes[:, channel], (0, 0), COARSE_SIGMA_PX / COLOUR_STEP_PX, dst=self._coarse[:, channel])
        return self._coarse
