"""What every camera owes the station, run over each driver that can work here."""

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.drivers.folder import FolderCamera
from edge.drivers.line import LineCamera
from edge.drivers.video import VideoCamera
from edge.errors import DeviceError, DeviceTimeout
from edge.interfaces import Camera

Opener = Callable[..., Camera]


@pytest.fixture(params=["folder", "video", "line"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    pictures = [np.full((48, 64, 3), level, np.uint8) for level in range(0, 250, 40)]
    if request.param == "line":
        return lambda **options: LineCamera(**options)
    if request.param == "folder":
        for number, pixels in enumerate(pictures):
            cv2.imwrite(str(tmp_path / f"{number}.png"), pixels)
        return lambda **options: FolderCamera(tmp_path, **options)
    film = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for pixels in pictures:
        film.write(pixels)
    film.release()
    return lambda **options: VideoCamera(tmp_path / "film.avi", **options)


def test_frame_was_exposed_after_the_trigger(opener: Opener) -> None:
    with opener() as camera:
        for _ in range(3):
            trigger_ns = time.monotonic_ns()
            frame = camera.capture(not_before_ns=trigger_ns, timeout_ms=1000)
            assert trigger_ns <= frame.exposed_at_ns <= time.monotonic_ns()


def test_frame_is_owned_and_frozen(opener: Opener) -> None:
    with opener() as camera:
        first = camera.capture(not_before_ns=0, timeout_ms=1000)
        kept = first.pixels.copy()
        camera.capture(not_before_ns=0, timeout_ms=1000)
        np.testing.assert_array_equal(first.pixels, kept)
        with pytest.raises(ValueError, match="read-only"):
            first.pixels[0, 0] = 0


def test_frame_names_its_source(opener: Opener) -> None:
    with opener() as camera:
        first, second = (camera.capture(not_before_ns=0, timeout_ms=1000).source for _ in range(2))
        assert first
        assert first != second


def test_error_of_the_device_arrives_as_device_error_and_the_next_capture_works(opener: Opener) -> None:
    with opener(faults={1: DeviceTimeout("no picture")}) as camera:
        with pytest.raises(DeviceError):
            camera.capture(not_before_ns=0, timeout_ms=1000)
        camera.capture(not_before_ns=0, timeout_ms=1000)


def test_close_may_be_called_twice_and_a_closed_camera_refuses(opener: Opener) -> None:
    camera = opener()
    camera.close()
    camera.close()
    with pytest.raises(DeviceError):
        camera.capture(not_before_ns=0, timeout_ms=1000)
