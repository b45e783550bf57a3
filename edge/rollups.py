"""What was recorded, added up as it is written, for each ten minutes and each day: trends never read every part.

Whatever is added can be taken back, when a part that came too late is recorded a second time; only the least and most
of a quantity then stay as they were.
"""

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edge.record import Record
from edge.verdict import Reason

LEVELS_S = (600, 86_400)
BIN_GROWTH = 1.02  # of takts: each bin begins 2 % above the one before
STAGE_BINS_MS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, math.inf)
PARTS_AT_ONCE = 10_000
IMAGING = ("light_gain", "sharpness", "shift_x_percent", "shift_y_percent", "rotation_degrees", "fit")
QUANTITIES = ("distance", "limit", "calibrated_limit", "ok_margin", *IMAGING)

ADD_COUNT = """
    INSERT INTO counts VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
    SET number = number + excluded.number, first = min(first, excluded.first), last = max(last, excluded.last)
"""
ADD_MEASURE = """
    INSERT INTO measures VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
    SET number = number + excluded.number, total = total + excluded.total, squares = squares + excluded.squares,
        least = min(least, excluded.least), most = max(most, excluded.most)
"""
ADD_TAKT = "INSERT INTO takts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET number = number + excluded.number"
ADD_STAGE = """
    INSERT INTO stage_times VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
    SET number = number + excluded.number, total_ms = total_ms + excluded.total_ms
"""
ROWS = """
    SELECT sequence, wall_ns, outcome, reason, distance, distance_limit, calibrated_limit, margin, light_gain,
        sharpness, shift_x_percent, shift_y_percent, rotation_degrees, fit,
        (output_ns - triggered_ns) / 1e6 AS takt_ms, stages_ms
    FROM parts LEFT JOIN models ON models.number = parts.model
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartNumbers:
    """What of one part is added up. stages_ms: each stage's time, the takt among them where the outputs changed."""

    sequence: int
    wall_ns: int
    outcome: str
    reason: str
    quantities: Mapping[str, float]
    stages_ms: Mapping[str, float]


@dataclass(slots=True)
class Rollup:
    """Collects parts in memory, then adds them to the tables at once."""

    counts: dict[tuple[int, int, str, str], list[int]] = field(default_factory=dict)
    measures: dict[tuple[int, int, str], list[float]] = field(default_factory=dict)
    takts: dict[tuple[int, int, int], int] = field(default_factory=dict)
    stages: dict[tuple[str, float], list[float]] = field(default_factory=dict)

    def add(self, part: PartNumbers, *, times: int = 1) -> None:
        """times: -1 takes a part back."""
        takt_ms = part.stages_ms.get("takt")
        for level_s in LEVELS_S:
            began_s = part.wall_ns // 10**9 // level_s * level_s
            count = self.counts.setdefault(
                (level_s, began_s, part.outcome, part.reason), [0, part.sequence, part.sequence]
            )
            count[:] = count[0] + times, min(count[1], part.sequence), max(count[2], part.sequence)
            for name, value in part.quantities.items():
                sums = self.measures.setdefault((level_s, began_s, name), [0, 0.0, 0.0, value, value])
                sums[0] += times
                sums[1] += times * value
                sums[2] += times * value * value
                sums[3], sums[4] = min(sums[3], value), max(sums[4], value)
            if takt_ms is not None:
                key = (level_s, began_s, bin_of(takt_ms))
                self.takts[key] = self.takts.get(key, 0) + times
        for stage, took_ms in part.stages_ms.items():
            at_most_ms = next(bound for bound in STAGE_BINS_MS if took_ms <= bound)
            stage_sums = self.stages.setdefault((stage, at_most_ms), [0, 0.0])
            stage_sums[0] += times
            stage_sums[1] += times * took_ms

    def write(self, connection: sqlite3.Connection) -> None:
        """Into the tables, within the caller's transaction."""
        connection.executemany(ADD_COUNT, ((*key, *sums) for key, sums in self.counts.items()))
        connection.executemany(ADD_MEASURE, ((*key, *sums) for key, sums in self.measures.items()))
        connection.executemany(ADD_TAKT, ((*key, number) for key, number in self.takts.items()))
        connection.executemany(ADD_STAGE, ((*key, *sums) for key, sums in self.stages.items()))


def numbers_of(record: Record) -> PartNumbers:
    """What of a record is added up."""
    verdict, imaging, model = record.verdict, record.imaging, record.model
    found = {
        "distance": verdict.distance,
        "limit": verdict.limit,
        "calibrated_limit": model.calibrated_limit if model and verdict.distance is not None else None,
        "ok_margin": verdict.margin if verdict.reason is Reason.WITHIN_LIMIT else None,
        **{name: getattr(imaging, name, None) for name in IMAGING},
    }
    takt = {} if record.takt_ms is None else {"takt": record.takt_ms}
    return PartNumbers(
        sequence=record.sequence,
        wall_ns=record.wall_ns,
        outcome=verdict.outcome.value,
        reason=verdict.reason.value,
        quantities=_finite(found),
        stages_ms=_finite({**{name: round(took_ms, 3) for name, took_ms in record.stages_ms}, **takt}),
    )


def numbers_of_row(row: tuple[object, ...]) -> PartNumbers:
    """The same of a row of ROWS."""
    sequence, wall_ns, outcome, reason, distance, limit, calibrated, margin, *imaging, takt_ms, stages_ms = row
    assert isinstance(sequence, int) and isinstance(wall_ns, int)
    found = {
        "distance": distance,
        "limit": limit,
        "calibrated_limit": calibrated if distance is not None else None,
        "ok_margin": margin if reason == Reason.WITHIN_LIMIT.value else None,
        **dict(zip(IMAGING, imaging, strict=True)),
    }
    return PartNumbers(
        sequence=sequence,
        wall_ns=wall_ns,
        outcome=str(outcome),
        reason=str(reason),
        quantities=_finite(found),
        stages_ms=_finite({**json.loads(str(stages_ms)), "takt": takt_ms}),
    )


def take_back(connection: sqlite3.Connection, sequence: int) -> PartNumbers | None:
    """What was added of the part that is stored under this number; None if there is none."""
    row = connection.execute(f"{ROWS} WHERE sequence = ?", (sequence,)).fetchone()
    return None if row is None else numbers_of_row(tuple(row))


def add_all(connection: sqlite3.Connection) -> None:
    """Add up every part that is recorded, into tables that are empty."""
    rows: Iterable[tuple[object, ...]] = connection.execute(ROWS)
    rollup = Rollup()
    for number, row in enumerate(rows, start=1):
        rollup.add(numbers_of_row(tuple(row)))
        if number % PARTS_AT_ONCE == 0:
            rollup.write(connection)
            rollup = Rollup()
    rollup.write(connection)


def bin_of(takt_ms: float) -> int:
    """Which bin a takt falls into; everything up to 0.1 ms into the first."""
    return max(0, math.floor(math.log(max(takt_ms, 1e-9) / 0.1) / math.log(BIN_GROWTH)))


def bin_begins_ms(number: int) -> float:
    """Where a bin begins."""
    return 0.1 * BIN_GROWTH**number


def _finite(values: Mapping[str, object]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)
            and math.isfinite(value)}  # fmt: skip
