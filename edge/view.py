"""Which pixels of a frame are looked at, and how the coordinates of the pictures that are made of it go together.

A frame is cut to what a part can show in the settings' window, wherever it lies, and halved as often as it is large:
the *reduced* picture. Of the window in it the *small* grey picture is made, in which the part is looked for; and the
*working* picture shows what lies in the window when the part has been brought into the reference's place.
"""

import math
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from edge.alignment import Placement
from edge.frame import Pixels
from edge.settings import AlignmentSettings, MapSettings, Window
from edge.variables import grey_of

Matrix = npt.NDArray[np.float64]
Size = tuple[int, int]  # width, height

LARGE = 3  # times the working picture's size, and more: halved first
HALVED_PX = 8  # windows begin and end at whole pixels of a frame that is halved three times
BESIDE_PX = 8.0  # of the frame: what the pixels at the window's sides are made from, too


class View:
    """The pictures that are made of frames of one size. window: what the working picture shows of them."""

    def __init__(self, settings: MapSettings, *, frame_width: int, frame_height: int) -> None:
        grid, alignment = settings.grid, settings.alignment
        self.frame_size, self.working_size = (frame_width, frame_height), (grid.width_px, grid.height_px)
        self.window = settings.window or Window(left=0, top=0, width=frame_width, height=frame_height)
        around = _around(self.window, alignment, self.frame_size)
        self._around = around.pixels
        around_size, window_size = (around.width, around.height), (self.window.width, self.window.height)
        self._halves = list(_halves(around_size, window_size, self.working_size))
        self.reduced_size = self._halves[-1] if self._halves else around_size
        begins = around.left, around.top
        left, top = self._in_reduced((self.window.left, self.window.top), begins, around_size)
        right, bottom = self._in_reduced((self.window.right, self.window.bottom), begins, around_size)
        self._shown, self.shown_size = (slice(top, bottom), slice(left, right)), (right - left, bottom - top)
        scale = alignment.picture_px / max(window_size)
        self.small_size = (max(round(window_size[0] * scale), 32), max(round(window_size[1] * scale), 32))
        self._small_halves = _half_on_the_way(self.shown_size, self.small_size)
        self._working_to_small = _stretch(self.working_size, self.small_size)
        self._small_to_working = _stretch(self.small_size, self.working_size)
        self._small_to_reduced = _moved(left, top) @ _stretch(self.small_size, self.shown_size)
        self._corners = self._corners_in_small((left, top))

    def reduced(self, pixels: Pixels) -> Pixels:
        """The frame as far as it can be shown, halved: the only pass over all of these pixels."""
        found = pixels[self._around]
        for size in self._halves:
            found = resized(found, size)
        return found

    def small(self, reduced: Pixels) -> Pixels:
        """(height, width) uint8, grey, of the window.

        Halved first where that averages the same pixels: two by two is far less work than any other way.
        """
        found = reduced[self._shown]
        if self._small_halves is not None:
            found = resized(found, self._small_halves)
        return resized(grey_of(found), self.small_size)

    def to_reduced(self, placement: Placement) -> Matrix:
        """(2, 3) from a working picture's pixel coordinates to where they lie in the reduced picture."""
        return np.asarray((self._small_to_reduced @ self._rigid(placement) @ self._working_to_small)[:2])

    def seen(self, placement: Placement) -> Matrix:
        """(4, 2) corners of the reduced picture in the working picture's pixel coordinates."""
        from_frame = np.eye(3)
        from_frame[:2] = cv2.invertAffineTransform(self._rigid(placement)[:2])
        return np.asarray((self._small_to_working @ from_frame @ self._corners)[:2].T)

    def beyond_turning(self) -> Pixels:
        """(H, W) uint8 of a working picture: 255 where a part shows at some angle what lies outside the frame."""
        width, height = self.working_size
        y, x = np.mgrid[:height, :width]
        across = (x - (width - 1) / 2) * self.window.width / width
        down = (y - (height - 1) / 2) * self.window.height / height
        middle = (self.window.left + self.window.right) / 2, (self.window.top + self.window.bottom) / 2
        reach = min(min(at, size - at) for at, size in zip(middle, self.frame_size, strict=True))
        return np.where(np.hypot(across, down) > reach, 255, 0).astype(np.uint8)

    def _rigid(self, placement: Placement) -> Matrix:
        """(3, 3) from the reference's to the frame's coordinates, both as small pictures."""
        matrix = np.eye(3)
        matrix[:2] = placement.matrix(width=self.small_size[0], height=self.small_size[1])
        return matrix

    def _in_reduced(self, corner: Size, begins: Size, around_size: Size) -> Size:
        """A corner of the frame as one of the reduced picture."""
        x, y = (
            round((at - begin) * reduced / around)
            for at, begin, reduced, around in zip(corner, begins, self.reduced_size, around_size, strict=True)
        )
        return x, y

    def _corners_in_small(self, begins: Size) -> Matrix:
        """(3, 4) of the reduced picture: a pixel's edge, not its middle. begins: where the window lies in it."""
        (left, right), (top, bottom) = (
            [(edge - begin) * small / shown - 0.5 for edge in (0, reduced)]
            for begin, reduced, small, shown in zip(
                begins, self.reduced_size, self.small_size, self.shown_size, strict=True
            )
        )
        return np.array([[left, top, 1], [right, top, 1], [right, bottom, 1], [left, bottom, 1]]).T


def resized(pixels: Pixels, size: Size) -> Pixels:
    """Averaged to (width, height)."""
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _around(window: Window, settings: AlignmentSettings, frame_size: Size) -> Window:
    """What the window can show of the frame, wherever a part lies that is not refused."""
    shift = settings.largest_shift * max(window.width, window.height) + BESIDE_PX
    turn = math.sin(math.radians(min(settings.rotation_range_degrees, 90.0)))
    aside, above = shift + turn * window.height / 2, shift + turn * window.width / 2
    left, right = halvable(window.left - aside, window.right + aside, frame_size[0])
    top, bottom = halvable(window.top - above, window.bottom + above, frame_size[1])
    return Window(left=left, top=top, width=right - left, height=bottom - top)


def halvable(begin: float, end: float, size: int) -> Size:
    """Both ends of a side moved outwards to where halves of pixels begin, but not out of the frame of this size."""
    first, last = math.floor(begin / HALVED_PX) * HALVED_PX, math.ceil(end / HALVED_PX) * HALVED_PX
    return max(first, 0), min(last, size)


def _halves(size: Size, shown: Size, working: Size) -> Iterator[Size]:
    """The sizes to which a large picture is halved, one after the other. shown: the size of what is shown of it."""
    while all(pixels >= LARGE * least for pixels, least in zip(shown, working, strict=True)):
        size, shown = (size[0] // 2, size[1] // 2), (shown[0] // 2, shown[1] // 2)
        yield size


def _half_on_the_way(size: Size, wanted: Size) -> Size | None:
    """Half the size, where averaging twice averages the same pixels as averaging once."""
    is_multiple = all(pixels % (2 * least) == 0 for pixels, least in zip(size, wanted, strict=True))
    return (size[0] // 2, size[1] // 2) if is_multiple else None


def _moved(x: float, y: float) -> Matrix:
    """(3, 3) matrix that adds to pixel coordinates."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _stretch(source: Size, target: Size) -> Matrix:
    """(3, 3) matrix that takes pixel coordinates of one picture size to another's."""
    x, y = target[0] / source[0], target[1] / source[1]
    return np.array([[x, 0.0, (x - 1) / 2], [0.0, y, (y - 1) / 2], [0.0, 0.0, 1.0]])
