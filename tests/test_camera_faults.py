"""A station over a camera that runs all the time: whatever happens to the camera is a FAULT in time, or not READY.

Black frames are those of tests/test_inspection.py: TOO_DARK.
"""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from edge.cameras import PicameraCamera as Settings
from edge.drivers.passing import PassingCamera
from edge.drivers.passing_film import Shown
from edge.drivers.picamera import PicameraCamera
from edge.errors import DeviceUnavailable
from edge.frame import Pixels
from edge.record import Record
from edge.verdict import Outcome, Reason
from tests.fake_picamera2 import World, installed
from tests.stations import Bench, until

SETTINGS = Settings(
    driver="picamera", width_px=64, height_px=48, fps=50.0, exposure_us=4000, gain=2.0, red_gain=1.5, blue_gain=1.8
)
DEADLINE_MS = 2000.0
FPS = 20.0


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test machine may be busy for longer than a frame may be late."""
    monkeypatch.setattr("edge.drivers.stream.LEAST_GAP_MS", 2500.0)


@pytest.fixture
def world() -> Iterator[World]:
    with installed() as world:
        yield world


def bench_over(camera: object, **rules: float) -> Bench:
    bench = Bench(camera=camera, **{"deadline_ms": DEADLINE_MS, **rules})  # type: ignore[arg-type]
    become_ready(bench)
    return bench


def become_ready(bench: Bench) -> None:
    until(lambda: bench.station.settle(timeout_ms=10), seconds=20)


def become_not_ready(bench: Bench, why: str) -> None:
    until(lambda: not bench.station.settle(timeout_ms=10) and why in bench.station.state.why, seconds=20)
    assert "ready" not in bench.outputs.wires


def take_in_time(bench: Bench) -> Record:
    began = time.monotonic()
    record = bench.take()
    assert (time.monotonic() - began) * 1000 < DEADLINE_MS + 1000
    assert bench.outputs.wires >= {record.verdict.outcome.value}
    return record


def test_unplugged_camera_is_not_ready_and_comes_back_by_itself() -> None:
    with PassingCamera(fps=FPS, faults={25: DeviceUnavailable("the cable was pulled")}) as camera:
        bench = bench_over(camera)
        assert take_in_time(bench).verdict.outcome is Outcome.OK
        become_not_ready(bench, "the cable was pulled")
        record = take_in_time(bench)
        assert (record.verdict.outcome, record.verdict.reason) == (Outcome.FAULT, Reason.NOT_READY)
        become_ready(bench)
        assert take_in_time(bench).verdict.outcome is Outcome.OK


def test_frozen_camera_is_a_fault_and_not_ready_until_it_moves_again() -> None:
    still = np.random.default_rng(0).integers(0, 255, (240, 320), dtype=np.uint8)

    def same(shown: Shown) -> Pixels:
        return still

    with PassingCamera(fps=FPS, faults=dict.fromkeys(range(20, 80), same)) as camera:
        bench = bench_over(camera, faults_until_halt=1000)
        reasons = set()
        while camera._frozen() == "":
            reasons.add(take_in_time(bench).verdict.reason)
        assert reasons <= {Reason.WITHIN_LIMIT, Reason.FRAME_FROZEN}
        assert Reason.FRAME_FROZEN in reasons  # two parts with one and the same picture, before the second was over
        become_not_ready(bench, "one and the same picture")
        become_ready(bench)
        assert take_in_time(bench).verdict.outcome is Outcome.OK


def test_camera_that_falls_silent_costs_its_part_a_fault_in_time(world: World) -> None:
    with PicameraCamera(SETTINGS) as camera:
        bench = bench_over(camera)
        world.is_silent, world.restart_helps = True, False
        record = take_in_time(bench)
        assert record.verdict.outcome is Outcome.FAULT
        assert record.verdict.reason in (Reason.CAPTURE_FAILED, Reason.LATE)
        become_not_ready(bench, "no frame")
        world.is_silent = False
        become_ready(bench)
        assert take_in_time(bench).verdict.outcome is Outcome.OK


def test_frame_that_was_not_exposed_as_told_is_a_fault(world: World) -> None:
    with PicameraCamera(SETTINGS) as camera:
        bench = bench_over(camera)
        world.metadata = {"AnalogueGain": 3.0}
        record = take_in_time(bench)
        assert (record.verdict.outcome, record.verdict.reason) == (Outcome.FAULT, Reason.EXPOSURE_DRIFTED)
        assert record.verdict.detail == "gain is 3 instead of 2"
        become_not_ready(bench, "gain is 3 instead of 2")
        world.metadata = {}
        become_ready(bench)
        assert take_in_time(bench).verdict.outcome is Outcome.OK


def test_stale_frames_never_pass_for_fresh_ones(world: World) -> None:
    """A camera whose buffers hold old frames: their time stamps say so, whatever the camera answers."""
    with PicameraCamera(SETTINGS) as camera:
        bench = bench_over(camera)
        old_ns = time.monotonic_ns()
        world.metadata = {"SensorTimestamp": old_ns}
        record = take_in_time(bench)
        assert record.verdict.outcome is Outcome.FAULT
        become_not_ready(bench, "time stamps do not rise")


def test_hanging_camera_call_is_a_fault_by_the_deadline(world: World) -> None:
    with PicameraCamera(SETTINGS) as camera:
        bench = bench_over(camera, deadline_ms=400.0)
        world.hangs_in = "capture_request"
        record = take_in_time(bench)
        assert (record.verdict.outcome, record.verdict.reason) == (Outcome.FAULT, Reason.LATE)
        assert not bench.station.settle(timeout_ms=0)
        assert "overdue" in bench.station.state.why
        world.hangs_in = None
        world.hang.set()
        become_ready(bench)
        assert take_in_time(bench).verdict.outcome is Outcome.OK
