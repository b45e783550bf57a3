"""The simulated devices do what they say, fail when told, and remember."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.drivers.folder import FolderCamera
from edge.drivers.line import LineCamera
from edge.drivers.simulated import SimulatedClock, SimulatedOutputs
from edge.drivers.triggers import IntervalTrigger
from edge.drivers.video import VideoCamera
from edge.errors import DeviceError, DeviceFault, DeviceTimeout, DeviceUnavailable, PictureError
from edge.interfaces import EndOfLine
from edge.verdict import Outcome

PICTURES = [np.full((48, 64, 3), level, np.uint8) for level in (10, 120, 240)]


def folder_of_pictures(folder: Path) -> Path:
    for number, pixels in enumerate(PICTURES):
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
    return folder


def video_of_pictures(folder: Path) -> Path:
    path = folder / "film.avi"
    film = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for pixels in PICTURES:
        film.write(pixels)
    film.release()
    return path


def levels(camera: FolderCamera | VideoCamera, count: int) -> list[int]:
    return [round(camera.capture(not_before_ns=0, timeout_ms=100).pixels.mean()) for _ in range(count)]


def test_folder_camera_shows_each_picture_once_in_order(tmp_path: Path) -> None:
    with FolderCamera(folder_of_pictures(tmp_path)) as camera:
        assert camera.parts == 3
        assert levels(camera, 3) == [10, 120, 240]
        assert list(camera.sources) == ["0.png", "1.png", "2.png"]
        with pytest.raises(DeviceFault, match="no more pictures"):
            levels(camera, 1)


def test_repeating_folder_camera_has_no_end(tmp_path: Path) -> None:
    camera = FolderCamera(folder_of_pictures(tmp_path), is_repeating=True)
    assert camera.parts is None
    assert levels(camera, 5) == [10, 120, 240, 10, 120]


def test_damaged_picture_costs_one_part_and_the_next_one_comes(tmp_path: Path) -> None:
    camera = FolderCamera(folder_of_pictures(tmp_path))
    (tmp_path / "0.png").write_text("no picture")
    with pytest.raises(PictureError):
        levels(camera, 1)
    assert levels(camera, 1) == [120]


def test_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no pictures"):
        FolderCamera(tmp_path)


def test_video_camera_shows_the_film_and_ends(tmp_path: Path) -> None:
    with VideoCamera(video_of_pictures(tmp_path)) as camera:
        assert camera.parts == 3
        assert np.allclose(levels(camera, 3), [10, 120, 240], atol=3)
        assert camera.sources[-1] == "film.avi 3"
        with pytest.raises(DeviceFault, match="no more pictures"):
            levels(camera, 1)


def test_video_camera_can_take_every_second_picture(tmp_path: Path) -> None:
    camera = VideoCamera(video_of_pictures(tmp_path), step=2)
    assert camera.parts == 2
    assert np.allclose(levels(camera, 2), [10, 240], atol=3)
    assert camera.sources[-1] == "film.avi 3"


def test_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "film.avi").write_text("no film")
    with pytest.raises(DeviceUnavailable, match="this is no video"):
        VideoCamera(tmp_path / "film.avi")
    with pytest.raises(DeviceUnavailable, match="there is no such video"):
        VideoCamera(tmp_path / "gone.avi")


def test_line_camera_knows_the_truth_and_repeats_itself() -> None:
    first, second = LineCamera(seed=5, ng_share=0.5), LineCamera(seed=5, ng_share=0.5)
    for _ in range(6):
        one, two = (camera.capture(not_before_ns=0, timeout_ms=0) for camera in (first, second))
        np.testing.assert_array_equal(one.pixels, two.pixels)
    assert list(first.truth) == [f"part {number}" for number in range(1, 7)]
    assert first.truth == second.truth
    assert {truth is None for truth in first.truth.values()} == {True, False}


def test_fault_hits_the_call_it_was_asked_for(tmp_path: Path) -> None:
    camera = FolderCamera(folder_of_pictures(tmp_path), faults={2: DeviceTimeout("no answer")})
    assert levels(camera, 1) == [10]
    with pytest.raises(DeviceTimeout, match="no answer"):
        levels(camera, 1)
    assert levels(camera, 1) == [240]


def test_trigger_comes_at_its_times_and_ends() -> None:
    trigger = IntervalTrigger(interval_ms=20, parts=3)
    events = []
    with pytest.raises(EndOfLine):
        while True:
            events.append(trigger.wait(timeout_ms=1000))
    times = [event.at_ns for event in events if event is not None]
    assert np.diff(times).tolist() == [20_000_000, 20_000_000]


def test_trigger_gives_none_when_nothing_came_in_time() -> None:
    assert IntervalTrigger(interval_ms=10_000).wait(timeout_ms=1) is None


def test_trigger_that_does_not_look_at_ready_reports_what_was_missed() -> None:
    clock = SimulatedClock()
    trigger = IntervalTrigger(interval_ms=100, clock=clock)
    clock.advance(ms=350)
    event = trigger.wait(timeout_ms=0)
    assert event is not None
    assert event.skipped == 2
    assert clock.monotonic_ns() - event.at_ns == 50_000_000


def test_trigger_that_looks_at_ready_stands_still_meanwhile_and_does_not_catch_up() -> None:
    clock, wires = SimulatedClock(), SimulatedOutputs()
    trigger = IntervalTrigger(interval_ms=100, clock=clock, ready=lambda: wires.is_ready)
    clock.advance(ms=1000)
    assert trigger.wait(timeout_ms=0) is None
    wires.set_ready(is_ready=True)
    event = trigger.wait(timeout_ms=0)
    assert event is not None
    assert (event.skipped, event.at_ns) == (0, clock.monotonic_ns())


def test_outputs_remember_every_change_and_are_off_when_closed() -> None:
    clock = SimulatedClock()
    with SimulatedOutputs(clock=clock) as outputs:
        outputs.set_ready(is_ready=True)
        clock.advance(ms=5)
        outputs.apply(Outcome.NG)
        assert outputs.wires == {"ready", "NG"}
    assert outputs.wires == set()
    assert [(change.wire, change.is_on) for change in outputs.history] == [
        *(("ready", True), ("NG", True), ("NG", False), ("ready", False))
    ]
    assert outputs.history[1].at_ns - outputs.history[0].at_ns == 5_000_000


def test_closed_devices_refuse_everything() -> None:
    outputs, trigger, camera = SimulatedOutputs(), IntervalTrigger(interval_ms=0), LineCamera()
    for device in (outputs, trigger, camera):
        device.close()
    for call in (
        lambda: outputs.set_ready(is_ready=True),
        lambda: outputs.apply(Outcome.NG),
        lambda: trigger.wait(timeout_ms=0),
        lambda: camera.capture(not_before_ns=0, timeout_ms=0),
    ):
        with pytest.raises(DeviceError, match="is closed"):
            call()
