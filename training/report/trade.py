"""What every other limit would have done to the same parts: escapes against overkill."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.calibrate import Rate
from training.evaluate import Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """From each limit up to the next one: escapes among the defective parts, overkills among the good ones.

    limits: distances, ascending, from 0 on. escapes, overkills: one a limit.
    """

    limits: list[float]
    escapes: list[Rate]
    overkills: list[Rate]

    def at(self, limit: float) -> tuple[Rate, Rate]:
        """Escapes and overkills at a limit of at least 0."""
        row = int(np.searchsorted(self.limits, limit, side="right")) - 1
        return self.escapes[row], self.overkills[row]


def trade_of(judged: Sequence[Judged]) -> Trade:
    """The whole curve. A part that no limit lets pass (not judged, unlike any part) is rejected at all of them."""
    good = np.sort([part.reach for part in judged if part.is_good])
    defective = np.sort([part.reach for part in judged if not part.is_good])
    limits = np.unique([0.0, *good[np.isfinite(good)], *defective[np.isfinite(defective)]])
    passed = np.searchsorted(defective, limits, side="right")
    rejected = len(good) - np.searchsorted(good, limits, side="right")
    return Trade(
        limits=[float(limit) for limit in limits],
        escapes=[Rate(events=int(count), trials=len(defective)) for count in passed],
        overkills=[Rate(events=int(count), trials=len(good)) for count in rejected],
    )
