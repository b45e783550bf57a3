"""One part: trigger, capture, inspect, deadline, outputs, record. Whatever goes wrong on the way becomes a FAULT.

Capture and inspection run in a thread of their own and the line's thread waits for it, but not beyond the deadline: a
step that hangs costs its part a FAULT in time, and the station is not READY until the step has come back. What it then
brings is recorded as late and never shown. Outputs change before anything is written.

A part that comes while another is judged or shown is a FAULT of its own: the trigger keeps it, with its time, until the
wires are free to say so.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from edge.admission import Admission
from edge.arrivals import Arrivals
from edge.attempt import attempt
from edge.errors import NotJudged
from edge.frame import Frame
from edge.interfaces import Camera, Clock, EndOfLine, Outputs, RecordSink, Trigger, TriggerEvent, Watches
from edge.part_records import PartRecords
from edge.pieces import Pieces
from edge.readiness import Readiness
from edge.record import ModelName, Record
from edge.shift_check import Gate
from edge.sight import Inspects, Sight
from edge.state import Phase, State
from edge.station_wires import Wires
from edge.takt import Part, StationRules, check_in_time, with_failure, with_seen
from edge.verdict import Reason, fault

log = logging.getLogger(__name__)


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
        watchers: Watches | None = None,
        gate: Gate | None = None,
        choose: Callable[[], None] | None = None,
    ) -> None:
        """inspector: None for a station without a valid model, which is never READY and says `unarmed_because`.

        gate: of the shift check; None where no test pieces are wanted. choose: called at each part, may `use` another
        model for it, and raises NotJudged where there is none.
        """
        self._arrivals, self._camera = Arrivals(trigger, clock), camera
        self._wires = Wires(outputs, clock, on_failure=lambda why: self.halt(why, needs_restart=True))
        self._sink, self._clock, self._rules = sink, clock, rules
        self._choose, self.pieces = choose, Pieces(gate)
        self._sight = Sight(camera=camera, inspector=inspector, clock=clock, rules=rules)
        self._readiness = Readiness(faults_until_halt=rules.faults_until_halt)
        self._admission = Admission(self._readiness, self._wires, self._sight, self.pieces, (camera, sink, watchers))
        self._records = PartRecords(sink, clock, self._readiness, first_sequence=first_sequence)
        self.use(inspector, model=model, unarmed_because="" if inspector else unarmed_because or "there is no model")
        self._phase = Phase.PREOPERATIONAL

    @property
    def state(self) -> State:
        """What the station is doing, and why it takes no parts."""
        obstacle = self._admission.obstacle()
        why = obstacle.why if obstacle else ""
        return State(
            phase=self._phase,
            why=why,
            sequence=self._records.sequence,
            busy_triggers=self._admission.busy_triggers,
            check=self.pieces.check,
        )

    @property
    def needs_restart(self) -> bool:
        """Halted for good: a step or the outputs do not come back in this process."""
        return self._readiness.needs_restart

    def settle(self, *, timeout_ms: float) -> bool:
        """Between parts: collect what is overdue, wait for wires and record, switch READY; True if it is on."""
        self._collect_overdue()
        if self._camera.needs_restart and not self.needs_restart:
            self.halt(self._camera.trouble or "the camera's driver hangs", needs_restart=True)
        is_ready = self._admission.obstacle() is None and self.is_shown(timeout_ms)
        is_ready = is_ready and self._sink.wait_until_kept(timeout_ms=timeout_ms)
        is_ready = is_ready and self._admission.obstacle() is None  # the disk may have failed while we waited
        if is_ready and not self._wires.is_ready:
            self._arrivals.look()  # a part that came too early is refused before READY asks for more
        is_ready = is_ready and not self._arrivals.is_early
        if is_ready != self._wires.is_ready:
            self._wires.switch_ready(is_ready=is_ready)
        obstacle = self._admission.obstacle()
        waiting = obstacle.phase if obstacle else Phase.EXECUTING  # for a wire or the disk
        self._phase = Phase.READY if self._wires.is_ready else waiting
        return self._phase is Phase.READY

    def wait(self, *, timeout_ms: float) -> TriggerEvent | Record | None:
        """The next part, None if there was none in time, or while the last outcome is still shown. Raises EndOfLine.

        A trigger that fails gives a record: a part may have come, and nobody saw it.
        """
        if not self.is_shown(timeout_ms):
            return None
        if self.pieces.is_shown and not self._arrivals.is_early:
            return TriggerEvent(at_ns=self._clock.monotonic_ns(), is_piece=True)
        found = self._arrivals.next(timeout_ms=timeout_ms)
        if isinstance(found, EndOfLine):
            raise found
        if not isinstance(found, Exception):
            return found
        if self._readiness.halted_because:
            return None
        part = self._records.begin(TriggerEvent(at_ns=self._clock.monotonic_ns()))
        part.step = Reason.TRIGGER_FAILED
        self._fail(part, found)
        return self._finish(part)

    def take(self, event: TriggerEvent) -> Record:
        """Judge the part that has arrived. Never raises; the record is on its way to the disk."""
        self._admission.busy_triggers += event.skipped
        self._records.skipped(event)
        part = self._records.begin(event)
        error = attempt(lambda: self._judge(part))
        if error is not None:
            self._fail(part, error)
        return self._finish(part)

    def is_shown(self, timeout_ms: float) -> bool:
        """Wait for the last outcome's wire; False while it is still needed. Wires that do not answer halt."""
        return self.needs_restart or self._wires.is_shown(timeout_ms=timeout_ms)

    def pause(self, *, is_paused: bool) -> None:
        """Take no parts for a while; those that come all the same are FAULTs."""
        self._readiness.is_paused = is_paused

    @property
    def is_paused(self) -> bool:
        """True while a person wants no parts to come."""
        return self._readiness.is_paused

    def show_piece(self) -> "Future[Record]":
        """Between parts: a test piece lies in the fixture, and is judged next.

        What it leads to on the wires is FAULT, whatever it is: a part that lay there by mistake does not pass.
        Raises DeviceUnavailable if none can be judged now.
        """
        return self.pieces.show(self._admission.obstacle(is_piece=True))

    def use(self, inspector: Inspects | None, *, model: ModelName | None, unarmed_because: str = "") -> None:
        """Between parts: have the next ones judged by somebody else; None needs a reason. model: for their records."""
        self.pieces.use(model)
        self._sight.inspector, self._records.model = inspector, model
        self._readiness.unarmed_because = unarmed_because

    def look(self, *, timeout_ms: float) -> Frame:
        """A frame for people, between parts. Raises DeviceError, or NotJudged if it is not exposed as it should be."""
        return self._sight.look(timeout_ms=timeout_ms)

    def halt(self, why: str, *, needs_restart: bool = False) -> None:
        """Stop taking parts: every wire off, until somebody resets."""
        if self._readiness.halted_because and not needs_restart:
            return
        self._readiness.halt(why, needs_restart=needs_restart)
        log.error("halted why=%r", why)
        if not self._wires.make_safe():
            self._readiness.needs_restart = True
        self._phase = Phase.HALTED  # who reads it may rely on the wires

    def reset(self) -> None:
        """A person has looked: take parts again if everything else is well."""
        self._readiness.reset()

    def close(self) -> None:
        """Make the outputs safe and let the worker go. May be called twice."""
        self._phase = Phase.PREOPERATIONAL
        self._wires.close()
        if (record := self._sight.collect(timeout_ms=self._rules.deadline_ms)) is not None:
            self._records.keep(record)
        self._sight.close()

    # One part, step by step; anything may be raised from here.

    def _judge(self, part: Part) -> None:
        self._admission.check(part.event)
        self._phase = Phase.EXECUTING
        part.step = Reason.OUTPUT_FAILED
        self._wires.begin()
        part.step = Reason.INTERNAL
        if self._choose is not None:
            self._choose_for(part)
        seen = self._sight.see(part)
        part.record = with_seen(part.record, seen, judged_ns=self._clock.monotonic_ns())
        check_in_time(part, now_ns=self._clock.monotonic_ns(), by_ms=self._rules.judge_by_ms)
        if part.event.is_piece:  # from here on its verdict is FAULT, on the wires and in the records
            part.found, part.record = part.record.verdict, replace(part.record, verdict=fault(Reason.TEST_PIECE))
        part.step = Reason.OUTPUT_FAILED
        part.record = replace(part.record, output_ns=self._wires.show(part.record.verdict.outcome))
        # Switching may have taken its time; then FAULT replaces what is shown.
        check_in_time(part, now_ns=self._clock.monotonic_ns(), by_ms=self._rules.deadline_ms)

    def _choose_for(self, part: Part) -> None:
        """Another model perhaps, for this very part; it may not be ready for it."""
        assert self._choose is not None
        before = self._records.model
        self._choose()
        part.record = replace(part.record, model=self._records.model)
        obstacle = self._admission.obstacle(is_piece=part.event.is_piece)
        if self._records.model != before and obstacle is not None:
            raise NotJudged(Reason.NOT_READY, obstacle.why)

    # What is left when a step has failed.

    def _fail(self, part: Part, error: Exception) -> None:
        part.record = with_failure(part, error)
        if self._readiness.halted_because:
            return
        if (shown_ns := self._wires.show_fault()) is not None:
            part.record = replace(part.record, output_ns=shown_ns)

    def _collect_overdue(self) -> None:
        if (record := self._sight.collect()) is not None:
            self._records.keep(record)
        elif self._sight.is_stuck:
            why = f"part {self._sight.overdue_part} has hung for {self._rules.hang_deadlines} deadlines; restart"
            self.halt(why, needs_restart=True)

    def _finish(self, part: Part) -> Record:
        self._wires.end()
        part.record = replace(part.record, stages_ms=tuple(part.stages_ms))
        if part.event.is_piece:
            attempt(lambda: self.pieces.count(part))
        self._records.keep(part.record)
        if why := self._readiness.count(part.record.verdict):
            self.halt(why)
        if part.event.is_piece:
            self.pieces.tell(part.record)
        return part.record
