"""Commands from the socket reach the station between two parts, and are answered with what came of them."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.control import MOST_CLIENTS, Commands, Control, ask
from edge.daemon import Daemon
from edge.drivers.simulated import SimulatedOutputs
from edge.drivers.triggers import MOST_WAITING, SoftwareTrigger
from edge.errors import DeviceError
from edge.heartbeat import Heartbeat
from edge.remote import commands_of
from edge.state import Phase
from edge.verdict import Outcome
from tests.stations import Bench, FakeInspector, Hang, until


class Running:
    def __init__(
        self, folder: Path, inspector: FakeInspector, *, outputs: SimulatedOutputs | None = None, **rules: float
    ) -> None:
        self.trigger = SoftwareTrigger()
        self.bench = Bench(inspector, trigger=self.trigger, outputs=outputs, **rules)  # type: ignore[arg-type]
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
    assert running.bench.station.state.busy_triggers == 1


class PulseOutputs(SimulatedOutputs):
    """Each outcome needs its wire for 200 ms."""

    ends_s = 0.0

    def apply(self, outcome: Outcome) -> None:
        super().apply(outcome)
        self.ends_s = time.monotonic() + 0.2

    def wait_until_shown(self, *, timeout_ms: float) -> bool:
        time.sleep(min(max(self.ends_s - time.monotonic(), 0), timeout_ms / 1000))
        return time.monotonic() >= self.ends_s


@pytest.mark.parametrize("outcome", ["OK", "FAULT"])
def test_station_that_cannot_keep_up_with_its_triggers_answers_every_command_at_once(
    tmp_path: Path, outcome: str
) -> None:
    """A trigger comes every 20 ms from more clients than there are places, and each outcome takes 200 ms."""
    running = Running(tmp_path, FakeInspector(outcome), outputs=PulseOutputs(), faults_until_halt=3)
    path, is_over, answers = tmp_path / "control.sock", threading.Event(), list[str]()

    def fire() -> None:
        while not is_over.wait(0.02 * 2 * MOST_CLIENTS):
            answers.append(str(ask(path, "trigger", timeout_s=10)))

    with Control(path, running.commands):
        running.thread.start()
        until(lambda: running.daemon.state.phase is Phase.READY)
        line = [threading.Thread(target=fire) for _ in range(2 * MOST_CLIENTS)]
        for client in line:
            client.start()
            time.sleep(0.02)
        until(lambda: len(answers) > 5)
        for _ in range(5):
            for command in ("status", "pause", "resume", "reset"):
                began = time.monotonic()
                assert ask(path, command, timeout_s=10)["is_done"]  # type: ignore[arg-type]
                assert time.monotonic() - began < 1.0
        is_over.set()
        for client in line:
            client.join(15)
        running.daemon.stop()
        running.thread.join(15)
    assert any("verdict will be in the records" in answer for answer in answers)


def test_command_that_came_too_late_is_not_done_behind_its_askers_back(running: Running) -> None:
    whole, hang = running.bench.station.settle, Hang()
    running.bench.station.settle = lambda *, timeout_ms: hang()  # type: ignore[assignment,method-assign,return-value]
    threading.Event().wait(0.2)
    with pytest.raises(DeviceError, match=r"has not come round for 0\.05 s; nothing was done"):
        running.daemon.ask(lambda: running.bench.station.pause(is_paused=True), timeout_s=0.05)
    running.bench.station.settle = whole  # type: ignore[method-assign]
    hang.let_go()
    running.commands["status"]()
    running.daemon.ask(lambda: None, timeout_s=10)
    assert running.commands["status"]()["phase"] == "Ready"


def test_command_that_was_begun_just_in_time_is_waited_for(running: Running) -> None:
    done: list[bool] = []

    def slow() -> None:
        threading.Event().wait(0.4)
        done.append(True)

    running.daemon.ask(slow, timeout_s=0.25)
    assert done == [True]


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
