"""The Pi's camera over a stand-in for picamera2: locked, looked at, recovered; what goes wrong is said."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from edge.cameras import PicameraCamera as Settings
from edge.drivers import picamera
from edge.drivers.picamera import PicameraCamera
from edge.errors import DeviceFault, DeviceTimeout, DeviceUnavailable, NotJudged
from edge.verdict import Reason
from tests.fake_picamera2 import BUFFERS, World, installed
from tests.stations import until

SETTINGS = Settings(
    driver="picamera", width_px=64, height_px=48, fps=50.0, exposure_us=4000, gain=2.0, red_gain=1.5, blue_gain=1.8
)
WAIT_MS = 5000.0
CALLS = {  # every call that the driver makes; the stand-in knows no other
    *("open", "create_video_configuration", "configure", "set_controls", "start", "stop", "close"),
    *("capture_request", "cancel_all_and_flush"),
}


@pytest.fixture
def world() -> Iterator[World]:
    with installed() as world:
        yield world


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picamera, "FIRST_FRAME_S", 0.5)
    monkeypatch.setattr("edge.drivers.stream.REOPEN_S", 0.1)
    monkeypatch.setattr("edge.drivers.stream.OPENING_S", 5.0)


def settings(**changes: object) -> Settings:
    return SETTINGS.model_copy(update=changes)


def fresh(camera: PicameraCamera) -> object:
    return camera.capture(not_before_ns=time.monotonic_ns(), timeout_ms=WAIT_MS)


def test_everything_that_moves_by_itself_is_held_by_hand(world: World) -> None:
    with PicameraCamera(SETTINGS) as camera:
        fresh(camera)
        (pi,) = world.opened
        assert pi._controls == {
            "AeEnable": False,
            "ExposureTime": 4000,
            "AnalogueGain": 2.0,
            "AwbEnable": False,
            "ColourGains": (1.5, 1.8),
            "FrameDurationLimits": (20_000, 20_000),
        }
    assert set(world.calls) <= CALLS


def test_lens_with_a_motor_is_held_too(world: World) -> None:
    world.offered |= {"AfMode": (0, 2, 0), "LensPosition": (0.0, 32.0, 1.0)}
    with PicameraCamera(settings(focus_dioptres=4.5)) as camera:
        fresh(camera)
        assert world.opened[0]._controls["AfMode"] == 0
        world.metadata["LensPosition"] = 5.0
        with pytest.raises(NotJudged, match=r"exposure drifted: focus_dioptres is 5 instead of 4\.5"):
            fresh(camera)


@pytest.mark.parametrize(
    ("offered", "changes", "words"),
    [
        ({"LensPosition": (0, 1, 0), "AfMode": (0, 2, 0)}, {}, "the lens would focus by itself; write focus_dioptres"),
        ({}, {"focus_dioptres": 2.0}, "this lens has no motor, leave out focus_dioptres"),
    ],
)
def test_lens_and_configuration_must_agree(
    world: World, offered: dict[str, tuple[int, int, int]], changes: dict[str, object], words: str
) -> None:
    world.offered |= offered
    with pytest.raises(DeviceUnavailable, match=words):
        PicameraCamera(settings(**changes))


def test_camera_without_a_control_to_hold_is_refused(world: World) -> None:
    del world.offered["ColourGains"]
    with pytest.raises(DeviceUnavailable, match="cannot be held by hand: it has no ColourGains"):
        PicameraCamera(SETTINGS)


def test_frames_before_the_controls_act_are_not_given_away(world: World) -> None:
    with PicameraCamera(SETTINGS) as camera:
        fresh(camera)
        assert camera.trouble is None


def test_picture_is_blue_green_red_without_padding_and_owned(world: World) -> None:
    with PicameraCamera(SETTINGS) as camera:
        frame = camera.capture(not_before_ns=0, timeout_ms=WAIT_MS)
        assert frame.pixels.shape == (48, 64, 3)
        assert frame.pixels[0, 0].tolist() == [11, 22, 33]
        until(lambda: not world.held)
        assert frame.pixels[0, 0].tolist() == [11, 22, 33]


def test_grey_picture_for_a_model_taught_with_grey(world: World) -> None:
    with PicameraCamera(settings(is_colour=False)) as camera:
        pixels = camera.capture(not_before_ns=0, timeout_ms=WAIT_MS).pixels
        assert pixels.shape == (48, 64)
        assert pixels[0, 0] == round(0.114 * 11 + 0.587 * 22 + 0.299 * 33)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"ExposureTime": 4200}, "exposure_us is 4200 instead of 4000"),
        ({"AnalogueGain": 2.2}, "gain is 2.2 instead of 2"),
        ({"ColourGains": (1.5, 2.0)}, "blue_gain is 2 instead of 1.8"),
        ({"ColourGains": None}, "the camera does not tell its red_gain"),
        ({"AnalogueGain": float("nan")}, "gain is nan instead of 2"),
    ],
)
def test_frame_that_was_not_exposed_as_told_is_not_judged_and_the_values_are_set_again(
    world: World, told: dict[str, object], words: str
) -> None:
    with PicameraCamera(SETTINGS) as camera:
        fresh(camera)
        before = world.calls.count("set_controls")
        world.metadata = told
        with pytest.raises(NotJudged, match=words) as caught:
            fresh(camera)
        assert caught.value.reason is Reason.EXPOSURE_DRIFTED
        until(lambda: words in (camera.trouble or ""))
        until(lambda: world.calls.count("set_controls") > before)
        world.metadata = {}
        until(lambda: camera.trouble is None)
        fresh(camera)


def test_small_steps_of_the_sensor_are_no_drift(world: World) -> None:
    with PicameraCamera(SETTINGS) as camera:
        world.metadata = {"ExposureTime": 3990, "AnalogueGain": 2.01}
        fresh(camera)


def test_other_size_than_asked_for_is_refused(world: World) -> None:
    world.size_px = (96, 48)
    with pytest.raises(DeviceUnavailable, match="gives 96x48 RGB888 instead of 64x48 RGB888"):
        PicameraCamera(SETTINGS)


def test_no_camera_is_said_with_what_to_do(world: World) -> None:
    world.is_plugged = False
    with pytest.raises(DeviceUnavailable, match=r"camera 0: cannot be opened .* is it plugged in"):
        PicameraCamera(SETTINGS)


def test_machine_without_picamera2_says_what_to_install() -> None:
    with pytest.raises(DeviceUnavailable, match="apt install python3-picamera2"):
        PicameraCamera(SETTINGS)


def test_stream_that_stops_is_started_again(world: World) -> None:
    with PicameraCamera(SETTINGS) as camera:
        fresh(camera)
        world.is_silent = True
        until(lambda: "no frame for" in (camera.trouble or ""))
        with pytest.raises(DeviceFault, match="no frame for"):
            fresh(camera)
        until(lambda: camera.trouble is None)
        fresh(camera)
    assert world.calls.count("open") == 1
    assert world.calls.count("start") == 2


def test_camera_that_stays_silent_is_opened_again(world: World) -> None:
    world.restart_helps = False
    with PicameraCamera(SETTINGS) as camera:
        fresh(camera)
        world.is_silent = True
        until(lambda: world.calls.count("open") > 1, seconds=20)
        assert camera.trouble
        world.is_silent = False
        until(lambda: camera.trouble is None)
        fresh(camera)


def test_pulled_cable_is_trouble_until_it_is_back(world: World) -> None:
    with PicameraCamera(SETTINGS) as camera:
        fresh(camera)
        world.is_plugged = False
        until(lambda: "cannot be opened" in (camera.trouble or ""), seconds=20)
        began = time.monotonic()
        with pytest.raises(DeviceFault, match="cannot be opened"):
            fresh(camera)
        assert time.monotonic() - began < 1
        world.is_plugged = True
        until(lambda: camera.trouble is None, seconds=20)
        fresh(camera)


@pytest.mark.parametrize("call", ["stop", "close", "open"])
def test_call_that_never_returns_holds_nobody_up_and_asks_for_a_new_process(
    world: World, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.restart_helps = False
    monkeypatch.setattr("edge.drivers.stream.STUCK_S", 2.0)
    camera = PicameraCamera(SETTINGS)
    assert not camera.needs_restart
    world.hangs_in, world.is_silent = call, True
    until(lambda: world.calls.count(call) > (call == "open"), seconds=20)
    began = time.monotonic()
    with pytest.raises(DeviceFault, match="no frame"):
        fresh(camera)
    assert "no frame" in (camera.trouble or "")
    assert time.monotonic() - began < 2
    until(lambda: camera.needs_restart)
    began = time.monotonic()
    camera.close()
    assert time.monotonic() - began < 5
    world.hang.set()


def test_frozen_camera_is_noticed(world: World) -> None:
    with PicameraCamera(SETTINGS) as camera:
        fresh(camera)
        world.is_frozen = True
        until(lambda: "one and the same picture" in (camera.trouble or ""))
        with pytest.raises(NotJudged, match="one and the same picture") as caught:
            fresh(camera)
        assert caught.value.reason is Reason.FRAME_FROZEN


def test_time_outs_leave_no_buffer_behind(world: World) -> None:
    with PicameraCamera(SETTINGS) as camera:
        for _ in range(2 * BUFFERS):
            with pytest.raises(DeviceTimeout):
                camera.capture(not_before_ns=time.monotonic_ns() + 10**12, timeout_ms=30)
        fresh(camera)
        assert world.calls.count("cancel_all_and_flush") == 2 * BUFFERS
        until(lambda: not world.held)


@pytest.mark.parametrize("timeout_ms", [0.0, -5.0])
def test_no_time_left_is_a_time_out_and_no_endless_wait(world: World, timeout_ms: float) -> None:
    with PicameraCamera(SETTINGS) as camera, pytest.raises(DeviceTimeout):
        camera.capture(not_before_ns=0, timeout_ms=timeout_ms)


def test_time_stamps_that_cannot_be_are_trouble(world: World) -> None:
    with PicameraCamera(SETTINGS) as camera:
        world.metadata = {"SensorTimestamp": time.monotonic_ns() + 10**13}
        until(lambda: "in the future" in (camera.trouble or ""))


def test_error_in_a_frame_opens_the_camera_again_instead_of_killing_its_thread(world: World) -> None:
    def broken(picture: np.ndarray, at_ns: int) -> None:
        raise ValueError("a bug in whoever looks on")

    with PicameraCamera(SETTINGS) as camera:
        camera.watch(broken)
        until(lambda: "a bug in whoever looks on" in (camera.trouble or ""))
        camera.watch(lambda picture, at_ns: None)
        until(lambda: camera.trouble is None)
        fresh(camera)


def test_captures_from_another_thread_while_the_camera_is_closed_end(world: World) -> None:
    camera = PicameraCamera(SETTINGS)
    ended: list[str] = []

    def attempt(call: Callable[[], object]) -> None:
        try:
            call()
        except (DeviceFault, DeviceTimeout, DeviceUnavailable) as error:
            ended.append(str(error))

    waiting = threading.Thread(
        target=attempt, args=[lambda: camera.capture(not_before_ns=time.monotonic_ns() + 10**12, timeout_ms=800)]
    )
    waiting.start()
    time.sleep(0.1)
    camera.close()
    waiting.join(5)
    assert not waiting.is_alive()
    assert len(ended) == 1
