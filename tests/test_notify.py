"""What systemd hears: READY when everything is open, and signs of life only while the loop makes progress."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.daemon import Daemon
from edge.heartbeat import Heartbeat
from edge.notify import Notifier
from tests.stations import Bench, FakeInspector, Hang, until
from tests.test_daemon import line_of

Heard = Callable[[], list[str]]


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[tuple[str, Heard]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        address = str(tmp_path / "notify")
        listener.bind(address)
        messages: list[str] = []

        def listen() -> None:
            while message := listener.recv(4096).decode():
                messages.append(message)

        thread = threading.Thread(target=listen)
        thread.start()
        yield address, lambda: messages
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ending:
            ending.sendto(b"", address)
        thread.join(10)


def watched(address: str, *, microseconds: int = 100_000) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": str(microseconds)})


def daemon_on(bench: Bench, folder: Path, notifier: Notifier) -> Daemon:
    heartbeat = Heartbeat(folder, station="test", deadline_ms=1000, model=None)
    return Daemon(station=bench.station, heartbeat=heartbeat, notifier=notifier)


def test_ready_comes_after_the_first_turn_then_status_and_signs_of_life(
    systemd: tuple[str, Heard], tmp_path: Path
) -> None:
    address, heard = systemd
    daemon_on(line_of(20), tmp_path, watched(address, microseconds=1000)).run()
    until(lambda: "STOPPING=1" in heard())
    messages = heard()
    assert messages.index("READY=1") > messages.index("STATUS=Ready")
    assert messages.count("READY=1") == 1
    assert messages.count("WATCHDOG=1") > 3
    assert messages[-1] == "STOPPING=1"


def test_watchdog_is_not_fed_while_the_loop_hangs(systemd: tuple[str, Heard], tmp_path: Path) -> None:
    address, heard = systemd
    hang, bench = Hang(), line_of(None)
    bench.outputs.set_busy = lambda *, is_busy: hang()  # type: ignore[method-assign]
    daemon = daemon_on(bench, tmp_path, watched(address, microseconds=1000))
    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        until(lambda: bench.station.state.phase == "Executing")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(b"it hangs", address)
        threading.Event().wait(0.3)
        until(lambda: "it hangs" in heard())
        assert heard()[-1] == "it hangs"
    finally:
        daemon.stop()
        hang.let_go()
        thread.join(10)


def test_step_that_hangs_does_not_stop_the_signs_of_life(systemd: tuple[str, Heard], tmp_path: Path) -> None:
    """The loop still gives verdicts then; when the step stays away for good, the core ends by itself."""
    address, heard = systemd
    hang = Hang()
    bench = line_of(None, {"inspector": FakeInspector(at={1: hang})}, deadline_ms=50, hang_deadlines=1000)
    daemon = daemon_on(bench, tmp_path, watched(address, microseconds=1000))
    thread = threading.Thread(target=daemon.run)
    thread.start()
    until(lambda: bench.station.state.phase == "Error")
    before = len(heard())
    until(lambda: len(heard()) > before + 3)
    assert "STATUS=Error: part 1 is overdue" in heard()
    daemon.stop()
    hang.let_go()
    thread.join(10)


def test_nothing_is_sent_where_nobody_listens() -> None:
    notifier = Notifier({})
    notifier.ready()
    notifier.alive("Ready")
    assert notifier.watchdog_s is None


def test_abstract_socket_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0kensa-test-{os.getpid()}")
        Notifier({"NOTIFY_SOCKET": f"@kensa-test-{os.getpid()}"}).ready()
        listener.settimeout(5)
        assert listener.recv(100) == b"READY=1"


def test_socket_that_is_gone_is_no_trouble(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    watched(str(tmp_path / "gone")).alive("Ready")
    assert "systemd was not told 'WATCHDOG=1'" in caplog.text


@pytest.mark.parametrize(
    ("more", "watchdog_s"),
    [
        ({}, 5.0),
        ({"WATCHDOG_PID": str(os.getpid())}, 5.0),
        ({"WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"NOTIFY_SOCKET": ""}, None),
    ],
)
def test_watchdog_is_ours_only_if_it_is_meant_for_us(more: dict[str, str], watchdog_s: float | None) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "5000000", **more}).watchdog_s == watchdog_s


def test_status_is_one_short_line(systemd: tuple[str, Heard]) -> None:
    address, heard = systemd
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.alive("Halted: a\nREADY=1\n" + "x" * 2000)
    notifier.alive("Halted: a\nREADY=1\n" + "x" * 2000)
    until(heard)
    (message,) = heard()
    assert message.startswith("STATUS=Halted: a READY=1 xxx")
    assert "\n" not in message
    assert len(message) < 600
