"""A camera of the kernel: pictures are unpacked rightly; with KENSA_V4L2_DEVICE naming a vivid one, its faults too.

vivid can be told to fail, and to be put out and in again, by root.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cameras import V4l2Camera as Settings
from edge.drivers.v4l2 import V4l2Camera
from edge.drivers.v4l2_device import RawFrame, V4l2Device
from edge.errors import DeviceFault, DeviceUnavailable, NotJudged
from edge.verdict import Reason
from tests.contracts.test_camera_contract import v4l2_settings
from tests.stations import until

WAIT_MS = 5000.0
SLOW_S = 60.0  # the machine that has vivid is an emulated one
GAIN = 0x00980913
VIVID_OSD_TEXT, VIVID_MOVE_ACROSS = 0x00F0F001, 0x00F0F002
VIVID_DAMAGED, VIVID_DEAD = 0x00F0F042, 0x00F0F046
VIVID_UNBIND = Path("/sys/bus/platform/drivers/vivid/unbind")


class Unopened(V4l2Camera):
    """The driver's unpacking without a device."""

    def __init__(self, row_bytes: int, **changes: object) -> None:
        settings = {"driver": "v4l2", "device": "/dev/none", "width_px": 64, "height_px": 48, **changes}
        self._settings = Settings.model_validate(settings)
        self._row_bytes, self._where = row_bytes, "/dev/none"


def test_rows_of_yuyv_lose_their_padding_and_become_blue_green_red() -> None:
    rows = np.full((48, 64 * 2 + 16), 7, np.uint8)
    rows[:, :128:2], rows[:, 1:128:4], rows[:, 3:128:4] = 100, 90, 240  # brightness, blue, red
    pixels = Unopened(144, pixel_format="YUYV")._developed(rows.tobytes())
    assert pixels.shape == (48, 64, 3)
    blue, green, red = pixels[5, 5].astype(int)
    assert red > 200 > 60 > blue
    assert (pixels == pixels[0, 0]).all()
    assert green < red


def test_grey_rows_are_the_picture() -> None:
    rows = np.arange(48 * 80, dtype=np.uint32).astype(np.uint8).reshape(48, 80)
    pixels = Unopened(80, pixel_format="GREY", is_colour=False)._developed(rows.tobytes())
    np.testing.assert_array_equal(pixels, rows[:, :64])


def test_colour_becomes_grey_if_the_model_was_taught_with_grey() -> None:
    picture = np.full((48, 64, 3), (10, 200, 30), np.uint8)
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    assert Unopened(0, is_colour=False)._developed(data).shape == (48, 64)


def jpeg(width: int = 64) -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (48, width, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()


def test_jpeg_may_be_followed_by_zeros() -> None:
    assert Unopened(0)._developed(jpeg() + bytes(100)).shape == (48, 64, 3)


@pytest.mark.parametrize("data", [b"", b"\xff\xd9", jpeg()[:-200], jpeg()[:-2], bytes(5000), jpeg(width=80)])
def test_damaged_or_foreign_jpeg_is_a_fault_and_no_picture(data: bytes) -> None:
    with pytest.raises(DeviceFault, match="/dev/none: a picture is damaged"):
        Unopened(0)._developed(data)


def test_frame_that_is_too_short_is_a_fault() -> None:
    with pytest.raises(DeviceFault, match="has 100 bytes instead of 6144"):
        Unopened(128, pixel_format="YUYV")._developed(bytes(100))


@pytest.mark.parametrize(
    ("changes", "is_begin", "before_ms"),
    [
        ({"fps": 20.0, "exposure_us": 5000}, True, 5.0),
        ({"fps": 20.0, "exposure_us": 5000}, False, 55.0),
        ({"fps": 20.0}, True, 50.0),
        ({"fps": 20.0}, False, 100.0),
    ],
)
def test_exposure_is_taken_for_as_early_as_it_can_have_been(
    changes: dict[str, object], is_begin: bool, before_ms: float
) -> None:
    raw = RawFrame(data=b"", stamp_ns=10**9, is_begin=is_begin, number=1)
    assert Unopened(0, **changes)._exposed_at_ns(raw) == 10**9 - int(before_ms * 1e6)


@pytest.mark.parametrize(
    ("device", "words"),
    [("/dev/video-that-is-not-there", r"there is no camera .* is it plugged in"), ("/dev/null", "this is no camera")],
)
def test_what_is_no_camera_is_said(device: str, words: str) -> None:
    wanted = Settings(driver="v4l2", device=device, width_px=64, height_px=48)
    with pytest.raises(DeviceUnavailable, match=rf"{device}: {words}"):
        V4l2Camera(wanted)


def test_machine_without_the_kernels_structures_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "videodev2", None)
    with pytest.raises(DeviceUnavailable, match="cameras of the kernel need the package videodev2"):
        V4l2Device("/dev/null")


# From here on with a camera of the kernel.


@pytest.fixture
def camera() -> Iterator[V4l2Camera]:
    with V4l2Camera(v4l2_settings()) as camera:
        yield camera


@pytest.fixture
def vivid() -> Iterator[V4l2Device]:
    """A second hand on the camera's controls."""
    with V4l2Device(v4l2_settings().device) as device:
        if device.control(VIVID_OSD_TEXT) is None:
            pytest.skip("this camera is not vivid, and cannot be told to fail")
        yield device
        device.set(VIVID_OSD_TEXT, 0)
        device.set(VIVID_MOVE_ACROSS, 3)


def fresh(camera: V4l2Camera) -> None:
    camera.capture(not_before_ns=time.monotonic_ns(), timeout_ms=WAIT_MS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width_px": 322}, "gives .* instead of 322x180 YUYV"),
        ({"pixel_format": "MJPG"}, "gives .* instead of 320x180 MJPG"),
        ({"fps": 7.0}, "frames a second instead of 7"),
        ({"gain": None}, "would set this by itself; write gain, 0 to 255, now "),
        ({"gain": 300}, "gain can be 0 to 255 in steps of 1, not 300"),
        ({"focus": 10}, "the camera has no such control, leave out focus"),
        ({"exposure_us": 500}, "the camera has no such control, leave out exposure_us"),
    ],
)
def test_camera_that_cannot_do_what_is_written_is_refused(
    vivid: V4l2Device, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(DeviceUnavailable, match=words):
        V4l2Camera(v4l2_settings(**changes))


def test_camera_that_somebody_else_holds_is_refused(camera: V4l2Camera) -> None:
    with pytest.raises(DeviceUnavailable, match="somebody else holds the camera"):
        V4l2Camera(v4l2_settings())


def test_control_that_moves_costs_its_frame_and_is_set_again(camera: V4l2Camera, vivid: V4l2Device) -> None:
    fresh(camera)
    vivid.set(GAIN, 30)
    with pytest.raises(NotJudged, match="gain is 30 instead of 100") as caught:
        for _ in range(3):
            fresh(camera)
    assert caught.value.reason is Reason.EXPOSURE_DRIFTED
    until(lambda: vivid.get(GAIN) == 100 and camera.trouble is None, seconds=SLOW_S)
    fresh(camera)


def test_picture_that_never_changes_is_noticed(camera: V4l2Camera, vivid: V4l2Device) -> None:
    vivid.set(VIVID_OSD_TEXT, 2)  # the running time is what changes in the test picture
    until(lambda: "one and the same picture" in (camera.trouble or ""), seconds=SLOW_S)
    with pytest.raises(NotJudged, match="one and the same picture") as caught:
        fresh(camera)
    assert caught.value.reason is Reason.FRAME_FROZEN
    vivid.set(VIVID_OSD_TEXT, 0)
    until(lambda: camera.trouble is None, seconds=SLOW_S)


def test_frame_that_the_kernel_marks_as_damaged_is_passed_over(camera: V4l2Camera, vivid: V4l2Device) -> None:
    fresh(camera)
    vivid.set(VIVID_DAMAGED, 1)
    fresh(camera)
    fresh(camera)


def test_stream_that_dies_is_opened_again(camera: V4l2Camera, vivid: V4l2Device) -> None:
    fresh(camera)
    vivid.set(VIVID_DEAD, 1)
    until(lambda: camera.trouble, seconds=SLOW_S)
    until(lambda: camera.trouble is None, seconds=SLOW_S)
    fresh(camera)


@pytest.mark.skipif(not VIVID_UNBIND.exists() or os.geteuid() != 0, reason="needs vivid in the kernel, and root")
def test_unplugged_camera_is_trouble_until_it_is_back(camera: V4l2Camera) -> None:
    fresh(camera)
    VIVID_UNBIND.write_text("vivid.0")
    try:
        until(lambda: camera.trouble, seconds=SLOW_S)
        with pytest.raises(DeviceFault, match=r"plugged in|no frame"):
            fresh(camera)
    finally:
        VIVID_UNBIND.with_name("bind").write_text("vivid.0")
    until(lambda: camera.trouble is None, seconds=SLOW_S)
    fresh(camera)
