"""The records in SQLite: one row a part, durable as soon as it is committed.

Write-ahead log with full synchronisation: a committed row survives a power cut on any disk that keeps its promises.
What the tables hold stands in `schema.py`. Only the core writes here.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import RecordError
from edge.migrations import migrate, refuse_newer
from edge.record import ModelName, Record
from edge.rollups import IMAGING, Rollup, numbers_of, take_back
from edge.schema import STEPS, VERSION

FILE_NAME = "records.sqlite"
BUSY_TIMEOUT_MS = 5000
NARROW_TABLES = ("parts", "progress", "events", "counts", "measures")
THOROUGH_BYTES = 500 * 10**6  # a larger database is read through only when something was wrong with it
SUSPECT = f"{FILE_NAME}.suspect"
OWN_FILES = ("", "-wal", "-shm")  # what they add to the database's name

ADD_MODEL = """
    INSERT INTO models (sha256, product, serial, map_sha256, window, calibrated_limit) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (sha256) DO UPDATE SET map_sha256 = excluded.map_sha256, window = excluded.window,
    calibrated_limit = excluded.calibrated_limit WHERE map_sha256 = ''
"""
INSERT = """
    INSERT OR REPLACE INTO parts (
        sequence, boot, model, triggered_ns, exposed_ns, judged_ns, output_ns, wall_ns, outcome, reason, detail,
        distance, distance_limit, nearest_label, cell_row, cell_column, map_rows, map_columns, light_gain, sharpness,
        shift_x_percent, shift_y_percent, rotation_degrees, fit, stages_ms, source, is_late
    ) VALUES (
        :sequence, (SELECT number FROM boots WHERE boot_id = :boot_id),
        (SELECT number FROM models WHERE sha256 = :model_sha256), :triggered_ns, :exposed_ns, :judged_ns, :output_ns,
        :wall_ns, :outcome, :reason, :detail, :distance, :limit, :nearest_label, :cell_row, :cell_column, :map_rows,
        :map_columns, :light_gain, :sharpness, :shift_x_percent, :shift_y_percent, :rotation_degrees, :fit, :stages_ms,
        :source, :is_late
    )
"""
ADD_KEPT = """
    INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT DO UPDATE
    SET number = number + excluded.number, bytes = bytes + excluded.bytes
"""


def open_database(folder: Path) -> sqlite3.Connection:
    """The records of a data folder, made or migrated where needed.

    Raises RecordError for those of a newer version, sqlite3.DatabaseError for damaged ones.
    """
    connection = sqlite3.connect(
        folder / FILE_NAME, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_MS / 1000
    )
    suspect = folder / SUSPECT
    try:
        is_small = (folder / FILE_NAME).stat().st_size < THOROUGH_BYTES
        _check_integrity(connection, is_thorough=is_small or suspect.exists())
        suspect.unlink(missing_ok=True)
        refuse_newer(connection, folder / FILE_NAME, known=VERSION)
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only before the first table
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA secure_delete = OFF")  # a picture that goes is not overwritten first
        migrate(connection, STEPS)
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(folder: Path) -> sqlite3.Connection:
    """The records for reading only. Raises RecordError if there are none yet, or from another version."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise RecordError(f"{path}: no station has kept records here yet")
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    refuse_newer(connection, path, known=VERSION)
    return connection


def open_current(folder: Path) -> sqlite3.Connection:
    """The same, and with today's tables. Raises RecordError if the station has not run since an update."""
    connection = open_to_read(folder)
    if connection.execute("PRAGMA user_version").fetchone()[0] < VERSION:
        connection.close()
        raise RecordError(
            f"{folder / FILE_NAME}: written by an older version: start the station, which brings it up to date"
        )
    return connection


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """A connection for a few short queries, in any thread. Raises RecordError if they cannot be answered."""
    try:
        connection = open_current(folder)
        try:
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise RecordError(f"{folder / FILE_NAME}: cannot be read at the moment: {error}") from error


def check_database(folder: Path) -> int:
    """How many parts are recorded. Raises RecordError if there is a database and it is damaged or newer."""
    if not (folder / FILE_NAME).is_file():
        return 0
    try:
        connection = open_to_read(folder)
        try:
            _check_integrity(connection, is_thorough=True)
            return int(connection.execute("SELECT count(*) FROM parts").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise RecordError(f"{folder / FILE_NAME}: the database is damaged: {error}") from error


def is_damage(error: Exception) -> bool:
    """True for what SQLite says of a file that is no sound database any more."""
    codes = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) in codes


def add_boot(connection: sqlite3.Connection, boot_id: str) -> None:
    """Make a start of the machine known, before its parts are inserted."""
    connection.execute("INSERT OR IGNORE INTO boots (boot_id) VALUES (?)", (boot_id,))


def add_model(connection: sqlite3.Connection, model: ModelName) -> None:
    """Make a model known, before parts are inserted that it judged."""
    values = (model.sha256, model.product, model.serial, model.map_sha256, model.window, model.calibrated_limit)
    connection.execute(ADD_MODEL, values)


def insert(
    connection: sqlite3.Connection, record: Record, *, boot_id: str, working: bytes | None, rollup: Rollup
) -> None:
    """Write one part; the same sequence again replaces its row.

    working: its working picture as a JPEG. rollup: what it adds up to is collected there, for the caller to write.
    """
    before = take_back(connection, record.sequence)
    if before is not None:
        rollup.add(before, times=-1)
    rollup.add(numbers_of(record))
    if record.model is not None:
        add_model(connection, record.model)
    connection.execute(INSERT, _values(record) | {"boot_id": boot_id})
    if record.cell_map is not None:
        connection.execute("INSERT OR REPLACE INTO maps VALUES (?, ?)", (record.sequence, record.cell_map.tobytes()))
    if working is not None:
        add_working(connection, record, working)


def add_working(connection: sqlite3.Connection, record: Record, jpeg: bytes) -> None:
    """Keep a part's working picture, once."""
    added = connection.execute(
        "INSERT OR IGNORE INTO working_pictures VALUES (?, ?, ?)", (record.sequence, record.wall_ns, jpeg)
    )
    if added.rowcount:
        connection.execute(ADD_KEPT, ("working", 1, len(jpeg)))


def add_picture(connection: sqlite3.Connection, record: Record, *, kind: str, path: str, size: int) -> None:
    """Say where a part's whole picture lies; `kind` is its class."""
    drop_pictures(connection, [record.sequence])
    values = (record.sequence, record.wall_ns, kind, path, size)
    connection.execute("INSERT INTO pictures VALUES (?, ?, ?, ?, ?)", values)
    connection.execute(ADD_KEPT, (kind, 1, size))


def drop_pictures(connection: sqlite3.Connection, sequences: list[int]) -> None:
    """Forget the whole pictures of these parts, whose files are gone."""
    for sequence in sequences:
        query = "DELETE FROM pictures WHERE sequence = ? RETURNING class, bytes"
        row = connection.execute(query, (sequence,)).fetchone()
        if row is not None:
            connection.execute(ADD_KEPT, (row[0], -1, -row[1]))


def drop_working(connection: sqlite3.Connection, sequences: list[int]) -> None:
    """Forget the working pictures of these parts."""
    for sequence in sequences:
        query = "DELETE FROM working_pictures WHERE sequence = ? RETURNING length(jpeg)"
        row = connection.execute(query, (sequence,)).fetchone()
        if row is not None:
            connection.execute(ADD_KEPT, ("working", -1, -row[0]))


def _values(record: Record) -> dict[str, object]:
    verdict, model, imaging = record.verdict, record.model, record.imaging
    values = {
        "outcome": verdict.outcome.value,
        "reason": verdict.reason.value,
        "detail": verdict.detail,
        "distance": verdict.distance,
        "limit": verdict.limit,
        "nearest_label": verdict.nearest_label,
        "cell_row": verdict.cell[0] if verdict.cell else None,
        "cell_column": verdict.cell[1] if verdict.cell else None,
        "model_sha256": model.sha256 if model else None,
        "stages_ms": json.dumps({name: round(took_ms, 3) for name, took_ms in record.stages_ms}),
        "is_late": int(record.is_late),
        "map_rows": None if record.cell_map is None else record.cell_map.shape[0],
        "map_columns": None if record.cell_map is None else record.cell_map.shape[1],
    }
    same_names = ("sequence", "triggered_ns", "exposed_ns", "judged_ns", "output_ns", "wall_ns", "source")
    values |= {name: getattr(record, name) for name in same_names}
    return values | {name: None if imaging is None else getattr(imaging, name) for name in IMAGING}


def _check_integrity(connection: sqlite3.Connection, *, is_thorough: bool = False) -> None:
    """At a start only the narrow tables are read through: those with maps and pictures may have many gigabytes."""
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    tables = [None] if is_thorough else [name for name in NARROW_TABLES if name in there]
    for table in tables:
        of = "" if table is None else f"({table})"
        found = connection.execute(f"PRAGMA quick_check{of or '(1)'}").fetchone()
        if found is None or found[0] != "ok":
            raise sqlite3.DatabaseError(str(found[0] if found else "no answer to the check"))
