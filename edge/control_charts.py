"""Statistics of the trends: how sure a share is, and when a series leaves the range in which it was well."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Z_95 = 1.959964
XMR_SIGMAS = 2.66  # three sigmas of single values, from their mean moving range: 3 / 1.128
LEAST_VALUES = 8  # for control limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A share, and between what it lies with 95 % confidence (Wilson's interval)."""

    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Control limits of single values: centre, and three sigmas to either side, from the mean moving range."""

    low: float
    centre: float
    high: float


def ng_share(ng: int, judged: int) -> Interval | None:
    """The share of NG among judged parts; None without any."""
    if judged == 0:
        return None
    share, weight = ng / judged, Z_95**2 / judged
    middle = (share + weight / 2) / (1 + weight)
    half = Z_95 * math.sqrt(share * (1 - share) / judged + weight / judged / 4) / (1 + weight)
    return Interval(share=share, low=max(0.0, middle - half), high=min(1.0, middle + half))


def control_limits(values: Sequence[float]) -> Control | None:
    """Limits from a time when all was well, as of a chart of single values (XmR); None from fewer than 8 values."""
    if len(values) < LEAST_VALUES:
        return None
    centre = sum(values) / len(values)
    moved = sum(abs(after - before) for before, after in pairwise(values)) / (len(values) - 1)
    return Control(low=centre - XMR_SIGMAS * moved, centre=centre, high=centre + XMR_SIGMAS * moved)
