"""Lightness and opponent colours of a working picture, in whole numbers of 16 bits, and the same smoothed widely.

A level is kept as steps above the least that its channel can have, so that nothing is negative before differences are
taken. Half as many bytes as float32 are half as much to read, and twice as many are compared by one instruction.
Planes are (H, C, W): a row of one channel, the same row of the next, then the next row. So whatever goes along rows
finds long ones, and one channel is a picture of its own for OpenCV.
"""

import cv2
import numpy as np
import numpy.typing as npt

from edge.frame import Pixels
from edge.settings import Channel

FloatArray = npt.NDArray[np.float32]
Steps = npt.NDArray[np.int16]

SMALLEST_GAIN, LARGEST_GAIN = 0.6, 1.6  # of a picture's light, against the reference's
FINE_SIGMA_PX, COARSE_SIGMA_PX = 0.7, 2.5  # between the two lies what counts as detail
FINE_TAPS = 5
STRIP_PX = 96  # rows at once
OPPONENT_COLOURS = np.array(
    [[0.114, 0.587, 0.299], [0.0, -0.5, 0.5], [0.5, -0.25, -0.25]], dtype=np.float64
)  # of B, G, R
CHANNELS = (Channel.LIGHTNESS, Channel.RED_GREEN, Channel.YELLOW_BLUE)
LEAST_LEVELS = np.array([0.0, -127.5, -127.5]) / SMALLEST_GAIN  # of each channel, in the darkest light
STEPS_PER_LEVEL = 76  # 15 bits hold all levels in the darkest light; a quarter of a level is a whole number
# Smoothed in half the size: with the kernels of pyrDown and pyrUp before and after it, these weights come as near to
# the Gaussian as least squares can bring them.
HALF_SIZE_WEIGHTS = np.array([0.000170, 0.006350, 0.057059, 0.242704, 0.387434, 0.242704, 0.057059, 0.006350, 0.000170])
MARGIN_PX = len(HALF_SIZE_WEIGHTS) // 2


class ChannelPlanes:
    """Makes planes of working pictures of one shape."""

    def __init__(self, channels: tuple[Channel, ...], shape: tuple[int, ...]) -> None:
        """shape: (H, W) of grey pictures, which have lightness only, or (H, W, 3)."""
        numbers = [CHANNELS.index(channel) for channel in channels] if len(shape) == 3 else [0]
        self.least = LEAST_LEVELS[numbers]
        self._colours = STEPS_PER_LEVEL * (OPPONENT_COLOURS[numbers] if len(shape) == 3 else np.ones((1, 1)))
        self._fine = cv2.getGaussianKernel(FINE_TAPS, FINE_SIGMA_PX)
        height, width = shape[:2]
        self._strips = [
            (slice(max(top - FINE_TAPS // 2, 0), top + rows + FINE_TAPS // 2), top, min(rows, height - top))
            for rows in [STRIP_PX]
            for top in range(0, height, rows)
        ]
        self._smoothed = np.empty((STRIP_PX + FINE_TAPS - 1, *shape[1:]), np.float32)
        self._exact = np.empty((STRIP_PX, width), np.float32)
        self._steps = np.empty((height, len(numbers), width), np.int16)

    def of(self, pixels: Pixels, *, gain: float) -> Steps:
        """Working picture uint8 → (H, C, W), slightly smoothed, its light scaled by `gain`, from 0 to
        1 / SMALLEST_GAIN. They are overwritten by the next picture's."""
        weights = [
            np.array([[*(gain * colours), 0.5 - STEPS_PER_LEVEL * least]])  # half a step: what follows cuts off
            for colours, least in zip(self._colours, self.least, strict=True)
        ]
        for seen, top, rows in self._strips:
            strip = pixels[seen]
            smoothed = self._smoothed[: len(strip)]
            cv2.sepFilter2D(strip, cv2.CV_32F, self._fine, self._fine, dst=smoothed)
            smoothed = smoothed[top - seen.start :][:rows]
            exact = self._exact[:rows]
            for channel, weight in enumerate(weights):
                cv2.transform(smoothed, weight, dst=exact)
                np.copyto(self._steps[top : top + rows, channel], exact, casting="unsafe")
        return self._steps

    def steps_of(self, levels: FloatArray) -> Steps:
        """Levels (H, W, C) of these channels as planes (H, C, W)."""
        steps = np.rint(STEPS_PER_LEVEL * (levels - self.least)).transpose(0, 2, 1)
        return np.ascontiguousarray(np.clip(steps, 0, np.iinfo(np.int16).max), dtype=np.int16)

    def levels_of(self, steps: Steps) -> FloatArray:
        """Planes (H, C, W) as levels (H, W, C)."""
        levels = steps * np.float32(1 / STEPS_PER_LEVEL)
        levels += self.least[:, np.newaxis].astype(np.float32)
        merged = cv2.merge([levels[:, channel] for channel in range(levels.shape[1])])
        return np.asarray(merged, dtype=np.float32).reshape(steps.shape[0], steps.shape[2], -1)


def channels_of(pixels: Pixels, channels: tuple[Channel, ...], *, gain: float) -> FloatArray:
    """Working picture (H, W[, 3]) uint8 → (H, W, C) float32, as `ChannelPlanes` gives them, in grey levels."""
    planes = ChannelPlanes(channels, pixels.shape)
    return planes.levels_of(planes.of(pixels, gain=gain))


class CoarsePlanes:
    """Smooths planes of one shape by COARSE_SIGMA_PX.

    That takes 21 weights either way; nine are enough in half the size, where a quarter of the pixels are left.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        """shape: (H, C, W)."""
        self._coarse = np.empty(shape, np.int16)
        height, channels, width = shape
        self._channels = range(channels)
        self._is_even = height % 2 == 0 and width % 2 == 0
        self._half = np.empty((height // 2, width // 2), np.int16)
        self._padded = np.empty((height // 2 + 2 * MARGIN_PX, width // 2 + 2 * MARGIN_PX), np.int16)
        self._filtered = np.empty_like(self._padded)

    def of(self, planes: Steps) -> Steps:
        """(H, C, W), mirrored at the rims. They are overwritten by the next planes'."""
        smooth = self._smooth_in_half_size if self._is_even else _smooth
        for channel in self._channels:
            smooth(planes[:, channel], self._coarse[:, channel])
        return self._coarse

    def _smooth_in_half_size(self, plane: Steps, smoothed: Steps) -> None:
        cv2.pyrDown(plane, dst=self._half)
        # Every second pixel is left, the first among them: at the far rims the mirror stands half a pixel farther out.
        middle = self._padded[:-MARGIN_PX, :-MARGIN_PX]
        cv2.copyMakeBorder(self._half, MARGIN_PX, 0, MARGIN_PX, 0, cv2.BORDER_REFLECT_101, dst=middle)
        cv2.copyMakeBorder(middle, 0, MARGIN_PX, 0, MARGIN_PX, cv2.BORDER_REFLECT, dst=self._padded)
        cv2.sepFilter2D(self._padded, -1, HALF_SIZE_WEIGHTS, HALF_SIZE_WEIGHTS, dst=self._filtered)
        cv2.pyrUp(self._filtered[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX], dst=smoothed)


def _smooth(plane: Steps, smoothed: Steps) -> None:
    cv2.GaussianBlur(plane, (0, 0), COARSE_SIGMA_PX, dst=smoothed)
