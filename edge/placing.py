"""Where the part lies, undone: a frame becomes a working picture, in the reference's place and size."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.alignment import Placement, aligner_for
from edge.errors import NotJudged
from edge.frame import Frame, Pixels
from edge.settings import AlignmentMode, AlignmentSettings, MapSettings
from edge.variables import grey_of
from edge.verdict import Reason

LARGE = 3  # times the working picture's size, and more: halved first
SMOOTH_TAPS = 3
WIDEST = 0.33  # weight of the pixels beside one: all three weigh nearly the same
IDENTITY = np.eye(3)


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
        """picture: the reference as a working picture (H, W[, 3]); frames must have the given size, in pixels.
        inspected: (H, W) uint8 of a working picture, 255 where the part is inspected; None: everywhere."""
        self.settings = settings
        grid = settings.grid
        self._working_size = (grid.width_px, grid.height_px)
        self._frame_size = (frame_width, frame_height)
        self._is_colour = picture.ndim == 3
        self._halves = list(_halves(self._frame_size, self._working_size))
        reduced_size = self._halves[-1] if self._halves else self._frame_size
        scale = settings.alignment.picture_px / max(frame_width, frame_height)
        self._small_size = (max(round(frame_width * scale), 32), max(round(frame_height * scale), 32))
        self._small_halves = _half_on_the_way(reduced_size, self._small_size)
        self._working_to_small = _stretch(self._working_size, self._small_size)
        self._small_to_reduced = _stretch(self._small_size, reduced_size)
        self._small_to_working = _stretch(self._small_size, self._working_size)
        self._sigmas = [
            _sigma_of(reduced / working) for reduced, working in zip(reduced_size, self._working_size, strict=True)
        ]
        self._smooth = np.empty((*reduced_size[::-1], *picture.shape[2:]), np.uint8)
        self._lit = np.empty_like(picture)
        self._unseen_pixels = np.empty(self._working_size[::-1], np.uint8)
        right, bottom = self._small_size[0] - 0.5, self._small_size[1] - 0.5  # a pixel's edge, not its middle
        self._corners = np.array([[-0.5, -0.5, 1], [right, -0.5, 1], [right, bottom, 1], [-0.5, bottom, 1]]).T
        small = _resized(grey_of(picture), self._small_size)
        compared = None if inspected is None else _resized(inspected, self._small_size)
        self.aligner = aligner_for(small, settings.alignment, inspected=compared)
        self._picture = picture
        self._brightness = max(float(small.mean()), 1.0)
        is_inspected = np.full(self._working_size[::-1], 255, np.uint8) if inspected is None else inspected
        self.inspected = np.asarray(cv2.subtract(is_inspected, self._never_seen(settings.alignment)), dtype=np.uint8)
        self._left_out = np.asarray(cv2.bitwise_not(self.inspected), dtype=np.uint8)

    def place(self, frame: Frame) -> WorkingPicture:
        """The frame's part in the reference's place; the caller decides whether the placement will do.

        What lies outside the frame, or is not inspected, is taken from the reference, in the frame's light.
        """
        reduced = self._reduced(frame)
        small = self._small(reduced)
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
        return self._small(self._reduced(frame))

    def place_at(self, frame: Frame, placement: Placement) -> WorkingPicture:
        """The frame brought into place by a known placement; its rim is repeated where there is no frame."""
        return self._placed(self._reduced(frame), placement)

    def _reduced(self, frame: Frame) -> Pixels:
        """The frame, halved as often as it is large: the only pass over all of its pixels."""
        return _halved(frame.pixels, self._halves)

    def _small(self, reduced: Pixels) -> Pixels:
        """Halved first where that averages the same pixels: two by two is far less work than any other way."""
        return _resized(grey_of(_halved(reduced, self._small_halves)), self._small_size)

    def _placed(self, reduced: Pixels, placement: Placement) -> WorkingPicture:
        """A working pixel looks at four pixels of what it is made from: smoothed before, they stand for all."""
        across, down = self._sigmas
        cv2.GaussianBlur(reduced, (SMOOTH_TAPS, SMOOTH_TAPS), across, dst=self._smooth, sigmaY=down)
        pixels = cv2.warpAffine(
            self._smooth,
            (self._small_to_reduced @ self._rigid(placement) @ self._working_to_small)[:2],
            self._working_size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return WorkingPicture(pixels=np.asarray(pixels, dtype=np.uint8), placement=placement)

    def inspected_part(self, inspected: npt.NDArray[np.bool_]) -> Pixels:
        """(H, W) bool of a frame that lies as the reference does → (H, W) uint8 of a working picture, 255 or 0."""
        whole = cv2.resize(inspected.astype(np.uint8) * 255, self._working_size, interpolation=cv2.INTER_AREA)
        return np.where(whole == 255, 255, 0).astype(np.uint8)

    def check_format(self, frame: Frame) -> None:
        """Raise NotJudged unless the frame has the size and colour format of the good parts."""
        if (frame.width, frame.height) != self._frame_size:
            wanted = f"{self._frame_size[0]}x{self._frame_size[1]}"
            raise NotJudged(
                Reason.WRONG_FORMAT, f"{frame.width}x{frame.height} pixels, the model was trained on {wanted}"
            )
        if frame.is_colour != self._is_colour:
            kinds = ("grey", "colour")
            raise NotJudged(
                Reason.WRONG_FORMAT,
                f"a {kinds[frame.is_colour]} picture, the model was trained on {kinds[self._is_colour]}",
            )

    def _rigid(self, placement: Placement) -> npt.NDArray[np.float64]:
        """(3, 3) matrix from the reference's to the frame's coordinates, both as small pictures."""
        matrix = IDENTITY.copy()
        matrix[:2] = placement.matrix(width=self._small_size[0], height=self._small_size[1])
        return matrix

    def _unseen(self, placement: Placement) -> Pixels:
        """(H, W) uint8: 255 where a working picture shows what lies outside the frame."""
        lies = placement.matrix(width=self._small_size[0], height=self._small_size[1])
        from_frame = IDENTITY.copy()
        from_frame[:2] = cv2.invertAffineTransform(lies)
        seen = (self._small_to_working @ from_frame @ self._corners)[:2].T
        self._unseen_pixels.fill(255)
        cv2.fillConvexPoly(self._unseen_pixels, np.rint(seen * 16).astype(np.int32), 0, shift=4)
        return np.asarray(cv2.bitwise_or(self._unseen_pixels, self._left_out, dst=self._unseen_pixels), dtype=np.uint8)

    def _never_seen(self, settings: AlignmentSettings) -> Pixels:
        """(H, W) uint8: 255 where a part at any angle shows what lies outside the frame at some other angle."""
        width, height = self._working_size
        if settings.mode is not AlignmentMode.ANY_ANGLE:
            return np.zeros((height, width), np.uint8)
        y, x = np.mgrid[:height, :width]
        across = (x - (width - 1) / 2) * self._frame_size[0] / width
        down = (y - (height - 1) / 2) * self._frame_size[1] / height
        return np.where(np.hypot(across, down) > min(self._frame_size) / 2, 255, 0).astype(np.uint8)


def _resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Averaged to (width, height)."""
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _halves(size: tuple[int, int], working: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The sizes (width, height) to which a large frame is halved, one after the other."""
    while all(pixels >= LARGE * least for pixels, least in zip(size, working, strict=True)):
        size = (size[0] // 2, size[1] // 2)
        yield size


def _half_on_the_way(size: tuple[int, int], wanted: tuple[int, int]) -> list[tuple[int, int]]:
    """Half the size, where averaging twice averages the same pixels as averaging once."""
    is_multiple = all(pixels % (2 * least) == 0 for pixels, least in zip(size, wanted, strict=True))
    return [(size[0] // 2, size[1] // 2)] if is_multiple else []


def _halved(pixels: Pixels, sizes: Sequence[tuple[int, int]]) -> Pixels:
    for size in sizes:
        pixels = _resized(pixels, size)
    return pixels


def _sigma_of(step: float) -> float:
    """Of weights that smooth a little more than the mean over so many pixels would, or as much as SMOOTH_TAPS can."""
    aside = min(step * step / 20, WIDEST)
    return math.sqrt(-0.5 / math.log(aside / (1 - 2 * aside)))


def _stretch(source: tuple[int, int], target: tuple[int, int]) -> npt.NDArray[np.float64]:
    """(3, 3) matrix that takes pixel coordinates of one picture size (width, height) to another's."""
    x, y = target[0] / source[0], target[1] / source[1]
    return np.array([[x, 0.0, (x - 1) / 2], [0.0, y, (y - 1) / 2], [0.0, 0.0, 1.0]])
