"""Stand-in until the records' branch is merged."""

import sqlite3
import time
from pathlib import Path


def open_page_database(folder: Path) -> sqlite3.Connection:
    database = sqlite3.connect(folder / "page.sqlite", isolation_level=None, check_same_thread=False, timeout=5)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(
        "CREATE TABLE IF NOT EXISTS audit"
        " (number INTEGER PRIMARY KEY, wall_ns INTEGER, who TEXT, what TEXT, old TEXT, new TEXT) STRICT"
    )
    from edge.web.accounts import TABLE

    database.execute(TABLE.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
    return database


def append_audit(database: sqlite3.Connection, *, who: str, what: str, old: str, new: str) -> None:
    database.execute("INSERT INTO audit VALUES (NULL, ?, ?, ?, ?, ?)", (time.time_ns(), who, what, old, new))
