"""What every trigger owes the station, run over each driver that can work here."""

import time

import pytest

from edge.drivers.triggers import IntervalTrigger
from edge.errors import DeviceError


@pytest.fixture(params=["interval"])
def trigger() -> IntervalTrigger:
    return IntervalTrigger(interval_ms=20)


def test_event_carries_the_time_of_its_edge(trigger: IntervalTrigger) -> None:
    began_ns = time.monotonic_ns()
    event = trigger.wait(timeout_ms=1000)
    assert event is not None
    assert began_ns <= event.at_ns <= time.monotonic_ns()


def test_events_come_in_order(trigger: IntervalTrigger) -> None:
    events = [trigger.wait(timeout_ms=1000) for _ in range(3)]
    times = [event.at_ns for event in events if event is not None]
    assert len(times) == 3
    assert times == sorted(times)


def test_waiting_ends_with_none_after_its_time(trigger: IntervalTrigger) -> None:
    trigger.wait(timeout_ms=1000)
    began = time.monotonic()
    assert trigger.wait(timeout_ms=2) is None
    assert time.monotonic() - began < 0.5


def test_closed_trigger_refuses(trigger: IntervalTrigger) -> None:
    trigger.close()
    trigger.close()
    with pytest.raises(DeviceError):
        trigger.wait(timeout_ms=1)
