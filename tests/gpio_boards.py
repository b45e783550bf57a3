"""Boards with GPIO lines for the tests: one of plain memory behind gpiod's own names, one of the kernel's gpio-sim.

The fake has exactly the calls of gpiod that the drivers make, and a test holds their signatures against the real
library. It does NOT imitate: electrical levels, bias, debouncing, timing of the kernel, permissions, chips that vanish,
or two chips that share a label.
"""

import errno
import threading
import time
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import gpiod
from gpiod.line import Direction, Edge, Value

LABEL = "pinctrl-bcm2711"
LINES = 28
KERNEL_QUEUE = 16  # edges a line, unless asked for more


class FakeBoard:
    """One chip at `path`. `pull` drives an input, `level` reads an output; `writes` has every set_values."""

    chip_label = LABEL
    setting_takes_s = 0.0

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self.requests: list[FakeRequest] = []
        self.holders: dict[str, str] = {}
        self.levels: dict[str, int] = {}
        self.stuck: dict[str, int] = {}
        self.writes: list[dict[int | str, Value]] = []
        self.faults: dict[str, Exception] = {}
        self.lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        return [f"GPIO{number}" for number in range(LINES)]

    def level(self, line: str) -> int:
        """0 or 1, as a voltmeter would say."""
        return self.stuck.get(line, self.levels.get(line, 0))

    def pull(self, line: str, level: int) -> None:
        with self.lock:
            before, self.levels[line] = self.levels.get(line, 0), level
            if before != level:
                for request in self.requests:
                    request.see(line, is_rising=level == 1)

    def is_held(self, line: str) -> bool:
        return line in self.holders


class FakeRequest:
    """gpiod.LineRequest."""

    def __init__(self, board: FakeBoard, config: Mapping[str, gpiod.LineSettings], queue: int) -> None:
        self._board, self._config, self._queue = board, dict(config), queue
        self._edges: deque[SimpleNamespace] = deque()
        self._count = 0
        self._arrived = threading.Condition()
        self._is_released = False
        board.requests.append(self)
        for line, settings in config.items():
            if settings.direction is Direction.OUTPUT:
                self._drive(line, settings.output_value)

    def set_values(self, values: dict[int | str, Value]) -> None:
        self._check("set_values")
        time.sleep(self._board.setting_takes_s)
        self._board.writes.append(dict(values))
        for line, value in values.items():
            self._drive(str(line), value)

    def get_values(self, lines: list[str]) -> list[Value]:
        self._check("get_values")
        return [
            Value.ACTIVE if self._board.level(line) != self._config[line].active_low else Value.INACTIVE
            for line in lines
        ]

    def wait_edge_events(self, timeout: float) -> bool:
        self._check("wait_edge_events")
        with self._arrived:
            return self._arrived.wait_for(lambda: bool(self._edges), timeout)

    def read_edge_events(self) -> list[SimpleNamespace]:
        self._check("read_edge_events")
        with self._arrived:
            edges = list(self._edges)
            self._edges.clear()
            return edges

    def release(self) -> None:
        """The lines fall back to what pulls them: down."""
        if self._is_released:
            return
        self._is_released = True
        self._board.requests.remove(self)
        for line, settings in self._config.items():
            del self._board.holders[line]
            if settings.direction is Direction.OUTPUT:
                self._board.levels[line] = 0

    def see(self, line: str, *, is_rising: bool) -> None:
        """Queue an edge as the kernel does: a full queue loses its oldest."""
        wanted = self._config[line].edge_detection if line in self._config else Edge.NONE
        if wanted is not Edge.BOTH and wanted is not (Edge.RISING if is_rising else Edge.FALLING):
            return
        with self._arrived:
            self._count += 1
            if len(self._edges) >= self._queue:
                self._edges.popleft()
            self._edges.append(SimpleNamespace(timestamp_ns=time.monotonic_ns(), line_seqno=self._count))
            self._arrived.notify_all()

    def _drive(self, line: str, value: Value) -> None:
        self._board.levels[line] = int((value is Value.ACTIVE) != self._config[line].active_low)

    def _check(self, call: str) -> None:
        if self._is_released:
            raise gpiod.RequestReleasedError
        if call in self._board.faults:
            raise self._board.faults[call]


class FakeChip:
    """gpiod.Chip."""

    boards: Mapping[str, FakeBoard] = {}

    def __init__(self, path: str) -> None:
        board = self.boards[path]
        if "open" in board.faults:
            raise board.faults["open"]
        self._board = board

    def close(self) -> None: ...

    def get_info(self) -> SimpleNamespace:
        return SimpleNamespace(label=self._board.chip_label, num_lines=LINES)

    def line_offset_from_id(self, id: str) -> int:
        if id not in self._board.names:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return self._board.names.index(id)

    def get_line_info(self, line: str) -> SimpleNamespace:
        holder = self._board.holders.get(line)
        return SimpleNamespace(used=holder is not None, consumer=holder or "")

    def request_lines(
        self,
        config: Mapping[str, gpiod.LineSettings],
        consumer: str | None = None,
        event_buffer_size: int | None = None,
    ) -> FakeRequest:
        if any(line in self._board.holders for line in config):
            raise OSError(errno.EBUSY, "Device or resource busy")
        self._board.holders |= dict.fromkeys(config, consumer or "?")
        return FakeRequest(self._board, config, event_buffer_size or KERNEL_QUEUE * len(config))


class KernelBoard:
    """A chip of the kernel's gpio-sim, found by its label, driven and read through sysfs. Needs root."""

    def __init__(self, label: str) -> None:
        self.chip_label = label
        names = {}
        for path in sorted(Path("/dev").glob("gpiochip*")):
            with gpiod.Chip(str(path)) as chip:
                names[chip.get_info().label] = chip.get_info().name
        self.path = Path("/dev") / names[label]
        (self._folder,) = Path("/sys/devices/platform").glob(f"gpio-sim.*/{names[label]}")

    def level(self, line: str) -> int:
        return int((self._line(line) / "value").read_text())

    def pull(self, line: str, level: int) -> None:
        (self._line(line) / "pull").write_text("pull-up" if level else "pull-down")
        time.sleep(0.02)  # gpio-sim merges what comes faster than the emulated machine can see

    def is_held(self, line: str) -> bool:
        with gpiod.Chip(str(self.path)) as chip:
            return bool(chip.get_line_info(line).used)

    @lru_cache  # noqa: B019 - a board lives as long as its test
    def _line(self, line: str) -> Path:
        with gpiod.Chip(str(self.path)) as chip:
            return self._folder / f"sim_gpio{chip.line_offset_from_id(line)}"


Board = FakeBoard | KernelBoard
