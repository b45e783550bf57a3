"""A signed model goes to stations over ssh, with people's own keys; what a station has already is not sent again."""

import hashlib
import json
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.errors import BundleError
from edge.seal import is_sealed
from edge.trust import read_raw

PIECE_BYTES = 2**18
TRIES = 5
PAUSE_S = 2.0
FIRST_WORD_S = 30.0
SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5")
REMOTE = "sudo -n -u kensa /opt/kensa/venv/bin/edge"
STATION = "/etc/kensa/station.yaml"
NO_CONNECTION = 255  # ssh's own exit code
ONCE_MORE = ("interrupted after", "begin again", "from the beginning")
"""What a station says when the pieces do not fit, as when the last connection's end has not been noticed there yet."""

Tell = Callable[[str, int], None]
"""Is told a host and how many bytes are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How to reach stations. ssh: command and options; remote: what starts `edge` there."""

    ssh: Sequence[str] = SSH
    remote: str = REMOTE
    station: str = STATION
    is_activated: bool = False
    pause_s: float = PAUSE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What became of one host. words: the station's own. p99_ms: as it measured. sent: bytes, of all tries."""

    host: str
    is_done: bool
    words: str
    sent: int = 0
    tries: int = 1
    p99_ms: float | None = None


class _BrokenOff(Exception):  # noqa: N818 - it says what happened
    """The connection has broken off; what arrived is there."""

    def __init__(self, why: str, sent: int) -> None:
        super().__init__(why)
        self.sent = sent


def read_signed(path: Path) -> bytes:
    """A model to push. Raises BundleError for one that no station would accept."""
    raw = read_raw(path)
    if not is_sealed(raw):
        raise BundleError(f"{path}: is not signed: `training sign` first")
    return raw


def push(raw: bytes, host: str, line: Line, *, tell: Tell = lambda *_: None) -> Pushed:
    """Send a model to one station, from where the last try broke off. Never raises for what the network does."""
    sent, why = 0, ""
    for number in range(1, TRIES + 1):
        try:
            answer, more = _try(raw, host, line, tell)
        except _BrokenOff as broken:
            sent, why = sent + broken.sent, str(broken)
            if number == 1 and broken.sent == 0:
                break  # not reached at all: the next host is not kept waiting
            time.sleep(line.pause_s * number)  # the other end may need a while to notice
            continue
        sent += more
        if isinstance(answer, str):
            return Pushed(host=host, is_done=False, words=answer, sent=sent, tries=number)
        words = f"{answer['product']}, serial {answer['serial']}, {'activated' if line.is_activated else 'candidate'}"
        p99_ms = float(str(answer["p99_ms"]))
        return Pushed(host=host, is_done=True, words=words, sent=sent, tries=number, p99_ms=p99_ms)
    return Pushed(host=host, is_done=False, words=f"not reached: {why}; push again, only the rest is sent", sent=sent)


def _try(raw: bytes, host: str, line: Line, tell: Tell) -> tuple[dict[str, object] | str, int]:
    """The station's answer, or its sentence, and how many bytes were sent. Raises _BrokenOff."""
    with subprocess.Popen(
        [*line.ssh, host, _command(raw, line)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        sent = 0
        first = process.stdout.readline().split()
        if len(first) == 2 and first[0] == b"here" and first[1].isdigit():
            begun = int(first[1])
            with suppress(BrokenPipeError):  # its words say why
                for at in range(begun, len(raw), PIECE_BYTES):
                    process.stdin.write(raw[at : at + PIECE_BYTES])
                    process.stdin.flush()
                    sent = min(at + PIECE_BYTES, len(raw)) - begun
                    tell(host, begun + sent)
        with suppress(BrokenPipeError):
            process.stdin.close()
        answer, words = process.stdout.read().decode(errors="replace"), process.stderr.read().decode(errors="replace")
        code = process.wait()
    why = (words.strip().splitlines() or ["no answer"])[-1].removeprefix("edge model: ")
    if code == 0:
        return json.loads(answer.splitlines()[-1]), sent
    if code == NO_CONNECTION or any(words in why for words in ONCE_MORE):
        raise _BrokenOff(why, sent)
    return why, sent


def _command(raw: bytes, line: Line) -> str:
    """What the station runs."""
    digest = hashlib.sha256(raw).hexdigest()
    rest = ["model", "--config", line.station, "--json", "receive", "--sha256", digest, "--size", str(len(raw))]
    return f"{line.remote} {shlex.join([*rest, *(['--activate'] if line.is_activated else [])])}"
