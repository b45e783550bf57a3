"""A frame is an owned, frozen picture of one of two forms, or it is refused."""

import numpy as np
import pytest

from edge.errors import PictureError
from edge.frame import Frame


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3), (32, 32), (33, 4000, 3)])
def test_grey_and_colour_pictures_make_frames(shape: tuple[int, ...]) -> None:
    frame = Frame(pixels=np.zeros(shape, np.uint8))
    assert (frame.height, frame.width) == shape[:2]
    assert frame.is_colour is (len(shape) == 3)


def test_the_pixels_of_a_frame_cannot_be_changed() -> None:
    frame = Frame(pixels=np.zeros((48, 64), np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        frame.pixels[0, 0] = 1


@pytest.mark.parametrize("shape", [(48,), (48, 64, 1), (48, 64, 2), (48, 64, 4), (2, 48, 64, 3), ()])
def test_any_other_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PictureError, match=r"^part 3: shape .* is neither grey nor colour$"):
        Frame(pixels=np.zeros(shape, np.uint8), source="part 3")


@pytest.mark.parametrize("shape", [(31, 64), (64, 31), (0, 64), (64, 0, 3)])
def test_too_few_pixels_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PictureError, match=r"^frame: \d+x\d+ pixels are too few, each side needs at least 32$"):
        Frame(pixels=np.zeros(shape, np.uint8))


@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.int8, np.bool_])
def test_anything_but_8_bit_is_refused(kind: type[np.generic]) -> None:
    with pytest.raises(PictureError, match="expected 8 bit"):
        Frame(pixels=np.zeros((48, 64), kind))
