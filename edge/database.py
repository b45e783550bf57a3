"""The records in SQLite: one row a part, durable as soon as it is committed.

Write-ahead log with full synchronisation: a committed row survives a power cut on any disk that keeps its promises. The
schema's version is SQLite's user_version; older ones are migrated step by step, newer ones refused.
"""

import json
import sqlite3
from pathlib import Path

from edge.errors import RecordError
from edge.record import Record

FILE_NAME = "records.sqlite"
BUSY_TIMEOUT_MS = 5000

MIGRATIONS = (
    """
    CREATE TABLE parts (
        sequence INTEGER PRIMARY KEY,
        boot_id TEXT NOT NULL,
        triggered_ns INTEGER NOT NULL,
        exposed_ns INTEGER,
        judged_ns INTEGER,
        output_ns INTEGER,
        wall_ns INTEGER NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN ('OK', 'NG', 'FAULT')),
        reason TEXT NOT NULL,
        detail TEXT NOT NULL,
        distance REAL,
        distance_limit REAL,
        nearest_label TEXT,
        cell_row INTEGER,
        cell_column INTEGER,
        model_product TEXT,
        model_serial INTEGER,
        model_sha256 TEXT,
        stages_ms TEXT NOT NULL,
        source TEXT NOT NULL,
        is_late INTEGER NOT NULL CHECK (is_late IN (0, 1)),
        map_rows INTEGER,
        map_columns INTEGER,
        map BLOB,
        picture TEXT,
        picture_bytes INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX parts_by_outcome ON parts (outcome, sequence);
    CREATE INDEX parts_with_picture ON parts (sequence) WHERE picture IS NOT NULL;
    CREATE TABLE progress (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        begun INTEGER NOT NULL,
        gap_told INTEGER NOT NULL
    ) STRICT;
    INSERT INTO progress VALUES (1, 0, 0);
    CREATE TABLE events (
        number INTEGER PRIMARY KEY,
        wall_ns INTEGER NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;
    """,
)
VERSION = len(MIGRATIONS)

INSERT = """
    INSERT OR REPLACE INTO parts VALUES (
        :sequence, :boot_id, :triggered_ns, :exposed_ns, :judged_ns, :output_ns, :wall_ns, :outcome, :reason, :detail,
        :distance, :limit, :nearest_label, :cell_row, :cell_column, :model_product, :model_serial, :model_sha256,
        :stages_ms, :source, :is_late, :map_rows, :map_columns, :map, :picture, :picture_bytes
    )
"""


def open_database(folder: Path) -> sqlite3.Connection:
    """The records of a data folder, made or migrated where needed.

    Raises RecordError for those of a newer version, sqlite3.DatabaseError for damaged ones.
    """
    connection = sqlite3.connect(
        folder / FILE_NAME, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_MS / 1000
    )
    try:
        _check_integrity(connection)
        _refuse_newer(connection, folder)
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only before the first table
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA temp_store = MEMORY")
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(folder: Path) -> sqlite3.Connection:
    """The records for reading only. Raises RecordError if there are none yet, or from a newer version."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise RecordError(f"{path}: no station has kept records here yet")
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    _refuse_newer(connection, folder)
    return connection


def check_database(folder: Path) -> int:
    """How many parts are recorded. Raises RecordError if there is a database and it is damaged or newer."""
    if not (folder / FILE_NAME).is_file():
        return 0
    try:
        connection = open_to_read(folder)
        try:
            _check_integrity(connection)
            return int(connection.execute("SELECT count(*) FROM parts").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise RecordError(f"{folder / FILE_NAME}: the database is damaged: {error}") from error


def insert(connection: sqlite3.Connection, record: Record, *, boot_id: str, picture: str | None, size: int) -> None:
    """Write one part; the same sequence again replaces its row."""
    verdict, model = record.verdict, record.model
    values = {
        "boot_id": boot_id,
        "outcome": verdict.outcome.value,
        "reason": verdict.reason.value,
        "detail": verdict.detail,
        "distance": verdict.distance,
        "limit": verdict.limit,
        "nearest_label": verdict.nearest_label,
        "cell_row": verdict.cell[0] if verdict.cell else None,
        "cell_column": verdict.cell[1] if verdict.cell else None,
        "model_product": model.product if model else None,
        "model_serial": model.serial if model else None,
        "model_sha256": model.sha256 if model else None,
        "stages_ms": json.dumps({name: round(took_ms, 3) for name, took_ms in record.stages_ms}),
        "is_late": int(record.is_late),
        "map_rows": None if record.cell_map is None else record.cell_map.shape[0],
        "map_columns": None if record.cell_map is None else record.cell_map.shape[1],
        "map": None if record.cell_map is None else record.cell_map.tobytes(),
        "picture": picture,
        "picture_bytes": size,
    }
    same_names = ("sequence", "triggered_ns", "exposed_ns", "judged_ns", "output_ns", "wall_ns", "source")
    connection.execute(INSERT, values | {name: getattr(record, name) for name in same_names})


def _check_integrity(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found is None or found[0] != "ok":
        raise sqlite3.DatabaseError(str(found[0] if found else "no answer to the check"))


def _refuse_newer(connection: sqlite3.Connection, folder: Path) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        raise RecordError(
            f"{folder / FILE_NAME}: written by a newer version (schema {found}, this one knows {VERSION}): update kensa"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(MIGRATIONS[found:], start=found + 1):
        connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")
