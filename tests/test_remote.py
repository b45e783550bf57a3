"""Commands from the socket reach the station between two parts, and are answered with what came of them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.control import Commands
from edge.daemon import Daemon
from edge.drivers.triggers import MOST_WAITING, SoftwareTrigger
from edge.errors import DeviceError
from edge.heartbeat import Heartbeat
from edge.remote import commands_of
from edge.state import Phase
from tests.stations import Bench, FakeInspector, Hang, until


class Running:
    def __init__(self, folder: Path, inspector: FakeInspector, **rules: float) -> None:
        self.trigger = SoftwareTrigger()
        self.bench = Bench(inspector, trigger=self.trigger, **rules)  # type: ignore[arg-type]
        heartbeat = Heartbeat(folder, station="test", deadline_ms=1000, model=None)
        self.daemon = Daemon(station=self.bench.station, heartbeat=heartbeat)
        self.commands = self.commands_with(self.trigger)
        self.thread = threading.Thread(target=self.daemon.run, daemon=True)

    def commands_with(self, trigger: SoftwareTrigger | None) -> Commands:
        return commands_of(self.daemon, self.bench.station, trigger=trigger, deadline_ms=1000)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path, FakeInspector("OK", "NG", "FAULT"), faults_until_halt=1)
    made.thread.start()
    until(lambda: made.daemon.state.phase is Phase.READY)
    yield made
    made.daemon.stop()
    made.thread.join(10)


def test_trigger_answers_with_the_verdict(running: Running) -> None:
    first = running.commands["trigger"]()
    assert (first["sequence"], first["outcome"], first["reason"]) == (1, "OK", "within limit")
    until(lambda: running.bench.outputs.is_ready)
    assert running.commands["trigger"]()["outcome"] == "NG"


def test_paused_station_takes_no_parts_until_it_is_resumed(running: Running) -> None:
    answer = running.commands["pause"]()
    assert (answer["phase"], answer["why"]) == ("Preoperational", "paused by a person")
    assert running.bench.outputs.wires == set()
    answer = running.commands["trigger"]()
    assert (answer["outcome"], answer["reason"], answer["detail"]) == (
        *("FAULT", "station not ready", "paused by a person"),
    )
    running.commands["resume"]()
    until(lambda: running.commands["status"]()["phase"] == "Ready")


def test_reset_ends_a_halt(running: Running) -> None:
    for _ in range(3):
        until(lambda: running.bench.outputs.is_ready)
        answer = running.commands["trigger"]()
    assert answer["outcome"] == "FAULT"
    until(lambda: running.commands["status"]()["phase"] == "Halted")
    assert "1 faults in a row" in str(running.commands["status"]()["why"])
    running.commands["reset"]()
    until(lambda: running.commands["status"]()["phase"] == "Ready")


def test_station_with_a_trigger_of_its_own_cannot_be_triggered(running: Running) -> None:
    with pytest.raises(DeviceError, match="has a trigger of its own"):
        running.commands_with(None)["trigger"]()
    assert running.bench.sink.records == []


def test_two_commands_at_once_are_two_parts(running: Running) -> None:
    hang = Hang()
    running.bench.inspector.at[1] = hang
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.append(running.commands["trigger"]()["reason"])) for _ in "ab"]
    threads[0].start()
    until(lambda: running.bench.inspector.seen)
    threads[1].start()
    until(lambda: running.trigger._waiting)
    hang.let_go()
    for thread in threads:
        thread.join(10)
    assert sorted(map(str, answers)) == ["trigger while busy", "within limit"]
    assert running.bench.station.busy_triggers == 1


def test_loop_that_hangs_is_told_and_status_still_answers(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.remote.LOOP_S", -0.95)
    commands, hang = running.commands_with(running.trigger), Hang()
    running.bench.station.settle = lambda *, timeout_ms: hang()  # type: ignore[assignment,method-assign,return-value]
    threading.Event().wait(0.2)
    with pytest.raises(DeviceError, match="the station has not come round"):
        commands["pause"]()
    with pytest.raises(DeviceError, match="there is no verdict after"):
        commands["trigger"]()
    assert commands["status"]()["phase"] == "Ready"
    del running.bench.station.settle
    hang.let_go()


def test_more_triggers_than_can_wait_are_refused_aloud() -> None:
    trigger = SoftwareTrigger()
    for _ in range(MOST_WAITING):
        trigger.fire()
    with pytest.raises(DeviceError, match="64 triggers wait already"):
        trigger.fire()
