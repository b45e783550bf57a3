"""What every set of outputs owes the line, run over each driver that can work here."""

import time
from collections.abc import Iterator
from typing import Protocol

import pytest

from edge.drivers.gpio_outputs import GpioOutputs
from edge.drivers.simulated import SimulatedOutputs
from edge.errors import DeviceError
from edge.interfaces import Outputs
from edge.verdict import Outcome
from edge.wiring import Beat, Pulse, Wire
from edge.wiring import GpioOutputs as Wiring
from tests.gpio_boards import Board

HOLD_MS = 60.0
LINES = {"ok": 22, "ng": 23, "fault": 24, "busy": 25, "ready": 26, "heartbeat": 27}
ACTIVE_LOW = {"ng", "ready"}


class Line(Protocol):
    """The outputs, and what the line sees on them."""

    outputs: Outputs

    def wires(self) -> set[str]: ...


class SimulatedLine:
    def __init__(self) -> None:
        self.outputs = SimulatedOutputs()

    def wires(self) -> set[str]:
        return set(self.outputs.wires)


def wiring_on(board: Board, *, hold_ms: float | None = HOLD_MS, beat_ms: float | None = None) -> Wiring:
    wires = {name: {"line": f"GPIO{number}", "active_low": name in ACTIVE_LOW} for name, number in LINES.items()}
    return Wiring(
        driver="gpio",
        chip=board.chip_label,
        rest_ms=20.0,
        heartbeat=None if beat_ms is None else Beat(**wires["heartbeat"], period_ms=beat_ms),
        **{name: Pulse(**wires[name], hold_ms=hold_ms) for name in ("ok", "ng", "fault")},
        **{name: Wire(**wires[name]) for name in ("busy", "ready")},
    )  # fmt: skip


class GpioLine:
    """Read from outside, as a meter on the pins would."""

    def __init__(self, board: Board, *, hold_ms: float | None = HOLD_MS, beat_ms: float | None = None) -> None:
        self.board, self.wiring = board, wiring_on(board, hold_ms=hold_ms, beat_ms=beat_ms)
        self.outputs = GpioOutputs(self.wiring, longest_silence_ms=200)

    def wires(self) -> set[str]:
        held = {name: wire for name, wire in self.wiring.wires.items() if self.board.is_held(wire.line)}
        on = {name for name, wire in held.items() if self.board.level(wire.line) != wire.active_low}
        return {name.upper() if name in ("ok", "ng", "fault") else name for name in on}


@pytest.fixture(params=["simulated", "fake", "kernel"])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    if request.param == "simulated":
        yield SimulatedLine()
        return
    made = GpioLine(request.getfixturevalue(f"{request.param}_board"), hold_ms=None)
    yield made
    made.outputs.close()


def test_all_wires_are_off_when_opened_and_when_closed(line: Line) -> None:
    assert line.wires() == set()
    line.outputs.set_ready(is_ready=True)
    line.outputs.apply(Outcome.NG)
    assert line.wires() == {"ready", "NG"}
    line.outputs.close()
    line.outputs.close()
    assert line.wires() == set()


@pytest.mark.parametrize("first", list(Outcome))
@pytest.mark.parametrize("second", list(Outcome))
def test_one_outcome_at_a_time(line: Line, first: Outcome, second: Outcome) -> None:
    line.outputs.apply(first)
    line.outputs.apply(second)
    assert line.wires() == {second.value}


def test_taking_a_new_part_clears_the_last_outcome(line: Line) -> None:
    line.outputs.apply(Outcome.NG)
    line.outputs.set_busy(is_busy=True)
    assert line.wires() == {"busy"}
    line.outputs.set_busy(is_busy=False)
    assert line.wires() == set()


def test_outcome_has_been_shown_after_a_while_and_nothing_is_shown_at_first(line: Line) -> None:
    assert line.outputs.wait_until_shown(timeout_ms=0)
    line.outputs.apply(Outcome.FAULT)
    assert line.outputs.wait_until_shown(timeout_ms=5000)


def test_outputs_are_off_after_an_error_of_whoever_used_them(line: Line) -> None:
    with pytest.raises(ZeroDivisionError), line.outputs:
        line.outputs.apply(Outcome.FAULT)
        raise ZeroDivisionError
    assert line.wires() == set()


def test_closed_outputs_refuse(line: Line) -> None:
    line.outputs.close()
    for call in (
        lambda: line.outputs.apply(Outcome.NG),
        lambda: line.outputs.set_ready(is_ready=True),
        lambda: line.outputs.set_busy(is_busy=True),
        lambda: line.outputs.wait_until_shown(timeout_ms=0),
    ):
        with pytest.raises(DeviceError, match="is closed"):
            call()
    assert line.wires() == set()


# What only wires can owe.


def test_pulse_has_its_length_and_the_next_part_waits_for_its_end(board: Board) -> None:
    line = GpioLine(board)
    with line.outputs:
        began = time.monotonic()
        line.outputs.apply(Outcome.FAULT)
        while "FAULT" in line.wires():
            assert time.monotonic() - began < 20.0
        assert time.monotonic() - began >= HOLD_MS / 1e3
        assert line.outputs.wait_until_shown(timeout_ms=5000)
        assert time.monotonic() - began >= (HOLD_MS + 20.0) / 1e3
        assert line.wires() == set()


def test_waiting_for_a_pulse_ends_after_its_time(board: Board) -> None:
    line = GpioLine(board, hold_ms=5000.0)
    with line.outputs:
        line.outputs.apply(Outcome.NG)
        assert not line.outputs.wait_until_shown(timeout_ms=1)
        assert line.wires() == {"NG"}


def test_held_outcome_stays_until_the_next_part(board: Board) -> None:
    line = GpioLine(board, hold_ms=None)
    with line.outputs:
        line.outputs.apply(Outcome.NG)
        assert line.outputs.wait_until_shown(timeout_ms=5000)
        time.sleep(0.1)
        assert line.wires() == {"NG"}
        line.outputs.set_busy(is_busy=True)
        assert line.wires() == {"busy"}


def test_new_part_ends_a_pulse_and_its_own_pulse_is_whole(board: Board) -> None:
    line = GpioLine(board, hold_ms=300.0)
    with line.outputs:
        line.outputs.apply(Outcome.NG)
        time.sleep(0.2)
        line.outputs.set_busy(is_busy=True)
        assert line.wires() == {"busy"}
        began = time.monotonic()
        line.outputs.apply(Outcome.FAULT)
        while "FAULT" in line.wires():
            assert time.monotonic() - began < 20.0
        assert time.monotonic() - began >= 0.3


def test_heart_beats_while_somebody_calls_and_stands_still_when_nobody_does(board: Board) -> None:
    line = GpioLine(board, beat_ms=40.0)
    with line.outputs:

        def is_on() -> bool:
            return "heartbeat" in line.wires()

        for _ in range(3):
            before, began = is_on(), time.monotonic()
            while is_on() == before:
                line.outputs.wait_until_shown(timeout_ms=0)
                assert time.monotonic() - began < 20.0
        time.sleep(0.5)
        before, ends = is_on(), time.monotonic() + 0.3
        while time.monotonic() < ends:
            assert is_on() == before


def test_wires_are_read_back(board: Board) -> None:
    line = GpioLine(board, hold_ms=None)
    with line.outputs:
        line.outputs.set_ready(is_ready=True)
        line.outputs.apply(Outcome.FAULT)
        assert line.outputs.read() == {"ready", "fault"}


def test_lines_are_free_again_after_close(board: Board) -> None:
    line = GpioLine(board)
    assert all(board.is_held(wire.line) for wire in line.wiring.wires.values())
    line.outputs.close()
    assert not any(board.is_held(wire.line) for wire in line.wiring.wires.values())


def test_second_owner_is_refused_and_told_who_holds_the_line(board: Board) -> None:
    with GpioLine(board).outputs, pytest.raises(DeviceError, match=r"GPIO22 by 'kensa', GPIO23 by 'kensa'"):
        GpioLine(board)
