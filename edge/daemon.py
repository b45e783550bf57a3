"""The loop of the core: settle, wait, take, and again, until the line ends or somebody says stop."""

import gc
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from queue import SimpleQueue

from edge.errors import DeviceTimeout, DeviceUnavailable
from edge.heartbeat import Heartbeat
from edge.interfaces import EndOfLine
from edge.notify import Notifier
from edge.record import Record
from edge.state import Phase, State
from edge.station import Station
from edge.verdict import Verdict
from edge.wiring import LONGEST_HOLD_MS

log = logging.getLogger(__name__)

POLL_MS = 100.0  # twice as often costs half as much processor again while nothing comes
REMEMBERED = 64
HALTED_NAP_S = 0.02
LAST_OUTCOME_MS = LONGEST_HOLD_MS + 1000  # with the rest after it


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one trigger."""

    triggered_ns: int
    sequence: int
    verdict: Verdict
    takt_ms: float | None


class Daemon:
    """Runs one station in the thread that calls `run`."""

    def __init__(
        self,
        *,
        station: Station,
        heartbeat: Heartbeat,
        notifier: Notifier | None = None,
        on_record: Callable[[Record], None] | None = None,
        ends_when_halted: bool = False,
    ) -> None:
        """on_record: called after each part, when its outputs are out; it takes time from the line."""
        self._station, self._heartbeat, self._notifier = station, heartbeat, notifier or Notifier({})
        self._on_record, self._ends_when_halted = on_record, ends_when_halted
        self._wishes: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        self._state = station.state
        self._told: deque[Told] = deque(maxlen=REMEMBERED)
        self._is_told = threading.Condition()
        self._is_stopping = False  # no Event: setting one in a signal handler may wait for the very thread it is in

    @property
    def state(self) -> State:
        """What the station was doing when the loop last came round; for other threads."""
        return self._state

    def stop(self, *_: object) -> None:
        """End after the part that is being judged has been told, for its whole time; safe in a signal handler."""
        self._is_stopping = True

    def ask(self, wish: Callable[[], None], *, timeout_s: float) -> None:
        """Have the loop do something between two parts, from another thread.

        Raises DeviceUnavailable if the loop does not come round; then it is not done later either. What was begun just
        in time is waited for, once more as long: whoever asked must know whether it was done.
        """
        done: Future[None] = Future()
        self._wishes.put((wish, done))
        late = f"the station has not come round for {timeout_s:g} s"
        wait([done], timeout_s)
        if done.cancel():
            raise DeviceUnavailable(f"{late}; nothing was done")
        wait([done], timeout_s)
        if not done.done():
            raise DeviceUnavailable(f"{late}; it is being done")

    def verdict_on(self, triggered_ns: int, *, timeout_s: float) -> Told | None:
        """What became of the trigger of this moment, for another thread; None if nothing did in time."""
        found: list[Told] = []

        def is_there() -> bool:
            found[:] = [told for told in self._told if told.triggered_ns == triggered_ns]
            return bool(found)

        with self._is_told:
            return found[0] if self._is_told.wait_for(is_there, timeout_s) else None

    def run(self) -> None:
        """Until the line ends or `stop`; the outputs are safe afterwards, whatever happened.

        Rubbish is collected between parts and never within one. Raises DeviceTimeout when only a new process helps.
        """
        gc.collect()
        gc.freeze()
        gc.disable()
        self._heartbeat.start()
        try:
            self._turn()
            self._notifier.ready()
            while not self._is_stopping:
                self._turn()
            self._station.is_shown(timeout_ms=LAST_OUTCOME_MS)
        except EndOfLine:
            log.info("the line has ended")
        finally:
            self._notifier.stopping()
            self._station.close()
            self._heartbeat.close()
            gc.enable()
            gc.unfreeze()

    def _turn(self) -> None:
        served = self._serve()
        self._station.settle(timeout_ms=POLL_MS)
        self._state = state = self._station.state
        for done in served:
            done.set_result(None)
        self._heartbeat.tick(state)
        self._notifier.alive(f"{state.phase}: {state.why}" if state.why else f"{state.phase}")
        if state.phase is Phase.HALTED:
            if self._ends_when_halted:
                raise EndOfLine
            if self._station.needs_restart:
                raise DeviceTimeout(state.why)
            time.sleep(HALTED_NAP_S)
        arrived = self._station.wait(timeout_ms=POLL_MS)
        if arrived is None:
            return
        record = arrived if isinstance(arrived, Record) else self._station.take(arrived)
        self._tell(record)
        _log_part(record)
        if self._on_record is not None:
            self._on_record(record)
        gc.collect()

    def _tell(self, record: Record) -> None:
        told = Told(
            triggered_ns=record.triggered_ns, sequence=record.sequence, verdict=record.verdict, takt_ms=record.takt_ms
        )
        with self._is_told:
            self._told.append(told)
            self._is_told.notify_all()

    def _serve(self) -> list[Future[None]]:
        """Do what was asked for; whoever asked is told when the station has settled with it."""
        served = []
        while not self._wishes.empty():
            wish, done = self._wishes.get()
            if done.set_running_or_notify_cancel():  # whoever asked may have gone
                wish()
                served.append(done)
        return served


def _log_part(record: Record) -> None:
    verdict = record.verdict
    log.info(
        "part=%d outcome=%s reason=%r detail=%r distance=%s limit=%s label=%s takt_ms=%s source=%r",
        record.sequence,
        verdict.outcome,
        verdict.reason.value,
        verdict.detail,
        verdict.distance,
        verdict.limit,
        verdict.nearest_label,
        None if record.takt_ms is None else round(record.takt_ms, 1),
        record.source,
    )
