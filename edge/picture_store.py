"""Working pictures as files, each written whole or not at all, the oldest removed beyond a quota of bytes.

A picture's name is its part's sequence number, a thousand to a folder. The row in the database is written after the
picture, so that a row never points at half a picture.
"""

import os
from pathlib import Path

import cv2

from edge.errors import RecordError
from edge.frame import Pixels

FOLDER = "pictures"
PARTS_PER_FOLDER = 1000
JPEG_QUALITY = 90
LONGEST_SIDE_PX = 640  # of a frame that could not be brought into place
UNFINISHED = ".unfinished"


def relative_path(sequence: int) -> str:
    """Where a part's picture lies within the data folder."""
    return f"{FOLDER}/{sequence // PARTS_PER_FOLDER:06d}/{sequence:09d}.jpg"


def write_picture(data: Path, sequence: int, pixels: Pixels) -> tuple[str, int]:
    """Write one picture durably; its path within the data folder and its bytes. Raises OSError if it cannot be kept."""
    name = relative_path(sequence)
    path = data / name
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        _sync_folder(path.parent.parent)
    content = _jpeg(pixels)
    unfinished = path.with_suffix(UNFINISHED)
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)
    return name, len(content)


def remove_picture(data: Path, name: str) -> None:
    """Remove one picture and its folder if that was the last; harmless if it is gone."""
    path = data / name
    path.unlink(missing_ok=True)
    if not any(path.parent.iterdir()):
        path.parent.rmdir()


def sweep(data: Path, *, last_sequence: int) -> int:
    """After a power cut: remove half pictures, and those whose row was never written. How many were removed."""
    removed = 0
    for folder in sorted((data / FOLDER).glob("*/"))[-2:]:
        for path in folder.iterdir():
            is_orphan = path.stem.isdigit() and int(path.stem) > last_sequence
            if path.suffix == UNFINISHED or is_orphan:
                path.unlink()
                removed += 1
    return removed


def largest_sequence(data: Path) -> int:
    """The largest number among the pictures, 0 without any."""
    folders = sorted((data / FOLDER).glob("*/"))
    numbers = [int(path.stem) for folder in folders[-1:] for path in folder.iterdir() if path.stem.isdigit()]
    return max(numbers, default=0)


def _jpeg(pixels: Pixels) -> bytes:
    scale = LONGEST_SIDE_PX / max(pixels.shape[:2])
    if scale < 1:
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype("uint8")
    is_encoded, content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not is_encoded:
        raise RecordError("a picture could not be encoded")
    return bytes(content)


def _sync_folder(folder: Path) -> None:
    """A new name is durable only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
