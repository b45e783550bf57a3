"""The loop: parts in, records out, and safe outputs at the end whatever happens."""

import gc
import logging
import signal
import threading
from pathlib import Path

import pytest

from edge.daemon import Daemon
from edge.drivers.triggers import IntervalTrigger
from edge.errors import DeviceTimeout
from edge.heartbeat import Heartbeat, boot_id, read_beat
from edge.record import Record
from edge.state import Phase, State
from edge.verdict import Reason
from tests.stations import MODEL, Bench, FakeInspector, raising, until


def daemon_on(bench: Bench, folder: Path, **options: object) -> Daemon:
    heartbeat = Heartbeat(folder, station="test", deadline_ms=1000, model=MODEL)
    return Daemon(station=bench.station, heartbeat=heartbeat, **options)  # type: ignore[arg-type]


def line_of(parts: int | None, bench_options: dict[str, object] | None = None, **rules: float) -> Bench:
    bench = Bench(trigger=IntervalTrigger(interval_ms=0, parts=parts), **(bench_options or {}), **rules)  # type: ignore[arg-type]
    bench.station._arrivals._trigger._ready = lambda: bench.outputs.is_ready  # type: ignore[attr-defined]
    return bench


def test_every_part_of_the_line_is_judged_and_recorded_in_order(tmp_path: Path) -> None:
    bench = line_of(20, {"inspector": FakeInspector("OK", "NG", "FAULT")})
    told: list[Record] = []
    daemon_on(bench, tmp_path, on_record=told.append).run()
    assert [record.sequence for record in bench.sink.records] == list(range(1, 21))
    assert [record.verdict.outcome for record in told[:3]] == ["OK", "NG", "FAULT"]
    assert told == bench.sink.records
    assert bench.outputs.wires == set()
    assert gc.isenabled()


@pytest.mark.slow
def test_ten_thousand_triggers_in_a_row_are_ten_thousand_verdicts_and_no_growth(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)  # a line a part would be kept by the tests, not by the station
    bench = line_of(10_000, {"inspector": FakeInspector("OK", "NG")})
    numbers: list[int] = []
    resident: dict[int, int] = {}

    def keep(record: Record) -> None:
        numbers.append(record.sequence)
        if record.sequence in (1000, 10_000):
            resident[record.sequence] = int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    bench.sink.put = keep  # type: ignore[method-assign]
    bench.sink.begin = lambda sequence: None  # type: ignore[method-assign]
    daemon_on(bench, tmp_path).run()
    # A busy machine may be late with one: its record comes again when its numbers are known, and replaces the first.
    assert list(dict.fromkeys(numbers)) == list(range(1, 10_001))
    assert resident[10_000] - resident[1000] < 8e6
    assert bench.outputs.wires == set()


def test_stop_ends_after_the_part_that_is_being_judged(tmp_path: Path) -> None:
    bench = line_of(None)
    daemon = daemon_on(bench, tmp_path)
    bench.inspector.at[5] = lambda: daemon.stop(signal.SIGTERM, None)
    daemon.run()
    assert len(bench.sink.records) == 5
    assert bench.outputs.wires == set()


def test_outputs_are_safe_even_if_the_loop_itself_breaks(tmp_path: Path) -> None:
    bench = line_of(None)

    def broken(record: Record) -> None:
        raise RuntimeError("a bug in whoever listens")

    with pytest.raises(RuntimeError, match="a bug"):
        daemon_on(bench, tmp_path, on_record=broken).run()
    assert bench.outputs.wires == set()
    assert gc.isenabled()


def test_halted_station_stays_up_until_it_is_stopped(tmp_path: Path) -> None:
    bench = line_of(None, {"inspector": FakeInspector("FAULT")}, faults_until_halt=2)
    daemon = daemon_on(bench, tmp_path)
    thread = threading.Thread(target=daemon.run)
    thread.start()
    until(lambda: bench.station.state.phase is Phase.HALTED)
    until(lambda: (beat := read_beat(tmp_path)) is not None and beat.phase == "Halted")
    assert thread.is_alive()
    assert bench.outputs.wires == set()
    daemon.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert len(bench.sink.records) == 2


def test_demo_line_ends_when_halted(tmp_path: Path) -> None:
    bench = line_of(None, {"inspector": FakeInspector("FAULT")}, faults_until_halt=2)
    daemon_on(bench, tmp_path, ends_when_halted=True).run()
    assert len(bench.sink.records) == 2


def test_broken_trigger_halts_instead_of_spinning(tmp_path: Path) -> None:
    bench = line_of(None, faults_until_halt=3)
    faults = {number: DeviceTimeout("no answer") for number in range(1, 100)}
    bench.station._arrivals._trigger = IntervalTrigger(interval_ms=0, faults=faults)
    daemon_on(bench, tmp_path, ends_when_halted=True).run()
    assert [record.verdict.reason for record in bench.sink.records] == [Reason.TRIGGER_FAILED] * 3


def test_camera_that_dies_halts_with_safe_outputs(tmp_path: Path) -> None:
    bench = line_of(None, {"camera_faults": dict.fromkeys(range(4, 100), DeviceTimeout("no picture"))})
    daemon_on(bench, tmp_path, ends_when_halted=True).run()
    outcomes = [record.verdict.outcome.value for record in bench.sink.records]
    assert outcomes == ["OK"] * 3 + ["FAULT"] * 5
    assert bench.outputs.wires == set()


def test_rubbish_is_not_collected_within_a_takt(tmp_path: Path) -> None:
    bench = line_of(1)
    seen: list[bool] = []
    bench.inspector.at[1] = lambda: seen.append(gc.isenabled())
    daemon_on(bench, tmp_path).run()
    assert seen == [False]


def test_heartbeat_says_what_the_line_does_and_that_it_ended(tmp_path: Path) -> None:
    bench = line_of(3)
    daemon_on(bench, tmp_path).run()
    beat = read_beat(tmp_path)
    assert beat is not None
    assert (beat.station, beat.sequence, beat.model_serial) == ("test", 3, 3)
    assert (beat.phase, beat.why) == ("Preoperational", "the station was ended")
    assert beat.is_alive(now_ns=beat.beat_ns + 10**9, stale_ms=1500)
    assert not beat.is_alive(now_ns=beat.beat_ns + 2 * 10**9, stale_ms=1500)
    assert not beat.is_alive(now_ns=beat.beat_ns - 1, stale_ms=1500)


def test_heartbeat_says_at_once_what_stands_in_the_way_and_that_it_no_longer_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.heartbeat.INTERVAL_S", 3600)
    heartbeat = Heartbeat(tmp_path, station="test", deadline_ms=100, model=None)
    heartbeat.start()
    for phase, why in ((Phase.READY, ""), (Phase.ERROR, "no frame"), (Phase.READY, "")):
        heartbeat.tick(State(phase=phase, why=why, sequence=1))
        until(lambda expected=(phase, why): (beat := read_beat(tmp_path)) and (beat.phase, beat.why) == expected)  # type: ignore[misc]
    heartbeat.close()


def test_heartbeat_of_a_hanging_line_is_not_alive(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path, station="test", deadline_ms=100, model=None)
    heartbeat._line_ns -= 5 * 10**9
    heartbeat.start()
    until(lambda: read_beat(tmp_path) is not None)
    beat = read_beat(tmp_path)
    heartbeat.close()
    heartbeat.close()
    assert beat is not None
    assert not beat.is_alive(now_ns=beat.beat_ns, stale_ms=1500)


def test_heartbeat_of_an_earlier_boot_is_not_alive(tmp_path: Path) -> None:
    bench = line_of(1)
    daemon_on(bench, tmp_path).run()
    path = tmp_path / "heartbeat.json"
    path.write_text(path.read_text().replace(boot_id(), "another"))
    beat = read_beat(tmp_path)
    assert beat is not None
    assert not beat.is_alive(now_ns=beat.beat_ns, stale_ms=1500)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"station": 1}', " " * 2048])
def test_unreadable_heartbeat_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "heartbeat.json").write_text(content)
    assert read_beat(tmp_path) is None


def test_worker_error_that_is_no_exception_still_leaves_outputs_safe(tmp_path: Path) -> None:
    bench = line_of(None, {"inspector": FakeInspector(at={2: raising(SystemExit(3))})})
    with pytest.raises(SystemExit):
        daemon_on(bench, tmp_path).run()
    assert bench.outputs.wires == set()
