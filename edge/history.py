"""Looking for parts in the records: by time, outcome, label and margin, the newest first, a page at a time.

Each query is short, so that nobody who looks holds up the core's log: open, ask, close (`database.reading`).
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

LARGEST_SEQUENCE = 2**63 - 1
FINE_S = 600  # of the sums that tell which numbers a time had
OUTCOMES = ("OK", "NG", "FAULT")
FIND = """
    SELECT sequence FROM parts INDEXED BY {index}
    WHERE outcome = '{outcome}' AND sequence BETWEEN :first AND :last
"""
BY_NUMBER, BY_MARGIN = "parts_to_search", "good_parts_by_margin"
FEW_PARTS = 5000
IS_MANY = """
    SELECT count(*) FROM (SELECT 1 FROM parts INDEXED BY good_parts_by_margin
    WHERE outcome = 'OK' AND margin >= :least_margin AND margin <= :most_margin LIMIT :few)
"""
ROWS = """
    SELECT sequence, wall_ns, outcome, reason, detail, distance, distance_limit, margin, nearest_label,
        (output_ns - triggered_ns) / 1e6 AS takt_ms, is_late, models.serial,
        EXISTS (SELECT 1 FROM working_pictures AS seen WHERE seen.sequence = parts.sequence)
            OR EXISTS (SELECT 1 FROM pictures AS seen WHERE seen.sequence = parts.sequence) AS has_picture
    FROM parts LEFT JOIN models ON models.number = parts.model
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for; None stands for anything.

    since_ns, until_ns: wall clock, since 1970, UTC, until_ns itself not included. outcomes: none for all.
    least_margin, most_margin: distance as a share of the limit. label: what NG parts were called; the defect that is
    nearest to a good part means nothing. before: only parts with smaller numbers, for the next page.
    """

    since_ns: int | None = None
    until_ns: int | None = None
    outcomes: tuple[str, ...] = ()
    label: str | None = None
    least_margin: float | None = None
    most_margin: float | None = None
    before: int | None = None
    most: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One part in a list. margin: distance as a share of the limit. model_serial: None where nobody judged."""

    sequence: int
    wall_ns: int
    outcome: str
    reason: str
    detail: str
    distance: float | None
    limit: float | None
    margin: float | None
    label: str | None
    takt_ms: float | None
    is_late: bool
    model_serial: int | None
    has_picture: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page. before: what the next page's search has there, None if there is no more."""

    parts: tuple[PartRow, ...]
    before: int | None


def search(connection: sqlite3.Connection, wanted: Search) -> Found:
    """The newest parts that were looked for."""
    first, last = numbers_between(connection, wanted.since_ns, wanted.until_ns)
    if wanted.before is not None:
        last = min(last, wanted.before - 1)
    values: dict[str, object] = {"first": first, "last": last, "most": wanted.most + 1}
    conditions = ""
    for condition, name, value in (
        ("wall_ns >= :since_ns", "since_ns", wanted.since_ns),
        ("wall_ns < :until_ns", "until_ns", wanted.until_ns),
        ("nearest_label = :label", "label", wanted.label),
        ("margin >= :least_margin", "least_margin", wanted.least_margin),
        ("margin <= :most_margin", "most_margin", wanted.most_margin),
    ):
        if value is not None:
            conditions += f" AND {condition}"
            values[name] = value
    outcomes = wanted.outcomes or OUTCOMES
    found: list[int] = []
    for outcome in outcomes if wanted.label is None else set(outcomes) & {"NG"}:
        index = BY_MARGIN if outcome == "OK" and _is_rare(connection, wanted) else BY_NUMBER
        query = f"{FIND.format(index=index, outcome=outcome)}{conditions} ORDER BY sequence DESC LIMIT :most"
        found += [row[0] for row in connection.execute(query, values).fetchall()]
    newest = sorted(found, reverse=True)[: wanted.most]
    return Found(parts=tuple(parts_of(connection, newest)), before=newest[-1] if len(found) > len(newest) else None)


def _is_rare(connection: sqlite3.Connection, wanted: Search) -> bool:
    """True if so few good parts have such a margin that it is quicker to look at them than at the newest ones."""
    if wanted.least_margin is None and wanted.most_margin is None:
        return False
    least = 0.0 if wanted.least_margin is None else wanted.least_margin
    most = 1.0 if wanted.most_margin is None else wanted.most_margin
    values = {"least_margin": least, "most_margin": most, "few": FEW_PARTS}
    return bool(connection.execute(IS_MANY, values).fetchone()[0] < FEW_PARTS)


def parts_of(connection: sqlite3.Connection, sequences: Iterable[int]) -> list[PartRow]:
    """These parts, the newest first; those that are not recorded are left out."""
    numbers = list(sequences)
    marks = ",".join("?" * len(numbers))
    rows = connection.execute(f"{ROWS} WHERE sequence IN ({marks}) ORDER BY sequence DESC", numbers).fetchall()
    return [_part(row) for row in rows]


def labels(connection: sqlite3.Connection) -> list[str]:
    """The defects by which NG parts were called, in the order of the alphabet."""
    query = "SELECT DISTINCT nearest_label FROM parts INDEXED BY parts_to_search WHERE outcome = 'NG'"
    return sorted(row[0] for row in connection.execute(query).fetchall() if row[0] is not None)


def numbers_between(connection: sqlite3.Connection, since_ns: int | None, until_ns: int | None) -> tuple[int, int]:
    """First and last number among which all parts of a time are, and, where the clock was set, others too."""
    if since_ns is None and until_ns is None:
        return 1, LARGEST_SEQUENCE
    since_s = 0 if since_ns is None else since_ns // 10**9 // FINE_S * FINE_S
    until_s = LARGEST_SEQUENCE if until_ns is None else until_ns // 10**9
    query = "SELECT min(first), max(last) FROM counts WHERE level_s = ? AND began_s BETWEEN ? AND ?"
    first, last = connection.execute(query, (FINE_S, since_s, until_s)).fetchone()
    return (1, 0) if first is None else (first, last)


def _part(row: sqlite3.Row) -> PartRow:
    return PartRow(
        sequence=row["sequence"],
        wall_ns=row["wall_ns"],
        outcome=row["outcome"],
        reason=row["reason"],
        detail=row["detail"],
        distance=row["distance"],
        limit=row["distance_limit"],
        margin=row["margin"],
        label=row["nearest_label"],
        takt_ms=row["takt_ms"],
        is_late=bool(row["is_late"]),
        model_serial=row["serial"],
        has_picture=bool(row["has_picture"]),
    )
