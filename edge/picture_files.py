"""The form of picture files: which kind, how large, and whether the whole file is there. Bytes in, nothing decoded.

Forms: PNG (ISO/IEC 15948), JPEG (ISO/IEC 10918-1 annex B), BMP, TIFF 6.0, WebP (RFC 9649).
"""

import struct
import zlib
from collections.abc import Iterator
from enum import StrEnum


class Kind(StrEnum):
    """What the first bytes of a file say that it is."""

    PNG = "PNG"
    JPEG = "JPEG"
    BMP = "BMP"
    TIFF = "TIFF"
    WEBP = "WebP"


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
CUT_OFF = "the picture is damaged or was cut off"
JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # start of frame, without tables
JPEG_END, JPEG_SCAN = 0xD9, 0xDA
TIFF_WIDTH, TIFF_HEIGHT = 256, 257


def check_form(raw: bytes) -> Kind:
    """The kind of a whole picture file. Raises ValueError, as words for people, if it is none or not all there."""
    kind = _kind_of(raw)
    try:
        match kind:
            case Kind.PNG:
                is_whole = [name for name, _ in _png_chunks(raw)][-1:] == [b"IEND"]
            case Kind.JPEG:
                is_whole = [marker for marker, _ in _jpeg_segments(raw)][-1:] == [JPEG_END]
            case Kind.BMP:
                is_whole = len(raw) >= 26 and len(raw) >= _bmp_size(raw)
            case Kind.WEBP:
                is_whole = len(raw) >= struct.unpack_from("<I", raw, 4)[0] + 8
            case Kind.TIFF:
                is_whole = True  # the decoder checks every strip
    except struct.error as error:
        raise ValueError(f"{CUT_OFF} ({kind})") from error
    if not is_whole:
        raise ValueError(f"{CUT_OFF} ({kind})")
    return kind


def measure(raw: bytes, kind: Kind) -> tuple[int, int]:
    """Width and height in pixels, as the header claims. Raises ValueError if it does not say."""
    try:
        match kind:
            case Kind.PNG:
                width, height = struct.unpack_from(">II", raw, 16)
            case Kind.JPEG:
                frame = next(at for marker, at in _jpeg_segments(raw) if marker in JPEG_FRAMES)
                height, width = struct.unpack_from(">HH", raw, frame + 3)
            case Kind.BMP:
                width, height = struct.unpack_from("<ii", raw, 18)
            case Kind.TIFF:
                width, height = _tiff_size(raw)
            case Kind.WEBP:
                width, height = _webp_size(raw)
    except (struct.error, StopIteration, KeyError, IndexError) as error:
        raise ValueError(f"the picture is damaged: its header names no size ({kind})") from error
    return abs(int(width)), abs(int(height))


def may_be_transparent(raw: bytes, kind: Kind) -> bool:
    """True if the file's kind and header leave room for transparent pixels."""
    if kind is Kind.PNG:
        return raw[25] in (4, 6) or any(name == b"tRNS" for name, _ in _png_chunks(raw))
    return kind is not Kind.JPEG


def _kind_of(raw: bytes) -> Kind:
    if raw.startswith(PNG_SIGNATURE):
        return Kind.PNG
    if raw.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if raw.startswith(b"BM"):
        return Kind.BMP
    if raw.startswith((b"II*\0", b"MM\0*")):
        return Kind.TIFF
    if raw.startswith(b"RIFF") and raw[8:12] == b"WEBP":
        return Kind.WEBP
    raise ValueError("this is no picture, whatever its name says")


def _png_chunks(raw: bytes) -> Iterator[tuple[bytes, int]]:
    """Name and offset of the data of every chunk whose check sum is right; ends at the first that is not."""
    at = len(PNG_SIGNATURE)
    while at + 12 <= len(raw):
        (length,) = struct.unpack_from(">I", raw, at)
        end = at + 8 + length
        if end + 4 > len(raw) or zlib.crc32(raw[at + 4 : end]) != struct.unpack_from(">I", raw, end)[0]:
            return
        name = raw[at + 4 : at + 8]
        yield name, at + 8
        if name == b"IEND":
            return
        at = end + 4


def _jpeg_segments(raw: bytes) -> Iterator[tuple[int, int]]:
    """Marker and offset of the length field of every segment; ends with JPEG_END, or where the file does."""
    at = 2
    while at + 2 <= len(raw):
        if raw[at] != 0xFF:
            return
        marker = raw[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        yield marker, at + 2
        if marker == JPEG_END or at + 4 > len(raw):
            return
        at += 2 + struct.unpack_from(">H", raw, at + 2)[0]
        if marker == JPEG_SCAN:
            at = _after_scan(raw, at)


def _after_scan(raw: bytes, at: int) -> int:
    """Where the next marker stands after the coded data; 0xFF00 is data, 0xFFD0 to 0xFFD7 are restarts within it."""
    while True:
        at = raw.find(b"\xff", at)
        if at < 0 or at + 1 >= len(raw):
            return len(raw)
        if raw[at + 1] != 0 and not 0xD0 <= raw[at + 1] <= 0xD7:
            return at
        at += 2


def _bmp_size(raw: bytes) -> int:
    """The bytes that an uncompressed bitmap must have; run-length ones are left to the decoder."""
    offset, header = struct.unpack_from("<II", raw, 10)
    if header < 40:
        return int(offset)
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", raw, 18)
    if compression not in (0, 3):
        return int(offset)
    return int(offset) + int((abs(width) * bits + 31) // 32 * 4 * abs(height))


def _tiff_size(raw: bytes) -> tuple[int, int]:
    order = "<" if raw.startswith(b"II") else ">"
    (directory,) = struct.unpack_from(order + "I", raw, 4)
    (entries,) = struct.unpack_from(order + "H", raw, directory)
    sizes = {}
    for number in range(entries):
        at = directory + 2 + 12 * number
        tag, kind = struct.unpack_from(order + "HH", raw, at)
        sizes[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), raw, at + 8)[0]
    return sizes[TIFF_WIDTH], sizes[TIFF_HEIGHT]


def _webp_size(raw: bytes) -> tuple[int, int]:
    match raw[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(raw[24:27], "little"), 1 + int.from_bytes(raw[27:30], "little")
        case b"VP8L":
            (packed,) = struct.unpack_from("<I", raw, 21)
            return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", raw, 26)
            return width & 0x3FFF, height & 0x3FFF
    raise IndexError
