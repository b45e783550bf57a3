"""Verdicts as the device gives them, at a distance of the test's choice."""

from edge.verdict import Outcome, Reason, Verdict


def verdict_at(
    distance: float, *, limit: float, said: str | None = None, cell: tuple[int, int] | None = None
) -> Verdict:
    """OK within the limit, NG beyond it. said: the nearest label. cell: the strongest one."""
    is_within = distance <= limit
    return Verdict(
        outcome=Outcome.OK if is_within else Outcome.NG,
        reason=Reason.WITHIN_LIMIT if is_within else Reason.TOO_FAR,
        distance=distance,
        limit=limit,
        nearest_label=said,
        cell=cell,
    )
