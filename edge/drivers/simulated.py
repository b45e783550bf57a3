"""Outputs, clock and the frame of a camera without hardware: chosen by name only, and able to fail when told.

A fault is given by the number of the call that it hits, counted from 1: `faults={3: DeviceTimeout("no answer")}`.
"""

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from edge.drivers.clock import SystemClock
from edge.drivers.closable import Closable
from edge.errors import DeviceFault
from edge.frame import Frame, Pixels
from edge.interfaces import Clock
from edge.verdict import Outcome

REMEMBERED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """The picture comes late."""

    ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Early:
    """The picture was exposed before the trigger."""

    ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """The picture is the one before, with a new time."""


CameraFault = Exception | Delay | Early | Frozen


class SimulatedCamera(Closable, ABC):
    """What the cameras without hardware share: exposure times, faults on request, and a memory of what was taken.

    It does NOT imitate: a sensor that runs freely, so that a frame waits for the next exposure; rolling shutter;
    buffers that hold old frames; exposure control; dropped frames; heat; a cable. `sources` has what came last.
    parts: how many pictures there are, None for no end. A test may set trouble and needs_restart.
    """

    def __init__(self, *, clock: Clock | None = None, faults: Mapping[int, CameraFault] | None = None) -> None:
        self._clock = clock or SystemClock()
        self._faults = dict(faults or {})
        self._last: Frame | None = None
        self.parts: int | None = None
        self.captured = 0
        self.trouble: str | None = None
        self.needs_restart = False
        self.sources: deque[str] = deque(maxlen=REMEMBERED)

    @abstractmethod
    def _next_picture(self) -> tuple[Pixels, str]:
        """The next part's pixels and where they come from. Raises DeviceFault when there are no more."""

    def capture(self, *, not_before_ns: int, timeout_ms: float) -> Frame:
        """The next picture, exposed as soon as it may be. Raises DeviceFault after the last, or the fault asked for."""
        self._check_open()
        time.sleep(min(max(not_before_ns - self._clock.monotonic_ns(), 0) / 1e9, timeout_ms / 1e3))
        self.captured += 1
        fault = self._faults.get(self.captured)
        exposed_at_ns = max(self._clock.monotonic_ns(), not_before_ns)
        if isinstance(fault, Delay):
            time.sleep(fault.ms / 1000)
        if isinstance(fault, Early):
            exposed_at_ns -= int(fault.ms * 1e6)
        pixels, source = self._next_picture()
        self.sources.append(source)
        if isinstance(fault, Exception):
            raise fault
        if isinstance(fault, Frozen) and self._last is not None:
            pixels = self._last.pixels
        self._last = Frame(pixels=pixels, exposed_at_ns=exposed_at_ns, source=source)
        return self._last


@dataclass(frozen=True, slots=True, kw_only=True)
class WireChange:
    """One wire at one moment. wire: ready, busy, OK, NG or FAULT."""

    at_ns: int
    wire: str
    is_on: bool


class SimulatedOutputs(Closable):
    """Wires that are only remembered. `history` has the last changes, `wires` those that are on.

    They do NOT imitate: the length of a pulse, rise times, a shorted or broken wire, a level that survives its owner,
    or a line that reads the wires.
    """

    def __init__(self, *, clock: Clock | None = None, faults: Mapping[int, Exception] | None = None) -> None:
        """faults: by the number of the call to `apply`."""
        self._clock = clock or SystemClock()
        self._faults = dict(faults or {})
        self._applied = 0
        self.wires: set[str] = set()
        self.history: deque[WireChange] = deque(maxlen=REMEMBERED)

    @property
    def is_ready(self) -> bool:
        """What the line sees on the READY wire."""
        return "ready" in self.wires

    def set_ready(self, *, is_ready: bool) -> None:
        """Switch READY."""
        self._check_open()
        self._switch("ready", is_ready)

    def set_busy(self, *, is_busy: bool) -> None:
        """Switch BUSY; on clears the last outcome."""
        self._check_open()
        if is_busy:
            self._clear()
        self._switch("busy", is_busy)

    def apply(self, outcome: Outcome) -> None:
        """Switch one outcome on and the others off, or raise the fault that was asked for and switch nothing."""
        self._check_open()
        self._applied += 1
        if self._applied in self._faults:
            raise self._faults[self._applied]
        self._clear()
        self._switch(outcome.value, True)

    def switch(self, wire: str, *, is_on: bool) -> bool:
        """One wire by name; whether it is on now."""
        self._check_open()
        self._switch(wire, is_on)
        return wire in self.wires

    def wait_until_shown(self, *, timeout_ms: float) -> bool:
        """At once: there are no pulses here, and nobody reads the wires."""
        del timeout_ms
        self._check_open()
        return True

    def close(self) -> None:
        """All wires off."""
        for wire in sorted(self.wires):
            self._switch(wire, False)
        super().close()

    def _clear(self) -> None:
        for outcome in Outcome:
            self._switch(outcome.value, False)

    def _switch(self, wire: str, is_on: bool) -> None:
        if (wire in self.wires) == is_on:
            return
        (self.wires.add if is_on else self.wires.discard)(wire)
        self.history.append(WireChange(at_ns=self._clock.monotonic_ns(), wire=wire, is_on=is_on))


class SimulatedClock:
    """A clock that stands until somebody moves it. It does NOT imitate a wall clock that is set while it runs."""

    def __init__(self, *, monotonic_ns: int = 1_000_000_000, wall_ns: int = 1_800_000_000_000_000_000) -> None:
        self._monotonic_ns, self._wall_ns = monotonic_ns, wall_ns

    def monotonic_ns(self) -> int:
        """Where the clock stands."""
        return self._monotonic_ns

    def wall_ns(self) -> int:
        """Where the wall clock stands."""
        return self._wall_ns

    def advance(self, *, ms: float) -> None:
        """Move both clocks on."""
        self._monotonic_ns += int(ms * 1e6)
        self._wall_ns += int(ms * 1e6)


def no_more_pictures(where: str) -> DeviceFault:
    """The error of a camera after its last picture."""
    return DeviceFault(f"{where}: there are no more pictures")
