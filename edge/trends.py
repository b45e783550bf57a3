"""How distance, light, sharpness and place went over time, how many parts were NG, and how long they took.

Long times are read from the sums that were kept as the parts came (`rollups.py`), short ones part by part. Light and
camera (`IMAGING`) are charted apart from the parts (`ok_margin`): when the first drift, the second mean nothing.
"""

import math
import sqlite3
from dataclasses import dataclass

from edge.history import numbers_between
from edge.rollups import IMAGING, LEVELS_S, QUANTITIES
from edge.verdict import Reason

LARGEST_NS = 2**63 - 1
LONGEST_FINE_S = 60 * 86_400  # beyond this the sums of days are read
SUMS = """
    SELECT (began_s - :since_s) / :width_s, quantity, sum(number), sum(total), sum(squares), min(least), max(most)
    FROM measures WHERE level_s = :level_s AND began_s BETWEEN :since_s AND :until_s AND number > 0 GROUP BY 1, 2
"""
COUNTS = """
    SELECT (began_s - :since_s) / :width_s, outcome, reason, sum(number), min(first), max(last)
    FROM counts WHERE level_s = :level_s AND began_s BETWEEN :since_s AND :until_s AND number > 0 GROUP BY 1, 2, 3
"""
POINTS = f"""
    SELECT sequence, wall_ns, outcome, distance, distance_limit, calibrated_limit, {", ".join(IMAGING)}
    FROM parts LEFT JOIN models ON models.number = parts.model
    WHERE sequence BETWEEN ? AND ? AND wall_ns >= ? AND wall_ns < ? ORDER BY sequence LIMIT ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One quantity in one span of time."""

    number: int
    mean: float
    deviation: float
    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What came in one span of time, wall clock in seconds since 1970. spreads: by quantity, see rollups.QUANTITIES."""

    began_s: int
    ended_s: int
    ok: int
    ng: int
    fault: int
    late: int
    busy: int
    first: int
    last: int
    spreads: dict[str, Spread]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One part. imaging: as rollups.IMAGING, None where it was not found."""

    sequence: int
    wall_ns: int
    outcome: str
    distance: float | None
    limit: float | None
    calibrated_limit: float | None
    imaging: tuple[float, ...] | None


def spans(connection: sqlite3.Connection, *, since_ns: int, until_ns: int, most: int = 300) -> list[Span]:
    """What came between two moments, in at most so many spans of equal length; empty ones are left out."""
    since_s, until_s = since_ns // 10**9, max(until_ns - 1, since_ns) // 10**9
    level_s = level_of(since_s, until_s)
    since_s = since_s // level_s * level_s
    width_s = level_s * max(1, math.ceil((until_s - since_s + 1) / level_s / most))
    found: dict[int, _Sums] = {}
    when = {"level_s": level_s, "width_s": width_s, "since_s": since_s, "until_s": until_s}
    for index, outcome, reason, *counted in connection.execute(COUNTS, when).fetchall():
        found.setdefault(index, _Sums()).count(outcome, reason, *counted)
    for index, quantity, *sums in connection.execute(SUMS, when).fetchall():
        found.setdefault(index, _Sums()).spreads[quantity] = _spread(*sums)
    return [found[index].span(since_s + index * width_s, width_s) for index in sorted(found)]


def points(connection: sqlite3.Connection, *, since_ns: int, until_ns: int, most: int = 2000) -> list[Point] | None:
    """Every part between two moments, the oldest first; None if there are more, and spans say it better."""
    first, last = numbers_between(connection, since_ns, until_ns)
    rows = connection.execute(POINTS, (first, last, since_ns, until_ns, most + 1)).fetchall()
    return None if len(rows) > most else [_point(tuple(row)) for row in rows]


def last_points(connection: sqlite3.Connection, *, most: int = 500) -> list[Point]:
    """The last parts one by one, the oldest first."""
    newest = connection.execute("SELECT max(sequence) FROM parts").fetchone()[0] or 0
    rows = connection.execute(POINTS, (newest - most + 1, newest, -LARGEST_NS, LARGEST_NS, most)).fetchall()
    return [_point(tuple(row)) for row in rows]


def level_of(since_s: int, until_s: int) -> int:
    """How long the sums are that say a time best, in seconds."""
    return LEVELS_S[0] if until_s - since_s <= LONGEST_FINE_S else LEVELS_S[1]


class _Sums:
    """What belongs to one span."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._first, self._last = 2**63 - 1, 0
        self.spreads: dict[str, Spread] = {}

    def count(self, outcome: str, reason: str, number: int, first: int, last: int) -> None:
        for name in (outcome, reason):
            self._counts[name] = self._counts.get(name, 0) + number
        self._first, self._last = min(self._first, first), max(self._last, last)

    def span(self, began_s: int, width_s: int) -> Span:
        return Span(
            began_s=began_s,
            ended_s=began_s + width_s,
            ok=self._counts.get("OK", 0),
            ng=self._counts.get("NG", 0),
            fault=self._counts.get("FAULT", 0) - self._counts.get(Reason.TEST_PIECE.value, 0),
            late=self._counts.get(Reason.LATE.value, 0),
            busy=self._counts.get(Reason.TRIGGER_WHILE_BUSY.value, 0),
            first=self._first,
            last=self._last,
            spreads={name: self.spreads[name] for name in QUANTITIES if name in self.spreads},
        )


def _spread(number: float, total: float, squares: float, least: float, most: float) -> Spread:
    mean = total / number
    variance = max(squares / number - mean * mean, 0.0) * number / max(number - 1, 1)
    return Spread(number=int(number), mean=mean, deviation=math.sqrt(variance), least=least, most=most)


def _point(row: tuple[object, ...]) -> Point:
    sequence, wall_ns, outcome, distance, limit, calibrated, *imaging = row
    is_seen = imaging[0] is not None
    return Point(
        sequence=sequence,  # type: ignore[arg-type]
        wall_ns=wall_ns,  # type: ignore[arg-type]
        outcome=str(outcome),
        distance=distance,  # type: ignore[arg-type]
        limit=limit,  # type: ignore[arg-type]
        calibrated_limit=calibrated if distance is not None else None,  # type: ignore[arg-type]
        imaging=tuple(imaging) if is_seen else None,  # type: ignore[arg-type]
    )
