"""The page's own database, and the log of who changed what: every change writes its line in the same transaction.

The file is opened anew for each use, so that one that was removed or replaced is noticed.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from edge.errors import RecordError
from edge.page_database import append_audit, open_page_database

Result = TypeVar("Result")
Change = Callable[[sqlite3.Connection], tuple[str, str]]
"""Changes something and gives what it was and what it is now, as words for the log."""


class Desk:
    """Reads and writes the database in a station's data folder, one at a time, from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def read(self, ask: Callable[[sqlite3.Connection], Result]) -> Result:
        """What `ask` finds. Raises RecordError if the database cannot be opened or read."""
        with self._opened() as database:
            return ask(database)

    def change_now(self, who: str, *, what: str, change: Change) -> None:
        """Do one change and write it into the log, both or neither. Raises RecordError, or whatever `change` raises."""
        with self._opened() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                old, new = change(database)
                append_audit(database, who=who, what=what, old=old, new=new)
                database.execute("COMMIT")
            finally:
                if database.in_transaction:
                    database.execute("ROLLBACK")

    async def change(self, who: str, *, what: str, change: Change) -> None:
        """`change_now` in a thread of its own."""
        await run_in_threadpool(self.change_now, who, what=what, change=change)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                database = open_page_database(self._folder)
                try:
                    yield database
                finally:
                    database.close()
            except (sqlite3.Error, OSError) as error:
                raise RecordError(f"the page's database cannot be used: {error}") from error
