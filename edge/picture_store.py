"""Whole pictures as files, each written completely or not at all, and the small working pictures as bytes.

A picture's name is its part's sequence number, a thousand to a folder. The row in the database is written after the
picture, so that a row never points at half a picture, and is removed after it, so that no picture is forgotten.
"""

from pathlib import Path

import cv2

from edge.errors import RecordError
from edge.frame import Pixels
from edge.whole_files import UNFINISHED, sync_folder, write_whole

FOLDER = "pictures"
PARTS_PER_FOLDER = 1000
JPEG_QUALITY, WORKING_QUALITY = 90, 90  # less takes more than `grain.py` can give back
FULL_COLOUR = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)


def relative_path(sequence: int) -> str:
    """Where a part's picture lies within the data folder."""
    return f"{FOLDER}/{sequence // PARTS_PER_FOLDER:06d}/{sequence:09d}.jpg"


def write_picture(data: Path, sequence: int, pixels: Pixels) -> tuple[str, int]:
    """Write one picture durably; its path within the data folder and its bytes. Raises OSError if it cannot be kept."""
    name = relative_path(sequence)
    path = data / name
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        sync_folder(path.parent.parent)
    content = jpeg_of(pixels, quality=JPEG_QUALITY)
    write_whole(path, content)
    return name, len(content)


def remove_picture(data: Path, name: str) -> None:
    """Remove one picture and its folder if that was the last; harmless if it is gone."""
    path = data / name
    path.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
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


def jpeg_of(pixels: Pixels, *, quality: int) -> bytes:
    """(H, W[, 3]) uint8 as JPEG, colours as fine as brightness. quality: 0 to 100.

    Raises RecordError if it cannot be encoded.
    """
    try:
        is_encoded, content = cv2.imencode(".jpg", pixels, [*FULL_COLOUR, cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error as error:
        raise RecordError(f"a picture could not be encoded: {' '.join(str(error).split())[:200]}") from error
    if not is_encoded:
        raise RecordError("a picture could not be encoded")
    return bytes(content)
