"""What every camera owes the station, run over each driver that can work here.

The kernel's cameras are tried where KENSA_V4L2_DEVICE names one, such as a device of the kernel's test driver vivid.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cameras import PicameraCamera as PicameraSettings
from edge.cameras import V4l2Camera as V4l2Settings
from edge.drivers.folder import FolderCamera
from edge.drivers.line import LineCamera
from edge.drivers.passing import PassingCamera
from edge.drivers.picamera import PicameraCamera
from edge.drivers.v4l2 import V4l2Camera
from edge.drivers.video import VideoCamera
from edge.errors import DeviceError, DeviceTimeout, DeviceUnavailable
from edge.interfaces import Camera
from tests.fake_picamera2 import installed

Opener = Callable[..., Camera]
WAIT_MS = 5000.0
MAKES_PICTURES = ("folder", "video", "line")
STREAMS = ("passing", "picamera", "v4l2")

PICAMERA = PicameraSettings(
    driver="picamera", width_px=64, height_px=48, fps=50.0, exposure_us=4000, gain=2.0, red_gain=1.5, blue_gain=1.8
)


def v4l2_settings(**changes: object) -> V4l2Settings:
    device = os.environ.get("KENSA_V4L2_DEVICE")
    if not device:
        pytest.skip("KENSA_V4L2_DEVICE names no camera of the kernel")
    wanted = {"width_px": 320, "height_px": 180, "fps": 10.0, "pixel_format": "YUYV", "gain": 100}
    return V4l2Settings.model_validate({"driver": "v4l2", "device": device, **wanted, **changes})


@pytest.fixture(params=[*MAKES_PICTURES, *STREAMS])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    with ExitStack() as stack:
        yield _opener(request.param, tmp_path, stack)


def _opener(driver: str, folder: Path, stack: ExitStack) -> Opener:
    pictures = [np.full((48, 64, 3), level, np.uint8) for level in range(0, 250, 20)]
    match driver:
        case "line":
            return LineCamera
        case "passing":
            return PassingCamera
        case "picamera":
            stack.enter_context(installed())
            return lambda: PicameraCamera(PICAMERA)
        case "v4l2":
            settings = v4l2_settings()
            return lambda: V4l2Camera(settings)
        case "folder":
            for number, pixels in enumerate(pictures):
                cv2.imwrite(str(folder / f"{number}.png"), pixels)
            return lambda **options: FolderCamera(folder, **options)
    film = cv2.VideoWriter(str(folder / "film.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for pixels in pictures:
        film.write(pixels)
    film.release()
    return lambda **options: VideoCamera(folder / "film.avi", **options)


def test_frame_was_exposed_after_the_trigger(opener: Opener) -> None:
    with opener() as camera:
        for _ in range(3):
            trigger_ns = time.monotonic_ns()
            frame = camera.capture(not_before_ns=trigger_ns, timeout_ms=WAIT_MS)
            assert trigger_ns <= frame.exposed_at_ns <= time.monotonic_ns()


def test_time_stamps_rise_and_no_frame_comes_twice(opener: Opener) -> None:
    with opener() as camera:
        frames = [camera.capture(not_before_ns=0, timeout_ms=WAIT_MS) for _ in range(4)]
        stamps = [frame.exposed_at_ns for frame in frames]
        assert stamps == sorted(set(stamps))


def test_frame_is_owned_and_frozen(opener: Opener) -> None:
    with opener() as camera:
        first = camera.capture(not_before_ns=0, timeout_ms=WAIT_MS)
        kept = first.pixels.copy()
        for _ in range(8):  # more than a camera has buffers
            camera.capture(not_before_ns=0, timeout_ms=WAIT_MS)
        np.testing.assert_array_equal(first.pixels, kept)
        assert first.pixels.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            first.pixels[0, 0] = 0


def test_frame_names_its_source(opener: Opener) -> None:
    with opener() as camera:
        first, second = (camera.capture(not_before_ns=0, timeout_ms=WAIT_MS).source for _ in range(2))
        assert first
        assert first != second


def test_camera_that_works_has_no_trouble(opener: Opener) -> None:
    with opener() as camera:
        camera.capture(not_before_ns=0, timeout_ms=WAIT_MS)
        assert camera.trouble is None


def test_close_may_be_called_twice_and_a_closed_camera_refuses(opener: Opener) -> None:
    camera = opener()
    camera.close()
    camera.close()
    with pytest.raises(DeviceUnavailable, match="is closed"):
        camera.capture(not_before_ns=0, timeout_ms=WAIT_MS)


@pytest.mark.parametrize("opener", STREAMS, indirect=True)
def test_waiting_for_a_frame_that_cannot_come_ends_in_time_and_the_next_one_comes(opener: Opener) -> None:
    with opener() as camera:
        for _ in range(8):  # whatever a time-out leaves behind must not use up the buffers
            began = time.monotonic()
            with pytest.raises(DeviceTimeout, match="no frame after the trigger in 150 ms"):
                camera.capture(not_before_ns=time.monotonic_ns() + 10**12, timeout_ms=150)
            assert time.monotonic() - began < 2
        camera.capture(not_before_ns=time.monotonic_ns(), timeout_ms=WAIT_MS)


@pytest.mark.parametrize("opener", STREAMS, indirect=True)
def test_trigger_that_is_delayed_into_the_future_is_waited_for(opener: Opener) -> None:
    with opener() as camera:
        trigger_ns = time.monotonic_ns() + 300_000_000
        assert camera.capture(not_before_ns=trigger_ns, timeout_ms=WAIT_MS).exposed_at_ns >= trigger_ns


@pytest.mark.parametrize("opener", STREAMS, indirect=True)
def test_whoever_looks_on_sees_every_frame_small_and_grey(opener: Opener) -> None:
    seen: list[tuple[tuple[int, ...], int]] = []
    with opener() as camera:
        camera.watch(lambda picture, at_ns: seen.append((picture.shape, at_ns)))  # type: ignore[attr-defined]
        last = [camera.capture(not_before_ns=0, timeout_ms=WAIT_MS).exposed_at_ns for _ in range(5)][-1]
        began_ns = time.monotonic_ns()
        while seen[-1][1] < last and time.monotonic_ns() - began_ns < 5e9:
            time.sleep(0.01)
        assert camera.last_frame_ns >= last  # type: ignore[attr-defined]
    stamps = [at_ns for _, at_ns in seen]
    assert len(stamps) >= 4
    assert stamps == sorted(set(stamps))
    assert all(len(shape) == 2 and max(shape) == 160 for shape, _ in seen)


@pytest.mark.parametrize("opener", MAKES_PICTURES, indirect=True)
def test_error_of_the_device_arrives_as_device_error_and_the_next_capture_works(opener: Opener) -> None:
    with opener(faults={1: DeviceTimeout("no picture")}) as camera:
        with pytest.raises(DeviceError):
            camera.capture(not_before_ns=0, timeout_ms=WAIT_MS)
        camera.capture(not_before_ns=0, timeout_ms=WAIT_MS)
