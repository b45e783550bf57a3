"""Pictures beyond their quota are removed, the oldest of each class first; rows and maps stay for good."""

import shutil
import sqlite3
from pathlib import Path

from edge.database import drop_pictures, drop_working
from edge.interfaces import Clock
from edge.picture_policy import PictureClass, Pictures
from edge.picture_store import remove_picture

MOST_AT_ONCE = 50  # of each class, so that the next record never waits long
SMALLEST_PAGE_BYTES = 4096
OLDEST_PICTURES = "SELECT sequence, wall_ns, bytes, path FROM pictures WHERE class = ? ORDER BY sequence LIMIT ?"
OLDEST_WORKING = "SELECT sequence, wall_ns, length(jpeg), '' FROM working_pictures ORDER BY sequence LIMIT ?"
DAY_NS = 86_400 * 10**9


def keep_quotas(database: sqlite3.Connection, folder: Path, policy: Pictures, *, clock: Clock) -> int:
    """Remove a few pictures of each class that is beyond its quota; how many were removed.

    Raises OSError or sqlite3.Error if that cannot be done.
    """
    kept = dict(database.execute("SELECT class, bytes FROM kept WHERE number > 0").fetchall())
    removed = 0
    for kind in PictureClass:
        if kind.value not in kept:
            continue
        quota = policy.quota(kind)
        beyond = kept[kind.value] - quota.mb * 1e6
        is_tight = shutil.disk_usage(folder).free < quota.free_mb * 1e6
        eldest_ns = clock.wall_ns() - quota.days * DAY_NS
        gone, freed = [], 0
        for sequence, wall_ns, size, path in _oldest(database, kind):
            if not (beyond > 0 or is_tight or wall_ns < eldest_ns):
                break
            gone.append((sequence, path))
            beyond, freed = beyond - size, freed + size
        _remove(database, folder, kind, gone)
        if is_tight and gone and kind is PictureClass.WORKING:
            pages = freed // SMALLEST_PAGE_BYTES + len(gone)
            database.executescript(f"PRAGMA incremental_vacuum({pages})")  # `execute` would free a single page
        removed += len(gone)
    return removed


def _oldest(database: sqlite3.Connection, kind: PictureClass) -> list[tuple[int, int, int, str]]:
    if kind is PictureClass.WORKING:
        return database.execute(OLDEST_WORKING, (MOST_AT_ONCE,)).fetchall()
    return database.execute(OLDEST_PICTURES, (kind.value, MOST_AT_ONCE)).fetchall()


def _remove(database: sqlite3.Connection, folder: Path, kind: PictureClass, gone: list[tuple[int, str]]) -> None:
    """The files first: what is cut off in between is removed again the next time."""
    if not gone:
        return
    sequences = [sequence for sequence, _ in gone]
    for _, path in gone:
        if path:
            remove_picture(folder, path)
    database.execute("BEGIN IMMEDIATE")
    try:
        (drop_working if kind is PictureClass.WORKING else drop_pictures)(database, sequences)
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise
