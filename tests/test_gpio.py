"""GPIO on the fake board: every error in plain words, one stroke for all wires, and never a wire left on."""

import errno
import inspect
import time

import gpiod
import pytest

from edge.drivers import gpio_outputs
from edge.drivers.gpio_lines import OutputLines, find_chip
from edge.drivers.gpio_outputs import GpioOutputs
from edge.drivers.gpio_trigger import GpioTrigger
from edge.errors import DeviceError, DeviceFault, DeviceTimeout, DeviceUnavailable
from edge.verdict import Outcome
from edge.wiring import GpioTrigger as TriggerWiring
from tests.contracts.conftest import fake_board as fake_board
from tests.contracts.test_outputs import LINES, GpioLine, wiring_on
from tests.contracts.test_triggers import LINE, edge, gpio_trigger
from tests.gpio_boards import LABEL, FakeBoard, FakeChip, FakeRequest
from tests.stations import until


@pytest.mark.parametrize(("fake", "real"), [(FakeChip, gpiod.Chip), (FakeRequest, gpiod.LineRequest)])
def test_fake_has_only_what_gpiod_has(fake: type, real: type) -> None:
    own = {"see"}  # how the board tells a request of an edge
    for name, method in vars(fake).items():
        if name.startswith("_") or not callable(method) or name in own:
            continue
        known = inspect.signature(getattr(real, name)).parameters
        assert set(inspect.signature(method).parameters) <= set(known), name


def test_chip_is_found_by_label_or_path(fake_board: FakeBoard) -> None:
    assert find_chip(LABEL) == str(fake_board.path)
    assert find_chip(str(fake_board.path)) == str(fake_board.path)


def test_missing_chip_is_told_with_those_that_there_are(fake_board: FakeBoard) -> None:
    with pytest.raises(DeviceUnavailable, match=r"there is no GPIO chip 'rp1' here; there is 'pinctrl-bcm2711' \("):
        find_chip("rp1")
    with pytest.raises(DeviceUnavailable, match=r"there is no GPIO chip '/dev/nothing' here; there is /"):
        find_chip("/dev/nothing")
    fake_board.path.unlink()
    with pytest.raises(DeviceUnavailable, match="there is none at all"):
        find_chip("rp1")


def test_missing_line_is_told(fake_board: FakeBoard) -> None:
    with pytest.raises(DeviceUnavailable, match=r"there is no line 'GPIO99' on .* 'pinctrl-bcm2711' with its 28 lines"):
        GpioTrigger(TriggerWiring(driver="gpio", line="GPIO99"))
    assert fake_board.holders == {}


def test_chip_that_may_not_be_opened_names_the_group(fake_board: FakeBoard) -> None:
    fake_board.faults["open"] = PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(DeviceUnavailable, match="Permission denied; put this user into the group 'gpio'"):
        GpioLine(fake_board)


def test_line_that_is_taken_names_its_holder(fake_board: FakeBoard) -> None:
    fake_board.holders = {"GPIO24": "blinky", "GPIO25": ""}
    with pytest.raises(DeviceUnavailable, match="GPIO24 by 'blinky', GPIO25 by 'the kernel'; end that program"):
        GpioLine(fake_board)


def test_outputs_are_requested_off_and_never_on_in_between(fake_board: FakeBoard) -> None:
    with GpioLine(fake_board).outputs:
        (request,) = fake_board.requests
        assert {settings.output_value for settings in request._config.values()} == {gpiod.line.Value.INACTIVE}
        assert [set(write.values()) for write in fake_board.writes] == [{gpiod.line.Value.INACTIVE}]


def test_every_change_is_one_stroke_for_all_wires(fake_board: FakeBoard) -> None:
    line = GpioLine(fake_board)
    with line.outputs:
        fake_board.writes.clear()
        for call in (
            lambda: line.outputs.set_ready(is_ready=True),
            lambda: line.outputs.set_busy(is_busy=True),
            lambda: line.outputs.apply(Outcome.NG),
        ):
            call()
        assert len(fake_board.writes) == 3
        everything = {f"GPIO{number}" for name, number in LINES.items() if name != "heartbeat"}
        assert all(set(write) == everything for write in fake_board.writes)


@pytest.mark.parametrize("wire", ["ok", "ng"])
def test_wire_that_is_stuck_on_is_refused_at_the_start(fake_board: FakeBoard, wire: str) -> None:
    fake_board.stuck[f"GPIO{LINES[wire]}"] = int(wire == "ok")  # the NG wire is active low
    with pytest.raises(DeviceFault, match=f"the wire '{wire}' .* is on and was switched off: look for a short"):
        GpioLine(fake_board)
    assert fake_board.holders == {}


def test_wire_that_does_not_switch_on_is_found(fake_board: FakeBoard) -> None:
    line = GpioLine(fake_board)
    fake_board.stuck["GPIO24"] = 0
    with line.outputs, pytest.raises(DeviceFault, match=r"the wire 'fault' .* is off and was switched on"):
        line.outputs.apply(Outcome.FAULT)


@pytest.mark.parametrize("call", ["set_values", "get_values"])
@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "Input/output error"), gpiod.RequestReleasedError(), ValueError("no")]
)
def test_errors_of_gpiod_become_ours(fake_board: FakeBoard, call: str, error: Exception) -> None:
    line = GpioLine(fake_board)
    with line.outputs:
        fake_board.faults[call] = error
        with pytest.raises(DeviceFault, match="the outputs cannot be"):
            line.outputs.apply(Outcome.NG)
        fake_board.faults.clear()
        line.outputs.apply(Outcome.FAULT)
        assert line.wires() == {"FAULT"}


@pytest.mark.parametrize("call", ["wait_edge_events", "read_edge_events"])
def test_errors_of_the_trigger_become_ours(fake_board: FakeBoard, call: str) -> None:
    with gpio_trigger(fake_board) as trigger:
        edge(fake_board)
        fake_board.faults[call] = OSError(errno.ENODEV, "No such device")
        with pytest.raises(DeviceFault, match=f"the trigger's line {LINE} does not answer: No such device"):
            trigger.wait(timeout_ms=10)
        fake_board.faults.clear()
        assert trigger.wait(timeout_ms=10) is not None


def test_pulse_that_cannot_be_ended_is_told_at_the_next_call(fake_board: FakeBoard) -> None:
    line = GpioLine(fake_board)
    line.outputs.apply(Outcome.NG)
    fake_board.faults["set_values"] = OSError(errno.EIO, "Input/output error")
    until(lambda: line.outputs._failed)
    with pytest.raises(DeviceFault, match="cannot be switched: Input/output error"):
        line.outputs.wait_until_shown(timeout_ms=0)
    fake_board.faults.clear()
    line.outputs.close()
    assert line.wires() == set()


def test_wire_that_is_not_connected_is_passed_over(fake_board: FakeBoard) -> None:
    wiring = wiring_on(fake_board).model_copy(update={"ng": None, "fault": None, "ready": None, "busy": None})
    with GpioOutputs(wiring, longest_silence_ms=1000) as outputs:
        outputs.set_ready(is_ready=True)
        outputs.set_busy(is_busy=True)
        outputs.apply(Outcome.FAULT)
        assert outputs.is_ready
        assert outputs.read() == set()
        assert not outputs.wait_until_shown(timeout_ms=0)


def test_lines_that_hang_are_a_timeout_and_what_was_asked_for_meanwhile_never_happens(
    fake_board: FakeBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpio_outputs, "ANSWER_S", 0.05)
    line = GpioLine(fake_board, hold_ms=None)
    fake_board.setting_takes_s = 0.5
    with pytest.raises(DeviceTimeout, match="have not answered"):
        line.outputs.set_busy(is_busy=True)
    with pytest.raises(DeviceTimeout):
        line.outputs.apply(Outcome.NG)
    fake_board.setting_takes_s = 0.0
    until(lambda: "busy" in line.wires())
    time.sleep(0.1)
    assert line.wires() == {"busy"}
    line.outputs.close()


def test_lines_that_hang_for_ever_say_so_at_the_end(fake_board: FakeBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpio_outputs, "CLOSE_S", 0.05)
    line = GpioLine(fake_board)
    fake_board.setting_takes_s = 0.6
    with pytest.raises(DeviceTimeout, match="cannot be made safe"):
        line.outputs.close()
    line.outputs.close()
    until(lambda: fake_board.holders == {})


def test_outputs_whose_thread_is_gone_refuse(fake_board: FakeBoard) -> None:
    line = GpioLine(fake_board)
    line.outputs._jobs.put(None)
    until(lambda: not line.outputs._thread.is_alive())
    assert line.wires() == set()
    with pytest.raises(DeviceError, match="nobody holds the output lines"):
        line.outputs.wait_until_shown(timeout_ms=0)


def test_output_lines_close_twice_and_refuse_afterwards(fake_board: FakeBoard) -> None:
    lines = OutputLines(wiring_on(fake_board))
    lines.show(frozenset({"ok"}))
    fake_board.faults["set_values"] = OSError(errno.EIO, "Input/output error")
    lines.close()
    lines.close()
    assert fake_board.holders == {}
    with pytest.raises(DeviceUnavailable):
        lines.read()
