"""OK must be earned: whatever the numbers are, it takes all of them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.judge import judge
from edge.scoring import Score
from edge.verdict import Outcome, Reason, Verdict

ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)
POSITIVE = st.floats(min_value=0, max_value=1e12)
LIMITS = st.floats(min_value=1e-6, max_value=1e12)


def judged(distance: float, map_mean: float, *, limit: float, map_limit: float) -> Verdict:
    score = Score(distance=distance, nearest_label="bent_42", map_mean=map_mean, strongest_cell=(3, 4))
    return judge(score, limit=limit, map_limit=map_limit)


@given(ANY, ANY, ANY, ANY)
def test_ok_is_earned_by_all_numbers(distance: float, map_mean: float, limit: float, map_limit: float) -> None:
    verdict = judged(distance, map_mean, limit=limit, map_limit=map_limit)
    is_finite = all(map(math.isfinite, (distance, map_mean, limit, map_limit)))
    assert (verdict.outcome is Outcome.OK) is (is_finite and limit > 0 and distance <= limit and map_mean <= map_limit)
    if not is_finite:
        assert (verdict.outcome, verdict.reason) == (Outcome.FAULT, Reason.NOT_FINITE)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", range(4))
def test_a_number_that_is_none_is_a_fault_wherever_it_stands(place: int, bad: float) -> None:
    numbers = [0.5, 40.0, 1.0, 100.0]
    numbers[place] = bad
    verdict = judged(numbers[0], numbers[1], limit=numbers[2], map_limit=numbers[3])
    assert (verdict.outcome, verdict.reason) == (Outcome.FAULT, Reason.NOT_FINITE)


@given(POSITIVE, POSITIVE, POSITIVE, LIMITS, LIMITS)
def test_a_part_does_not_become_better_with_distance(
    distance: float, further: float, map_mean: float, limit: float, map_limit: float
) -> None:
    near = judged(distance, map_mean, limit=limit, map_limit=map_limit)
    far = judged(distance + further, map_mean, limit=limit, map_limit=map_limit)
    assert not (near.outcome is Outcome.NG and far.outcome is Outcome.OK)


@given(POSITIVE, POSITIVE, POSITIVE, LIMITS, LIMITS)
def test_a_part_does_not_become_better_with_a_brighter_map(
    distance: float, map_mean: float, brighter: float, limit: float, map_limit: float
) -> None:
    dark = judged(distance, map_mean, limit=limit, map_limit=map_limit)
    bright = judged(distance, map_mean + brighter, limit=limit, map_limit=map_limit)
    assert not (dark.outcome is Outcome.NG and bright.outcome is Outcome.OK)


def test_the_limit_itself_is_still_good() -> None:
    assert judged(1.0, 100.0, limit=1.0, map_limit=100.0).outcome is Outcome.OK
    assert judged(math.nextafter(1.0, 2), 100.0, limit=1.0, map_limit=100.0).reason is Reason.TOO_FAR
    assert judged(1.0, math.nextafter(100.0, 200), limit=1.0, map_limit=100.0).reason is Reason.UNLIKE_ANY_PART


def test_a_verdict_names_what_it_rests_on() -> None:
    verdict = judged(3.0, 40.0, limit=2.0, map_limit=100.0)
    assert (verdict.distance, verdict.limit, verdict.margin) == (3.0, 2.0, 1.5)
    assert (verdict.nearest_label, verdict.cell) == ("bent_42", (3, 4))
