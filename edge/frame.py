"""One picture of one part, with the time of its exposure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.errors import PictureError

Pixels = npt.NDArray[np.uint8]
SMALLEST_SIDE_PX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """An owned, frozen picture.

    pixels: (height, width) grey or (height, width, 3) colour, uint8. Colour is in the order blue, green, red: that is
    what OpenCV reads and what the Pi's camera delivers without a conversion.
    exposed_at_ns: when the exposure began, on the monotonic clock.
    source: where the picture came from, for people: a file name, or "part 17".
    Raises PictureError if the array is anything else.
    """

    pixels: Pixels
    exposed_at_ns: int = 0
    source: str = ""

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.dtype != np.uint8:
            raise PictureError(f"{self.source or 'frame'}: pixels are {pixels.dtype}, expected 8 bit")
        if pixels.ndim != 2 and not (pixels.ndim == 3 and pixels.shape[2] == 3):
            raise PictureError(f"{self.source or 'frame'}: shape {pixels.shape} is neither grey nor colour")
        if min(pixels.shape[:2]) < SMALLEST_SIDE_PX:
            raise PictureError(
                f"{self.source or 'frame'}: {self.width}x{self.height} pixels are too few, "
                f"each side needs at least {SMALLEST_SIDE_PX}"
            )
        pixels.setflags(write=False)

    @property
    def height(self) -> int:
        """Rows, in pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns, in pixels."""
        return int(self.pixels.shape[1])

    @property
    def is_colour(self) -> bool:
        """True for three channels, False for one."""
        return self.pixels.ndim == 3
