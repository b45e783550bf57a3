"""Has a process left its usual range? Control limits, and what may be called unusual.

The usual range of a quantity is the mean of its steps in a reference period, and three times their standard deviation
either way (Shewhart's three-sigma limits; Montgomery, Introduction to Statistical Quality Control, chapter 6). The
steps' own spread is taken and not their moving range: light and temperature wander over a day, and that is usual.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

SIGMAS = 3.0
LEAST_STEPS = 12  # two hours of ten minutes; fewer say little about what is usual
LEAST_PARTS = 5  # of a step whose mean is looked at
STEPS_IN_A_ROW = 2  # outside, on one side, before anybody is told: one alone happens every other day
ALARM_CHANCE = 0.00135  # beyond three sigmas, on one side


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The parts of one stretch of time. began_s: since 1970, UTC. number: of parts. mean: of the quantity."""

    began_s: int
    number: int
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlLimits:
    """The usual range of a step's mean, and from how many steps it is known."""

    low: float
    centre: float
    high: float
    steps: int


def limits_of(reference: Sequence[Step], *, smallest_change: float = 0.0) -> ControlLimits | None:
    """The usual range; None where too few steps are known. smallest_change: what matters, however steady it was."""
    means = [step.mean for step in reference if step.number >= LEAST_PARTS]
    if len(means) < LEAST_STEPS:
        return None
    centre, reach = fmean(means), max(SIGMAS * stdev(means), smallest_change)
    return ControlLimits(low=centre - reach, centre=centre, high=centre + reach, steps=len(means))


def departure(steps: Sequence[Step], limits: ControlLimits) -> int:
    """1 if the last steps are all above the usual range, -1 if all below, 0 otherwise. steps: oldest first."""
    last = [step.mean for step in steps if step.number >= LEAST_PARTS][-STEPS_IN_A_ROW:]
    if len(last) < STEPS_IN_A_ROW:
        return 0
    if all(mean > limits.high for mean in last):
        return 1
    return -1 if all(mean < limits.low for mean in last) else 0


def interval(count: int, number: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Between what shares the true one lies, when `count` of `number` were seen (Wilson's interval); all if none were.

    Raises ValueError for a count that is no part of the number.
    """
    if not 0 <= count <= number:
        raise ValueError(f"{count} of {number} is no share")
    if number == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = count / number, 1 + z * z / number
    middle = (share + z * z / (2 * number)) / weight
    reach = z / weight * math.sqrt(share * (1 - share) / number + z * z / (4 * number * number))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def is_unusually_many(count: int, number: int, *, usual_share: float) -> bool:
    """True if so many or more would come by chance less often than once in 740 times (binomial tail)."""
    if count == 0 or usual_share >= 1:
        return False
    if usual_share <= 0:
        return True
    log_term = (  # of exactly `count`
        math.lgamma(number + 1) - math.lgamma(count + 1) - math.lgamma(number - count + 1)
        + count * math.log(usual_share) + (number - count) * math.log1p(-usual_share)
    )  # fmt: skip
    term, chance, odds = math.exp(log_term), 0.0, usual_share / (1 - usual_share)
    for seen in range(count, number + 1):
        chance += term
        if chance >= ALARM_CHANCE or term < chance * 1e-12:
            break
        term *= (number - seen) / (seen + 1) * odds
    return chance < ALARM_CHANCE and count > number * usual_share
