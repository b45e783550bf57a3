"""Files in one archive, arrays in one file: forms that can be checked to the last byte. Bytes in, values out.

The common readers of tar and npz take whatever they can make sense of: sparse files that expand without end, links,
pickles. These take only what `pack` and `pack_arrays` write, and expand nothing whose size was not known before.
"""

import io
import math
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

BLOCK = 512  # bytes, of POSIX tar
MOST_FILES = 64
LARGEST_HEADER_BYTES = 1024  # of an array; numpy writes 128
ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError),
    *(RuntimeError, LookupError, ValueError, OverflowError),  # encrypted, foreign compression, absurd offsets
)

Array = np.ndarray
Form = tuple[tuple[int, ...], type[np.generic]]
"""Shape and dtype."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """An uncompressed POSIX tar: no times, no owners. The same files in the same order give the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def unpack(raw: bytes) -> dict[str, bytes]:
    """The files of an archive in their order. Raises ValueError unless the bytes are exactly what `pack` gives."""
    files: dict[str, bytes] = {}
    at = 0
    while any(raw[at : at + BLOCK]):  # empty blocks mark the end
        try:
            entry = tarfile.TarInfo.frombuf(raw[at : at + BLOCK], "ascii", "strict")
        except tarfile.TarError as error:
            raise ValueError(f"no file begins at byte {at}") from error
        at += BLOCK
        if entry.name in files or len(files) == MOST_FILES or not 0 <= entry.size <= len(raw) - at:
            raise ValueError("a file is there twice or cut off, or there are too many")
        files[entry.name] = raw[at : at + entry.size]
        at += math.ceil(entry.size / BLOCK) * BLOCK
    if pack(files) != raw:
        raise ValueError("it is not in the form in which it was written")
    return files


def pack_arrays(arrays: Mapping[str, Array]) -> bytes:
    """A compressed npz. The same values give the same bytes with the same version of zlib."""
    buffer = io.BytesIO()
    in_rows = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    np.savez_compressed(buffer, allow_pickle=False, **in_rows)
    return buffer.getvalue()


def unpack_arrays(raw: bytes, expected: Mapping[str, Form]) -> dict[str, Array]:
    """The arrays of an npz, read-only. Raises ValueError unless it holds exactly the expected ones, all finite."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as stored:
            members = {entry.filename.removesuffix(".npy"): entry for entry in stored.infolist()}
            if set(members) != set(expected) or len(stored.infolist()) != len(expected):
                raise ValueError(f"arrays {sorted(set(members) ^ set(expected))} are missing, unknown or there twice")
            return {name: _read(stored, members[name], *expected[name]) for name in expected}
    except ZIP_ERRORS as error:
        raise ValueError(f"the arrays cannot be read: {error}") from error


def _read(stored: zipfile.ZipFile, entry: zipfile.ZipInfo, shape: tuple[int, ...], kind: type[np.generic]) -> Array:
    wanted = ValueError(f"{entry.filename} is not {np.dtype(kind)} {shape} in rows")
    count = math.prod(shape)
    header_size = entry.file_size - count * np.dtype(kind).itemsize
    if not 0 < header_size <= LARGEST_HEADER_BYTES:
        raise wanted
    with stored.open(entry) as file:
        content = file.read(entry.file_size)  # with its size: without one, it would expand up to 2 GB before it looks
    text = f"{{'descr': '{np.dtype(kind).str}', 'fortran_order': False, 'shape': {shape}, }}"
    header = content[:header_size]
    if len(content) != entry.file_size or header[:8] != b"\x93NUMPY\x01\x00" or header[10:].strip() != text.encode():
        raise wanted
    array = np.frombuffer(content, dtype=kind, offset=header_size).reshape(shape).copy()
    if not np.isfinite(array).all():
        raise ValueError(f"{entry.filename} holds values that are no numbers")
    array.setflags(write=False)
    return array
