"""Agreement beyond chance between two answers, passed and rejected, with intervals by drawing parts anew.

Several looks at one part are not independent, so that the bootstrap (Efron, 1979) draws whole parts.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.sample_size import CONFIDENCE

RESAMPLES = 4000
FEWEST_DEFINED = 0.95  # of the resamples: below it the interval is not given

Counts = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kappa:
    """Chance-corrected agreement: 1 is full, 0 is chance; None where all answers are the same, which says nothing.

    interval: 95 %; None where too many resamples hold only one answer. It is 1 to 1 where nobody ever disagreed, and
    then says nothing either.
    """

    value: float | None
    interval: tuple[float, float] | None


def cohen(first: Bools, second: Bools, *, seed: int = 0) -> Kappa:
    """Of two raters (Cohen, 1960). first, second: (parts, looks) bool, each look of one against that of the other."""
    table = np.stack(
        [first & second, first & ~second, ~first & second, ~first & ~second], axis=2, dtype=float, casting="unsafe"
    ).sum(axis=1)  # (parts, 4)
    return _kappa(table, _cohen_of, seed=seed)


def fleiss(rejected: Bools, *, seed: int = 0) -> Kappa:
    """Of several raters (Fleiss, 1971). rejected: (parts, ratings), two or more ratings a part."""
    ratings = rejected.shape[1]
    if ratings < 2:
        return Kappa(value=None, interval=None)
    yes = rejected.sum(axis=1).astype(float)
    agreeing = (yes * (yes - 1) + (ratings - yes) * (ratings - yes - 1)) / (ratings * (ratings - 1))
    return _kappa(np.stack([agreeing, yes / ratings, np.ones(len(yes))], axis=1), _fleiss_of, seed=seed)


def _cohen_of(sums: Counts) -> Counts:
    """(…, 4) counts of both, first only, second only and neither → (…)."""
    total = sums.sum(axis=-1)
    both, first, second, neither = (sums[..., place] / total for place in range(4))
    yes = (both + first) * (both + second)
    return _beyond_chance(both + neither, yes + (1 - both - first) * (1 - both - second))


def _fleiss_of(sums: Counts) -> Counts:
    """(…, 3) sums over parts of agreement, of the share of yes, and of ones → (…)."""
    agreeing, yes = sums[..., 0] / sums[..., 2], sums[..., 1] / sums[..., 2]
    return _beyond_chance(agreeing, yes**2 + (1 - yes) ** 2)


def _beyond_chance(agreeing: Counts, by_chance: Counts) -> Counts:
    left = 1 - by_chance
    return np.where(left > 1e-12, (agreeing - by_chance) / np.where(left > 1e-12, left, 1.0), math.nan)


def _kappa(by_part: Counts, statistic: Callable[[Counts], Counts], *, seed: int) -> Kappa:
    """by_part: (parts, k), what a part adds to the sums of which the statistic is made."""
    value = float(statistic(by_part.sum(axis=0)))
    parts = len(by_part)
    weights = np.random.default_rng(seed).multinomial(parts, np.full(parts, 1 / parts), RESAMPLES)
    drawn = statistic(weights @ by_part)
    defined = drawn[np.isfinite(drawn)]
    interval = None
    if len(defined) >= FEWEST_DEFINED * RESAMPLES:
        low, high = np.quantile(defined, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        interval = (float(low), min(float(high), 1.0))
    return Kappa(value=value if math.isfinite(value) else None, interval=interval if math.isfinite(value) else None)
