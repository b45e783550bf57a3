"""The idx files in which MNIST comes, as they are or compressed with gzip."""

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.errors import DataSetError

UNSIGNED_BYTES = 0x08
LARGEST_BYTES = 500_000_000
NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
DIGITS = 10

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """images: (N, rows, columns) uint8. labels: (N,) uint8 from 0 to 9."""

    images: Bytes
    labels: Bytes


def read_digits(folder: Path, part: str) -> Digits:
    """part: "train" or "test". Raises DataSetError, in one sentence, for files that are missing or make no sense."""
    if not folder.is_dir():
        raise DataSetError(f"{folder}: there is no such folder")
    paths = [_found(folder, name) for name in NAMES[part]]
    images, labels = (read_idx(path) for path in paths)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels) or not images.size:
        raise DataSetError(
            f"{paths[0].name} and {paths[1].name} do not belong together: "
            f"{images.shape} pictures, {labels.shape} labels"
        )
    if labels.max() >= DIGITS:
        raise DataSetError(f"{paths[1]}: {labels.max()} is no digit")
    return Digits(images=images, labels=labels)


def read_idx(path: Path) -> Bytes:
    """The array in one idx file of unsigned bytes. Raises DataSetError."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataSetError(f"{path} cannot be read: it is damaged or was cut off ({error})") from error
    if len(raw) > LARGEST_BYTES:
        raise DataSetError(f"{path} has more than {LARGEST_BYTES // 10**6} MB")
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != UNSIGNED_BYTES or not 1 <= raw[3] <= 3:
        raise DataSetError(f"{path} is no idx file of unsigned bytes with one to three dimensions")
    begin = 4 + 4 * raw[3]
    if len(raw) < begin:
        raise DataSetError(f"{path} was cut off")
    shape = struct.unpack(f">{raw[3]}I", raw[4:begin])
    if len(raw) - begin != math.prod(shape):
        raise DataSetError(f"{path} holds {len(raw) - begin} bytes, {math.prod(shape)} are announced: it was cut off")
    return np.frombuffer(raw, np.uint8, offset=begin).reshape(shape)


def _found(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataSetError(f"{folder}: there is no {name} (or {name}.gz)")
