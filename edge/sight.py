"""Capture and inspection of one part in a thread of their own, so that a step that hangs holds up nobody.

Whoever asks waits until the verdict is due and no longer. What an overdue step brings in the end is collected later.
"""

from concurrent import futures
from typing import Protocol

import numpy as np

from edge.errors import DeviceTimeout, NotJudged
from edge.frame import Frame, Pixels
from edge.inspection import Inspection
from edge.interfaces import Camera, Clock, TriggerEvent
from edge.priority import go_first
from edge.record import Record
from edge.takt import Part, Seen, StationRules, stages_of, with_late_end
from edge.verdict import Reason
from edge.worker import Worker


class Inspects(Protocol):
    """Anything that judges a frame."""

    def inspect(self, frame: Frame) -> Inspection:
        """The verdict on one frame, with what it was made from."""
        ...


class Sight:
    """One camera, one inspector, one part at a time."""

    def __init__(self, *, camera: Camera, inspector: Inspects | None, clock: Clock, rules: StationRules) -> None:
        """inspector: None for a station without a valid model."""
        self._camera, self.inspector, self._clock, self._rules = camera, inspector, clock, rules
        self._worker: Worker[Seen] = Worker(name="inspection", begin=go_first)
        self._looker: Worker[Frame] = Worker(name="look", begin=go_first)
        self._overdue: tuple[Part, futures.Future[Seen]] | None = None
        self._previous: Pixels | None = None

    @property
    def overdue_part(self) -> int | None:
        """The number of the part whose step has not come back yet."""
        return self._overdue[0].record.sequence if self._overdue else None

    @property
    def is_stuck(self) -> bool:
        """True when the overdue step has been away for so long that it will not come back."""
        if self._overdue is None or self._overdue[1].done():
            return False
        return self._age_ms(self._overdue[0].event) > self._rules.hang_deadlines * self._rules.deadline_ms

    def see(self, part: Part) -> Seen:
        """Capture and inspect. Raises whatever a step raised, NotJudged when there was no verdict in time."""
        inspector = self.inspector  # the one of this part's record, whoever comes while its step hangs
        future = self._worker.submit(lambda: self._look(part, inspector))
        left_ms = self._rules.judge_by_ms - self._age_ms(part.event)
        futures.wait([future], timeout=max(left_ms, 0) / 1000)
        if not future.done():
            self._overdue = part, future
            raise NotJudged(Reason.LATE, f"no verdict {self._rules.judge_by_ms:.0f} ms after the trigger")
        return future.result()

    def collect(self, *, timeout_ms: float = 0.0) -> Record | None:
        """The record of an overdue part whose step has come back by now, once."""
        if self._overdue is None:
            return None
        part, future = self._overdue
        futures.wait([future], timeout=timeout_ms / 1000)
        if not future.done():
            return None
        self._overdue = None
        return with_late_end(part, future, now_ns=self._clock.monotonic_ns())

    def look(self, *, timeout_ms: float) -> Frame:
        """A frame for people, while no part is expected. Raises DeviceTimeout, or what the camera raises."""
        future = self._looker.submit(
            lambda: self._camera.capture(not_before_ns=self._clock.monotonic_ns(), timeout_ms=timeout_ms)
        )
        try:
            return future.result(2 * timeout_ms / 1000)
        except TimeoutError as error:
            raise DeviceTimeout(f"the camera gave no picture within {2 * timeout_ms:.0f} ms") from error

    def close(self) -> None:
        """Let the thread go; does not wait for it. May be called twice."""
        self._worker.close()
        self._looker.close()

    def _look(self, part: Part, inspector: Inspects | None) -> Seen:
        if inspector is None:  # never admitted; said once more where it counts
            raise NotJudged(Reason.NOT_READY, "there is no model")
        part.step = Reason.CAPTURE_FAILED
        began_ns = self._clock.monotonic_ns()
        left_ms = max(self._rules.judge_by_ms - self._age_ms(part.event), 1.0)
        try:
            frame = self._camera.capture(not_before_ns=part.event.expose_from_ns, timeout_ms=left_ms)
        finally:
            part.stages_ms.append(("capture", (self._clock.monotonic_ns() - began_ns) / 1e6))
        self._check_frame(frame, part.event)
        part.step = Reason.INTERNAL
        inspection = inspector.inspect(frame)
        part.stages_ms += stages_of(inspection)
        return Seen(frame=frame, inspection=inspection)

    def _check_frame(self, frame: Frame, event: TriggerEvent) -> None:
        previous, self._previous = self._previous, frame.pixels
        if frame.exposed_at_ns < event.expose_from_ns:
            early_ms = (event.expose_from_ns - frame.exposed_at_ns) / 1e6
            raise NotJudged(Reason.FRAME_BEFORE_TRIGGER, f"by {early_ms:.1f} ms")
        if previous is not None and not self._rules.may_repeat and np.array_equal(previous, frame.pixels):
            raise NotJudged(Reason.FRAME_FROZEN, "every pixel is as in the frame before; does the camera still run?")

    def _age_ms(self, event: TriggerEvent) -> float:
        return (self._clock.monotonic_ns() - event.at_ns) / 1e6
