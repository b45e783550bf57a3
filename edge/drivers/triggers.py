"""Triggers without a wire: by the clock, and by command."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from threading import Condition

from edge.drivers.clock import SystemClock
from edge.drivers.closable import Closable
from edge.errors import DeviceFault
from edge.interfaces import Clock, EndOfLine, TriggerEvent

NOT_READY_NAP_MS = 1.0
MOST_WAITING = 64


class IntervalTrigger(Closable):
    """A line that sends a part every so often, and ends.

    It does NOT imitate: bouncing contacts, a jittering conveyor, parts that are taken off the line, noise on the wire.
    """

    def __init__(
        self,
        *,
        interval_ms: float,
        parts: int | None = None,
        ready: Callable[[], bool] | None = None,
        clock: Clock | None = None,
        faults: Mapping[int, Exception] | None = None,
    ) -> None:
        """interval_ms: 0 sends the next part as soon as possible. parts: None never ends.

        ready: what the line sees on the READY wire before it sends a part; None: it does not look, and parts that came
        while nobody waited are reported as skipped.
        """
        self._interval_ns = int(interval_ms * 1e6)
        self._parts, self._ready, self._faults = parts, ready, dict(faults or {})
        self._clock = clock or SystemClock()
        self._due_ns = self._clock.monotonic_ns() + self._interval_ns
        self.sent = 0

    def wait(self, *, timeout_ms: float) -> TriggerEvent | None:
        """The next part. Raises EndOfLine after the last."""
        self._check_open()
        if self._parts is not None and self.sent >= self._parts:
            raise EndOfLine
        now = self._clock.monotonic_ns()
        if self._ready is not None:
            self._due_ns = max(self._due_ns, now)  # a line that waits stands still, and does not catch up
            if not self._ready():
                time.sleep(min(timeout_ms, NOT_READY_NAP_MS) / 1000)
                return None
        wait_ns = self._due_ns - now
        if wait_ns > timeout_ms * 1e6:
            time.sleep(timeout_ms / 1000)
            return None
        time.sleep(max(wait_ns, 0) / 1e9)
        return self._event()

    def _event(self) -> TriggerEvent:
        self.sent += 1
        if self.sent in self._faults:
            raise self._faults.pop(self.sent)
        now = self._clock.monotonic_ns()
        skipped = 0
        if self._ready is None and self._interval_ns:
            skipped = (now - self._due_ns) // self._interval_ns
            if self._parts is not None:
                skipped = min(skipped, self._parts - self.sent)
            self.sent += skipped
        at_ns = self._due_ns + skipped * self._interval_ns if self._interval_ns else now
        self._due_ns = at_ns + self._interval_ns
        return TriggerEvent(at_ns=at_ns, skipped=skipped)


class SoftwareTrigger(Closable):
    """A part whenever `fire` is called, in whichever thread; each call is one trigger, and none is merged."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._waiting: deque[int] = deque()
        self._changed = Condition()

    def fire(self) -> int:
        """A part has arrived now; gives its monotonic time in ns. Raises DeviceFault when too many wait already."""
        with self._changed:
            self._check_open()
            if len(self._waiting) >= MOST_WAITING:
                raise DeviceFault(f"{MOST_WAITING} triggers wait already; the station cannot keep up")
            at_ns = self._clock.monotonic_ns()
            self._waiting.append(at_ns)
            self._changed.notify_all()
        return at_ns

    def wait(self, *, timeout_ms: float) -> TriggerEvent | None:
        """The next call of `fire`, in order."""
        with self._changed:
            self._check_open()
            self._changed.wait_for(lambda: self._waiting or self.is_closed, timeout_ms / 1000)
            return TriggerEvent(at_ns=self._waiting.popleft()) if self._waiting else None
