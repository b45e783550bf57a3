"""Statistics of the trends: how sure a share is, and when a quantity has left its usual range.

The usual range is the mean of a quantity's steps in a reference period, and three times their standard deviation either
way (Shewhart's three-sigma limits; Montgomery, Introduction to Statistical Quality Control, chapter 6). The steps' own
spread is taken and not their moving range: light and temperature wander over a day, and that is usual.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

Z_95 = 1.959964
SIGMAS = 3.0
LEAST_STEPS = 12  # two hours of ten minutes; fewer say little about what is usual
LEAST_PARTS = 5  # of a step whose mean is looked at
STEPS_IN_A_ROW = 2  # outside, on one side, before anybody is told: one alone happens every other day
ALARM_CHANCE = 0.00135  # beyond three sigmas, on one side


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A share, and between what it lies with 95 % confidence (Wilson's interval)."""

    share: float
    low: float
    high: float


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


def ng_share(ng: int, judged: int) -> Interval | None:
    """The share of NG among judged parts; None without any."""
    if judged == 0:
        return None
    share, weight = ng / judged, Z_95**2 / judged
    middle = (share + weight / 2) / (1 + weight)
    half = Z_95 * math.sqrt(share * (1 - share) / judged + weight / judged / 4) / (1 + weight)
    return Interval(share=share, low=max(0.0, middle - half), high=min(1.0, middle + half))


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
