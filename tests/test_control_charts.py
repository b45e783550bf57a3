"""Control limits: what is usual, what is not, and how sure a share is."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from edge.control_charts import (
    ALARM_CHANCE,
    LEAST_PARTS,
    LEAST_STEPS,
    Step,
    departure,
    is_unusually_many,
    limits_of,
)


def steps(*means: float, number: int = 20) -> list[Step]:
    return [Step(began_s=600 * place, number=number, mean=mean) for place, mean in enumerate(means)]


def usual(count: int = 60) -> list[Step]:
    rng = random.Random(1)
    return steps(*(rng.gauss(10, 1) for _ in range(count)))


def test_limits_lie_three_standard_deviations_from_the_mean() -> None:
    limits = limits_of(steps(*[9.0, 11.0] * 30))
    assert limits is not None
    sigma = math.sqrt(60 / 59)
    assert (limits.low, limits.centre, limits.high) == pytest.approx((10 - 3 * sigma, 10, 10 + 3 * sigma))
    assert limits.steps == 60


def test_few_steps_or_few_parts_tell_nothing() -> None:
    assert limits_of(usual(LEAST_STEPS - 1)) is None
    assert limits_of(usual(LEAST_STEPS)) is not None
    assert limits_of(steps(*[1.0, 2.0] * 30, number=LEAST_PARTS - 1)) is None


def test_a_change_too_small_to_matter_is_inside_however_steady_it_was() -> None:
    limits = limits_of(steps(*[1.0] * 30), smallest_change=0.02)
    assert limits is not None
    assert departure(steps(1.019, 1.019), limits) == 0
    assert departure(steps(1.021, 1.021), limits) == 1


def test_departure_needs_two_steps_on_one_side() -> None:
    limits = limits_of(usual())
    assert limits is not None
    assert departure(steps(10, 10, 16), limits) == 0
    assert departure(steps(10, 16, 4), limits) == 0
    assert departure(steps(10, 16, 16), limits) == 1
    assert departure(steps(10, 4, 4), limits) == -1
    assert departure(steps(16, 16, 10), limits) == 0
    assert departure([], limits) == 0


def test_steps_with_few_parts_are_passed_over() -> None:
    limits = limits_of(usual())
    assert limits is not None
    assert departure([*steps(16, 16), *steps(10, number=LEAST_PARTS - 1)], limits) == 1


@settings(deadline=None)
@given(some.integers(1, 60), some.floats(0.001, 0.999), some.data())
def test_unusually_many_is_the_binomial_tail(number: int, share: float, data: some.DataObject) -> None:
    count = data.draw(some.integers(0, number))
    tail = sum(math.comb(number, k) * share**k * (1 - share) ** (number - k) for k in range(count, number + 1))
    if abs(tail - ALARM_CHANCE) > 1e-9:
        assert is_unusually_many(count, number, usual_share=share) == (tail < ALARM_CHANCE and count > number * share)


def test_unusually_many_of_very_many_and_of_none() -> None:
    assert is_unusually_many(1200, 100_000, usual_share=0.01)
    assert not is_unusually_many(1050, 100_000, usual_share=0.01)
    assert not is_unusually_many(0, 100, usual_share=0.0)
    assert is_unusually_many(1, 100, usual_share=0.0)
    assert not is_unusually_many(100, 100, usual_share=1.0)
