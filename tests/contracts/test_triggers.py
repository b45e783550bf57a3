"""What every trigger owes the station, run over each driver that can work here."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from edge.drivers.gpio_trigger import MOST_QUEUED, GpioTrigger
from edge.drivers.triggers import IntervalTrigger, SoftwareTrigger
from edge.errors import DeviceError
from edge.interfaces import Trigger
from edge.wiring import GpioTrigger as Wiring
from tests.contracts.conftest import TRIGGER_LINE as LINE
from tests.gpio_boards import Board


class Line(NamedTuple):
    """A trigger, and how a part arrives at it."""

    trigger: Trigger
    send: Callable[[], object]


def gpio_trigger(board: Board, **options: object) -> GpioTrigger:
    return GpioTrigger(Wiring(driver="gpio", chip=board.chip_label, line=LINE, **{"debounce_ms": 0.0, **options}))  # type: ignore[arg-type]


def edge(board: Board) -> None:
    """One rising edge, and back."""
    board.pull(LINE, 1)
    time.sleep(0.002)
    board.pull(LINE, 0)
    time.sleep(0.002)


@pytest.fixture(params=["interval", "software", "fake", "kernel"])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    if request.param == "interval":
        yield Line(IntervalTrigger(interval_ms=20), lambda: None)
    elif request.param == "software":
        trigger = SoftwareTrigger()
        yield Line(trigger, trigger.fire)
    else:
        board = request.getfixturevalue(f"{request.param}_board")
        board.pull(LINE, 0)
        with gpio_trigger(board) as wired:
            yield Line(wired, lambda: edge(board))


def test_event_carries_the_time_of_its_edge(line: Line) -> None:
    began_ns = time.monotonic_ns()
    line.send()
    event = line.trigger.wait(timeout_ms=1000)
    assert event is not None
    assert began_ns <= event.at_ns <= time.monotonic_ns()
    assert event.skipped == 0


def test_events_come_in_order_and_none_is_merged(line: Line) -> None:
    for _ in range(3):
        line.send()
    times = [event.at_ns for _ in range(3) if (event := line.trigger.wait(timeout_ms=1000)) is not None]
    assert len(set(times)) == 3
    assert times == sorted(times)


def test_waiting_ends_with_none_after_its_time(line: Line) -> None:
    line.send()
    line.trigger.wait(timeout_ms=1000)
    began = time.monotonic()
    assert line.trigger.wait(timeout_ms=2) is None
    assert time.monotonic() - began < 0.5


def test_closed_trigger_refuses(line: Line) -> None:
    line.trigger.close()
    line.trigger.close()
    with pytest.raises(DeviceError):
        line.trigger.wait(timeout_ms=1)


# What only a wire can owe.


def test_edge_that_came_before_anybody_asked_keeps_its_time(board: Board) -> None:
    with gpio_trigger(board) as trigger:
        edge(board)
        after_ns = time.monotonic_ns()
        time.sleep(0.05)
        event = trigger.wait(timeout_ms=1000)
        assert event is not None
        assert event.at_ns < after_ns


@pytest.mark.parametrize("wanted", ["rising", "falling"])
def test_only_the_configured_edge_triggers(board: Board, wanted: str) -> None:
    board.pull(LINE, 0 if wanted == "rising" else 1)
    with gpio_trigger(board, edge=wanted) as trigger:
        board.pull(LINE, 1 if wanted == "rising" else 0)
        assert trigger.wait(timeout_ms=1000) is not None
        board.pull(LINE, 0 if wanted == "rising" else 1)
        assert trigger.wait(timeout_ms=20) is None


def test_edges_that_the_kernel_could_not_keep_are_counted(board: Board) -> None:
    sent = MOST_QUEUED + 7
    with gpio_trigger(board) as trigger:
        for _ in range(sent):
            edge(board)
        events = [event for _ in range(sent) if (event := trigger.wait(timeout_ms=0)) is not None]
        assert sum(1 + event.skipped for event in events) == sent
        assert events[0].skipped == sent - len(events) > 0


def test_delay_travels_with_the_event(board: Board) -> None:
    with gpio_trigger(board, delay_ms=12.5) as trigger:
        edge(board)
        event = trigger.wait(timeout_ms=1000)
        assert event is not None
        assert event.expose_from_ns - event.at_ns == 12_500_000


def test_line_is_free_again_after_close(board: Board) -> None:
    trigger = gpio_trigger(board)
    assert board.is_held(LINE)
    trigger.close()
    assert not board.is_held(LINE)


def test_bouncing_contact_is_one_trigger(kernel_board: Board) -> None:
    kernel_board.pull(LINE, 0)
    with gpio_trigger(kernel_board, debounce_ms=200.0) as trigger:
        for level in (1, 0, 1, 0, 1):
            kernel_board.pull(LINE, level)
        assert trigger.wait(timeout_ms=5000) is not None
        assert trigger.wait(timeout_ms=500) is None
