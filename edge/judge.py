"""The only file that hands out OK."""

import math

from edge.scoring import Score
from edge.verdict import Outcome, Reason, Verdict, fault


def judge(score: Score, *, limit: float, map_limit: float) -> Verdict:
    """OK, NG or FAULT for one scored part.

    limit: largest distance from the good-part centroid that is still good. map_limit: largest mean of the map, in 8 bit
    levels, at which the distance can be believed; a map beyond it is of something else, wherever it is embedded.
    Anything that is not a finite number is FAULT.
    """
    numbers = (score.distance, score.map_mean, limit, map_limit)
    if not all(math.isfinite(number) for number in numbers) or limit <= 0:
        return fault(Reason.NOT_FINITE, f"distance {score.distance}, map mean {score.map_mean}, limit {limit}")
    if score.map_mean > map_limit:
        outcome, reason = Outcome.NG, Reason.UNLIKE_ANY_PART
    elif score.distance > limit:
        outcome, reason = Outcome.NG, Reason.TOO_FAR
    else:
        outcome, reason = Outcome.OK, Reason.WITHIN_LIMIT
    return Verdict(
        outcome=outcome,
        reason=reason,
        distance=score.distance,
        limit=limit,
        nearest_label=score.nearest_label,
        cell=score.strongest_cell,
    )
