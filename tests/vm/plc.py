"""Runs inside the virtual machine and stands where the PLC stands: raises the trigger, watches the wires.

`plc.py parts N`: one part after the other, as a line with a handshake does: READY, edge, BUSY, outcome.
`plc.py burst N MS`: N edges, MS milliseconds apart, whatever the wires say; then what came. One JSON.
`plc.py edges N`: N parts; says each number when READY has come back, for a station that is about to lose its power.
`plc.py signal NAME PID`: one part whose core gets a signal while BUSY is on; what the wires did until all were off.
`plc.py fire`: one edge, whatever the wires say; which of them then rose within three seconds.
`plc.py watch S`: whether any wire was on in the next S seconds.
"""

import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

LINES = Path("/sys/devices/platform/gpio-sim.0/gpiochip0")
TRIGGER = 17
WIRES = {"ok": 22, "ng": 23, "fault": 24, "busy": 25, "ready": 26}
OUTCOMES = ("ok", "ng", "fault")
PATIENCE_S = 240.0
BEGUN_S = 0.05  # a part's number goes to the disk while it is judged; one that ends before that leaves no gap
OPEN_S = 0.1  # the contact stays open between two parts: longer than a kernel debounces, and an emulated one is late
PRIORITY = 20  # the core's is 10


class Wires:
    """All wires at once, as often as somebody looks; the rises are counted."""

    def __init__(self) -> None:
        self._files = {name: (LINES / f"sim_gpio{line}" / "value").open() for name, line in WIRES.items()}
        self.on: frozenset[str] = frozenset()
        self.rises: Counter[str] = Counter()
        self.began_s = self.began_before_s = self.ended_s = time.monotonic()  # the last look and the one before
        self.longest_gap_s = 0.0
        self.look()

    def look(self) -> frozenset[str]:
        self.began_before_s, self.began_s = self.began_s, time.monotonic()
        self.longest_gap_s = max(self.longest_gap_s, self.began_s - self.began_before_s)
        found = set()
        for name, file in self._files.items():
            file.seek(0)
            if file.read(1) == "1":
                found.add(name)
        self.rises.update(found - self.on)
        self.on = frozenset(found)
        self.ended_s = time.monotonic()
        return self.on

    def wait(self, condition, what: str) -> None:
        ends = time.monotonic() + PATIENCE_S
        while not condition(self.look()):
            if time.monotonic() > ends:
                seen = f"on: {sorted(self.on)}, rises: {dict(self.rises)}, blind for up to {self.longest_gap_s:.2f} s"
                sys.exit(f"no {what} within {PATIENCE_S:g} s; {seen}")
            time.sleep(0.004)


def trigger(level: int) -> None:
    (LINES / f"sim_gpio{TRIGGER}" / "pull").write_text("pull-up" if level else "pull-down")


def one_part(wires: Wires) -> dict[str, object]:
    """Everything that the wires did for one part."""
    wires.wait(lambda on: "ready" in on, "READY")
    wires.rises.clear()
    began = time.monotonic()
    trigger(1)
    wires.wait(lambda on: "busy" in on, "BUSY")
    busy_s = time.monotonic() - began
    early = sorted(wires.on & set(OUTCOMES))
    wires.wait(lambda on: on & set(OUTCOMES), "outcome")
    shown, not_yet_shown = wires.began_s, wires.began_before_s
    wires.wait(lambda on: not on & set(OUTCOMES), "end of the pulse")
    pulse_ms, at_most_ms = ((wires.ended_s - began_s) * 1000 for began_s in (shown, not_yet_shown))
    trigger(0)
    wires.wait(lambda on: "ready" in on, "READY")
    time.sleep(OPEN_S)
    outcomes = {name: wires.rises[name] for name in OUTCOMES if wires.rises[name]}
    return {
        "outcomes": outcomes,
        "busy": wires.rises["busy"],
        "early": early,
        "pulse_ms": pulse_ms,
        "pulse_at_most_ms": at_most_ms,  # it rose some time after the look before; an emulated processor stands still
        "busy_s": busy_s,
        "takt_s": shown - began,
    }


def burst(wires: Wires, count: int, gap_ms: float) -> dict[str, object]:
    """Edges faster than the takt; ends when READY has been on for three seconds."""
    wires.wait(lambda on: "ready" in on, "READY")
    wires.rises.clear()
    for _ in range(count):
        trigger(1)
        time.sleep(gap_ms / 2000)
        trigger(0)
        time.sleep(gap_ms / 2000)
        wires.look()
    calm = time.monotonic()
    while time.monotonic() - calm < 3:
        if "ready" not in wires.look():
            calm = time.monotonic()
        time.sleep(0.004)
    return {"edges": count, "rises": dict(wires.rises)}


def signalled(wires: Wires, name: str, pid: int) -> dict[str, int]:
    """What came of a part whose core was told to end, or to stand still, in the middle of it."""
    wires.wait(lambda on: "ready" in on, "READY")
    wires.rises.clear()
    trigger(1)
    wires.wait(lambda on: "busy" in on, "BUSY")
    time.sleep(BEGUN_S)
    os.kill(pid, signal.Signals[f"SIG{name}"])
    trigger(0)
    wires.wait(lambda on: not on, "end of everything")
    return dict(wires.rises)


def main() -> None:
    what, *numbers = sys.argv[1:]
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))  # a PLC looks whatever the Pi is doing
    os.sched_setaffinity(0, {0})  # a simulated wire interrupts where it is set, a real one the first processor
    wires = Wires()
    trigger(0)
    if what == "parts":
        for _ in range(int(numbers[0])):
            print(json.dumps(one_part(wires)), flush=True)
    elif what == "burst":
        print(json.dumps(burst(wires, int(numbers[0]), float(numbers[1]))))
    elif what == "edges":
        for number in range(int(numbers[0])):
            wires.wait(lambda on: "ready" in on, "READY")
            if number:
                print(number, flush=True)  # READY has come back: this part is promised to be kept
            trigger(1)
            wires.wait(lambda on: "busy" in on, "BUSY")
            trigger(0)
    elif what == "signal":
        print(json.dumps(signalled(wires, numbers[0], int(numbers[1]))))
    elif what in ("watch", "fire"):
        trigger(int(what == "fire"))
        ends = time.monotonic() + float(numbers[0] if numbers else 3)
        seen: Counter[str] = Counter(wires.on)
        while time.monotonic() < ends:
            wires.look()
            time.sleep(0.004)
        trigger(0)
        print(json.dumps({"on": sorted(wires.on), "seen": dict(seen + wires.rises)}))


if __name__ == "__main__":
    main()
