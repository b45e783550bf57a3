"""The picture reader: what it takes, and what it refuses by name."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import PictureError
from edge.pictures import decode_picture, list_pictures, read_picture

COLOUR = np.random.default_rng(1).integers(0, 255, (48, 64, 3), dtype=np.uint8)
GREY = np.ascontiguousarray(COLOUR[:, :, 0])


def encoded(suffix: str, pixels: np.ndarray = COLOUR, *options: int) -> bytes:
    return cv2.imencode(suffix, pixels, list(options))[1].tobytes()


def with_alpha(alpha: int) -> np.ndarray:
    return np.dstack([COLOUR, np.full(GREY.shape, alpha, np.uint8)])


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def refusal(raw: bytes) -> str:
    with pytest.raises(PictureError) as caught:
        decode_picture(raw, name="part.png")
    message = str(caught.value)
    assert message.startswith("part.png: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
@pytest.mark.parametrize("pixels", [COLOUR, GREY], ids=["colour", "grey"])
def test_lossless_pictures_come_back_as_they_were(tmp_path: Path, suffix: str, pixels: np.ndarray) -> None:
    path = tmp_path / f"part{suffix}"
    path.write_bytes(encoded(suffix, pixels))
    frame = read_picture(path)
    np.testing.assert_array_equal(frame.pixels, pixels)
    assert frame.source == str(path)


@pytest.mark.parametrize("suffix", [".JPG", ".jpeg", ".webp", ".PNG", ".TIFF"])
def test_suffixes_may_be_in_any_case(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"part{suffix}"
    path.write_bytes(encoded(suffix.lower()))
    assert list_pictures(tmp_path) == [path]
    assert read_picture(path).pixels.shape == COLOUR.shape


def test_palette_png_becomes_colour() -> None:
    header = struct.pack(">IIBBBBB", 40, 40, 8, 3, 0, 0, 0)
    palette = bytes([10, 20, 30, 200, 100, 50])
    rows = b"".join(b"\0" + bytes([row % 2] * 40) for row in range(40))
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"PLTE", palette) + png_chunk(b"IDAT", zlib.compress(rows))
    pixels = decode_picture(b"\x89PNG\r\n\x1a\n" + chunks + png_chunk(b"IEND", b""), name="p.png").pixels
    assert pixels.shape == (40, 40, 3)
    assert pixels[1, 0].tolist() == [50, 100, 200]


def test_sixteen_bit_png_is_refused_by_name() -> None:
    assert "16 bit per channel; save it as 8 bit" in refusal(encoded(".png", GREY.astype(np.uint16) * 256))


def test_float_tiff_is_refused_by_name() -> None:
    assert "32 bit per channel; save it as 8 bit" in refusal(encoded(".tiff", GREY.astype(np.float32)))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_transparent_picture_is_refused_by_name(suffix: str) -> None:
    assert "transparent" in refusal(encoded(suffix, with_alpha(200)))


def test_opaque_alpha_channel_is_dropped() -> None:
    np.testing.assert_array_equal(decode_picture(encoded(".png", with_alpha(255)), name="p").pixels, COLOUR)


def test_text_named_png_is_refused() -> None:
    assert "no picture" in refusal(b"Dear colleague,\nplease find the picture attached.\n")


def test_empty_file_is_refused() -> None:
    assert "empty" in refusal(b"")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tiff", ".webp"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_cut_off_picture_is_refused(suffix: str, share: float) -> None:
    raw = encoded(suffix)
    refusal(raw[: min(int(len(raw) * share), len(raw) - 1)])


def test_cut_off_progressive_jpeg_with_restarts_is_refused_and_the_whole_one_is_taken() -> None:
    raw = encoded(".jpg", COLOUR, cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2)
    assert decode_picture(raw, name="p").pixels.shape == COLOUR.shape
    assert "cut off" in refusal(raw[: len(raw) // 2])


def test_zero_filled_rest_of_a_jpeg_is_refused() -> None:
    raw = encoded(".jpg")
    assert "cut off" in refusal(raw[: len(raw) // 2] + bytes(len(raw) - len(raw) // 2))


def test_end_marker_of_an_embedded_thumbnail_does_not_count() -> None:
    raw, thumbnail = encoded(".jpg"), encoded(".jpg", COLOUR[:32, :32])
    segment = b"\xff\xe2" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    with_thumbnail = raw[:2] + segment + raw[2:]
    assert decode_picture(with_thumbnail, name="p").pixels.shape == COLOUR.shape
    assert "cut off" in refusal(with_thumbnail[:-200])


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_one_wrong_byte_in_a_png_is_refused(place: float) -> None:
    raw = bytearray(encoded(".png"))
    raw[int(len(raw) * place)] ^= 0x10
    refusal(bytes(raw))


@pytest.mark.parametrize("side", [20_000, 2**31 - 1])
def test_header_that_claims_a_huge_picture_is_refused_before_decoding(side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0" * 100)) + png_chunk(b"IEND", b"")
    assert "million" in refusal(b"\x89PNG\r\n\x1a\n" + chunks)


def test_tiny_picture_is_refused() -> None:
    assert "too few" in refusal(encoded(".png", COLOUR[:8, :8]))


def test_rotation_noted_in_the_file_is_applied_as_viewers_do() -> None:
    raw = encoded(".jpg")
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    turned = raw[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + raw[2:]
    plain = decode_picture(raw, name="p").pixels
    np.testing.assert_array_equal(decode_picture(turned, name="p").pixels, np.rot90(plain, -1))


def test_missing_and_unreadable_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PictureError, match=r"gone\.png: cannot be read: No such file"):
        read_picture(tmp_path / "gone.png")
    locked = tmp_path / "locked.png"
    locked.write_bytes(encoded(".png"))

    def refused(path: Path) -> bytes:
        raise PermissionError(13, "no")

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(PictureError, match=r"locked\.png: cannot be read: Permission denied"):
        read_picture(locked)


def test_folder_named_like_a_picture_is_refused_and_not_listed(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(PictureError, match="Is a directory"):
        read_picture(tmp_path / "folder.png")
    with pytest.raises(PictureError, match="no pictures in this folder"):
        list_pictures(tmp_path)


def test_listing_is_sorted_and_passes_over_hidden_files(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", ".c.png", "notes.txt", "deep/d.png", ".trash/e.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    assert [path.name for path in list_pictures(tmp_path)] == ["a.JPG", "b.png"]
    found = [str(path.relative_to(tmp_path)) for path in list_pictures(tmp_path, is_recursive=True)]
    assert found == ["a.JPG", "b.png", "deep/d.png"]


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="gone: there is no such folder"):
        list_pictures(tmp_path / "gone")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([".jpg", ".png", ".bmp", ".tiff", ".webp"]), st.data())
def test_any_wrong_byte_gives_a_picture_or_a_refusal_and_nothing_else(suffix: str, data: st.DataObject) -> None:
    raw = bytearray(encoded(suffix))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        decode_picture(bytes(raw), name="p")
    except PictureError as error:
        assert str(error).startswith("p: ")
