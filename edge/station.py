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

from edge.arrivals import arrived, ask_trigger, verdicts_on_skipped
from edge.attempt import attempt
from edge.errors import DeviceUnavailable, NotJudged
from edge.frame import Frame
from edge.interfaces import Camera, Clock, EndOfLine, Outputs, RecordSink, Trigger, TriggerEvent, Watches
from edge.readiness import Obstacle, Readiness
from edge.record import ModelName, Record
from edge.shift_check import Gate
from edge.sight import Inspects, Sight
from edge.state import Phase, State
from edge.takt import Part, StationRules, check_in_time, with_failure, with_seen
from edge.verdict import Outcome, Reason, fault

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
        self._trigger, self._camera, self._outputs = trigger, camera, outputs
        self._sink, self._clock, self._rules, self._model = sink, clock, rules, model
        self._watchers, self._gate, self._choose = watchers, gate, choose
        if gate is not None:
            gate.use(model)
        self._sight = Sight(camera=camera, inspector=inspector, clock=clock, rules=rules)
        self._sequence = first_sequence - 1
        why = "" if inspector else unarmed_because or "there is no model"
        self._readiness = Readiness(faults_until_halt=rules.faults_until_halt, unarmed_because=why)
        self._ready_since_ns: int | None = None
        self._early: TriggerEvent | Exception | None = None
        self._piece: Future[Record] | None = None
        self._phase = Phase.PREOPERATIONAL
        self.busy_triggers = 0

    @property
    def state(self) -> State:
        """What the station is doing, and why it takes no parts."""
        obstacle = self._obstacle()
        why = obstacle.why if obstacle else ""
        check = self._gate.check if self._gate else None
        return State(phase=self._phase, why=why, sequence=self._sequence, busy_triggers=self.busy_triggers, check=check)

    @property
    def needs_restart(self) -> bool:
        """Halted for good: a step or the outputs do not come back in this process."""
        return self._readiness.needs_restart

    def settle(self, *, timeout_ms: float) -> bool:
        """Between parts: collect what is overdue, wait for wires and record, switch READY; True if it is on."""
        self._collect_overdue()
        if self._camera.needs_restart and not self.needs_restart:
            self.halt(self._camera.trouble or "the camera's driver hangs", needs_restart=True)
        is_ready = self._obstacle() is None and self.is_shown(timeout_ms)
        is_ready = is_ready and self._sink.wait_until_kept(timeout_ms=timeout_ms)
        is_ready = is_ready and self._obstacle() is None  # the disk may have failed while we waited
        if is_ready and self._ready_since_ns is None and self._early is None:
            self._early = ask_trigger(
                self._trigger, self._clock, timeout_ms=0.0
            )  # a part that came too early is refused before READY asks for more
        is_ready = is_ready and self._early is None
        if is_ready != (self._ready_since_ns is not None):
            self._switch_ready(is_ready)
        obstacle = self._obstacle()
        waiting = obstacle.phase if obstacle else Phase.EXECUTING  # for a wire or the disk
        self._phase = waiting if self._ready_since_ns is None else Phase.READY
        return self._phase is Phase.READY

    def wait(self, *, timeout_ms: float) -> TriggerEvent | Record | None:
        """The next part, None if there was none in time, or while the last outcome is still shown. Raises EndOfLine.

        A trigger that fails gives a record: a part may have come, and nobody saw it.
        """
        if not self.is_shown(timeout_ms):
            return None
        early, self._early = self._early, None
        if early is None and self._piece is not None:
            return TriggerEvent(at_ns=self._clock.monotonic_ns(), is_piece=True)
        found = early or ask_trigger(self._trigger, self._clock, timeout_ms=timeout_ms)
        if isinstance(found, EndOfLine):
            raise found
        if not isinstance(found, Exception):
            return found
        if self._readiness.halted_because:
            return None
        part = self._new_part(TriggerEvent(at_ns=self._clock.monotonic_ns()))
        part.step = Reason.TRIGGER_FAILED
        self._fail(part, found)
        return self._finish(part)

    def take(self, event: TriggerEvent) -> Record:
        """Judge the part that has arrived. Never raises; the record is on its way to the disk."""
        self._refuse_skipped(event)
        part = self._new_part(event)
        error = attempt(lambda: self._judge(part))
        if error is not None:
            self._fail(part, error)
        return self._finish(part)

    def is_shown(self, timeout_ms: float) -> bool:
        """Wait for the last outcome's wire; False while it is still needed. Wires that do not answer halt."""
        if self.needs_restart:
            return True
        shown: list[bool] = []
        error = attempt(lambda: shown.append(self._outputs.wait_until_shown(timeout_ms=timeout_ms)))
        if error is not None:
            self.halt(f"the outputs do not answer: {error}", needs_restart=True)
        return shown == [True]

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
        if self._gate is None or self._gate.check is None:
            raise DeviceUnavailable("no test piece is wanted now: say `edge tell check` first")
        if self._piece is not None:
            raise DeviceUnavailable("the test piece before is being judged")
        if (obstacle := self._trouble()) is not None:
            raise DeviceUnavailable(f"no test piece can be judged: {obstacle.why}")
        self._piece = Future()
        return self._piece

    def want_check(self) -> None:
        """Between parts: no part more before a shift check. Raises DeviceUnavailable where none is configured."""
        if self._gate is None:
            raise DeviceUnavailable("this station has no shift check: write 'shift_check:' into its configuration")
        self._gate.shut()

    def use(self, inspector: Inspects | None, *, model: ModelName | None, unarmed_because: str = "") -> None:
        """Between parts: have the next ones judged by somebody else; None needs a reason. model: for their records."""
        if self._gate is not None:
            self._gate.use(model)
        self._sight.inspector, self._model = inspector, model
        self._readiness.unarmed_because = unarmed_because

    def look(self, *, timeout_ms: float) -> Frame:
        """A frame for people, between parts. Raises DeviceError, or NotJudged if it is not exposed as it should be."""
        return self._sight.look(timeout_ms=timeout_ms)

    def halt(self, why: str, *, needs_restart: bool = False) -> None:
        """Stop taking parts: every wire off, until somebody resets."""
        if self._readiness.halted_because and not needs_restart:
            return
        self._readiness.halt(why, needs_restart=needs_restart)
        self._ready_since_ns = None
        log.error("halted why=%r", why)
        if attempt(self._make_safe) is not None:
            self._readiness.needs_restart = True
            attempt(self._outputs.close)
        self._phase = Phase.HALTED  # who reads it may rely on the wires

    def reset(self) -> None:
        """A person has looked: take parts again if everything else is well."""
        self._readiness.reset()

    def close(self) -> None:
        """Make the outputs safe and let the worker go. May be called twice."""
        self._phase, self._ready_since_ns = Phase.PREOPERATIONAL, None
        attempt(self._outputs.close)
        if (record := self._sight.collect(timeout_ms=self._rules.deadline_ms)) is not None:
            self._keep(record)
        self._sight.close()

    # One part, step by step; anything may be raised from here.

    def _judge(self, part: Part) -> None:
        self._admit(part.event)
        self._phase, self._ready_since_ns = Phase.EXECUTING, None
        part.step = Reason.OUTPUT_FAILED
        self._outputs.set_ready(is_ready=False)
        self._outputs.set_busy(is_busy=True)
        part.step = Reason.INTERNAL
        if self._choose is not None:
            self._choose_for(part)
        seen = self._sight.see(part)
        part.record = with_seen(part.record, seen, judged_ns=self._clock.monotonic_ns())
        check_in_time(part, now_ns=self._clock.monotonic_ns(), by_ms=self._rules.judge_by_ms)
        if part.event.is_piece:  # from here on its verdict is FAULT, on the wires and in the records
            part.found, part.record = part.record.verdict, replace(part.record, verdict=fault(Reason.TEST_PIECE))
        part.step = Reason.OUTPUT_FAILED
        self._outputs.apply(part.record.verdict.outcome)
        part.record = replace(part.record, output_ns=self._clock.monotonic_ns())
        # Switching may have taken its time; then FAULT replaces what is shown.
        check_in_time(part, now_ns=self._clock.monotonic_ns(), by_ms=self._rules.deadline_ms)

    def _choose_for(self, part: Part) -> None:
        """Another model perhaps, for this very part; it may not be ready for it."""
        assert self._choose is not None
        before = self._model
        self._choose()
        part.record = replace(part.record, model=self._model)
        obstacle = self._trouble() if part.event.is_piece else self._obstacle()
        if self._model != before and obstacle is not None:
            raise NotJudged(Reason.NOT_READY, obstacle.why)

    def _admit(self, event: TriggerEvent) -> None:
        if event.is_piece:
            if (trouble := self._trouble()) is not None:
                raise NotJudged(Reason.NOT_READY, trouble.why)
            return
        if self._ready_since_ns is not None and event.at_ns >= self._ready_since_ns:
            return
        obstacle = self._obstacle()
        if obstacle is None or self._sight.overdue_part is not None:
            self.busy_triggers += 1
            raise NotJudged(Reason.TRIGGER_WHILE_BUSY, obstacle.why if obstacle else "the part before was not finished")
        raise NotJudged(Reason.NOT_READY, obstacle.why)

    # What is left when a step has failed.

    def _fail(self, part: Part, error: Exception) -> None:
        part.record = with_failure(part, error)
        if self._readiness.halted_because:
            return
        trouble = attempt(lambda: self._outputs.apply(Outcome.FAULT))
        if trouble is not None:
            self.halt(f"the outputs do not answer: {trouble}", needs_restart=True)
        else:
            part.record = replace(part.record, output_ns=self._clock.monotonic_ns())

    def _collect_overdue(self) -> None:
        if (record := self._sight.collect()) is not None:
            self._keep(record)
        elif self._sight.is_stuck:
            why = f"part {self._sight.overdue_part} has hung for {self._rules.hang_deadlines} deadlines; restart"
            self.halt(why, needs_restart=True)

    def _refuse_skipped(self, event: TriggerEvent) -> None:
        """Parts that passed while nobody could look: records of their own, and no wire, for the parts are gone."""
        self.busy_triggers += event.skipped
        for verdict in verdicts_on_skipped(event.skipped):
            self._keep(replace(self._new_part(event).record, verdict=verdict))

    # Records, counts, wires.

    def _finish(self, part: Part) -> Record:
        attempt(lambda: self._outputs.set_busy(is_busy=False))
        part.record = replace(part.record, stages_ms=tuple(part.stages_ms))
        if part.event.is_piece:
            attempt(lambda: self._count_piece(part))
        self._keep(part.record)
        if why := self._readiness.count(part.record.verdict):
            self.halt(why)
        if part.event.is_piece and self._piece is not None:
            self._piece.set_result(part.record)
            self._piece = None
        return part.record

    def _count_piece(self, part: Part) -> None:
        """Whether it was judged as it must be; whatever came after the judgement, such as being late, counts."""
        assert self._gate is not None
        said = part.record.verdict
        found = part.found if part.found is not None and said.reason is Reason.TEST_PIECE else said
        part.record = replace(part.record, verdict=self._gate.judged(found, sequence=part.record.sequence))

    def _new_part(self, event: TriggerEvent) -> Part:
        self._sequence += 1
        part = arrived(event, sequence=self._sequence, model=self._model, clock=self._clock)
        self._attempt_record(lambda: self._sink.begin(part.record.sequence))
        return part

    def _keep(self, record: Record) -> None:
        self._attempt_record(lambda: self._sink.put(record))

    def _attempt_record(self, step: Callable[[], None]) -> None:
        if (error := attempt(step)) is not None:
            self._readiness.sink_error = f"records cannot be kept: {error}"

    def _obstacle(self) -> Obstacle | None:
        return self._trouble() or self._readiness.obstacle(unchecked=self._gate.why if self._gate else "")

    def _trouble(self) -> Obstacle | None:
        """What stands in the way of any part, be it a test piece."""
        overdue = f"part {number} is overdue" if (number := self._sight.overdue_part) else None
        watched = self._watchers.trouble if self._watchers else None
        return self._readiness.obstacle(overdue, self._camera.trouble, self._sink.trouble, watched)

    def _switch_ready(self, is_ready: bool) -> None:
        since_ns = self._clock.monotonic_ns()  # before the wire: whoever sees it may be quick
        self._ready_since_ns = None
        error = attempt(lambda: self._outputs.set_ready(is_ready=is_ready))
        if error is not None:
            self.halt(f"the outputs do not answer: {error}", needs_restart=True)
        elif is_ready:
            self._ready_since_ns = since_ns

    def _make_safe(self) -> None:
        self._outputs.set_ready(is_ready=False)
        self._outputs.set_busy(is_busy=True)  # clears the last outcome
        self._outputs.set_busy(is_busy=False)
