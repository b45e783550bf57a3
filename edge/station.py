"""One part: trigger, capture, inspect, deadline, outputs, record. Whatever goes wrong on the way becomes a FAULT.

Capture and inspection run in a thread of their own and the line's thread waits for it, but not beyond the deadline: a
step that hangs costs its part a FAULT in time, and the station is not READY until the step has come back. What it then
brings is recorded as late and never shown. Outputs change before anything is written.
"""

import logging
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from edge.errors import NotJudged
from edge.frame import Frame, Pixels
from edge.inspection import Inspection
from edge.interfaces import Camera, Clock, EndOfLine, Outputs, RecordSink, Trigger, TriggerEvent
from edge.record import ModelName, Record
from edge.state import Phase, State
from edge.takt import Seen, StationRules, late_verdict, verdict_on, with_seen
from edge.verdict import Outcome, Reason, Verdict, fault
from edge.worker import Worker

log = logging.getLogger(__name__)

MOST_SKIPPED_RECORDS = 20  # of one event; a wire that rattles must not fill the disk


class Inspects(Protocol):
    """Anything that judges a frame."""

    def inspect(self, frame: Frame) -> Inspection:
        """The verdict on one frame, with what it was made from."""
        ...


@dataclass(slots=True, kw_only=True)
class _Part:
    """A part on its way."""

    record: Record
    step: Reason = Reason.INTERNAL  # what an unexpected error now would mean


class Station:
    """Judges one part after the other with one model."""

    def __init__(
        self,
        *,
        trigger: Trigger,
        camera: Camera,
        inspector: Inspects | None,
        outputs: Outputs,
        sink: RecordSink,
        clock: Clock,
        rules: StationRules,
        model: ModelName | None = None,
        first_sequence: int = 1,
        unarmed_because: str = "",
    ) -> None:
        """inspector: None for a station without a valid model, which is never READY and says `unarmed_because`."""
        self._trigger, self._camera, self._inspector, self._outputs = trigger, camera, inspector, outputs
        self._sink, self._clock, self._rules, self._model = sink, clock, rules, model
        self._worker: Worker[Seen] = Worker(name="inspection")
        self._sequence = first_sequence - 1
        self._unarmed_because = unarmed_because
        self._overdue: tuple[Record, futures.Future[Seen]] | None = None
        self._previous: Pixels | None = None
        self._ready_since_ns: int | None = None
        self._faults_in_a_row = 0
        self._halted_because = ""
        self._sink_error = ""
        self._phase = Phase.NOT_READY
        self.busy_triggers = 0

    @property
    def state(self) -> State:
        """What the station is doing, and why it is not READY."""
        return State(phase=self._phase, why=self._why_not_ready() or "", sequence=self._sequence)

    def settle(self, *, timeout_ms: float) -> bool:
        """Between parts: collect what is overdue, wait for the record, and switch READY. True if the next may come."""
        self._collect_overdue()
        is_ready = self._why_not_ready() is None and self._sink.wait_until_kept(timeout_ms=timeout_ms)
        is_ready = is_ready and self._why_not_ready() is None  # the disk may have failed while we waited
        if is_ready != (self._ready_since_ns is not None):
            self._switch_ready(is_ready)
        if self._ready_since_ns is None:
            self._phase = Phase.HALTED if self._halted_because else Phase.NOT_READY
        else:
            self._phase = Phase.READY
        return self._phase is Phase.READY

    def wait(self, *, timeout_ms: float) -> TriggerEvent | Record | None:
        """The next part, None if there was none in time. Raises EndOfLine.

        A trigger that fails gives a record: a part may have come, and nobody saw it.
        """
        events: list[TriggerEvent | None] = []
        error = self._attempt(lambda: events.append(self._trigger.wait(timeout_ms=timeout_ms)))
        if isinstance(error, EndOfLine):
            raise error
        if error is None or self._halted_because:
            return events[0] if events else None
        part = self._new_part(TriggerEvent(at_ns=self._clock.monotonic_ns()))
        part.step = Reason.TRIGGER_FAILED
        self._fail(part, error)
        return self._finish(part)

    def take(self, event: TriggerEvent) -> Record:
        """Judge the part that has arrived. Never raises; the record is on its way to the disk."""
        for number in range(min(event.skipped, MOST_SKIPPED_RECORDS)):
            self._refuse_skipped(event, number)
        part = self._new_part(event)
        error = self._attempt(lambda: self._judge(part, event))
        if error is not None:
            self._fail(part, error)
        return self._finish(part)

    def halt(self, why: str) -> None:
        """Stop taking parts: every wire off, until somebody resets."""
        if self._halted_because:
            return
        self._halted_because, self._phase, self._ready_since_ns = why, Phase.HALTED, None
        log.error("halted why=%r", why)
        if self._attempt(self._make_safe) is not None:
            self._attempt(self._outputs.close)

    def reset(self) -> None:
        """A person has looked: take parts again if everything else is well."""
        self._halted_because, self._faults_in_a_row, self._sink_error = "", 0, ""

    def close(self) -> None:
        """Make the outputs safe and let the worker go. May be called twice."""
        self._phase, self._ready_since_ns = Phase.NOT_READY, None
        self._attempt(self._outputs.close)
        if self._overdue is not None:
            futures.wait([self._overdue[1]], timeout=self._rules.deadline_ms / 1000)
            self._collect_overdue()
        self._worker.close()

    # One part, step by step; anything may be raised from here.

    def _judge(self, part: _Part, event: TriggerEvent) -> None:
        self._admit(event)
        self._phase, self._ready_since_ns = Phase.BUSY, None
        part.step = Reason.OUTPUT_FAILED
        self._outputs.set_ready(is_ready=False)
        self._outputs.set_busy(is_busy=True)
        part.step = Reason.INTERNAL
        seen = self._seen(part, event)
        part.record = with_seen(part.record, seen, judged_ns=self._clock.monotonic_ns())
        if self._age_ms(event) > self._rules.judge_by_ms:
            raise NotJudged(Reason.LATE, f"{self._age_ms(event):.0f} ms after the trigger")
        part.step = Reason.OUTPUT_FAILED
        self._outputs.apply(part.record.verdict.outcome)
        part.record = replace(part.record, output_ns=self._clock.monotonic_ns())

    def _admit(self, event: TriggerEvent) -> None:
        if self._ready_since_ns is not None and event.at_ns >= self._ready_since_ns:
            return
        why = self._why_not_ready()
        if why is None or self._overdue is not None:
            self.busy_triggers += 1
            raise NotJudged(Reason.TRIGGER_WHILE_BUSY, why or "the part before was not finished")
        raise NotJudged(Reason.NOT_READY, why)

    def _seen(self, part: _Part, event: TriggerEvent) -> Seen:
        future = self._worker.submit(lambda: self._look(part, event))
        left_ms = self._rules.judge_by_ms - self._age_ms(event)
        futures.wait([future], timeout=max(left_ms, 0) / 1000)
        if not future.done():
            self._overdue = (part.record, future)
            raise NotJudged(Reason.LATE, f"no verdict {self._rules.judge_by_ms:.0f} ms after the trigger")
        return future.result()

    def _look(self, part: _Part, event: TriggerEvent) -> Seen:
        """Capture and inspect, in the worker's thread."""
        if self._inspector is None:  # never admitted; said once more where it counts
            raise NotJudged(Reason.NOT_READY, self._unarmed_because)
        part.step = Reason.CAPTURE_FAILED
        began_ns = self._clock.monotonic_ns()
        frame = self._camera.capture(not_before_ns=event.at_ns, timeout_ms=max(self._rules.deadline_ms, 1.0))
        capture_ms = (self._clock.monotonic_ns() - began_ns) / 1e6
        self._check_frame(frame, event)
        part.step = Reason.INTERNAL
        return Seen(frame=frame, inspection=self._inspector.inspect(frame), capture_ms=capture_ms)

    def _check_frame(self, frame: Frame, event: TriggerEvent) -> None:
        previous, self._previous = self._previous, frame.pixels
        if frame.exposed_at_ns < event.at_ns:
            early_ms = (event.at_ns - frame.exposed_at_ns) / 1e6
            raise NotJudged(Reason.FRAME_BEFORE_TRIGGER, f"by {early_ms:.1f} ms")
        if previous is not None and not self._rules.may_repeat and np.array_equal(previous, frame.pixels):
            raise NotJudged(Reason.FRAME_FROZEN, "every pixel is as in the frame before; does the camera still run?")

    # What is left when a step has failed.

    def _fail(self, part: _Part, error: Exception) -> None:
        verdict = verdict_on(error, part.step)
        is_late = verdict.reason is Reason.LATE
        if is_late and part.record.verdict.distance is not None:
            verdict = late_verdict(part.record.verdict, verdict.detail)
        part.record = replace(part.record, verdict=verdict, is_late=is_late)
        if self._halted_because:
            return
        trouble = self._attempt(lambda: self._outputs.apply(Outcome.FAULT))
        if trouble is not None:
            self.halt(f"the outputs do not answer: {trouble}")
        else:
            part.record = replace(part.record, output_ns=self._clock.monotonic_ns())

    def _collect_overdue(self) -> None:
        if self._overdue is None:
            return
        record, future = self._overdue
        late_ms = (self._clock.monotonic_ns() - record.triggered_ns) / 1e6
        if not future.done():
            if late_ms > self._rules.hang_deadlines * self._rules.deadline_ms:
                self.halt(f"part {record.sequence} has hung for {self._rules.hang_deadlines} deadlines; restart")
            return
        self._overdue = None
        error = future.exception()
        if error is not None:
            detail = f"ended {late_ms:.0f} ms after the trigger with: {error}"
            self._keep(replace(record, verdict=replace(record.verdict, detail=detail)))
            return
        seen = with_seen(record, future.result(), judged_ns=self._clock.monotonic_ns())
        late = late_verdict(seen.verdict, f"the verdict came {late_ms:.0f} ms after the trigger")
        self._keep(replace(seen, verdict=late))

    def _refuse_skipped(self, event: TriggerEvent, number: int) -> None:
        """A part that passed while nobody could look: a record of its own, and no wire, for the part is gone."""
        more = event.skipped - MOST_SKIPPED_RECORDS
        is_last = number == MOST_SKIPPED_RECORDS - 1 and more > 0
        part = self._new_part(event)
        verdict = fault(Reason.TRIGGER_WHILE_BUSY, f"and {more} more that are not recorded singly" if is_last else "")
        self.busy_triggers += 1 + (more if is_last else 0)
        self._keep(replace(part.record, verdict=verdict, model=self._model))

    # Records, counts, wires.

    def _finish(self, part: _Part) -> Record:
        self._attempt(lambda: self._outputs.set_busy(is_busy=False))
        part.record = replace(part.record, model=self._model)
        self._keep(part.record)
        self._count(part.record.verdict)
        return part.record

    def _new_part(self, event: TriggerEvent) -> _Part:
        self._sequence += 1
        wall_ns = self._clock.wall_ns() - (self._clock.monotonic_ns() - event.at_ns)
        unseen = fault(Reason.INTERNAL)
        record = Record(sequence=self._sequence, verdict=unseen, triggered_ns=event.at_ns, wall_ns=wall_ns)
        error = self._attempt(lambda: self._sink.begin(record.sequence))
        self._sink_error = f"records cannot be kept: {error}" if error else self._sink_error
        return _Part(record=record)

    def _keep(self, record: Record) -> None:
        if self._overdue is not None and self._overdue[0].sequence == record.sequence:
            self._overdue = (record, self._overdue[1])
        error = self._attempt(lambda: self._sink.put(record))
        self._sink_error = f"records cannot be kept: {error}" if error else self._sink_error

    def _count(self, verdict: Verdict) -> None:
        if verdict.outcome is not Outcome.FAULT:
            self._faults_in_a_row = 0
        elif verdict.reason not in (Reason.TRIGGER_WHILE_BUSY, Reason.NOT_READY):
            self._faults_in_a_row += 1
            if self._faults_in_a_row >= self._rules.faults_until_halt:
                self.halt(f"{self._faults_in_a_row} faults in a row, the last: {verdict.reason}")

    def _why_not_ready(self) -> str | None:
        if self._halted_because:
            return self._halted_because
        if self._inspector is None:
            return self._unarmed_because or "there is no model"
        if self._overdue is not None:
            return f"part {self._overdue[0].sequence} is overdue"
        return self._camera.trouble or self._sink_error or self._sink.trouble

    def _switch_ready(self, is_ready: bool) -> None:
        self._ready_since_ns = None
        error = self._attempt(lambda: self._outputs.set_ready(is_ready=is_ready))
        if error is not None:
            self.halt(f"the outputs do not answer: {error}")
        elif is_ready:
            self._ready_since_ns = self._clock.monotonic_ns()

    def _make_safe(self) -> None:
        self._outputs.set_ready(is_ready=False)
        self._outputs.set_busy(is_busy=True)  # clears the last outcome
        self._outputs.set_busy(is_busy=False)

    def _age_ms(self, event: TriggerEvent) -> float:
        return (self._clock.monotonic_ns() - event.at_ns) / 1e6

    def _attempt(self, step: Callable[[], None]) -> Exception | None:
        """The only place where any error is caught: above it there are verdicts, below it exceptions."""
        try:
            step()
        except (NotJudged, EndOfLine) as said:
            return said
        except Exception as error:
            log.exception("a step failed")
            return error
        return None
