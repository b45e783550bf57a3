"""What the commands of the control socket do to a running station."""

import threading
from collections.abc import Callable
from typing import Protocol

from edge.control import MOST_CLIENTS, Answer, PlainCommands
from edge.daemon import Daemon
from edge.errors import DeviceUnavailable
from edge.station import Station

LOOP_S = 2.0  # far more than the loop needs between parts
MOST_AWAITED = MOST_CLIENTS // 2  # triggers whose client waits for the verdict; the other places stay free


class Fires(Protocol):
    """A trigger that can be pulled by command."""

    def fire(self) -> int:
        """A part has arrived now; gives its monotonic time in ns."""
        ...


def commands_of(daemon: Daemon, station: Station, *, trigger: Fires | None, deadline_ms: float) -> PlainCommands:
    """Each command as a function. trigger: None where parts announce themselves, and nobody else may."""
    patience_s = LOOP_S + deadline_ms / 1000
    awaited = threading.BoundedSemaphore(MOST_AWAITED)

    def between_parts(wish: Callable[[], None]) -> Callable[[], Answer]:
        def command() -> Answer:
            daemon.ask(wish, timeout_s=patience_s)
            return status()

        return command

    def status() -> Answer:
        state = daemon.state
        return {
            "phase": state.phase.value,
            "why": state.why,
            "sequence": state.sequence,
            "busy_triggers": state.busy_triggers,
        }

    def fire() -> Answer:
        if trigger is None:
            raise DeviceUnavailable("this station has a trigger of its own; a command needs 'driver: software'")
        triggered_ns = trigger.fire()
        if not awaited.acquire(blocking=False):
            raise DeviceUnavailable(
                f"the part was triggered and its verdict will be in the records; {MOST_AWAITED} commands wait for "
                "theirs already: send triggers more slowly"
            )
        try:
            told = daemon.verdict_on(triggered_ns, timeout_s=patience_s)
        finally:
            awaited.release()
        if told is None:
            raise DeviceUnavailable(f"the part was triggered, and there is no verdict after {patience_s:g} s")
        verdict = told.verdict
        return {
            "sequence": told.sequence,
            "outcome": verdict.outcome.value,
            "reason": verdict.reason.value,
            "detail": verdict.detail,
            "takt_ms": told.takt_ms,
        }

    return {
        "trigger": fire,
        "pause": between_parts(lambda: station.pause(is_paused=True)),
        "resume": between_parts(lambda: station.pause(is_paused=False)),
        "reset": between_parts(station.reset),
        "status": status,
    }
