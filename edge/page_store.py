"""What people change on the page is kept in a database of its own, which the page writes and the core never does.

Both work without the other. Corrections (`corrections.py`), accounts (`accounts.py`), settings, and the audit log of
all of it (`audit.py`): whatever changes here leaves its entry there in the same commit.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

from edge import audit
from edge.errors import RecordError
from edge.migrations import Step, migrate, refuse_newer

FILE_NAME = "page.sqlite"
BUSY_TIMEOUT_S = 5
STEPS = (
    Step(
        script=f"""
    CREATE TABLE corrections (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        sequence INTEGER NOT NULL,
        triggered_ns INTEGER NOT NULL,
        boot_id TEXT NOT NULL,
        model_sha256 TEXT NOT NULL,
        outcome TEXT NOT NULL,
        what TEXT NOT NULL CHECK (what IN ('good', 'bad', 'uncertain', 'withdrawn')),
        who TEXT NOT NULL,
        wall_ns INTEGER NOT NULL,
        note TEXT NOT NULL
    ) STRICT;
    CREATE INDEX corrections_by_part ON corrections (sequence, number);
    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE accounts (
        name TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        secret TEXT NOT NULL,
        changed_ns INTEGER NOT NULL
    ) STRICT;
    {audit.TABLE}
"""
    ),
)

Result = TypeVar("Result")
Row = tuple[object, ...]


class PageStore:
    """The page's own database, whichever thread asks. A context manager."""

    def __init__(self, folder: Path) -> None:
        """folder: the station's data folder. Raises RecordError if nothing can be kept, or a newer version wrote it."""
        path = folder / FILE_NAME
        self._path, self._lock = path, threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S
            )
        except (OSError, sqlite3.Error) as error:
            raise RecordError(f"{path}: the page cannot keep anything here: {error}") from error
        try:
            refuse_newer(self._database, path, known=len(STEPS))
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            migrate(self._database, STEPS)
        except sqlite3.Error as error:
            self._database.close()
            raise RecordError(f"{path}: the page cannot keep anything here: {error}") from error
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Let the database go. May be called twice."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def setting(self, name: str, default: str = "") -> str:
        """The value of a setting; text, and what it means is for whoever set it to know."""
        rows = self.read("SELECT value FROM settings WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else default

    def change_setting(self, name: str, value: str, *, who: str, wall_ns: int) -> None:
        """Change a setting. wall_ns: now. Raises RecordError if it cannot be kept."""

        def change(database: sqlite3.Connection) -> None:
            row = database.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
            database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))
            old = row[0] if row else ""
            audit.append(database, wall_ns=wall_ns, who=who, what=f"setting {name}", old=old, new=value)

        self.write(change)

    def log(self, *, wall_ns: int, who: str, what: str, old: str = "", new: str = "") -> audit.Entry:
        """Write down a change that was made elsewhere. Raises RecordError if that cannot be kept."""
        return self.write(lambda found: audit.append(found, wall_ns=wall_ns, who=who, what=what, old=old, new=new))

    def audit_log(self, *, before: int | None = None, most: int = 100) -> list[audit.Entry]:
        """The audit log, the newest first. before: only entries with smaller numbers."""
        with self._lock:
            return audit.entries(self._database, before=before, most=most)

    def check_audit(self) -> audit.Entry | None:
        """The newest entry if the whole chain holds, None for an empty log. Raises RecordError where it is broken."""
        with self._lock:
            return audit.check(self._database)

    def read(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of a query. Raises RecordError if it cannot be answered."""
        try:
            with self._lock:
                return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise RecordError(f"{self._path}: cannot be read: {error}") from error

    def write(self, change: Callable[[sqlite3.Connection], Result]) -> Result:
        """All of a change, or nothing. Raises RecordError if it cannot be kept."""
        try:
            with self._lock:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    result = change(self._database)
                    self._database.execute("COMMIT")
                except BaseException:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")
                    raise
                return result
        except sqlite3.Error as error:
            raise RecordError(f"{self._path}: the change cannot be kept: {error}") from error
