"""Whether the database that is open still lies where it belongs, and how it comes back if somebody removed it.

SQLite goes on writing into a file that has lost its name, and all of it is gone when the program ends. So its files are
looked at before and after every write; what is still open is put back under its name, and nothing acknowledged is lost.
"""

import os
import sqlite3
from pathlib import Path

from edge.database import FILE_NAME, OWN_FILES
from edge.errors import RecordError
from edge.whole_files import sync_folder

COPY = f"{FILE_NAME}.copy"


class DatabasePlace:
    """Remembers which files an open database has."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._inodes = {name: self._inode(name) for name in OWN_FILES}

    def check(self) -> None:
        """Raises RecordError if one of the files was removed or replaced."""
        for name in OWN_FILES:
            if self._inode(name) != self._inodes[name]:
                raise RecordError(f"{self._folder / FILE_NAME}{name} was removed or replaced while the station runs")

    def mend(self, database: sqlite3.Connection) -> None:
        """Put the database under its name again and close it; whoever writes opens it anew.

        Raises RecordError, sqlite3.Error or OSError, and then nothing has changed.
        """
        found = self._inode("")
        if found == self._inodes[""]:
            _finish_log(database)
        elif found is None:
            self._put_back(database)
        else:
            raise RecordError(
                f"{self._folder / FILE_NAME} is another file than the one that the station writes: move it away, "
                "and what was recorded is put back"
            )
        database.close()

    def _put_back(self, database: sqlite3.Connection) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        copy = self._folder / COPY
        copy.unlink(missing_ok=True)
        target = sqlite3.connect(copy, isolation_level=None)
        try:
            target.execute("PRAGMA synchronous = FULL")
            database.backup(target)
        finally:
            target.close()
        for name in OWN_FILES[1:]:  # of the removed one; its content is in the copy
            (self._folder / f"{FILE_NAME}{name}").unlink(missing_ok=True)
        copy.rename(self._folder / FILE_NAME)
        sync_folder(self._folder)

    def _inode(self, name: str) -> int | None:
        try:
            return os.stat(f"{self._folder / FILE_NAME}{name}").st_ino  # noqa: PTH116 - the path has no suffix of its own
        except FileNotFoundError:
            return None


def _finish_log(database: sqlite3.Connection) -> None:
    """Everything from the log, which has lost its name, into the database."""
    is_busy, in_log, done = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy or in_log != done:
        raise RecordError("the database's log was removed, and somebody still reads: it is tried again")
