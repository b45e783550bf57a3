"""A trigger on a GPIO line: the kernel debounces the edge, stamps it and keeps it until it is asked for."""

from collections import deque
from datetime import timedelta

import gpiod
from gpiod.line import Bias, Clock, Direction, Edge

from edge.drivers.closable import Closable
from edge.drivers.gpio_lines import claim, in_plain_words
from edge.interfaces import TriggerEvent
from edge.wiring import GpioTrigger as Wiring

MOST_QUEUED = 64  # edges beyond are lost by the kernel, which its numbers tell
EDGES = {"rising": Edge.RISING, "falling": Edge.FALLING}
PULLS = {"up": Bias.PULL_UP, "down": Bias.PULL_DOWN, "none": Bias.DISABLED}


class GpioTrigger(Closable):
    """One event for each edge, with the time at which the kernel saw it (CLOCK_MONOTONIC), in order, none merged.

    With debouncing the time is that of the level having been stable for `debounce_ms`.
    """

    def __init__(self, wiring: Wiring) -> None:
        """Raises DeviceUnavailable: no such chip or line, or who holds it."""
        self._line, self._delay_ns = wiring.line, int(wiring.delay_ms * 1e6)
        self._edges: deque[gpiod.EdgeEvent] = deque()
        self._last_number = 0
        settings = gpiod.LineSettings(
            direction=Direction.INPUT,
            edge_detection=EDGES[wiring.edge],
            bias=PULLS[wiring.pull],
            debounce_period=timedelta(milliseconds=wiring.debounce_ms),
            event_clock=Clock.MONOTONIC,
        )
        self._request = claim(wiring.chip, {wiring.line: settings}, queue=MOST_QUEUED)

    def wait(self, *, timeout_ms: float) -> TriggerEvent | None:
        """The next edge; `skipped` has those before it that the kernel could not keep. Raises DeviceFault."""
        self._check_open()
        if not self._edges:
            with in_plain_words(f"the trigger's line {self._line} does not answer"):
                if not self._request.wait_edge_events(timeout_ms / 1000):
                    return None
                self._edges.extend(self._request.read_edge_events())
        edge = self._edges.popleft()
        skipped, self._last_number = edge.line_seqno - self._last_number - 1, edge.line_seqno
        return TriggerEvent(at_ns=edge.timestamp_ns, skipped=max(skipped, 0), delay_ns=self._delay_ns)

    def close(self) -> None:
        """Let go of the line."""
        if not self.is_closed:
            self._request.release()
        super().close()
