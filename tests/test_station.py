"""One part: OK must be earned, everything else is a FAULT in time, and the wires say so."""

import time
from collections.abc import Callable

import pytest

from edge.drivers.simulated import Delay, Early, Frozen, SimulatedClock, SimulatedOutputs
from edge.drivers.triggers import IntervalTrigger
from edge.errors import DeviceFault, DeviceTimeout, DeviceUnavailable, ModelError, NotJudged, PictureError
from edge.interfaces import EndOfLine, TriggerEvent
from edge.record import Record
from edge.state import Phase
from edge.verdict import Outcome, Reason
from tests.stations import CLOCK, MODEL, Bench, FakeInspector, Hang, raising, until

BUSY_MACHINE_MS = 1000.0  # a test machine may give the thread its turn late; without a deadline it would hang for ever

ERRORS = [
    DeviceTimeout("no picture came"),
    DeviceFault("it answered nonsense"),
    DeviceUnavailable("unplugged"),
    ModelError("the network gave nothing"),
    PictureError("no picture"),
    NotJudged(Reason.TOO_DARK, "mean brightness 2"),
    ValueError("a bug"),
    ZeroDivisionError("another bug"),
    MemoryError(),
    TimeoutError("a bug that looks like a time-out"),
    OSError(5, "Input/output error"),
    RecursionError("deep"),
]


@pytest.mark.parametrize("outcome", ["OK", "NG", "FAULT"])
def test_verdict_reaches_wire_and_record(outcome: str) -> None:
    bench = Bench(FakeInspector(outcome))
    record = bench.take()
    assert record.verdict.outcome == outcome
    assert bench.outputs.wires == {outcome}
    assert bench.sink.records == [record]
    assert bench.sink.begun == [1]
    assert record.model == MODEL
    assert dict(record.stages_ms)["map"] == 4.0
    assert record.triggered_ns <= record.exposed_ns <= record.judged_ns <= record.output_ns  # type: ignore[operator]


def test_wires_follow_one_part_in_order() -> None:
    bench = Bench(FakeInspector("OK", "NG"))
    bench.take()
    bench.take()
    bench.station.close()
    assert bench.wires_over_time() == [
        *("+ready", "-ready", "+busy", "+OK", "-busy"),
        *("+ready", "-ready", "-OK", "+busy", "+NG", "-busy"),
        "-NG",
    ]


def test_camera_that_says_it_has_no_picture_is_not_ready_until_it_has_one_again() -> None:
    bench = Bench()
    bench.camera.trouble = "no frame for 3 s"
    assert not bench.station.settle(timeout_ms=0)
    assert (bench.station.state.why, bench.outputs.wires) == ("no frame for 3 s", set())
    bench.camera.trouble = None
    assert bench.station.settle(timeout_ms=0)
    assert bench.outputs.wires == {"ready"}


def test_camera_that_does_not_come_back_in_this_process_halts_for_good() -> None:
    bench = Bench()
    bench.camera.needs_restart, bench.camera.trouble = True, "no frame for 31 s"
    assert not bench.station.settle(timeout_ms=0)
    assert bench.station.needs_restart
    bench.station.reset()
    assert (bench.station.state.phase, bench.station.state.why) == (Phase.HALTED, "no frame for 31 s")
    assert bench.outputs.wires == set()


def test_outputs_change_before_the_record_is_put() -> None:
    bench = Bench()
    seen: list[set[str]] = []
    bench.sink.put = lambda record: seen.append(set(bench.outputs.wires))  # type: ignore[method-assign]
    bench.take()
    assert seen == [{"OK"}]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_any_error_in_capture_is_fault(error: Exception) -> None:
    bench = Bench(camera_faults={1: error})
    record = bench.take()
    assert record.verdict.outcome is Outcome.FAULT
    assert record.verdict.reason is (error.reason if isinstance(error, NotJudged) else Reason.CAPTURE_FAILED)
    assert bench.outputs.wires == {"FAULT"}
    assert bench.take().verdict.outcome == "OK"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_any_error_in_inspection_is_fault(error: Exception) -> None:
    bench = Bench(FakeInspector(at={1: raising(error)}))
    record = bench.take()
    assert record.verdict.outcome is Outcome.FAULT
    assert record.verdict.reason is (error.reason if isinstance(error, NotJudged) else Reason.INTERNAL)
    assert bench.outputs.wires == {"FAULT"}
    assert bench.take().verdict.outcome == "OK"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("step", ["set_ready", "set_busy", "apply"])
def test_any_error_of_the_outputs_is_fault_and_never_leaves_ok_on(step: str, error: Exception) -> None:
    bench = Bench()
    bench.station.settle(timeout_ms=10)
    whole = getattr(bench.outputs, step)

    def broken_once(*arguments: object, **options: object) -> None:
        setattr(bench.outputs, step, whole)
        if step == "apply":
            whole(*arguments, **options)  # the worst case: the wire has switched, and then the error comes
        raise error

    setattr(bench.outputs, step, broken_once)
    record = bench.station.take(TriggerEvent(at_ns=CLOCK.monotonic_ns()))
    assert record.verdict.outcome is Outcome.FAULT
    assert "OK" not in bench.outputs.wires
    assert "FAULT" in bench.outputs.wires


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_any_error_of_the_trigger_is_a_fault_with_a_record(error: Exception) -> None:
    bench = Bench(trigger=IntervalTrigger(interval_ms=0, faults={1: error}))
    bench.station.settle(timeout_ms=10)
    record = bench.station.wait(timeout_ms=10)
    assert record is bench.sink.records[0]
    assert bench.sink.records[0].verdict.outcome is Outcome.FAULT
    assert "FAULT" in bench.outputs.wires


GARBAGE = [None, 7, "part", b"", (), float("nan")]


@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_camera_that_gives_garbage_is_fault(garbage: object) -> None:
    bench = Bench()
    bench.camera.capture = lambda **_: garbage  # type: ignore[method-assign,assignment,return-value]
    record = bench.take()
    assert record.verdict.reason is Reason.CAPTURE_FAILED
    assert bench.outputs.wires == {"FAULT"}


@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_inspector_that_gives_garbage_is_fault(garbage: object) -> None:
    bench = Bench()
    bench.inspector.inspect = lambda frame: garbage  # type: ignore[method-assign,assignment,return-value]
    record = bench.take()
    assert record.verdict.reason is Reason.INTERNAL
    assert bench.outputs.wires == {"FAULT"}


@pytest.mark.parametrize(
    "garbage",
    [7, "part", (), TriggerEvent(at_ns=10**19), TriggerEvent(at_ns=time.time_ns())],
    ids=["number", "text", "nothing", "far future", "another clock"],
)
def test_trigger_that_gives_garbage_or_another_clocks_time_is_a_fault(garbage: object) -> None:
    bench = Bench()
    bench.station.settle(timeout_ms=10)
    bench.station._arrivals._trigger.wait = lambda *, timeout_ms: garbage  # type: ignore[method-assign,assignment,return-value]
    record = bench.station.wait(timeout_ms=10)
    assert isinstance(record, Record)
    assert record.verdict.reason is Reason.TRIGGER_FAILED
    assert "FAULT" in bench.outputs.wires


class JumpingClock(SimulatedClock):
    """A wall clock that somebody sets, an hour forth and back, while a part is judged."""

    def wall_ns(self) -> int:
        self._wall_ns += self.jump_ns
        self.jump_ns = -self.jump_ns
        return self._wall_ns

    jump_ns = 3600 * 10**9


def test_wall_clock_that_jumps_changes_no_verdict_and_no_takt() -> None:
    bench = Bench(clock=JumpingClock())
    records = [bench.take() for _ in range(4)]
    assert [record.verdict.outcome for record in records] == ["OK"] * 4
    assert [record.takt_ms for record in records] == [0.0] * 4
    assert [record.sequence for record in records] == [1, 2, 3, 4]


def test_end_of_the_line_is_no_fault() -> None:
    bench = Bench(trigger=IntervalTrigger(interval_ms=0, parts=1))
    assert isinstance(bench.station.wait(timeout_ms=10), TriggerEvent)
    with pytest.raises(EndOfLine):
        bench.station.wait(timeout_ms=10)
    assert bench.sink.records == []


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_any_error_of_the_sink_leaves_the_station_not_ready(error: Exception) -> None:
    bench = Bench()
    bench.sink.error = error
    bench.take()
    assert not bench.station.settle(timeout_ms=10)
    assert "records cannot be kept" in bench.station.state.why
    assert "ready" not in bench.outputs.wires


def test_dead_outputs_halt_the_station() -> None:
    bench = Bench(outputs=SimulatedOutputs(faults={1: DeviceFault("stuck"), 2: DeviceFault("stuck")}))
    assert bench.take().verdict.reason is Reason.OUTPUT_FAILED
    assert bench.station.state.phase is Phase.HALTED
    assert bench.outputs.wires == set()


def test_frame_exposed_before_its_trigger_is_fault() -> None:
    assert Bench(camera_faults={1: Early(ms=50)}).take().verdict.reason is Reason.FRAME_BEFORE_TRIGGER


def test_frozen_frame_is_fault_unless_repeats_are_meant() -> None:
    bench = Bench(camera_faults={2: Frozen()})
    assert bench.take().verdict.outcome == "OK"
    assert bench.take().verdict.reason is Reason.FRAME_FROZEN
    tolerant = Bench(camera_faults={2: Frozen()}, may_repeat=True)
    assert [tolerant.take().verdict.outcome for _ in range(2)] == ["OK", "OK"]


def test_late_verdict_is_fault_by_the_deadline_while_the_step_still_hangs() -> None:
    hang = Hang()
    bench = Bench(FakeInspector(at={1: hang}), deadline_ms=250)
    record = bench.take()
    assert record.verdict.reason is Reason.LATE
    assert record.is_late
    assert record.takt_ms is not None
    assert record.takt_ms <= 250 + BUSY_MACHINE_MS
    assert bench.outputs.wires == {"FAULT"}
    assert not bench.station.settle(timeout_ms=1)
    assert "overdue" in bench.station.state.why
    hang.let_go()
    until(lambda: bench.station.settle(timeout_ms=1))
    assert bench.outputs.wires == {"FAULT", "ready"}


def test_late_result_is_recorded_as_late_and_never_shown() -> None:
    hang = Hang()
    bench = Bench(FakeInspector("OK", at={1: hang}), deadline_ms=60)
    bench.take()
    hang.let_go()
    until(lambda: bench.station.settle(timeout_ms=1))
    first, amended = bench.sink.records
    assert first.sequence == amended.sequence == 1
    assert amended.verdict.reason is Reason.LATE
    assert amended.verdict.distance == 0.5
    assert "it would have been OK" in amended.verdict.detail
    assert amended.is_late
    assert amended.model == MODEL
    assert amended.output_ns == first.output_ns
    assert "+OK" not in bench.wires_over_time()


def test_verdict_that_comes_back_just_after_the_deadline_is_never_shown() -> None:
    clock = SimulatedClock()
    bench = Bench(FakeInspector(at={1: lambda: clock.advance(ms=1001)}), clock=clock, deadline_ms=1000)
    record = bench.take()
    assert record.verdict.reason is Reason.LATE
    assert record.verdict.distance == 0.5
    assert "+OK" not in bench.wires_over_time()
    assert bench.take().verdict.outcome == "OK"


def test_wires_that_switch_after_the_deadline_are_changed_to_fault_at_once() -> None:
    clock = SimulatedClock()
    bench = Bench(clock=clock, deadline_ms=1000)
    whole, outcomes = bench.outputs.apply, []

    def slow(outcome: Outcome) -> None:
        outcomes.append(outcome)
        clock.advance(ms=1001)
        whole(outcome)

    bench.outputs.apply = slow
    record = bench.take()
    assert record.verdict.reason is Reason.LATE
    assert "it would have been OK" in record.verdict.detail
    assert outcomes == ["OK", "FAULT"]
    assert bench.outputs.wires == {"FAULT"}


def test_slow_camera_is_late_too() -> None:
    bench = Bench(camera_faults={1: Delay(ms=3000)}, deadline_ms=250)
    record = bench.take()
    assert record.verdict.reason is Reason.LATE
    assert record.takt_ms is not None
    assert record.takt_ms <= 250 + BUSY_MACHINE_MS


def test_late_step_that_then_fails_says_so_in_the_record() -> None:
    hang = Hang()

    def hang_and_fail() -> None:
        hang()
        raise ModelError("out of order")

    bench = Bench(FakeInspector(at={1: hang_and_fail}), deadline_ms=60)
    bench.take()
    hang.let_go()
    until(lambda: bench.station.settle(timeout_ms=1))
    assert bench.sink.records[-1].verdict.reason is Reason.LATE
    assert "out of order" in bench.sink.records[-1].verdict.detail


def test_trigger_while_a_step_hangs_is_a_fault_of_its_own() -> None:
    hang = Hang()
    bench = Bench(FakeInspector(at={1: hang}), deadline_ms=60)
    bench.take()
    record = bench.take()
    assert record.verdict.reason is Reason.TRIGGER_WHILE_BUSY
    assert record.sequence == 2
    assert bench.station.state.busy_triggers == 1
    assert bench.camera.captured == 1
    hang.let_go()


def test_step_that_hangs_for_many_deadlines_halts() -> None:
    hang = Hang()
    bench = Bench(FakeInspector(at={1: hang}), deadline_ms=30, hang_deadlines=3)
    bench.take()
    until(lambda: not bench.station.settle(timeout_ms=1) and bench.station.state.phase is Phase.HALTED)
    assert "has hung for 3 deadlines" in bench.station.state.why
    assert bench.outputs.wires == set()
    hang.let_go()


def test_triggers_that_nobody_could_take_are_faults_with_records() -> None:
    bench = Bench()
    record = bench.take(skipped=2)
    assert [kept.verdict.reason for kept in bench.sink.records[:2]] == [Reason.TRIGGER_WHILE_BUSY] * 2
    assert record.verdict.outcome == "OK"
    assert [kept.sequence for kept in bench.sink.records] == [1, 2, 3]
    assert bench.station.state.busy_triggers == 2


def test_rattling_trigger_does_not_fill_the_disk() -> None:
    bench = Bench()
    bench.take(skipped=10_000)
    assert len(bench.sink.records) == 21
    assert "9980 more" in bench.sink.records[19].verdict.detail
    assert bench.station.state.busy_triggers == 10_000


class SlowOutputs(SimulatedOutputs):
    """Needs a while to show an outcome; `is_shown` ends it."""

    is_shown = True

    def wait_until_shown(self, *, timeout_ms: float) -> bool:
        return self.is_shown


def test_no_part_is_taken_while_the_last_outcome_is_still_shown() -> None:
    bench = Bench(outputs=SlowOutputs())
    bench.take()
    bench.outputs.is_shown = False
    assert not bench.station.settle(timeout_ms=1)
    assert bench.station.state.phase is Phase.EXECUTING
    assert "ready" not in bench.outputs.wires
    assert bench.station.wait(timeout_ms=1) is None
    bench.outputs.is_shown = True
    assert bench.station.settle(timeout_ms=1)
    bench.station._arrivals._trigger.fire()  # type: ignore[attr-defined]
    assert isinstance(bench.station.wait(timeout_ms=1), TriggerEvent)


def test_part_that_came_too_early_is_refused_before_ready_asks_for_more() -> None:
    bench = Bench()
    bench.take()
    bench.station._arrivals._trigger.fire()  # type: ignore[attr-defined]
    assert not bench.station.settle(timeout_ms=1)
    event = bench.station.wait(timeout_ms=1)
    assert isinstance(event, TriggerEvent)
    assert bench.station.take(event).verdict.reason is Reason.TRIGGER_WHILE_BUSY
    assert bench.wires_over_time().count("+ready") == 1
    assert bench.station.settle(timeout_ms=1)


def test_outputs_that_do_not_answer_between_parts_halt_and_only_a_restart_helps() -> None:
    bench = Bench()
    bench.outputs.wait_until_shown = raising(DeviceTimeout("they hang"))
    assert not bench.station.settle(timeout_ms=1)
    assert bench.station.state.phase is Phase.HALTED
    assert bench.station.needs_restart
    bench.station.reset()
    assert not bench.station.settle(timeout_ms=1)
    assert "the outputs do not answer" in bench.station.state.why


def test_outputs_that_die_in_a_halted_station_are_told_once_and_need_a_restart() -> None:
    bench = Bench(FakeInspector("FAULT"), faults_until_halt=1)
    bench.take()
    assert not bench.station.needs_restart
    asked: list[float] = []

    def dead(*, timeout_ms: float) -> bool:
        asked.append(timeout_ms)
        raise DeviceTimeout("they hang")

    bench.outputs.wait_until_shown = dead
    for _ in range(5):
        bench.station.wait(timeout_ms=1)
    assert bench.station.needs_restart
    assert "the outputs do not answer: they hang" in bench.station.state.why
    assert len(asked) == 1


def test_paused_station_is_not_ready_and_a_part_that_comes_is_a_fault() -> None:
    bench = Bench()
    bench.station.pause(is_paused=True)
    assert bench.take().verdict.reason is Reason.NOT_READY
    assert bench.station.state.phase is Phase.PREOPERATIONAL
    bench.station.pause(is_paused=False)
    assert bench.take().verdict.outcome == "OK"


def test_exposure_waits_for_the_delay_after_the_edge() -> None:
    bench = Bench()
    bench.station.settle(timeout_ms=10)
    at_ns = CLOCK.monotonic_ns()
    record = bench.station.take(TriggerEvent(at_ns=at_ns, delay_ns=50_000_000))
    assert record.verdict.outcome == "OK"
    assert record.exposed_ns is not None
    assert record.exposed_ns >= at_ns + 50_000_000
    assert dict(record.stages_ms)["capture"] >= 40.0


def test_frame_from_before_the_delayed_exposure_is_a_fault() -> None:
    clock = SimulatedClock()
    bench = Bench(camera_faults={1: Early(ms=5)}, clock=clock)
    bench.station.settle(timeout_ms=10)
    record = bench.station.take(TriggerEvent(at_ns=clock.monotonic_ns(), delay_ns=20_000_000))
    assert record.verdict.reason is Reason.FRAME_BEFORE_TRIGGER


@pytest.mark.parametrize(
    ("faults", "at", "stages"),
    [
        ({}, {}, ["wait", "capture", "align", "quality", "map", "embed", "judge"]),
        ({1: DeviceTimeout("no picture")}, {}, ["wait", "capture"]),
        ({}, {1: raising(ModelError("nothing"))}, ["wait", "capture"]),
    ],
)
def test_times_of_the_stages_that_were_reached_are_in_the_record(
    faults: dict[int, Exception], at: dict[int, Callable[[], None]], stages: list[str]
) -> None:
    bench = Bench(FakeInspector(at=at), camera_faults=faults)
    assert [name for name, _ in bench.take().stages_ms] == stages


def test_trigger_from_before_ready_is_not_judged() -> None:
    bench = Bench()
    earlier = CLOCK.monotonic_ns()
    bench.station.settle(timeout_ms=10)
    record = bench.station.take(TriggerEvent(at_ns=earlier))
    assert record.verdict.reason is Reason.TRIGGER_WHILE_BUSY
    assert bench.camera.captured == 0


def test_faults_in_a_row_halt_with_safe_outputs_until_reset() -> None:
    bench = Bench(FakeInspector("FAULT"), faults_until_halt=3)
    for _ in range(3):
        bench.take()
    assert bench.station.state.phase is Phase.HALTED
    assert bench.outputs.wires == set()
    assert "3 faults in a row, the last: blurred" in bench.station.state.why
    record = bench.take()
    assert record.verdict.reason is Reason.NOT_READY
    assert bench.outputs.wires == set()
    bench.station.reset()
    assert bench.station.settle(timeout_ms=10)


def test_verdict_between_faults_starts_the_count_anew() -> None:
    bench = Bench(FakeInspector("FAULT", "FAULT", "NG"), faults_until_halt=3)
    for _ in range(9):
        bench.take()
    assert bench.station.settle(timeout_ms=10)


def test_station_without_a_model_is_never_ready_and_says_why() -> None:
    bench = Bench(is_armed=False)
    assert not bench.station.settle(timeout_ms=10)
    assert bench.station.state.why == "there is no valid model: gone"
    record = bench.take()
    assert record.verdict.reason is Reason.NOT_READY
    assert "ready" not in bench.outputs.wires


def test_trouble_with_records_takes_ready_away_and_its_end_gives_it_back() -> None:
    bench = Bench()
    assert bench.station.settle(timeout_ms=10)
    bench.sink.trouble = "part 3 cannot be recorded: No space left on device"
    assert not bench.station.settle(timeout_ms=10)
    assert "ready" not in bench.outputs.wires
    assert bench.station.state.why == bench.sink.trouble
    bench.sink.trouble = None
    assert bench.station.settle(timeout_ms=10)


def test_close_makes_the_outputs_safe_and_may_be_called_twice() -> None:
    bench = Bench()
    bench.take()
    bench.station.close()
    bench.station.close()
    assert bench.outputs.wires == set()
    assert bench.outputs.is_closed


def test_close_waits_a_deadline_at_most_for_a_step_that_hangs() -> None:
    hang = Hang()
    bench = Bench(FakeInspector(at={1: hang}), deadline_ms=60)
    bench.take()
    began = time.monotonic()
    bench.station.close()
    assert time.monotonic() - began < 10.0  # the step itself never ends
    hang.let_go()
