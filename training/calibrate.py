"""From distances to a limit, with the guarantee that the number of parts allows; and rates with exact intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """distance: larger is NG. target: overkill asked for. guarantee: overkill rate promised, on average, for new good
    parts drawn like the calibration parts; larger than the target where there were too few of them."""

    distance: float
    target: float
    guarantee: float
    parts: int


def conformal_limit(good_distances: Sequence[float], *, overkill: float) -> Limit:
    """Split-conformal limit: the ⌈(n+1)(1-α)⌉-th smallest distance of n good parts that training did not use.

    A new good part exceeds it with a probability of at most α (Vovk, Gammerman and Shafer, 2005). With too few parts
    for α the largest distance is taken, and the guarantee is the 1/(n+1) that it gives. An infinite distance (a good
    part that could not be judged) counts as rejected.
    Raises ValueError for no parts, or when so many could not be judged that there is no finite limit.
    """
    distances = np.sort(np.asarray(good_distances, dtype=float))
    parts = len(distances)
    if parts == 0:
        raise ValueError("no good parts to calibrate with")
    exact = round((parts + 1) * (1 - overkill), 9)  # 25 · (1 - 0.44) is 14.000000000000002 to a computer
    rank = min(math.ceil(exact), parts)
    distance = float(distances[rank - 1])
    if not math.isfinite(distance):
        unjudged = int(np.isinf(distances).sum())
        raise ValueError(f"{unjudged} of {parts} good parts kept apart for calibration could not be judged")
    return Limit(distance=distance, target=overkill, guarantee=1 - rank / (parts + 1), parts=parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """events of trials, with the exact 95 % interval (Clopper and Pearson, 1934); all shares from 0 to 1."""

    events: int
    trials: int

    @property
    def share(self) -> float:
        """The observed rate; not a number without trials."""
        return self.events / self.trials if self.trials else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end; without trials nothing is known, 0 to 1."""
        tail = (1 - CONFIDENCE) / 2
        low = float(beta.ppf(tail, self.events, self.trials - self.events + 1)) if self.events else 0.0
        is_all = self.events == self.trials
        high = 1.0 if is_all else float(beta.ppf(1 - tail, self.events + 1, self.trials - self.events))
        return low, high

    def __str__(self) -> str:
        if not self.trials:
            return "no parts"
        low, high = self.interval
        interval = f"95 % interval {100 * low:.1f} to {100 * high:.1f} %"
        words = f"{self.events} of {self.trials} ({100 * self.share:.1f} %, {interval})"
        if self.events == 0:
            words += f"; the true rate is below about {min(100.0, 100 * 3 / self.trials):.1f} % (95 %)"
        return words
