"""The numbers and records of one station's parts. A record that cannot be kept stands in the way of READY."""

from collections.abc import Callable
from dataclasses import replace

from edge.arrivals import arrived, verdicts_on_skipped
from edge.attempt import attempt
from edge.interfaces import Clock, RecordSink, TriggerEvent
from edge.readiness import Readiness
from edge.record import ModelName, Record
from edge.takt import Part


class PartRecords:
    """Counts parts and hands on what is known of them."""

    def __init__(self, sink: RecordSink, clock: Clock, readiness: Readiness, *, first_sequence: int) -> None:
        self._sink, self._clock, self._readiness = sink, clock, readiness
        self.sequence = first_sequence - 1
        self.model: ModelName | None = None

    def begin(self, event: TriggerEvent) -> Part:
        """A part has arrived, for the model that judges now."""
        self.sequence += 1
        part = arrived(event, sequence=self.sequence, model=self.model, clock=self._clock)
        self._attempt(lambda: self._sink.begin(part.record.sequence))
        return part

    def skipped(self, event: TriggerEvent) -> None:
        """Parts that passed while nobody could look: records of their own, and no wire, for the parts are gone."""
        for verdict in verdicts_on_skipped(event.skipped):
            self.keep(replace(self.begin(event).record, verdict=verdict))

    def keep(self, record: Record) -> None:
        """On its way to the disk; never raises."""
        self._attempt(lambda: self._sink.put(record))

    def _attempt(self, step: Callable[[], None]) -> None:
        if (error := attempt(step)) is not None:
            self._readiness.sink_error = f"records cannot be kept: {error}"
