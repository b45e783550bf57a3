"""The Pi's camera driver over the real picamera2 and libcamera, where the kernel's virtual camera vimc is there.

vimc has no exposure, gain or white balance, neither as a control nor in what its frames say, and this machine may have
no DMA heap: those three are put in its place here. Real are picamera2's stream, jobs, requests, mappings and threads,
libcamera, and the kernel's time stamps. Everything else about a sensor is only on a Pi.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from edge.cameras import PicameraCamera as Settings
from edge.drivers import picamera
from edge.drivers.picamera import PicameraCamera
from edge.errors import DeviceTimeout, DeviceUnavailable
from tests.stations import until

picamera2 = pytest.importorskip("picamera2", reason="picamera2 and libcamera are not here", exc_type=ImportError)

pytestmark = pytest.mark.filterwarnings("default")  # picamera2 leaves files open, which is not ours to mend

SETTINGS = Settings(
    driver="picamera", width_px=640, height_px=480, fps=30.0, exposure_us=4000, gain=1.0, red_gain=1.0, blue_gain=1.0
)
WAIT_MS = 60_000.0  # the machine that has vimc is an emulated one
SLOW_S = 120.0
BUFFERS = 6


@pytest.fixture
def vimc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not any("vimc" in camera["Id"] for camera in picamera2.Picamera2.global_camera_info()):
        pytest.skip("the kernel has no vimc camera")
    from picamera2.allocators import LibcameraAllocator
    from picamera2.request import CompletedRequest

    class Buffers(LibcameraAllocator):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(None)

    class Camera(picamera2.Picamera2):  # type: ignore[misc]
        def __init__(self, number: int) -> None:
            super().__init__(number, allocator=Buffers())
            self.allocator.camera = self.camera

    told = CompletedRequest.get_metadata
    absent = {"ExposureTime": 4000, "AnalogueGain": 1.0, "ColourGains": (1.0, 1.0)}
    monkeypatch.setattr(CompletedRequest, "get_metadata", lambda request: absent | told(request))
    monkeypatch.setattr("picamera2.picamera2.DmaAllocator", Buffers)
    monkeypatch.setattr(picamera2, "Picamera2", Camera)
    monkeypatch.setattr(picamera, "FIRST_FRAME_S", 30.0)
    monkeypatch.setattr("edge.drivers.stream.OPENING_S", SLOW_S)
    monkeypatch.setattr("edge.drivers.stream.LEAST_GAP_MS", 20_000.0)
    yield


@pytest.fixture
def unheld(vimc: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(settings: Settings, offered: object) -> dict[str, Any]:
        return {}

    monkeypatch.setattr(picamera, "held_controls", nothing)


def test_camera_that_cannot_be_held_by_hand_is_refused(vimc: None) -> None:
    with pytest.raises(DeviceUnavailable, match="cannot be held by hand: it has no AeEnable, AnalogueGain"):
        PicameraCamera(SETTINGS)


def test_camera_that_is_not_there_is_said(vimc: None) -> None:
    with pytest.raises(DeviceUnavailable, match="camera 5: cannot be opened"):
        PicameraCamera(SETTINGS.model_copy(update={"camera": 5}))


@pytest.mark.usefixtures("unheld")
def test_frames_are_exposed_after_their_trigger_owned_and_in_colour() -> None:
    with PicameraCamera(SETTINGS) as camera:
        frames = []
        for _ in range(2 * BUFFERS):
            trigger_ns = time.monotonic_ns()
            frames.append(camera.capture(not_before_ns=trigger_ns, timeout_ms=WAIT_MS))
            assert trigger_ns <= frames[-1].exposed_at_ns <= time.monotonic_ns()
        stamps = [frame.exposed_at_ns for frame in frames]
        assert stamps == sorted(set(stamps))
        assert frames[0].pixels.shape == (480, 640, 3)
        assert frames[0].pixels.flags.owndata
        assert np.ptp(frames[0].pixels) > 50
        assert camera.trouble is None


@pytest.mark.usefixtures("unheld")
def test_time_outs_leave_no_buffer_behind_and_whoever_looks_on_sees_frames() -> None:
    looked: list[tuple[int, ...]] = []
    with PicameraCamera(SETTINGS) as camera:
        camera.watch(lambda picture, at_ns: looked.append(picture.shape))
        for _ in range(2 * BUFFERS):
            with pytest.raises(DeviceTimeout):
                camera.capture(not_before_ns=time.monotonic_ns() + 10**13, timeout_ms=100)
        camera.capture(not_before_ns=time.monotonic_ns(), timeout_ms=WAIT_MS)
        until(lambda: looked, seconds=SLOW_S)
        assert set(looked) == {(120, 160)}


@pytest.mark.usefixtures("unheld")
@pytest.mark.parametrize("again", [PicameraCamera._restart, lambda camera, pi: pi.stop()], ids=["restarted", "stopped"])
def test_stream_comes_back_after_it_was_stopped(
    again: Callable[[PicameraCamera, Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.drivers.stream.LEAST_GAP_MS", 6_000.0)
    monkeypatch.setattr(picamera, "FIRST_FRAME_S", 6.0)
    with PicameraCamera(SETTINGS) as camera:
        camera.capture(not_before_ns=time.monotonic_ns(), timeout_ms=WAIT_MS)
        again(camera, camera._pi)
        stopped_ns = time.monotonic_ns()
        until(lambda: camera.last_frame_ns > stopped_ns and camera.trouble is None, seconds=SLOW_S)
        camera.capture(not_before_ns=stopped_ns, timeout_ms=WAIT_MS)
