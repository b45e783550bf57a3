"""A verdict that contradicts itself cannot be made."""

import math
from itertools import product

import pytest

from edge.verdict import NG_REASONS, Outcome, Reason, Verdict, fault

FAULTS = sorted(set(Reason) - NG_REASONS - {Reason.WITHIN_LIMIT})


def belongs(outcome: Outcome, reason: Reason) -> bool:
    if outcome is Outcome.OK:
        return reason is Reason.WITHIN_LIMIT
    return (reason in NG_REASONS) if outcome is Outcome.NG else (reason in FAULTS)


@pytest.mark.parametrize(("outcome", "reason"), list(product(Outcome, Reason)))
def test_every_reason_belongs_to_exactly_one_outcome(outcome: Outcome, reason: Reason) -> None:
    if belongs(outcome, reason):
        assert Verdict(outcome=outcome, reason=reason, distance=1.0, limit=2.0).outcome is outcome
    else:
        with pytest.raises(ValueError, match="cannot have the reason"):
            Verdict(outcome=outcome, reason=reason, distance=1.0, limit=2.0)


@pytest.mark.parametrize("reason", [Reason.WITHIN_LIMIT, *sorted(NG_REASONS)])
@pytest.mark.parametrize(
    ("distance", "limit"),
    [
        *((None, 1.0), (0.5, None), (None, None), (0.5, 0.0), (-2.0, -1.0)),
        *((math.nan, 1.0), (0.5, math.nan), (math.inf, math.inf), (-math.inf, 1.0), (0.5, math.inf)),
    ],
)
def test_a_judgement_needs_finite_numbers(reason: Reason, distance: float | None, limit: float | None) -> None:
    outcome = Outcome.OK if reason is Reason.WITHIN_LIMIT else Outcome.NG
    with pytest.raises(ValueError, match="needs"):
        Verdict(outcome=outcome, reason=reason, distance=distance, limit=limit)


def test_ok_beyond_the_limit_cannot_be_said() -> None:
    with pytest.raises(ValueError, match="is not within the limit"):
        Verdict(outcome=Outcome.OK, reason=Reason.WITHIN_LIMIT, distance=math.nextafter(1.0, 2), limit=1.0)


@pytest.mark.parametrize("reason", FAULTS)
def test_a_fault_needs_no_numbers(reason: Reason) -> None:
    verdict = fault(reason, "as the sensor said")
    assert (verdict.outcome, verdict.reason, verdict.detail) == (Outcome.FAULT, reason, "as the sensor said")
    assert verdict.distance is verdict.limit is verdict.margin is verdict.cell is None


@pytest.mark.parametrize("reason", [Reason.WITHIN_LIMIT, *sorted(NG_REASONS)])
def test_a_judgement_is_no_fault(reason: Reason) -> None:
    with pytest.raises(ValueError, match="cannot have the reason"):
        fault(reason)


def test_the_margin_is_the_share_of_the_limit() -> None:
    assert Verdict(outcome=Outcome.NG, reason=Reason.TOO_FAR, distance=3.0, limit=2.0).margin == 1.5
    assert Verdict(outcome=Outcome.FAULT, reason=Reason.LATE, distance=3.0, limit=0.0).margin is None
