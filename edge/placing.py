"""Where the part lies, undone: a frame becomes a working picture, in the reference's place and size."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.alignment import Placement, aligner_for
from edge.errors import NotJudged
from edge.frame import Frame, Pixels
from edge.settings import AlignmentMode, MapSettings
from edge.variables import grey_of
from edge.verdict import Reason
from edge.view import View, resized

SMOOTH_TAPS = 3
WIDEST = 0.33  # weight of the pixels beside one: all three weigh nearly the same


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingPicture:
    """The part as it would lie in the reference's place. pixels: (H, W[, 3]) uint8; placement: how it lay."""

    pixels: Pixels
    placement: Placement


class Placer:
    """Brings frames into the reference's place and size."""

    def __init__(
        self,
        picture: Pixels,
        settings: MapSettings,
        *,
        frame_width: int,
        frame_height: int,
        inspected: Pixels | None = None,
    ) -> None:
        """picture: the reference as a working picture (H, W[, 3]), of the settings' window of the frame. Frames must
        have the given size, in pixels.
        inspected: (H, W) uint8 of a working picture, 255 where the part is inspected; None: everywhere."""
        self.settings = settings
        self._view = view = View(settings, frame_width=frame_width, frame_height=frame_height)
        self._is_colour = picture.ndim == 3
        self._sigmas = [
            _sigma_of(shown / working) for shown, working in zip(view.shown_size, view.working_size, strict=True)
        ]
        self._smooth = np.empty((*view.reduced_size[::-1], *picture.shape[2:]), np.uint8)
        self._lit = np.empty_like(picture)
        self._unseen_pixels = np.empty(view.working_size[::-1], np.uint8)
        small = resized(grey_of(picture), view.small_size)
        compared = None if inspected is None else resized(inspected, view.small_size)
        self.aligner = aligner_for(small, settings.alignment, inspected=compared)
        self._picture = picture
        self._brightness = max(float(small.mean()), 1.0)
        self.inspected = np.full(view.working_size[::-1], 255, np.uint8) if inspected is None else inspected
        if settings.alignment.mode is AlignmentMode.ANY_ANGLE:
            self.inspected = np.asarray(cv2.subtract(self.inspected, view.beyond_turning()), dtype=np.uint8)
        self._left_out = np.asarray(cv2.bitwise_not(self.inspected), dtype=np.uint8)

    def place(self, frame: Frame) -> WorkingPicture:
        """The frame's part in the reference's place; the caller decides whether the placement will do.

        What lies outside the frame, or is not inspected, is taken from the reference, in the frame's light.
        """
        reduced = self._view.reduced(frame.pixels)
        small = self._view.small(reduced)
        working = self._placed(reduced, self.aligner.align(small))
        unseen = self._unseen(working.placement)
        if cv2.countNonZero(unseen):
            cv2.convertScaleAbs(self._picture, dst=self._lit, alpha=cv2.mean(small)[0] / self._brightness)
            cv2.copyTo(self._lit, unseen, dst=working.pixels)
        return working

    def unmasked(self, pixels: Pixels) -> Pixels:
        """A copy of a working picture with what is not inspected taken from the reference."""
        return np.asarray(cv2.copyTo(self._picture, self._left_out, pixels.copy()), dtype=np.uint8)

    def small_grey(self, frame: Frame) -> Pixels:
        """The small grey picture of a frame that is aligned: (height, width) uint8."""
        return self._view.small(self._view.reduced(frame.pixels))

    def place_at(self, frame: Frame, placement: Placement) -> WorkingPicture:
        """The frame brought into place by a known placement; its rim is repeated where there is no frame."""
        return self._placed(self._view.reduced(frame.pixels), placement)

    def _placed(self, reduced: Pixels, placement: Placement) -> WorkingPicture:
        """A working pixel looks at four pixels of what it is made from: smoothed before, they stand for all."""
        across, down = self._sigmas
        cv2.GaussianBlur(reduced, (SMOOTH_TAPS, SMOOTH_TAPS), across, dst=self._smooth, sigmaY=down)
        pixels = cv2.warpAffine(
            self._smooth,
            self._view.to_reduced(placement),
            self._view.working_size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return WorkingPicture(pixels=np.asarray(pixels, dtype=np.uint8), placement=placement)

    def inspected_part(self, inspected: npt.NDArray[np.bool_]) -> Pixels:
        """(H, W) bool of a frame that lies as the reference does → (H, W) uint8 of a working picture, 255 or 0."""
        shown = inspected[self._view.window.pixels].astype(np.uint8) * 255
        return np.where(resized(shown, self._view.working_size) == 255, 255, 0).astype(np.uint8)

    def check_format(self, frame: Frame) -> None:
        """Raise NotJudged unless the frame has the size and colour format of the good parts."""
        if (frame.width, frame.height) != self._view.frame_size:
            wanted = "{}x{}".format(*self._view.frame_size)
            raise NotJudged(
                Reason.WRONG_FORMAT, f"{frame.width}x{frame.height} pixels, the model was trained on {wanted}"
            )
        if frame.is_colour != self._is_colour:
            kinds = ("grey", "colour")
            raise NotJudged(
                Reason.WRONG_FORMAT,
                f"a {kinds[frame.is_colour]} picture, the model was trained on {kinds[self._is_colour]}",
            )

    def _unseen(self, placement: Placement) -> Pixels:
        """(H, W) uint8: 255 where a working picture shows what lies outside the frame, or is not inspected."""
        seen = np.rint(self._view.seen(placement) * 16).astype(np.int32)
        self._unseen_pixels.fill(255)
        cv2.fillConvexPoly(self._unseen_pixels, seen, 0, shift=4)
        return np.asarray(cv2.bitwise_or(self._unseen_pixels, self._left_out, dst=self._unseen_pixels), dtype=np.uint8)


def _sigma_of(step: float) -> float:
    """Of weights that smooth a little more than the mean over so many pixels would, or as much as SMOOTH_TAPS can."""
    aside = min(step * step / 20, WIDEST)
    return math.sqrt(-0.5 / math.log(aside / (1 - 2 * aside)))
