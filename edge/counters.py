"""How many parts of each kind came in a shift, or since somebody set the counters to zero."""

import sqlite3
import time
from dataclasses import dataclass, fields

from edge.history import FINE_S
from edge.verdict import Reason

DAY_MINUTES = 24 * 60
COUNT = """
    SELECT {outcome}, {reason}, count(*) AS number, max(sequence) AS last FROM parts INDEXED BY parts_to_search
    WHERE outcome = :outcome AND sequence > :after AND wall_ns >= :since_ns GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Of the line's parts, not of test pieces.

    late, busy: those among the faults whose verdict came too late, and that came while another was judged.
    """

    ok: int = 0
    ng: int = 0
    fault: int = 0
    late: int = 0
    busy: int = 0

    @property
    def total(self) -> int:
        """All parts."""
        return self.ok + self.ng + self.fault

    def plus(self, other: "Counts") -> "Counts":
        """Both together."""
        return Counts(**{part.name: getattr(self, part.name) + getattr(other, part.name) for part in fields(self)})


class ShiftCounter:
    """Counts what came since a moment and a part's number, reading each part only once. For one thread at a time."""

    def __init__(self) -> None:
        self._since = (0, 0)
        self._counts, self._last = Counts(), 0

    def counts(self, connection: sqlite3.Connection, *, since_ns: int, after: int = 0) -> Counts:
        """since_ns: wall clock at which the shift began; after: number of the last part before the counters' reset.

        A database that was begun anew is counted anew, if the caller makes a new counter.
        """
        if (since_ns, after) != self._since:
            self._since, self._counts = (since_ns, after), Counts()
            self._last = max(after, _last_before(connection, since_ns))
        more, last = _count(connection, since_ns=since_ns, after=self._last)
        self._counts, self._last = self._counts.plus(more), max(last, self._last)
        return self._counts


def shift_began_ns(starts: str, *, now_ns: int) -> int:
    """When the shift that runs at `now_ns` began, wall clock. starts: such as "06:00 14:00 22:00", local time.

    Raises ValueError, as words for people, for anything else.
    """
    minutes = sorted(minute_of(start) for start in starts.split())
    if not minutes:
        raise ValueError("no shift begins at any time: name at least one, such as 06:00")
    now_s = now_ns // 10**9
    here = time.localtime(now_s)
    passed = here.tm_hour * 60 + here.tm_min
    begun = [minute for minute in minutes if minute <= passed]
    day = here.tm_mday if begun else here.tm_mday - 1
    hour, minute = divmod(begun[-1] if begun else minutes[-1], 60)
    return int(time.mktime((here.tm_year, here.tm_mon, day, hour, minute, 0, 0, 0, -1))) * 10**9


def minute_of(start: str) -> int:
    """Minutes since midnight of a time such as 06:00. Raises ValueError for anything else."""
    hour, _, minute = start.partition(":")
    is_time = hour.isdecimal() and minute.isdecimal() and len(minute) == 2 and int(hour) < 24 and int(minute) < 60
    if not is_time:
        raise ValueError(f"'{start[:20]}' is no time such as 06:00")
    return int(hour) * 60 + int(minute)


def _last_before(connection: sqlite3.Connection, since_ns: int) -> int:
    """A number after which all parts of a time come."""
    query = "SELECT min(first) - 1 FROM counts WHERE level_s = ? AND began_s >= ?"
    found = connection.execute(query, (FINE_S, since_ns // 10**9 // FINE_S * FINE_S)).fetchone()[0]
    if found is None:
        found = connection.execute("SELECT max(sequence) FROM parts").fetchone()[0]
    return int(found or 0)


def _count(connection: sqlite3.Connection, *, since_ns: int, after: int) -> tuple[Counts, int]:
    found: dict[str, int] = {}
    last = after
    for outcome in ("OK", "NG", "FAULT"):
        query = COUNT.format(outcome="outcome", reason="reason" if outcome == "FAULT" else "''")
        values = {"outcome": outcome, "after": after, "since_ns": since_ns}
        for _, reason, number, newest in connection.execute(query, values).fetchall():
            found[outcome] = found.get(outcome, 0) + number
            found[reason] = number
            last = max(last, newest)
    counts = Counts(
        ok=found.get("OK", 0),
        ng=found.get("NG", 0),
        fault=found.get("FAULT", 0) - found.get(Reason.TEST_PIECE.value, 0),
        late=found.get(Reason.LATE.value, 0),
        busy=found.get(Reason.TRIGGER_WHILE_BUSY.value, 0),
    )
    return counts, last
