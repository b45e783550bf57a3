"""What another limit would have said of the last parts: shown before it takes hold."""

import sqlite3
from dataclasses import dataclass

from edge.verdict import Reason

LAST = """
    SELECT reason, distance FROM parts
    WHERE model = (SELECT model FROM parts WHERE distance IS NOT NULL ORDER BY sequence DESC LIMIT 1)
        AND reason IN (?, ?, ?) ORDER BY sequence DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitEffect:
    """Of the last parts that the newest model judged in time. more_ng, fewer_ng: with the other limit."""

    parts: int
    ng_now: int
    ng_then: int
    more_ng: int
    fewer_ng: int


def effect_of_limit(connection: sqlite3.Connection, limit: float, *, parts: int = 5000) -> LimitEffect:
    """limit: distance beyond which a part is NG. A part unlike any that was taught stays NG at any limit."""
    reasons = (Reason.WITHIN_LIMIT.value, Reason.TOO_FAR.value, Reason.UNLIKE_ANY_PART.value)
    rows = connection.execute(LAST, (*reasons, parts)).fetchall()
    now = [reason != Reason.WITHIN_LIMIT.value for reason, _ in rows]
    then = [reason == Reason.UNLIKE_ANY_PART.value or distance > limit for reason, distance in rows]
    return LimitEffect(
        parts=len(rows),
        ng_now=sum(now),
        ng_then=sum(then),
        more_ng=sum(after and not before for before, after in zip(now, then, strict=True)),
        fewer_ng=sum(before and not after for before, after in zip(now, then, strict=True)),
    )
