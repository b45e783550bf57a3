"""How many parts it takes to say something about a rate, and what a number of parts allows to say."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import beta, binom

CONFIDENCE = 0.95
MOST_PARTS = 10_000_000


def upper_bound(events: int, trials: int, *, confidence: float = CONFIDENCE) -> float:
    """What the true rate is below, with this confidence (one-sided; Clopper and Pearson, 1934); 1 without trials."""
    if events >= trials:
        return 1.0
    return float(beta.ppf(confidence, events + 1, trials - events))


def parts_to_say(share: float, *, events: int = 0, confidence: float = CONFIDENCE) -> int:
    """The fewest parts of which no more than so many may be wrong, to say "the rate is below share".

    share: above 0 and below 1. Raises ValueError for another one, or where it takes more than MOST_PARTS.
    """
    if not 0 < share < 1:
        raise ValueError(f"{share} is not a share between 0 and 1")
    low, high = events, events + 1
    while binom.cdf(events, high, share) > 1 - confidence:
        low, high = high, 2 * high
        if high > MOST_PARTS:
            raise ValueError(f"it takes more than {MOST_PARTS:,} parts to say that a rate is below {share:g}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if binom.cdf(events, middle, share) > 1 - confidence else (low, middle)
    return high


def quantile_interval(
    values: Sequence[float], share: float, *, confidence: float = CONFIDENCE
) -> tuple[float | None, float | None]:
    """Where the quantile lies below which a share of all parts lie, by order statistics of some (no assumption).

    Each end errs with at most half of what confidence leaves, and is None where there are too few values to give it.
    Raises ValueError without values.
    """
    if not values:
        raise ValueError("there are no values to find a quantile of")
    ranked, tail = np.sort(np.asarray(values, dtype=float)), (1 - confidence) / 2
    low = int(binom.ppf(tail, len(ranked), share))  # of 1 to n: so many or fewer lie below it with less than the tail
    high = int(binom.ppf(1 - tail, len(ranked), share)) + 1
    return (
        float(ranked[low - 1]) if low else None,
        float(ranked[high - 1]) if high <= len(ranked) else None,
    )
