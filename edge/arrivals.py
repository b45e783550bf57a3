"""What arrives at a station: events of its trigger, each asked whether it can be one, and the parts they stand for."""

from edge.attempt import attempt
from edge.errors import DeviceFault
from edge.interfaces import Clock, Trigger, TriggerEvent
from edge.record import ModelName, Record
from edge.takt import Part
from edge.verdict import Reason, Verdict, fault

MOST_SKIPPED_RECORDS = 20  # of one event; a wire that rattles must not fill the disk


class Arrivals:
    """The events of a station's trigger, of which the next may have been looked at already."""

    def __init__(self, trigger: Trigger, clock: Clock) -> None:
        self._trigger, self._clock = trigger, clock
        self._early: TriggerEvent | Exception | None = None

    @property
    def is_early(self) -> bool:
        """True if something came before anybody waited for it."""
        return self._early is not None

    def look(self) -> None:
        """Whether something has come by now; it is the next then."""
        if self._early is None:
            self._early = self._ask(timeout_ms=0.0)

    def next(self, *, timeout_ms: float) -> TriggerEvent | Exception | None:
        """The next event, what went wrong instead, or None if nothing came in time."""
        early, self._early = self._early, None
        return early or self._ask(timeout_ms=timeout_ms)

    def _ask(self, *, timeout_ms: float) -> TriggerEvent | Exception | None:
        events: list[TriggerEvent | None] = []

        def ask() -> None:
            event = self._trigger.wait(timeout_ms=timeout_ms)
            events.append(checked(event, now_ns=self._clock.monotonic_ns()))

        return attempt(ask) or events[0]


def checked(event: TriggerEvent | None, *, now_ns: int) -> TriggerEvent | None:
    """The event, if it can be one. Raises DeviceFault: a time to come would move the deadline as far away."""
    if event is not None and not isinstance(event, TriggerEvent):
        raise DeviceFault(f"the trigger gave {event!r:.60}, which is no event")
    if event is not None and event.at_ns > now_ns:
        ahead_s = (event.at_ns - now_ns) / 1e9
        raise DeviceFault(f"the trigger's time lies {ahead_s:g} s ahead: it is not of the monotonic clock")
    return event


def arrived(event: TriggerEvent, *, sequence: int, model: ModelName | None, clock: Clock) -> Part:
    """A part of which nothing is known yet but that it came, and how long it has waited."""
    waited_ns = clock.monotonic_ns() - event.at_ns
    record = Record(
        sequence=sequence,
        verdict=fault(Reason.INTERNAL),
        triggered_ns=event.at_ns,
        wall_ns=clock.wall_ns() - waited_ns,
        model=model,
    )
    return Part(record=record, event=event, stages_ms=[("wait", waited_ns / 1e6)])


def verdicts_on_skipped(skipped: int) -> list[Verdict]:
    """FAULT for each part that passed unseen; beyond MOST_SKIPPED_RECORDS the last one speaks for the rest."""
    verdicts = [fault(Reason.TRIGGER_WHILE_BUSY)] * min(skipped, MOST_SKIPPED_RECORDS)
    if (more := skipped - MOST_SKIPPED_RECORDS) > 0:
        verdicts[-1] = fault(Reason.TRIGGER_WHILE_BUSY, f"and {more} more that are not recorded singly")
    return verdicts
