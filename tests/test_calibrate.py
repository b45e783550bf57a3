"""The limit keeps its promise, and the intervals are exact."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from training.calibrate import Rate, conformal_limit

DISTANCES = st.lists(st.floats(0, 1e6), min_size=1, max_size=80)
SHARES = st.integers(1, 99).map(lambda percent: Fraction(percent, 100))


def rank_by_trying(parts: int, overkill: Fraction) -> int:
    """The smallest rank whose promise keeps the overkill asked for; the last where none does."""
    for rank in range(1, parts + 1):
        if 1 - Fraction(rank, parts + 1) <= overkill:
            return rank
    return parts


@given(parts=st.integers(1, 300), overkill=SHARES)
def test_the_rank_is_the_smallest_that_keeps_the_promise(parts: int, overkill: Fraction) -> None:
    limit = conformal_limit(range(1, parts + 1), overkill=float(overkill))
    assert limit.distance == rank_by_trying(parts, overkill)
    assert limit.guarantee == pytest.approx(1 - limit.distance / (parts + 1))
    assert limit.parts == parts


@given(distances=DISTANCES, overkill=SHARES)
def test_the_limit_is_one_of_the_distances_and_their_order_does_not_matter(
    distances: list[float], overkill: Fraction
) -> None:
    limit = conformal_limit(distances, overkill=float(overkill))
    assert limit.distance in distances
    assert conformal_limit(distances[::-1], overkill=float(overkill)) == limit
    rejected = sum(distance > limit.distance for distance in distances)
    assert rejected <= overkill * (len(distances) + 1)


@given(distances=DISTANCES, shares=st.tuples(SHARES, SHARES))
def test_who_allows_more_overkill_gets_no_wider_limit(
    distances: list[float], shares: tuple[Fraction, Fraction]
) -> None:
    strict, lax = sorted(shares)
    assert (
        conformal_limit(distances, overkill=float(lax)).distance
        <= conformal_limit(distances, overkill=float(strict)).distance
    )


@pytest.mark.parametrize(("parts", "overkill"), [(60, 0.05), (30, 0.1), (52, 0.02), (9, 0.02)])
def test_new_good_parts_are_rejected_as_often_as_promised(parts: int, overkill: float) -> None:
    random = np.random.default_rng(parts)
    draws, rejected, promised = 4000, 0.0, 0.0
    for _ in range(draws):
        limit = conformal_limit(random.exponential(size=parts), overkill=overkill)
        rejected += math.exp(-limit.distance) / draws  # the exact share of new parts beyond it
        promised = limit.guarantee
    assert rejected == pytest.approx(promised, rel=0.08)


def test_too_few_parts_give_the_largest_distance_and_say_what_it_promises() -> None:
    limit = conformal_limit([3.0, 1.0, 2.0], overkill=0.02)
    assert (limit.distance, limit.target, limit.guarantee) == (3.0, 0.02, 0.25)


def test_a_part_that_could_not_be_judged_counts_as_rejected() -> None:
    distances = [*range(1, 50), math.inf]
    assert conformal_limit(distances, overkill=0.04).distance == 49
    with pytest.raises(ValueError, match="1 of 50 good parts"):
        conformal_limit(distances, overkill=0.01)


def test_no_parts_give_no_limit() -> None:
    with pytest.raises(ValueError, match="no good parts"):
        conformal_limit([], overkill=0.02)


@pytest.mark.parametrize(
    ("events", "trials", "low", "high"),
    [
        (0, 20, 0.0, 0.1684),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (4, 263, 0.0042, 0.0385),
    ],
)
def test_intervals_agree_with_published_values(events: int, trials: int, low: float, high: float) -> None:
    assert Rate(events=events, trials=trials).interval == pytest.approx((low, high), abs=5e-5)


@given(trials=st.integers(1, 400), share=st.floats(0, 1))
def test_interval_ends_leave_two_and_a_half_percent_on_either_side(trials: int, share: float) -> None:
    events = round(share * trials)
    low, high = Rate(events=events, trials=trials).interval
    assert 0 <= low <= events / trials <= high <= 1
    if events:
        assert binom.sf(events - 1, trials, low) == pytest.approx(0.025, rel=1e-3)
    if events < trials:
        assert binom.cdf(events, trials, high) == pytest.approx(0.025, rel=1e-3)


def test_zero_events_are_told_with_the_rule_of_three() -> None:
    words = str(Rate(events=0, trials=60))
    assert words.startswith("0 of 60 (0.0 %")
    assert "below about 5.0 %" in words


def test_without_trials_nothing_is_known() -> None:
    nothing = Rate(events=0, trials=0)
    assert str(nothing) == "no parts"
    assert math.isnan(nothing.share)
    assert nothing.interval == (0.0, 1.0)


def test_all_events_are_no_rule_of_three() -> None:
    assert str(Rate(events=7, trials=7)) == "7 of 7 (100.0 %, 95 % interval 59.0 to 100.0 %)"
