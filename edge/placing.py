"""Where the part lies, undone: a frame becomes a working picture, in the reference's place and size."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.alignment import Aligner, Placement
from edge.errors import NotJudged
from edge.frame import Frame, Pixels
from edge.preprocess import grey_of
from edge.settings import MapSettings
from edge.verdict import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingPicture:
    """The part as it would lie in the reference's place. pixels: (H, W[, 3]) uint8; placement: how it lay."""

    pixels: Pixels
    placement: Placement


class Placer:
    """Brings frames into the reference's place and size."""

    def __init__(self, picture: Pixels, settings: MapSettings, *, frame_width: int, frame_height: int) -> None:
        """picture: the reference as a working picture (H, W[, 3]); frames must have the given size, in pixels."""
        grid = settings.grid
        self._working_size = (grid.width_px, grid.height_px)
        self._frame_size = (frame_width, frame_height)
        self._is_colour = picture.ndim == 3
        # Large frames are averaged down first; the rest is sampled twice as fine as the working picture and averaged,
        # so that a shift by half a pixel does not change how sharp the picture looks.
        reduction = max(1, min(frame_width // (2 * grid.width_px), frame_height // (2 * grid.height_px)))
        self._reduced_size = (frame_width // reduction, frame_height // reduction)
        self._fine_size = (2 * grid.width_px, 2 * grid.height_px)
        scale = settings.alignment.picture_px / max(frame_width, frame_height)
        self._small_size = (max(round(frame_width * scale), 32), max(round(frame_height * scale), 32))
        self._fine_to_small = _stretch(self._fine_size, self._small_size)
        self._small_to_reduced = _stretch(self._small_size, self._reduced_size)
        self.aligner = Aligner(
            _resized(grey_of(picture), self._small_size),
            largest_shift=settings.alignment.largest_shift,
            largest_rotation_degrees=settings.alignment.largest_rotation_degrees,
        )

    def place(self, frame: Frame) -> WorkingPicture:
        """The frame's part in the reference's place; the caller decides whether the placement will do."""
        small = _resized(grey_of(frame.pixels), self._small_size)
        return self.place_at(frame, self.aligner.align(small))

    def place_at(self, frame: Frame, placement: Placement) -> WorkingPicture:
        """The frame brought into place by a known placement."""
        reduced = frame.pixels
        if (frame.width, frame.height) != self._reduced_size:
            reduced = _resized(reduced, self._reduced_size)
        rigid = np.vstack([placement.matrix(width=self._small_size[0], height=self._small_size[1]), [0.0, 0.0, 1.0]])
        fine = cv2.warpAffine(
            reduced,
            (self._small_to_reduced @ rigid @ self._fine_to_small)[:2],
            self._fine_size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        pixels = _resized(np.asarray(fine, dtype=np.uint8), self._working_size)
        return WorkingPicture(pixels=pixels, placement=placement)

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


def _resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Averaged to (width, height)."""
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _stretch(source: tuple[int, int], target: tuple[int, int]) -> npt.NDArray[np.float64]:
    """(3, 3) matrix that takes pixel coordinates of one picture size (width, height) to another's."""
    x, y = target[0] / source[0], target[1] / source[1]
    return np.array([[x, 0.0, (x - 1) / 2], [0.0, y, (y - 1) / 2], [0.0, 0.0, 1.0]])
