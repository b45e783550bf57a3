"""READY, BUSY and the outcome on the wires of one station. Outputs that do not answer are told at once, and closed."""

from collections.abc import Callable

from edge.attempt import attempt
from edge.interfaces import Clock, Outputs, TriggerEvent
from edge.verdict import Outcome


class Wires:
    """The outputs of one station, and since when READY is on. For the line's thread alone."""

    def __init__(self, outputs: Outputs, clock: Clock, *, on_failure: Callable[[str], None]) -> None:
        """on_failure: told why, each time that the outputs do not answer."""
        self._outputs, self._clock, self._on_failure = outputs, clock, on_failure
        self._ready_since_ns: int | None = None

    @property
    def is_ready(self) -> bool:
        """True while the line may send a part."""
        return self._ready_since_ns is not None

    def is_ready_for(self, event: TriggerEvent) -> bool:
        """True if the part came after the line was told that it may."""
        return self._ready_since_ns is not None and event.at_ns >= self._ready_since_ns

    def switch_ready(self, *, is_ready: bool) -> None:
        """Tell the line whether a part may come."""
        since_ns = self._clock.monotonic_ns()  # before the wire: whoever sees it may be quick
        self._ready_since_ns = None
        if self._try(lambda: self._outputs.set_ready(is_ready=is_ready)) and is_ready:
            self._ready_since_ns = since_ns

    def is_shown(self, *, timeout_ms: float) -> bool:
        """Wait for the last outcome's wire; False while it is still needed."""
        shown: list[bool] = []
        self._try(lambda: shown.append(self._outputs.wait_until_shown(timeout_ms=timeout_ms)))
        return shown == [True]

    def begin(self) -> None:
        """A part is judged from now on: not READY, whatever the wires do. Raises whatever the outputs raise."""
        self._ready_since_ns = None
        self._outputs.set_ready(is_ready=False)
        self._outputs.set_busy(is_busy=True)

    def show(self, outcome: Outcome) -> int:
        """One outcome and no other; when it was on. Raises whatever the outputs raise."""
        self._outputs.apply(outcome)
        return self._clock.monotonic_ns()

    def show_fault(self) -> int | None:
        """What is left when a step has failed; when it was on, None if the outputs do not answer."""
        is_on = self._try(lambda: self._outputs.apply(Outcome.FAULT))
        return self._clock.monotonic_ns() if is_on else None

    def end(self) -> None:
        """The part is judged; never raises."""
        attempt(lambda: self._outputs.set_busy(is_busy=False))

    def make_safe(self) -> bool:
        """Every wire off; False if they had to be closed for that, and stay so."""
        self._ready_since_ns = None
        if attempt(self._switch_off) is None:
            return True
        attempt(self._outputs.close)
        return False

    def close(self) -> None:
        """Off and free. May be called twice."""
        self._ready_since_ns = None
        attempt(self._outputs.close)

    def _switch_off(self) -> None:
        self._outputs.set_ready(is_ready=False)
        self._outputs.set_busy(is_busy=True)  # clears the last outcome
        self._outputs.set_busy(is_busy=False)

    def _try(self, step: Callable[[], None]) -> bool:
        error = attempt(step)
        if error is not None:
            self._on_failure(f"the outputs do not answer: {error}")
        return error is None
