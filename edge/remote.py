"""What the commands of the control socket do to a running station."""

import threading
from collections.abc import Callable
from concurrent.futures import wait
from typing import Protocol, TypeVar

from edge.control import MOST_CLIENTS, Answer, PlainCommands
from edge.daemon import Daemon
from edge.errors import DeviceUnavailable
from edge.station import Station
from edge.wiring import LONGEST_HOLD_MS

LOOP_S = 2.0  # far more than the loop needs between parts
MOST_AWAITED = MOST_CLIENTS // 2  # triggers whose client waits for the verdict; the other places stay free


Found = TypeVar("Found")


class Fires(Protocol):
    """A trigger that can be pulled by command."""

    def fire(self) -> int:
        """A part has arrived now; gives its monotonic time in ns."""
        ...


def commands_of(
    daemon: Daemon,
    station: Station,
    *,
    trigger: Fires | None,
    deadline_ms: float,
    is_teaching: Callable[[], bool] = lambda: False,
) -> PlainCommands:
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

    def piece() -> Answer:
        if is_teaching():
            raise DeviceUnavailable("the station is being taught; end that first")
        shown = asked(station.show_piece)
        if not wait([shown], patience_s + LONGEST_HOLD_MS / 1000).done:
            raise DeviceUnavailable("the test piece has not been judged yet; look at the page")
        record = shown.result()
        daemon.ask(lambda: None, timeout_s=patience_s)  # what it led to is known when the station has settled
        verdict = record.verdict
        return {"part": record.sequence, "reason": verdict.reason.value, "detail": verdict.detail, **status()}

    def asked(step: Callable[[], Found]) -> Found:
        """What a step that may be refused gives, between parts; the line's loop never sees the refusal."""
        found: list[Found] = []
        refused: list[DeviceUnavailable] = []

        def wish() -> None:
            try:
                found.append(step())
            except DeviceUnavailable as error:
                refused.append(error)

        daemon.ask(wish, timeout_s=patience_s)
        if refused:
            raise refused[0]
        return found[0]

    def check() -> Answer:
        asked(station.pieces.want)
        return status()

    return {
        "trigger": fire,
        "check": check,
        "piece": piece,
        "pause": between_parts(lambda: station.pause(is_paused=True)),
        "resume": between_parts(lambda: station.pause(is_paused=False)),
        "reset": between_parts(station.reset),
        "status": status,
    }
