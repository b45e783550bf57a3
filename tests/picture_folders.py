"""Small folders of pictures for the tests of training."""

from pathlib import Path

import cv2
import numpy as np

SIDE = 48


def pixels(number: int, *, is_grey: bool = False, side: int = SIDE) -> np.ndarray:
    """A picture that no other number gives."""
    shape = (side, side) if is_grey else (side, side, 3)
    return np.random.default_rng(number).integers(0, 255, shape, dtype=np.uint8)


def png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def write_picture(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())


def fill(folder: Path, count: int, *, first: int = 0) -> list[Path]:
    """`count` pictures part-<number>.png, all different, from the number `first` on."""
    paths = [folder / f"part-{number:04d}.png" for number in range(first, first + count)]
    for number, path in enumerate(paths, start=first):
        write_picture(path, pixels(number))
    return paths
