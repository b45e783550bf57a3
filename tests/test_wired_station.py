"""A whole station on wires: each edge gets BUSY and exactly one outcome, as a pulse, whatever happens meanwhile."""

import errno
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.daemon import Daemon
from edge.drivers.gpio_outputs import GpioOutputs
from edge.drivers.gpio_trigger import GpioTrigger
from edge.drivers.simulated import Delay
from edge.errors import DeviceTimeout, ModelError
from edge.heartbeat import Heartbeat
from edge.record import Record
from edge.state import Phase
from edge.verdict import Reason
from edge.wiring import Beat
from edge.wiring import GpioTrigger as TriggerWiring
from tests.contracts.conftest import fake_board as fake_board
from tests.contracts.test_outputs import wiring_on
from tests.contracts.test_triggers import LINE
from tests.gpio_boards import FakeBoard
from tests.stations import Bench, FakeInspector, Hang, raising, until

HOLD_MS, REST_MS = 40.0, 10.0
OUTCOMES = ("ok", "ng", "fault")


class Meter:
    """Looks at every stroke on the board's outputs: which wires were on, and since when."""

    def __init__(self, board: FakeBoard, wires: dict[str, str]) -> None:
        self.seen: list[tuple[float, frozenset[str]]] = []

        def look(values: dict[int | str, object]) -> None:
            on = frozenset(name for name, line in wires.items() if getattr(values[line], "value", 0))
            self.seen.append((time.monotonic(), on))

        board.writes = type("Writes", (list,), {"append": lambda _, values: look(values)})()

    def pulses(self) -> list[tuple[str, float]]:
        """Each outcome that was on, and for how many milliseconds, in order."""
        found = []
        for name in OUTCOMES:
            since = None
            for at, on in self.seen:
                if name in on and since is None:
                    since = at
                elif name not in on and since is not None:
                    found.append((since, name, (at - since) * 1e3))
                    since = None
        return [(name, length) for _, name, length in sorted(found)]

    def changes(self) -> list[str]:
        """What went on and off, in order."""
        found, before = [], frozenset[str]()
        for _, on in self.seen:
            found += [f"-{name}" for name in sorted(before - on)] + [f"+{name}" for name in sorted(on - before)]
            before = on
        return found


class Wired:
    """A station on the fake board, with its daemon in a thread."""

    def __init__(self, board: FakeBoard, folder: Path, inspector: FakeInspector, **rules: float) -> None:
        self.board = board
        wiring = wiring_on(board, hold_ms=HOLD_MS).model_copy(update={"rest_ms": REST_MS})
        self.meter = Meter(board, {name: wire.line for name, wire in wiring.wires.items()})
        trigger = GpioTrigger(TriggerWiring(driver="gpio", line=LINE, debounce_ms=0.0))
        outputs = GpioOutputs(wiring, longest_silence_ms=1000)
        self.bench = Bench(inspector, trigger=trigger, outputs=outputs, **rules)  # type: ignore[arg-type]
        heartbeat = Heartbeat(folder, station="test", deadline_ms=1000, model=None)
        self.daemon = Daemon(station=self.bench.station, heartbeat=heartbeat)
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.daemon.run()
        except BaseException as error:
            self.error = error

    def edge(self) -> None:
        self.board.pull(LINE, 1)
        self.board.pull(LINE, 0)

    def until_ready(self) -> None:
        until(lambda: self.bench.station.state.phase is Phase.READY)

    def part(self) -> None:
        """One part of a line that waits for READY and for the record."""
        self.until_ready()
        before = len(self.bench.sink.records)
        self.edge()
        until(lambda: len(self.bench.sink.records) > before)


@contextmanager
def wired(board: FakeBoard, folder: Path, inspector: FakeInspector | None = None, **rules: float) -> Iterator[Wired]:
    made = Wired(board, folder, inspector or FakeInspector(), **rules)
    made.thread.start()
    try:
        yield made
    finally:
        made.daemon.stop()
        made.thread.join(10)


def test_each_edge_is_busy_and_then_exactly_one_pulse(fake_board: FakeBoard, tmp_path: Path) -> None:
    with wired(fake_board, tmp_path, FakeInspector("OK", "NG", "FAULT")) as line:
        for _ in range(12):
            line.part()
        line.until_ready()
    pulses = line.meter.pulses()
    assert [name for name, _ in pulses] == ["ok", "ng", "fault"] * 4
    assert min(length for _, length in pulses) >= HOLD_MS
    one = ["+ready", "-ready", "+busy", "+ok", "-busy", "-ok"]
    assert line.meter.changes()[: len(one)] == one
    assert [record.sequence for record in line.bench.sink.records] == list(range(1, 13))
    assert all({"wait", "capture", "map"} <= dict(record.stages_ms).keys() for record in line.bench.sink.records)
    assert fake_board.holders.keys() <= {LINE}


def test_burst_faster_than_the_takt_gives_a_fault_for_each_edge_too_many(fake_board: FakeBoard, tmp_path: Path) -> None:
    hang = Hang()
    with wired(fake_board, tmp_path, FakeInspector("OK", at={1: hang}), deadline_ms=15_000) as line:
        line.until_ready()
        for _ in range(5):
            line.edge()
            time.sleep(0.003)
        hang.let_go()
        until(lambda: len(line.bench.sink.records) == 5)
        line.until_ready()
    assert [record.verdict.reason for record in line.bench.sink.records] == [
        Reason.WITHIN_LIMIT,
        *[Reason.TRIGGER_WHILE_BUSY] * 4,
    ]
    times = [record.triggered_ns for record in line.bench.sink.records]
    assert len(set(times)) == 5
    assert line.bench.station.state.busy_triggers == 4
    pulses = line.meter.pulses()
    assert [name for name, _ in pulses] == ["ok"] + ["fault"] * 4
    assert line.meter.changes().count("+ready") == 2  # before the burst, and when all of it was said
    assert min(length for _, length in pulses) >= HOLD_MS


def test_edge_during_the_pulse_does_not_shorten_it(fake_board: FakeBoard, tmp_path: Path) -> None:
    with wired(fake_board, tmp_path, FakeInspector("OK")) as line:
        whole = line.bench.sink.put

        def keep(record: Record) -> None:
            """Called when the pulse has just begun."""
            whole(record)
            if record.sequence == 1:
                line.edge()

        line.bench.sink.put = keep  # type: ignore[method-assign]
        line.part()
        until(lambda: len(line.bench.sink.records) == 2)
        line.until_ready()
    assert [name for name, _ in line.meter.pulses()] == ["ok", "fault"]
    assert min(length for _, length in line.meter.pulses()) >= HOLD_MS


@pytest.mark.parametrize("kind", ["error", "late", "hang", "camera"])
def test_whatever_goes_wrong_is_a_fault_pulse_and_the_next_part_is_judged(
    fake_board: FakeBoard, tmp_path: Path, kind: str
) -> None:
    hang = Hang()
    at = {
        "error": raising(ModelError("the network gave nothing")),
        "late": lambda: time.sleep(1.5),
        "hang": hang,
        "camera": lambda: None,
    }
    with wired(fake_board, tmp_path, FakeInspector("OK", at={1: at[kind]}), deadline_ms=1000) as line:
        if kind == "camera":
            line.bench.camera._faults[1] = Delay(ms=1500)
        line.part()
        hang.let_go()
        line.part()
        line.until_ready()
    assert [name for name, _ in line.meter.pulses()] == ["fault", "ok"]
    assert line.bench.sink.records[0].verdict.outcome == "FAULT"


def test_step_that_never_comes_back_ends_the_core_with_every_wire_off(fake_board: FakeBoard, tmp_path: Path) -> None:
    hang = Hang()
    with wired(fake_board, tmp_path, FakeInspector(at={1: hang}), deadline_ms=30, hang_deadlines=3) as line:
        line.part()
        line.thread.join(10)
        assert isinstance(line.error, DeviceTimeout)
        assert "has hung for 3 deadlines" in str(line.error)
        assert fake_board.holders.keys() <= {LINE}
        hang.let_go()
    assert "ok" not in {name for name, _ in line.meter.pulses()}


def test_dead_outputs_end_the_core(fake_board: FakeBoard, tmp_path: Path) -> None:
    with wired(fake_board, tmp_path) as line:
        line.until_ready()
        fake_board.faults["set_values"] = OSError(errno.EIO, "Input/output error")
        line.edge()
        line.thread.join(10)
        assert isinstance(line.error, DeviceTimeout)
        assert "the outputs do not answer" in str(line.error)
    assert fake_board.holders.keys() <= {LINE}
    assert line.bench.sink.records[0].verdict.reason is Reason.OUTPUT_FAILED


def test_wire_that_gets_stuck_between_parts_is_found_at_the_next_change(fake_board: FakeBoard, tmp_path: Path) -> None:
    with wired(fake_board, tmp_path) as line:
        line.until_ready()
        fake_board.stuck["GPIO22"] = 1
        line.edge()
        line.thread.join(10)
        assert "the wire 'ok' (GPIO22) is on and was switched off: look for a short circuit" in str(line.error)
    assert line.bench.sink.records[0].verdict.outcome == "FAULT"


def test_stop_while_a_part_is_judged_shows_its_verdict_to_the_end_and_leaves_every_wire_off(
    fake_board: FakeBoard, tmp_path: Path
) -> None:
    hang = Hang()
    with wired(fake_board, tmp_path, FakeInspector("NG", at={1: hang})) as line:
        line.until_ready()
        line.edge()
        until(lambda: line.bench.inspector.seen)
        line.daemon.stop()
        hang.let_go()
        line.thread.join(10)
        assert not line.thread.is_alive()
    assert [record.verdict.outcome for record in line.bench.sink.records] == ["NG"]
    assert [name for name, _ in line.meter.pulses()] == ["ng"]
    assert line.meter.pulses()[0][1] >= HOLD_MS
    assert line.meter.seen[-1][1] == frozenset()
    assert fake_board.holders.keys() <= {LINE}


def test_trigger_before_ready_is_a_fault(fake_board: FakeBoard, tmp_path: Path) -> None:
    line = Wired(fake_board, tmp_path, FakeInspector())
    line.edge()
    line.thread.start()
    until(lambda: line.bench.sink.records)
    line.daemon.stop()
    line.thread.join(10)
    assert line.bench.sink.records[0].verdict.reason is Reason.TRIGGER_WHILE_BUSY


def test_halted_station_keeps_its_heart_beating_and_every_outcome_off(fake_board: FakeBoard, tmp_path: Path) -> None:
    line = Wired(fake_board, tmp_path, FakeInspector("FAULT"), faults_until_halt=1)
    line.bench.outputs.close()
    wiring = wiring_on(fake_board, hold_ms=HOLD_MS, beat_ms=20.0)
    assert isinstance(wiring.heartbeat, Beat)
    line.bench.station._wires._outputs = line.bench.outputs = GpioOutputs(wiring, longest_silence_ms=1000)
    line.thread.start()
    line.part()
    until(lambda: line.bench.station.state.phase is Phase.HALTED)
    before, written = line.bench.outputs.read(), len(line.meter.seen)
    assert before <= {"heartbeat"}
    until(lambda: len(line.meter.seen) > written + 4)
    assert line.bench.outputs.read() <= {"heartbeat"}
    line.daemon.stop()
    line.thread.join(10)
