"""How many parts it takes, against scipy's own tests of proportions and quantiles."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, quantile_test

from training.sample_size import parts_to_say, quantile_interval, upper_bound


@pytest.mark.parametrize(("events", "trials"), [(0, 59), (0, 299), (1, 60), (3, 40), (20, 20), (0, 1)])
def test_the_upper_bound_is_scipys_exact_one(events: int, trials: int) -> None:
    exact = binomtest(events, trials, alternative="less").proportion_ci(0.95, method="exact").high
    assert upper_bound(events, trials) == pytest.approx(exact)


def test_without_parts_nothing_is_known() -> None:
    assert upper_bound(0, 0) == 1.0


def test_the_textbook_numbers() -> None:
    assert parts_to_say(0.05) == 59
    assert parts_to_say(0.01) == 299
    assert parts_to_say(0.01, events=1) == 473
    assert parts_to_say(0.5) == 5


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share between 0 and 1"):
        parts_to_say(share)


def test_a_rate_that_nobody_can_show_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 10,000,000 parts"):
        parts_to_say(1e-9)


@settings(deadline=None, max_examples=40)
@given(share=st.floats(0.002, 0.9), events=st.integers(0, 5))
def test_one_part_less_is_not_enough(share: float, events: int) -> None:
    needed = parts_to_say(share, events=events)
    assert upper_bound(events, needed) <= share + 1e-12
    assert needed == events + 1 or upper_bound(events, needed - 1) > share


@settings(deadline=None, max_examples=40)
@given(count=st.integers(1, 400), share=st.floats(0.02, 0.98), seed=st.integers(0, 99))
def test_the_interval_of_a_quantile_is_scipys(count: int, share: float, seed: int) -> None:
    values = np.random.default_rng(seed).gamma(2.0, size=count)
    low, high = quantile_interval(list(values), share)
    known = quantile_test(values, p=share).confidence_interval(0.95)
    assert (math.nan if low is None else low) == pytest.approx(known.low, nan_ok=True)
    assert (math.nan if high is None else high) == pytest.approx(known.high, nan_ok=True)


def test_no_values_have_no_quantile() -> None:
    with pytest.raises(ValueError, match="no values"):
        quantile_interval([], 0.5)
