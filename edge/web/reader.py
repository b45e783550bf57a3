"""What the page shows, read from a station's data folder; nothing is ever written there."""

import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from edge.counters import Counts, ShiftCounter
from edge.database import FILE_NAME, open_current
from edge.errors import RecordError
from edge.heartbeat import Beat, read_beat
from edge.history import LARGEST_SEQUENCE
from edge.state import Check

STALE_MS = 1200.0
MOST_PARTS = 24

NEWS = """
    SELECT sequence, wall_ns, triggered_ns, output_ns, outcome, reason, detail, distance, distance_limit, nearest_label,
        cell_row, cell_column, map_rows, map_columns, is_late, source,
        (SELECT 1 FROM working_pictures AS seen WHERE seen.sequence = parts.sequence) IS NOT NULL
            OR (SELECT 1 FROM pictures AS seen WHERE seen.sequence = parts.sequence) IS NOT NULL AS has_picture
    FROM parts WHERE sequence > ? ORDER BY sequence DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """One part as the page shows it. cell: (row, column) of grid (rows, columns). wall_ms: since 1970, UTC.

    time: of day, in the station's own time zone.
    """

    sequence: int
    wall_ms: float
    time: str
    outcome: str
    reason: str
    detail: str
    distance: float | None
    limit: float | None
    label: str | None
    cell: tuple[int, int] | None
    grid: tuple[int, int] | None
    takt_ms: float | None
    has_picture: bool
    is_late: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationView:
    """The station as the page shows it. is_alive: False when the core is silent, or its line hangs.

    wall_ms: what its clock shows now.
    """

    is_alive: bool
    wall_ms: float
    phase: str
    why: str
    station: str
    deadline_ms: float | None
    model_product: str
    model_serial: int | None
    model_sha256: str
    check: Check | None = None
    program: int | None = None
    kinds: tuple[str, ...] = ()


class Reader:
    """Reads one data folder, whichever thread asks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._counter = ShiftCounter()

    def news(self, *, after: int) -> list[PartView]:
        """The last parts beyond a sequence number, oldest first; none while there is no database."""
        return [_part_view(row) for row in reversed(self._rows(NEWS, after, MOST_PARTS))]

    def counts(self, *, since_ns: int, after: int = 0) -> Counts:
        """What came since a moment of the wall clock and a part's number; nothing while there is no database."""
        with self._lock:
            try:
                return self._counter.counts(self._connected(), since_ns=since_ns, after=after)
            except (sqlite3.Error, OSError, RecordError):
                self._forget()
                return Counts()

    def newest(self) -> int:
        """The last part's number, 0 without any."""
        rows = self._rows("SELECT max(sequence) AS newest FROM parts")
        return int(rows[0]["newest"] or 0) if rows else 0

    def picture(self, sequence: int) -> bytes | None:
        """A part's working picture as JPEG, the whole one where there is no other; None if it has none, or no more."""
        if sequence > LARGEST_SEQUENCE:
            return None
        rows = self._rows("SELECT jpeg FROM working_pictures WHERE sequence = ?", sequence)
        return bytes(rows[0]["jpeg"]) if rows else self.whole_picture(sequence)

    def whole_picture(self, sequence: int) -> bytes | None:
        """All that the camera saw of a part, as JPEG; None unless the policy kept it, and it is still there."""
        if sequence > LARGEST_SEQUENCE:
            return None
        rows = self._rows("SELECT path FROM pictures WHERE sequence = ?", sequence)
        try:
            return (self._folder / rows[0]["path"]).read_bytes() if rows else None
        except OSError:
            return None

    def cell_map(self, sequence: int) -> tuple[int, int, bytes] | None:
        """Rows, columns and cells of a part's map, row by row; None if it has none."""
        if sequence > LARGEST_SEQUENCE:
            return None
        query = "SELECT map_rows, map_columns, levels FROM parts JOIN maps USING (sequence) WHERE sequence = ?"
        rows = self._rows(query, sequence)
        return tuple(rows[0]) if rows else None

    def station(self) -> StationView:
        """What the core last said of itself."""
        return _station_view(read_beat(self._folder))

    def _rows(self, query: str, *values: int) -> list[sqlite3.Row]:
        with self._lock:
            return self._rows_locked(query, *values)

    def _rows_locked(self, query: str, *values: int) -> list[sqlite3.Row]:
        try:
            return self._connected().execute(query, values).fetchall()
        except (sqlite3.Error, OSError, RecordError):
            self._forget()
            return []

    def _connected(self) -> sqlite3.Connection:
        """The connection, opened anew when the database was set aside or replaced."""
        inode = (self._folder / FILE_NAME).stat().st_ino
        if self._connection is None or inode != self._inode:
            self._forget()
            self._connection, self._inode = open_current(self._folder), inode
        return self._connection

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._counter = ShiftCounter()

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._forget()


def _part_view(row: sqlite3.Row) -> PartView:
    has_cell = row["cell_row"] is not None and row["map_rows"] is not None
    return PartView(
        sequence=row["sequence"],
        wall_ms=row["wall_ns"] / 1e6,
        time=time.strftime("%H:%M:%S", time.localtime(row["wall_ns"] / 1e9)),
        outcome=row["outcome"],
        reason=row["reason"],
        detail=row["detail"],
        distance=row["distance"],
        limit=row["distance_limit"],
        label=row["nearest_label"],
        cell=(row["cell_row"], row["cell_column"]) if has_cell else None,
        grid=(row["map_rows"], row["map_columns"]) if has_cell else None,
        takt_ms=None if row["output_ns"] is None else (row["output_ns"] - row["triggered_ns"]) / 1e6,
        has_picture=bool(row["has_picture"]),
        is_late=bool(row["is_late"]),
        source=row["source"],
    )


def _station_view(beat: Beat | None) -> StationView:
    is_alive = beat is not None and beat.is_alive(now_ns=time.monotonic_ns(), stale_ms=STALE_MS)
    return StationView(
        is_alive=is_alive,
        wall_ms=time.time() * 1000,
        phase=beat.phase if beat else "",
        why=beat.why if beat else "",
        station=beat.station if beat else "",
        deadline_ms=beat.deadline_ms if beat else None,
        model_product=beat.model_product if beat else "",
        model_serial=beat.model_serial if beat else None,
        model_sha256=beat.model_sha256[:12] if beat else "",
        check=beat.check if beat else None,
        program=beat.program if beat else None,
        kinds=beat.kinds if beat else (),
    )
