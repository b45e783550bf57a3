"""How long parts took from trigger to outputs: percentiles and a histogram, of a time."""

import math
import sqlite3
from dataclasses import dataclass

from edge.history import numbers_between
from edge.rollups import bin_begins_ms, bin_of
from edge.trends import level_of

MOST_EXACT_TAKTS = 20_000
TAKTS = """
    SELECT (output_ns - triggered_ns) / 1e6 AS takt_ms FROM parts
    WHERE sequence BETWEEN ? AND ? AND wall_ns >= ? AND wall_ns < ? AND output_ns IS NOT NULL ORDER BY takt_ms
"""
TAKT_BINS = """
    SELECT bin, sum(number) FROM takts WHERE level_s = ? AND began_s BETWEEN ? AND ? GROUP BY bin
    HAVING sum(number) > 0 ORDER BY bin
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Takts:
    """How long parts took from trigger to outputs, in ms. bins: where each begins, where it ends, how many parts.

    is_exact: the percentiles are of the parts themselves, not of bins that are 2 % wide.
    """

    number: int
    p50: float | None
    p99: float | None
    p999: float | None
    most: float | None
    bins: tuple[tuple[float, float, int], ...]
    is_exact: bool


def takts(connection: sqlite3.Connection, *, since_ns: int, until_ns: int) -> Takts:
    """How long the parts between two moments took; of many parts, in whole spans of ten minutes or a day."""
    first, last = numbers_between(connection, since_ns, until_ns)
    if last - first < MOST_EXACT_TAKTS:
        rows = connection.execute(TAKTS, (first, last, since_ns, until_ns)).fetchall()
        return _exact_takts([row[0] for row in rows])
    since_s, until_s = since_ns // 10**9, (until_ns - 1) // 10**9
    level_s = level_of(since_s, until_s)
    values = (level_s, since_s // level_s * level_s, until_s)
    counted = [(int(row[0]), int(row[1])) for row in connection.execute(TAKT_BINS, values).fetchall()]
    return _binned_takts(counted)


def _exact_takts(found: list[float]) -> Takts:
    """Of takts in their order."""
    counted: dict[int, int] = {}
    for takt_ms in found:
        number = bin_of(takt_ms)
        counted[number] = counted.get(number, 0) + 1

    def percentile(share: float) -> float | None:
        return found[min(math.ceil(share * len(found)) - 1, len(found) - 1)] if found else None

    return Takts(
        number=len(found),
        p50=percentile(0.5),
        p99=percentile(0.99),
        p999=percentile(0.999),
        most=found[-1] if found else None,
        bins=_bins(sorted(counted.items())),
        is_exact=True,
    )


def _binned_takts(counted: list[tuple[int, int]]) -> Takts:
    """Of how many takts fell into each bin; a percentile is its bin's end."""
    total = sum(number for _, number in counted)

    def percentile(share: float) -> float | None:
        left = math.ceil(share * total)
        for found, number in counted:
            left -= number
            if left <= 0:
                return bin_begins_ms(found + 1)
        return None

    return Takts(
        number=total,
        p50=percentile(0.5),
        p99=percentile(0.99),
        p999=percentile(0.999),
        most=bin_begins_ms(counted[-1][0] + 1) if counted else None,
        bins=_bins(counted),
        is_exact=False,
    )


def _bins(counted: list[tuple[int, int]]) -> tuple[tuple[float, float, int], ...]:
    return tuple((bin_begins_ms(found), bin_begins_ms(found + 1), number) for found, number in counted)
