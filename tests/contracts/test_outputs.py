"""What every set of outputs owes the line, run over each driver that can work here."""

from collections.abc import Callable

import pytest

from edge.drivers.simulated import SimulatedOutputs
from edge.errors import DeviceError
from edge.verdict import Outcome

Wires = Callable[[], set[str]]


@pytest.fixture(params=["simulated"])
def outputs_and_wires() -> tuple[SimulatedOutputs, Wires]:
    outputs = SimulatedOutputs()
    return outputs, lambda: set(outputs.wires)


def test_all_wires_are_off_when_opened_and_when_closed(outputs_and_wires: tuple[SimulatedOutputs, Wires]) -> None:
    outputs, wires = outputs_and_wires
    assert wires() == set()
    outputs.set_ready(is_ready=True)
    outputs.apply(Outcome.NG)
    outputs.close()
    outputs.close()
    assert wires() == set()


@pytest.mark.parametrize("first", list(Outcome))
@pytest.mark.parametrize("second", list(Outcome))
def test_one_outcome_at_a_time(
    outputs_and_wires: tuple[SimulatedOutputs, Wires], first: Outcome, second: Outcome
) -> None:
    outputs, wires = outputs_and_wires
    outputs.apply(first)
    outputs.apply(second)
    assert wires() == {second.value}


def test_taking_a_new_part_clears_the_last_outcome(outputs_and_wires: tuple[SimulatedOutputs, Wires]) -> None:
    outputs, wires = outputs_and_wires
    outputs.apply(Outcome.NG)
    outputs.set_busy(is_busy=True)
    assert wires() == {"busy"}


def test_closed_outputs_refuse(outputs_and_wires: tuple[SimulatedOutputs, Wires]) -> None:
    outputs, wires = outputs_and_wires
    outputs.close()
    with pytest.raises(DeviceError):
        outputs.apply(Outcome.NG)
    assert wires() == set()
