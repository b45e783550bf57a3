"""A sign of life in the data folder, at least twice a second, for the operator page and whoever else wants to know.

It is written in place and always the same size, so that a full disk does not stop it. The page compares its time
with its own monotonic clock: both run on the same machine since the same start.
"""

import json
import os
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edge.record import ModelName
from edge.state import NO_CHOICE, Check, Chosen, Phase, State

FILE_NAME = "heartbeat.json"
INTERVAL_S = 0.5
SIZE_BYTES = 4096
LONGEST_WHY = 300
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """beat_ns: when this was written; line_ns: when the line's loop last came round; both monotonic, of one boot.

    program: which one judges, where there is a choice. kinds: of a model of several, in the order of their numbers.
    """

    station: str
    phase: str
    why: str
    sequence: int
    beat_ns: int
    line_ns: int
    boot_id: str
    deadline_ms: float
    model_product: str = ""
    model_serial: int | None = None
    model_sha256: str = ""
    check: Check | None = None
    program: int | None = None
    kinds: tuple[str, ...] = ()

    def is_alive(self, *, now_ns: int, stale_ms: float) -> bool:
        """False if the core is gone, or its line's loop hangs for longer than a part may take."""
        if self.boot_id != boot_id() or self.beat_ns > now_ns:
            return False
        line_ms = stale_ms + self.deadline_ms
        return now_ns - self.beat_ns <= stale_ms * 1e6 and now_ns - self.line_ns <= line_ms * 1e6


class Heartbeat:
    """Writes what the line last said of itself, in a thread of its own, from `start` to `close`."""

    def __init__(
        self,
        folder: Path,
        *,
        station: str,
        deadline_ms: float,
        model: ModelName | None,
        programs: Chosen = NO_CHOICE,
    ) -> None:
        self._path = folder / FILE_NAME
        self._station, self._deadline_ms, self._model, self._programs = station, deadline_ms, model, programs
        self._state = State(phase=Phase.PREOPERATIONAL, why="starting", sequence=0)
        self._line_ns = time.monotonic_ns()
        self._ending, self._news = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def tick(self, state: State) -> None:
        """The line's loop has come round. What stands in its way, or no longer does, is written at once."""
        is_news = (state.why, state.check) != (self._state.why, self._state.check)
        self._state, self._line_ns = state, time.monotonic_ns()
        if is_news:
            self._news.set()

    def use(self, model: ModelName | None, *, programs: Chosen = NO_CHOICE) -> None:
        """Another model judges from now on."""
        self._model, self._programs = model, programs
        self._news.set()

    def close(self) -> None:
        """Write a last time and stop. May be called twice."""
        if self._ending.is_set():
            return
        self._ending.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._ending.is_set():
            self._news.clear()
            self._write()
            self._news.wait(INTERVAL_S)
        self._state = State(phase=Phase.PREOPERATIONAL, why="the station was ended", sequence=self._state.sequence)
        self._write()

    def _write(self) -> None:
        state, model = self._state, self._model
        beat = Beat(
            station=self._station,
            phase=state.phase.value,
            why=state.why[:LONGEST_WHY],
            sequence=state.sequence,
            beat_ns=time.monotonic_ns(),
            line_ns=self._line_ns,
            boot_id=boot_id(),
            deadline_ms=self._deadline_ms,
            model_product=model.product if model else "",
            model_serial=model.serial if model else None,
            model_sha256=model.sha256 if model else "",
            check=_short(state.check),
            program=self._programs.number,
            kinds=self._programs.kinds,
        )
        content = json.dumps(asdict(beat), ensure_ascii=False).encode()[:SIZE_BYTES].ljust(SIZE_BYTES)
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                os.pwrite(descriptor, content, 0)
            finally:
                os.close(descriptor)
        except OSError:
            return  # the page then says that it hears nothing, which is true


def _short(check: Check | None) -> Check | None:
    """As much of it as fits."""
    return None if check is None else replace(check, last=check.last[:LONGEST_WHY], label=check.label[:64])


def read_beat(folder: Path) -> Beat | None:
    """The last sign of life; None if there never was one, or it cannot be read."""
    try:
        found = json.loads((folder / FILE_NAME).read_bytes())
        check = found.pop("check", None)
        kinds = tuple(found.pop("kinds", ()))
        return Beat(**found, kinds=kinds, check=Check(**check) if check else None)
    except (OSError, ValueError, TypeError):
        return None


def boot_id() -> str:
    """Which start of the machine this is; monotonic times compare only within one."""
    return BOOT_ID.read_text().strip() if BOOT_ID.is_file() else "unknown"
