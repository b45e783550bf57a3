"""The limit keeps its promise, and the intervals are exact."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from training.calibrate import MARGIN_BELOW, WIDER, Limit, Rate, cross_fitted_limit, worst_overkill
from training.unit_space import folds_of

DISTANCES = st.lists(st.floats(0, 1e6), min_size=1, max_size=80)
SHARES = st.integers(1, 99).map(lambda percent: Fraction(percent, 100))


def rank_by_trying(parts: int, overkill: Fraction) -> int:
    """The smallest rank whose promise keeps the overkill asked for; the last where none does."""
    for rank in range(1, parts + 1):
        if 1 - Fraction(rank, parts + 1) <= overkill:
            return rank
    return parts


def limit_of(distances: Sequence[float], overkill: float | Fraction, *, folds: int = 5) -> Limit:
    return cross_fitted_limit(distances, overkill=float(overkill), folds=folds)


@given(parts=st.integers(1, 300), overkill=SHARES)
def test_the_rank_is_the_smallest_that_keeps_the_overkill(parts: int, overkill: Fraction) -> None:
    limit = limit_of(range(1, parts + 1), overkill)
    rank = rank_by_trying(parts, overkill)
    assert limit.distance == rank
    assert limit.expected == pytest.approx(1 - rank / (parts + 1))
    assert limit.parts == parts


@settings(deadline=None)
@given(distances=DISTANCES, overkill=SHARES)
def test_no_more_of_the_parts_lie_beyond_the_limit_than_were_asked_for_and_their_order_does_not_matter(
    distances: list[float], overkill: Fraction
) -> None:
    limit = limit_of(distances, overkill)
    assert limit.distance in distances
    assert limit_of(distances[::-1], overkill) == limit
    rejected = sum(distance > limit.distance for distance in distances)
    assert rejected <= overkill * (len(distances) + 1)


@given(distances=DISTANCES, shares=st.tuples(SHARES, SHARES))
def test_who_allows_more_overkill_gets_no_wider_limit(
    distances: list[float], shares: tuple[Fraction, Fraction]
) -> None:
    strict, lax = sorted(shares)
    assert limit_of(distances, lax).distance <= limit_of(distances, strict).distance


@pytest.mark.parametrize(("parts", "overkill"), [(60, 0.05), (30, 0.1), (52, 0.02), (120, 0.01)])
def test_new_good_parts_are_rejected_as_often_as_expected(parts: int, overkill: float) -> None:
    random = np.random.default_rng(parts)
    draws, rejected, expected = 3000, 0.0, 0.0
    for _ in range(draws):
        limit = limit_of(random.exponential(size=parts), overkill)
        rejected += math.exp(-limit.distance) / draws  # the exact share of new parts beyond it
        expected = limit.expected
    assert rejected == pytest.approx(expected, rel=0.09)


@pytest.mark.parametrize(("parts", "overkill"), [(5, 0.02), (7, 0.02), (10, 0.02), (20, 0.1), (52, 0.05), (203, 0.01)])
def test_a_model_of_all_parts_keeps_the_guarantee_of_those_of_some(parts: int, overkill: float) -> None:
    """A model is the mean of what it has seen, and a part's distance how far it lies from it, in ten dimensions."""
    random = np.random.default_rng(parts)
    rejected = []
    for _ in range(200):
        seen, new = random.normal(size=(parts, 10)), random.normal(size=(100, 10))
        distances = np.zeros(parts)
        for left_out in folds_of([str(number) for number in range(parts)]):
            rest = np.delete(seen, left_out, axis=0)
            distances[left_out] = np.linalg.norm(seen[left_out] - rest.mean(axis=0), axis=1)
        limit = limit_of(distances, overkill)
        rejected.append(float((np.linalg.norm(new - seen.mean(axis=0), axis=1) > limit.distance).mean()))
    assert 0 < limit.expected < limit.guarantee < 1
    spread = 3 * float(np.std(rejected)) / math.sqrt(len(rejected))
    assert np.mean(rejected) <= limit.expected + spread  # the model of all parts is the better one


@pytest.mark.parametrize("parts", [3, 5, 10, 50, 200])
def test_the_guarantee_is_never_better_than_what_is_expected_and_for_one_part_a_fold_it_is_twice_that(
    parts: int,
) -> None:
    for rank in range(1, parts + 1):
        expected = 1 - rank / (parts + 1)
        assert worst_overkill(parts, rank, folds=parts) == pytest.approx(min(1.0, 2 * expected))  # the jackknife+
        assert expected <= worst_overkill(parts, rank, folds=min(5, parts)) <= 1


def test_too_few_parts_give_the_largest_distance_and_say_what_it_promises() -> None:
    limit = limit_of([3.0, 1.0, 2.0], 0.02)
    assert (limit.distance, limit.target, limit.expected, limit.rule) == (3.0, 0.02, 0.25, "ranked")
    assert limit.guarantee == pytest.approx(0.5)


@given(distances=DISTANCES, disturbed=DISTANCES, shares=st.tuples(SHARES, SHARES))
def test_disturbed_copies_only_widen_and_only_where_parts_are_very_few(
    distances: list[float], disturbed: list[float], shares: tuple[Fraction, Fraction]
) -> None:
    strict, lax = (cross_fitted_limit(distances, disturbed, overkill=float(share), folds=5) for share in sorted(shares))
    plain = limit_of(distances, strict.target)
    has_margin = strict.rule == "with_margin"
    wider = {WIDER * max(plain.distance, each) for each in disturbed}
    assert strict.distance in (wider if has_margin else {plain.distance})
    assert has_margin is (strict.is_short and len(distances) < MARGIN_BELOW)
    assert lax.distance <= strict.distance
    assert (strict.expected, strict.guarantee) == (plain.expected, plain.guarantee)  # a margin promises nothing


def test_the_margin_lets_the_share_asked_for_of_disturbed_copies_pass() -> None:
    limit = cross_fitted_limit([3.0, 1.0, 2.0], range(1, 200), overkill=0.05, folds=3)
    assert (limit.distance, limit.rule) == (WIDER * 190.0, "with_margin")
    assert cross_fitted_limit([3.0, 1.0, 2.0], [math.inf, 1.0], overkill=0.6, folds=3).distance == 2.0


def test_a_part_that_could_not_be_judged_counts_as_rejected() -> None:
    limit = limit_of([*range(1, 100), math.inf], 0.05)
    assert (limit.distance, limit.unjudged) == (96, 1)  # four of 99, and the one
    assert limit.expected == pytest.approx(5 / 101)
    assert "1 of these parts cannot be judged" in str(limit)


def test_where_more_could_not_be_judged_than_may_be_rejected_all_others_pass_and_what_is_expected_says_so() -> None:
    limit = limit_of([*range(1, 98), *[math.inf] * 3], 0.02)
    assert (limit.distance, limit.parts, limit.unjudged) == (97, 100, 3)
    assert limit.expected == pytest.approx(4 / 101)
    assert limit.guarantee >= limit.expected
    assert not limit.is_short  # more parts would not help
    assert "asked for" not in str(limit)


def test_no_limit_comes_of_parts_none_of_which_could_be_judged() -> None:
    with pytest.raises(ValueError, match="none of 2 good parts"):
        limit_of([math.inf, math.inf], 0.5)


def test_no_parts_give_no_limit() -> None:
    with pytest.raises(ValueError, match="no good parts"):
        limit_of([], 0.02)


def test_the_words_for_enough_parts_hold_what_is_expected_and_guaranteed() -> None:
    words = str(limit_of(range(1, 201), 0.02))
    assert words.startswith("limit 197.000 from 200 good parts, each judged by a model that had not seen it: 2.0%")
    assert "at most 7.8% guaranteed (if the model of all parts" in words
    assert "asked for" not in words
    assert "margin" not in words


def test_the_words_for_few_parts_say_what_it_takes_and_that_a_margin_is_no_guarantee() -> None:
    words = str(cross_fitted_limit([1.0, 2.0, 1.5], [3.0], overkill=0.01, folds=3))
    assert "25.0% overkill expected, at most 50.0% guaranteed" in words
    assert "1.0% was asked for; that takes 99 good parts" in words
    assert "a margin, no guarantee" in words


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


def test_zero_events_are_told_with_what_the_rate_is_below() -> None:
    words = str(Rate(events=0, trials=60))
    assert words.startswith("0 of 60 (0.0 %")
    assert "the true rate is below 4.9 % (95 %)" in words


def test_without_trials_nothing_is_known() -> None:
    nothing = Rate(events=0, trials=0)
    assert str(nothing) == "no parts"
    assert math.isnan(nothing.share)
    assert nothing.interval == (0.0, 1.0)


def test_all_events_are_no_rule_of_three() -> None:
    assert str(Rate(events=7, trials=7)) == "7 of 7 (100.0 %, 95 % interval 59.0 to 100.0 %)"


@pytest.mark.parametrize(("parts", "overkill", "trials"), [(600, 0.01, 2000), (60, 0.05, 200), (9, 0.01, 50)])
def test_limit_by_luck_alone_rejects_as_many_new_parts_as_it_says(parts: int, overkill: float, trials: int) -> None:
    random = np.random.default_rng(1)
    rejected = []
    for _ in range(2000):
        limit = cross_fitted_limit(random.random(parts), overkill=overkill, folds=1)
        rejected.append(int((random.random(trials) > limit.distance).sum()))
    low, high = limit.likely_overkills(trials)
    share = np.mean((np.array(rejected) >= low) & (np.array(rejected) <= high))
    assert 0.94 <= share <= 0.99
    assert low <= trials * limit.expected <= high
