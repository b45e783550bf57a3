"""A station on wires, seen from outside as a line sees it: edges in, BUSY and one pulse out, one row each."""

import json
import threading
import time
from pathlib import Path

from edge.daemon import Daemon
from edge.drivers.gpio_outputs import GpioOutputs
from edge.drivers.gpio_trigger import GpioTrigger
from edge.heartbeat import Heartbeat
from edge.recorder import Recorder
from edge.state import Phase
from edge.wiring import GpioTrigger as TriggerWiring
from tests.contracts.test_outputs import wiring_on
from tests.contracts.test_triggers import LINE, edge
from tests.gpio_boards import Board, FakeBoard, KernelBoard
from tests.stations import CLOCK, Bench, FakeInspector, Hang, until
from tests.test_recorder import rows

FAKE_HOLD_MS, KERNEL_HOLD_MS, REST_MS = 150.0, 600.0, 300.0  # long enough for a sampling test on a busy machine
WATCHED = ("ok", "ng", "fault", "busy")


class Onlooker:
    """Each time a wire was on: name, first and last seen. The kernel's pins are sampled, the fake's remember."""

    def __init__(self, board: Board, lines: dict[str, tuple[str, bool]]) -> None:
        self._board, self._lines = board, lines
        self._ending = threading.Event()
        self.runs: list[tuple[str, float, float]] = []
        self.longest_gap_s = 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)
        if isinstance(board, KernelBoard):
            self._thread.start()

    def _remember(self, board: FakeBoard) -> None:
        names = {line: (name, is_low) for name, (line, is_low) in self._lines.items()}
        since: dict[str, float] = {}
        for at, line, level in list(board.changes):
            name, is_low = names.get(line, ("", False))
            if name and level != is_low:
                since[name] = at
            elif name in since:
                self.runs.append((name, since.pop(name), at))

    def _look(self) -> None:
        since: dict[str, float] = {}
        last: dict[str, float] = {}
        before = time.monotonic()
        while not self._ending.is_set():
            for name, (line, is_low) in self._lines.items():
                now = time.monotonic()
                if self._board.level(line) != is_low:
                    since.setdefault(name, now)
                    last[name] = now
                elif name in since:
                    self.runs.append((name, since.pop(name), last[name]))
            now = time.monotonic()
            self.longest_gap_s, before = max(self.longest_gap_s, now - before), now
            time.sleep(0.001)

    def close(self) -> list[tuple[str, float]]:
        """Each wire that was on and for how many ms it was seen so, in the order in which they went on."""
        self._ending.set()
        if isinstance(self._board, FakeBoard):
            self._remember(self._board)
        else:
            self._thread.join(10)
        return [(name, (last - first) * 1e3) for name, first, last in sorted(self.runs, key=lambda run: run[1])]


class Wired:
    """Station, daemon, database, on a board."""

    def __init__(self, board: Board, folder: Path, inspector: FakeInspector) -> None:
        board.pull(LINE, 0)
        self.hold_ms = KERNEL_HOLD_MS if isinstance(board, KernelBoard) else FAKE_HOLD_MS  # emulated machines are slow
        wiring = wiring_on(board, hold_ms=self.hold_ms).model_copy(update={"rest_ms": REST_MS})
        self.trigger = GpioTrigger(TriggerWiring(driver="gpio", chip=board.chip_label, line=LINE, debounce_ms=0.0))
        outputs = GpioOutputs(wiring, longest_silence_ms=5000)
        self.recorder = Recorder(folder, clock=CLOCK)
        self.bench = Bench(inspector, trigger=self.trigger, outputs=outputs, sink=self.recorder, deadline_ms=20_000)
        heartbeat = Heartbeat(folder, station="test", deadline_ms=20_000, model=None)
        self.daemon = Daemon(station=self.bench.station, heartbeat=heartbeat)
        self.thread = threading.Thread(target=self.daemon.run, daemon=True)
        self.thread.start()
        lines = {name: (wire.line, wire.active_low) for name, wire in wiring.wires.items() if name in WATCHED}
        self.onlooker = Onlooker(board, lines)

    def until_ready(self, sequence: int) -> None:
        until(lambda: self.daemon.state.phase is Phase.READY and self.daemon.state.sequence >= sequence, seconds=60)

    def close(self) -> list[tuple[str, float]]:
        seen = self.onlooker.close()
        self.daemon.stop()
        self.thread.join(30)
        self.trigger.close()
        self.recorder.close()
        return seen


def slowly() -> None:
    """So that BUSY lasts long enough to be seen."""
    time.sleep(0.1)


def test_every_edge_is_busy_then_one_pulse_of_its_length_and_one_row(board: Board, tmp_path: Path) -> None:
    parts = 200 if isinstance(board, KernelBoard) else 9
    line = Wired(board, tmp_path, FakeInspector("OK", "NG", "FAULT", at=dict.fromkeys(range(parts + 1), slowly)))
    line.until_ready(0)
    for number in range(1, parts + 1):
        edge(board)
        line.until_ready(number)
    seen = line.close()
    names = [name for name, _ in seen]
    assert names == [name for number in range(parts) for name in ("busy", WATCHED[number % 3])]
    blind_ms = line.onlooker.longest_gap_s * 1e3
    pulses = [length for name, length in seen if name != "busy"]
    print(f"{line.hold_ms:g} ms seen as {min(pulses):.0f} to {max(pulses):.0f} ms, blind for {blind_ms:.0f} ms at most")
    assert min(pulses) >= line.hold_ms - 2 * blind_ms
    found = rows(tmp_path)
    assert [row["sequence"] for row in found] == list(range(1, parts + 1))
    assert [row["outcome"] for row in found] == [("OK", "NG", "FAULT")[number % 3] for number in range(parts)]
    assert all({"wait", "capture", "map"} <= json.loads(row["stages_ms"]).keys() for row in found)


def test_burst_gives_exactly_one_counted_fault_for_each_edge_too_many(board: Board, tmp_path: Path) -> None:
    hang = Hang()
    line = Wired(board, tmp_path, FakeInspector("OK", at={1: hang}))
    line.until_ready(0)
    for _ in range(10):
        edge(board)
    hang.let_go()
    line.until_ready(10)
    seen = line.close()
    assert [name for name, _ in seen if name != "busy"] == ["ok"] + ["fault"] * 9
    assert line.bench.station.busy_triggers == 9
    found = rows(tmp_path)
    assert [row["reason"] for row in found] == ["within limit"] + ["trigger while busy"] * 9
    assert len({row["triggered_ns"] for row in found}) == 10
