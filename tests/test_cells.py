"""The unit in which a map says how far a cell is from good."""

from dataclasses import fields

import numpy as np
import pytest

from edge.preprocess import CEILING_SIGMA, CellFunction
from training.cells import STEPS, standardised, steps_for

PARTS, CELLS = 200, 100


def untold() -> CellFunction:
    """A function of which only the unit is looked at."""
    return CellFunction(**{field.name: np.zeros(1, np.float32) for field in fields(CellFunction)})


def test_the_unit_is_a_deviation_of_good_parts() -> None:
    values = np.random.default_rng(0).normal(-3.0, 2.0, (PARTS, CELLS)).astype(np.float32)
    function = standardised(untold(), values)
    assert float(function.middle[0]) == pytest.approx(-3.0, abs=0.05)
    assert float(function.deviation[0]) == pytest.approx(2.0, abs=0.05)


def test_a_few_restless_parts_do_not_use_up_the_range_of_the_map() -> None:
    """Every tenth part has a cell at forty deviations: still half of the range is left for what is beyond."""
    values = np.random.default_rng(0).normal(0.0, 1.0, (PARTS, CELLS)).astype(np.float32)
    values[::10, 7] = 40.0
    function = standardised(untold(), values)
    farthest = (40.0 - float(function.middle[0])) / float(function.deviation[0])
    assert farthest == pytest.approx(CEILING_SIGMA / 2, rel=0.01)


def test_one_odd_part_of_many_does_not_blunt_the_map() -> None:
    values = np.random.default_rng(0).normal(0.0, 1.0, (PARTS, CELLS)).astype(np.float32)
    values[0, 7] = 1000.0
    assert float(standardised(untold(), values).deviation[0]) < 10.0


def test_few_parts_are_learned_from_for_less_long_and_hundreds_as_long_as_thousands() -> None:
    assert [steps_for(parts) for parts in (3, 10, 20, 50)] == [300, 300, 600, 1500]
    assert steps_for(80) == steps_for(2000) == STEPS
