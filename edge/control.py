"""Commands to a running core over a Unix socket: one request, one answer, each a line of JSON.

Only the core's user and group may connect. Requests are small and must come at once; a client can neither hold up the
line nor fill the memory. What a command does is decided by whoever makes the server.
"""

import json
import os
import socket
import socketserver
import stat
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from edge.errors import DeviceUnavailable, EdgeError
from edge.settings import Strict

LARGEST_REQUEST_BYTES = 1024
LARGEST_ANSWER_BYTES = 2 * 2**20  # a picture
LONGEST_PATH_BYTES = 107  # of the kernel
REQUEST_TIMEOUT_S = 1.0
MOST_CLIENTS = 8
MODE = 0o660

CommandName = Literal["trigger", "pause", "resume", "reset", "status", "check", "piece"]
SetUpName = Literal["limit", "wire", "look", "teach", "model", "program"]
"""Commands with arguments, for the page's set-up and for `edge model`."""
AnyName = CommandName | SetUpName
Answer = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUpCommand:
    """arguments: what a request must say. run: called with them, checked."""

    arguments: type[Strict]
    run: Callable[[Any], Answer]


PlainCommands = Mapping[str, Callable[[], Answer]]
SetUpCommands = Mapping[str, SetUpCommand]
Commands = Mapping[str, Callable[[], Answer] | SetUpCommand]
"""By name: a CommandName or a SetUpName."""


class Request(Strict):
    """What a client says."""

    command: AnyName
    arguments: dict[str, str | float | int | bool | None] = Field(default={}, max_length=8)


class Control:
    """Answers on a socket, in threads of its own, from the start to `close`."""

    def __init__(self, path: Path, commands: Commands) -> None:
        """Raises DeviceUnavailable if the socket cannot be made; one that a dead core left behind is replaced."""
        _make_way(path)
        try:
            self._server = _Server(path, commands)
        except OSError as error:
            raise DeviceUnavailable(f"{path}: commands cannot be taken here: {error.strerror}") from error
        self._path = path
        self._thread = threading.Thread(target=self._server.serve_forever, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more commands. May be called twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._path.unlink(missing_ok=True)
            self._thread.join(REQUEST_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ask(
    path: Path, command: AnyName, *, timeout_s: float, arguments: Mapping[str, object] | None = None
) -> dict[str, object]:
    """What the core at `path` answers. Raises DeviceUnavailable if there is none, or it does not answer in time."""
    if len(os.fsencode(path)) > LONGEST_PATH_BYTES:
        raise DeviceUnavailable(_too_long(path))
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(timeout_s)
            client.connect(str(path))
            with suppress(BrokenPipeError):  # turned away: the answer is there already
                client.sendall(json.dumps({"command": command, "arguments": arguments or {}}).encode() + b"\n")
            with client.makefile("rb") as answers:
                found = json.loads(answers.readline(LARGEST_ANSWER_BYTES))
    except TimeoutError as error:
        raise DeviceUnavailable(f"{path}: the core does not answer") from error
    except PermissionError as error:
        raise DeviceUnavailable(f"{path}: only the user and group of the core may give commands") from error
    except OSError as error:
        raise DeviceUnavailable(f"{path}: no core listens here ({error.strerror}); is it running?") from error
    except ValueError as error:
        raise DeviceUnavailable(f"{path}: the core gave no answer; look into its log") from error
    if not isinstance(found, dict):
        raise DeviceUnavailable(f"{path}: what answers here is no core")
    return found


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_CLIENTS

    def __init__(self, path: Path, commands: Commands) -> None:
        self.commands = commands
        self.places = threading.BoundedSemaphore(MOST_CLIENTS)
        super().__init__(str(path), _Handler)

    def server_bind(self) -> None:
        """Closed to others before the socket has a name, so that they cannot connect even for a moment."""
        os.fchmod(self.socket.fileno(), MODE)
        super().server_bind()
        Path(str(self.server_address)).chmod(MODE)  # the umask may have taken the group's part

    def verify_request(self, request: Any, _: object) -> bool:
        """One more client only where there is a place, which the handler gives back; others are told at once."""
        if self.places.acquire(blocking=False):
            return True
        with suppress(OSError):
            request.sendall(_line_of(refusal(f"{MOST_CLIENTS} others are being answered; ask again")))
        return False


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """One line in, one line out; a client that goes away in between is no trouble."""
        try:
            answer = self._answer(self._line())
            self.request.settimeout(REQUEST_TIMEOUT_S)
            self.wfile.write(_line_of(answer))
        except OSError:
            return

    def finish(self) -> None:
        """Make room for the next one."""
        try:
            super().finish()
        finally:
            self.server.places.release()

    def _line(self) -> bytes:
        """What came up to the first line's end, within the time and size that a request may take in all."""
        line, ends_at = b"", time.monotonic() + REQUEST_TIMEOUT_S
        while not line.endswith(b"\n") and len(line) <= LARGEST_REQUEST_BYTES:
            self.request.settimeout(max(ends_at - time.monotonic(), 0.001))
            more = self.request.recv(LARGEST_REQUEST_BYTES)
            if not more:
                break
            line += more
        return line

    def _answer(self, line: bytes) -> Answer:
        if len(line) > LARGEST_REQUEST_BYTES or not line.endswith(b"\n"):
            return refusal(f"a request is one line of at most {LARGEST_REQUEST_BYTES} bytes")
        try:
            request = Request.model_validate_json(line)
            command = self.server.commands[request.command]
        except (ValidationError, KeyError):
            return refusal('a request is {"command": …} with one of: ' + ", ".join(self.server.commands))
        try:
            if not isinstance(command, SetUpCommand):
                return {"is_done": True, **command()}
            return {"is_done": True, **command.run(command.arguments.model_validate(request.arguments))}
        except ValidationError as error:
            first = error.errors()[0]
            return refusal(f"{request.command}: {'.'.join(map(str, first['loc']))}: {first['msg']}")
        except EdgeError as error:
            return refusal(str(error))


def refusal(why: str) -> Answer:
    """The answer to what was not done."""
    return {"is_done": False, "why": why}


def _line_of(answer: Answer) -> bytes:
    return json.dumps(answer).encode() + b"\n"


def _make_way(path: Path) -> None:
    if len(os.fsencode(path)) > LONGEST_PATH_BYTES:
        raise DeviceUnavailable(_too_long(path))
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise DeviceUnavailable(f"{path}: this is no socket; move it away, or name another place under 'control'")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(REQUEST_TIMEOUT_S)
            probe.connect(str(path))
    except (FileNotFoundError, NotADirectoryError):
        return
    except ConnectionRefusedError:
        path.unlink()
        return
    except OSError as error:
        raise DeviceUnavailable(f"{path}: commands cannot be taken here: {error.strerror}") from error
    raise DeviceUnavailable(f"{path}: another core takes its commands here")


def _too_long(path: Path) -> str:
    return f"{path}: too long for a socket ({LONGEST_PATH_BYTES} bytes at most); name a shorter place under 'control'"
