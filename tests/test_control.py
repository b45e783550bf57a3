"""The control socket: one line in, one line out, for the core's group only, whatever is sent to it."""

import json
import multiprocessing
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge import control
from edge.control import LARGEST_REQUEST_BYTES, MOST_CLIENTS, Answer, Control, ask
from edge.errors import DeviceUnavailable
from tests.stations import until


def refused() -> Answer:
    raise DeviceUnavailable("not now")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
def server(path: Path) -> Iterator[Control]:
    commands = dict.fromkeys(("pause", "resume", "reset"), dict)
    with Control(path, {**commands, "status": lambda: {"phase": "Ready"}, "trigger": refused}) as made:  # type: ignore[dict-item]
        yield made


def said(path: Path, raw: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        try:
            client.sendall(raw)
            client.shutdown(socket.SHUT_WR)
            return client.makefile("rb").readline()
        except (BrokenPipeError, ConnectionResetError):  # too long a request is not read to its end
            return b""


@pytest.mark.usefixtures("server")
def test_command_is_answered(path: Path) -> None:
    assert ask(path, "status", timeout_s=5) == {"is_done": True, "phase": "Ready"}
    assert ask(path, "pause", timeout_s=5) == {"is_done": True}


@pytest.mark.usefixtures("server")
def test_command_that_cannot_be_done_says_why(path: Path) -> None:
    assert ask(path, "trigger", timeout_s=5) == {"is_done": False, "why": "not now"}


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"status\n",
        b"{}\n",
        b'{"command": "reboot"}\n',
        b'{"command": "status", "more": 1}\n',
        b'{"command": ["status"]}\n',
        b"[" * 1000 + b"\n",
        b'{"command": "status"}',
        b"\xff\xfe\n",
        b"x" * LARGEST_REQUEST_BYTES * 3,
    ],
)
def test_what_is_no_request_is_refused_and_does_no_harm(path: Path, raw: bytes) -> None:
    answer = said(path, raw)
    assert not answer or json.loads(answer)["is_done"] is False
    assert ask(path, "status", timeout_s=5)["is_done"] is True


@pytest.mark.usefixtures("server")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    raw=st.one_of(
        st.binary(max_size=3000), st.recursive(st.none() | st.text(), st.lists).map(json.dumps).map(str.encode)
    )
)
def test_any_bytes_get_a_refusal_or_nothing(path: Path, raw: bytes) -> None:
    answer = said(path, raw + b"\n")
    assert not answer or json.loads(answer)["is_done"] is False


@pytest.mark.usefixtures("server")
def test_client_that_says_nothing_is_dropped_in_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "REQUEST_TIMEOUT_S", 0.1)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        assert client.recv(10) == b""


@pytest.mark.usefixtures("server")
def test_client_that_drips_is_dropped_in_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "REQUEST_TIMEOUT_S", 0.3)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        began = time.monotonic()
        with pytest.raises(OSError, match=r"[Bb]roken pipe|reset"):
            while time.monotonic() - began < 20:
                client.sendall(b"x")
                time.sleep(0.05)


@pytest.mark.usefixtures("server")
def test_too_many_clients_are_turned_away_and_their_places_become_free_again(path: Path) -> None:
    clients = [socket.socket(socket.AF_UNIX) for _ in range(MOST_CLIENTS)]
    for client in clients:
        client.connect(str(path))
    time.sleep(0.1)
    answer = ask(path, "status", timeout_s=5)
    assert (answer["is_done"], answer["why"]) == (False, "8 others are being answered; ask again")
    for client in clients:
        client.close()

    until(lambda: ask(path, "status", timeout_s=5)["is_done"])


@pytest.mark.usefixtures("server")
def test_only_user_and_group_may_connect(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def _ask_as_nobody(path: Path) -> None:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    try:
        ask(path, "status", timeout_s=5)
    except DeviceUnavailable as error:
        os._exit(0 if "only the user and group of the core" in str(error) else 2)
    os._exit(1)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.usefixtures("server")
def test_somebody_else_is_refused_by_the_kernel(path: Path) -> None:
    for folder in path.parents:
        if folder.stat().st_mode & 0o001 == 0 and folder.is_relative_to("/tmp"):
            folder.chmod(0o755)
    process = multiprocessing.get_context("fork").Process(target=_ask_as_nobody, args=(path,))
    process.start()
    process.join(30)
    assert process.exitcode == 0


def test_socket_of_a_dead_core_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with Control(path, {"status": dict}):
        assert ask(path, "status", timeout_s=5)["is_done"] is True
    assert not path.exists()


def test_socket_of_a_living_core_is_left_alone(server: Control, path: Path) -> None:
    with pytest.raises(DeviceUnavailable, match="another core takes its commands here"):
        Control(path, {})
    assert ask(path, "status", timeout_s=5)["is_done"] is True
    server.close()
    server.close()


def test_places_that_cannot_be_a_socket_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(DeviceUnavailable, match="this is no socket"):
        Control(tmp_path / "file", {})
    assert (tmp_path / "file").read_text() == "precious"
    with pytest.raises(DeviceUnavailable, match="commands cannot be taken here: No such file"):
        Control(tmp_path / "gone" / "control.sock", {})
    for attempt in (lambda long: Control(long, {}), lambda long: ask(long, "status", timeout_s=1)):
        with pytest.raises(DeviceUnavailable, match="too long for a socket"):
            attempt(tmp_path / ("x" * 120))


def test_core_that_is_not_there_or_does_not_answer_is_told(path: Path) -> None:
    with pytest.raises(DeviceUnavailable, match=r"no core listens here .* is it running"):
        ask(path, "status", timeout_s=1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        with pytest.raises(DeviceUnavailable, match="the core does not answer"):
            ask(path, "status", timeout_s=0.1)
