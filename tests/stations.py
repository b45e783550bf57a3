"""What the tests of the shell are made of: a station whose inspector and records are plain memory."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from edge.alignment import Placement
from edge.drivers.clock import SystemClock
from edge.drivers.simulated import CameraFault, SimulatedCamera, SimulatedOutputs
from edge.drivers.triggers import SoftwareTrigger
from edge.frame import Frame, Pixels
from edge.inspection import Inspection, StageTimes
from edge.interfaces import Clock, Trigger, TriggerEvent, Watches
from edge.placing import WorkingPicture
from edge.record import ModelName, Record
from edge.shift_check import Gate
from edge.station import Station
from edge.takt import StationRules
from edge.verdict import Outcome, Reason, Verdict, fault

CLOCK = SystemClock()
STRAIGHT = Placement(x_px=0.0, y_px=0.0, rotation_rad=0.0, fit=1.0)
MODEL = ModelName(product="test", serial=3, sha256="ab" * 32)


def verdict(outcome: str = "OK") -> Verdict:
    if outcome == "FAULT":
        return fault(Reason.BLURRED, "sharpness 1.0 is below 2.0")
    reason, distance = (Reason.WITHIN_LIMIT, 0.5) if outcome == "OK" else (Reason.TOO_FAR, 3.0)
    return Verdict(
        outcome=Outcome(outcome), reason=reason, distance=distance, limit=1.0, nearest_label="bent_42", cell=(5, 7)
    )


class NoiseCamera(SimulatedCamera):
    """Every picture is different."""

    def _next_picture(self) -> tuple[Pixels, str]:
        rng = np.random.default_rng(self.captured)
        return rng.integers(0, 255, (48, 64), dtype=np.uint8), f"part {self.captured}"


class FakeInspector:
    """Gives the verdicts it was given, over and over; can hang or raise at a part."""

    def __init__(self, *outcomes: str, at: Mapping[int, Callable[[], None]] | None = None) -> None:
        self.outcomes = outcomes or ("OK",)
        self.at = dict(at or {})
        self.seen = 0

    def inspect(self, frame: Frame) -> Inspection:
        self.seen += 1
        self.at.get(self.seen, lambda: None)()
        found = verdict(self.outcomes[(self.seen - 1) % len(self.outcomes)])
        cell_map = np.arange(36 * 39, dtype=np.uint32).astype(np.uint8).reshape(36, 39)
        working = WorkingPicture(pixels=frame.pixels, placement=STRAIGHT)
        return Inspection(verdict=found, times=StageTimes(map_ms=4.0), working=working, cell_map=cell_map)


class ListSink:
    """Keeps records in a list; `trouble` and `error` can be set."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.records: list[Record] = []
        self.trouble: str | None = None
        self.error: Exception | None = None

    def begin(self, sequence: int) -> None:
        self.begun.append(sequence)

    def put(self, record: Record) -> None:
        if self.error is not None:
            raise self.error
        self.records.append(record)

    def wait_until_kept(self, *, timeout_ms: float) -> bool:
        return True


class Bench:
    """One station with everything that a test wants to look at."""

    def __init__(
        self,
        inspector: FakeInspector | None = None,
        *,
        camera: SimulatedCamera | None = None,
        camera_faults: Mapping[int, CameraFault] | None = None,
        outputs: Any = None,
        trigger: Trigger | None = None,
        is_armed: bool = True,
        watchers: Watches | None = None,
        clock: Clock = CLOCK,
        gate: Gate | None = None,
        choose: Callable[[], None] | None = None,
        **rules: float,
    ) -> None:
        self.inspector = inspector or FakeInspector()
        self.clock = clock
        self.camera = camera or NoiseCamera(clock=clock, faults=camera_faults)
        self.outputs: Any = outputs or SimulatedOutputs()
        self.sink = ListSink()
        self.station = Station(
            trigger=trigger or SoftwareTrigger(),
            camera=self.camera,
            inspector=self.inspector if is_armed else None,
            outputs=self.outputs,
            sink=self.sink,
            clock=clock,
            rules=StationRules(**{"deadline_ms": 1000.0, **rules}),  # type: ignore[arg-type]
            model=MODEL,
            unarmed_because="" if is_armed else "there is no valid model: gone",
            watchers=watchers,
            gate=gate,
            choose=choose,
        )

    def take(self, *, skipped: int = 0) -> Record:
        self.station.settle(timeout_ms=100)
        return self.station.take(TriggerEvent(at_ns=self.clock.monotonic_ns(), skipped=skipped))

    def wires_over_time(self) -> list[str]:
        return [f"{'+' if change.is_on else '-'}{change.wire}" for change in self.outputs.history]


class Hang:
    """A step that hangs until it is let go."""

    def __init__(self) -> None:
        self._let_go = threading.Event()

    def __call__(self) -> None:
        assert self._let_go.wait(20)

    def let_go(self) -> None:
        self._let_go.set()


def raising(error: BaseException) -> Callable[[], None]:
    def step() -> None:
        raise error

    return step


def until(condition: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Wait for another thread."""
    for _ in _ticks(seconds):
        if condition():
            return
    raise AssertionError("it did not happen in time")


def _ticks(seconds: float) -> Iterator[None]:
    waiting = threading.Event()
    for _ in range(int(seconds / 0.005)):
        yield
        waiting.wait(0.005)
