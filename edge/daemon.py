"""The loop of the core: settle, wait, take, and again, until the line ends or somebody says stop."""

import gc
import logging
import threading
from collections.abc import Callable

from edge.heartbeat import Heartbeat
from edge.interfaces import EndOfLine
from edge.record import Record
from edge.state import Phase
from edge.station import Station

log = logging.getLogger(__name__)

POLL_MS = 50.0
HALTED_NAP_S = 0.02


class Daemon:
    """Runs one station in the thread that calls `run`."""

    def __init__(
        self,
        *,
        station: Station,
        heartbeat: Heartbeat,
        on_record: Callable[[Record], None] | None = None,
        ends_when_halted: bool = False,
    ) -> None:
        """on_record: called after each part, when its outputs are out; it takes time from the line."""
        self._station, self._heartbeat = station, heartbeat
        self._on_record, self._ends_when_halted = on_record, ends_when_halted
        self._stop = threading.Event()

    def stop(self, *_: object) -> None:
        """End after the part that is being judged; safe in a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Until the line ends or `stop`; the outputs are safe afterwards, whatever happened.

        Rubbish is collected between parts and never within one.
        """
        gc.collect()
        gc.freeze()
        gc.disable()
        self._heartbeat.start()
        try:
            while not self._stop.is_set():
                self._turn()
        except EndOfLine:
            log.info("the line has ended")
        finally:
            self._station.close()
            self._heartbeat.close()
            gc.enable()
            gc.unfreeze()

    def _turn(self) -> None:
        self._station.settle(timeout_ms=POLL_MS)
        state = self._station.state
        self._heartbeat.tick(state)
        if state.phase is Phase.HALTED:
            if self._ends_when_halted:
                raise EndOfLine
            self._stop.wait(HALTED_NAP_S)
        arrived = self._station.wait(timeout_ms=POLL_MS)
        if arrived is None:
            return
        record = arrived if isinstance(arrived, Record) else self._station.take(arrived)
        _log_part(record)
        if self._on_record is not None:
            self._on_record(record)
        gc.collect()


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
