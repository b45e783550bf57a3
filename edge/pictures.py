"""Pictures in files: the one reader, for the device and for training alike.

A file is believed only after its form was checked, because decoders are forgiving: a JPEG that was cut off decodes to a
picture with a grey rest, and such a picture must be neither taught nor judged. A picture is taken as every viewer shows
it: a rotation noted in the file (EXIF, as telephones write it) is applied. Cameras of the station write none.
"""

import os
from pathlib import Path

import cv2
import numpy as np

from edge.errors import PictureError
from edge.frame import Frame
from edge.picture_files import check_form, may_be_transparent, measure

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
LARGEST_FILE_BYTES = 512 * 2**20
LARGEST_PIXELS = 100_000_000
ROTATED_AS_SHOWN = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH


def read_picture(path: Path) -> Frame:
    """The picture in a file: 8 bit, grey or colour. Raises PictureError, naming the file, for anything else."""
    return decode_picture(_content(path), name=str(path))


def decode_picture(raw: bytes, *, name: str) -> Frame:
    """The picture in a file's bytes; `name` is for people. Raises PictureError as `read_picture` does."""
    if not raw:
        raise PictureError(f"{name}: the file is empty")
    try:
        kind = check_form(raw)
        width, height = measure(raw, kind)
    except ValueError as error:
        raise PictureError(f"{name}: {error}") from error
    if width * height > LARGEST_PIXELS:
        raise PictureError(f"{name}: {width}x{height} pixels are more than {LARGEST_PIXELS // 10**6} million")
    pixels = _decoded(raw, ROTATED_AS_SHOWN, name)
    if pixels.dtype != np.uint8:
        bits = 8 * pixels.dtype.itemsize
        raise PictureError(f"{name}: {bits} bit per channel; save it as 8 bit")
    if may_be_transparent(raw, kind):
        _refuse_transparency(_decoded(raw, cv2.IMREAD_UNCHANGED, name), name)
    return Frame(pixels=np.ascontiguousarray(pixels), source=name)


def list_pictures(folder: Path, *, is_recursive: bool = False) -> list[Path]:
    """The pictures of a folder in the order of their names; hidden files and folders are passed over.

    Raises PictureError if there is no such folder or no picture in it.
    """
    if not folder.is_dir():
        raise PictureError(f"{folder}: there is no such folder")
    found = folder.rglob("*") if is_recursive else folder.iterdir()
    try:
        pictures = sorted(path for path in found if is_picture(path.relative_to(folder)) and path.is_file())
    except OSError as error:
        raise PictureError(f"{folder}: cannot be looked through: {os.strerror(error.errno or 0)}") from error
    if not pictures:
        raise PictureError(f"{folder}: no pictures in this folder ({', '.join(sorted(PICTURE_SUFFIXES))})")
    return pictures


def is_picture(path: Path) -> bool:
    """True if a name is a picture's and no part of it is hidden."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not any(part.startswith(".") for part in path.parts)


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE_BYTES:
            raise PictureError(f"{path}: {size} bytes are more than a picture may have ({LARGEST_FILE_BYTES})")
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}") from error


def _decoded(raw: bytes, flags: int, name: str) -> np.ndarray:
    try:
        pixels = cv2.imdecode(np.frombuffer(raw, dtype=np.uint8), flags)
    except cv2.error as error:
        raise PictureError(f"{name}: the picture is damaged and cannot be decoded") from error
    if pixels is None:
        raise PictureError(f"{name}: the picture is damaged, or of a kind that cannot be read")
    return pixels


def _refuse_transparency(pixels: np.ndarray, name: str) -> None:
    if pixels.ndim == 3 and pixels.shape[2] == 4 and not (pixels[:, :, 3] == np.iinfo(pixels.dtype).max).all():
        raise PictureError(f"{name}: the picture is partly transparent; save it without transparency")
