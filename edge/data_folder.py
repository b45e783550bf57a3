"""A station's data folder at the start of its core: locked, opened, and what was found there in plain sentences."""

import fcntl
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edge.database import FILE_NAME, SUSPECT, open_database
from edge.errors import RecordError
from edge.heartbeat import read_beat
from edge.picture_store import largest_sequence, sweep

LOCK_FILE = "station.lock"
LAST_INSTANT = (
    "the station did not end in order the last time; should a part have come in its last instant, it has no record"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """begun: the last number that was ever given to a part. notices: what a person should know. was_running: the core
    that wrote last did not end in order."""

    database: sqlite3.Connection
    begun: int
    notices: tuple[str, ...]
    was_running: bool

    @property
    def last_instant(self) -> tuple[str, ...]:
        """What may be missing although no number is: a part whose number did not reach the disk any more."""
        return (LAST_INSTANT,) if self.was_running and not self.notices else ()


def open_records(folder: Path) -> Found:
    """The records of a folder, a damaged database set aside, half-written pictures swept. Raises RecordError."""
    notices = []
    try:
        try:
            database = open_database(folder)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            notices.append(_set_aside(folder, error))
            (folder / SUSPECT).unlink(missing_ok=True)
            database = open_database(folder)
        begun, gap_told, was_running = database.execute("SELECT begun, gap_told, is_running FROM progress").fetchone()
        last = int(database.execute("SELECT coalesce(max(sequence), 0) FROM parts").fetchone()[0])
        if not notices and begun == 0 and _last_known(folder) > 0:
            notices.append("the database was gone, with pictures of parts beside it; a new one was begun")
        if notices:
            last = begun = _last_known(folder)
        sweep(folder, last_sequence=last)
    except (OSError, sqlite3.Error) as error:
        raise RecordError(f"{folder}: records cannot be kept here: {error}") from error
    if begun > max(last, gap_told):
        parts = f"part {begun} was" if begun == last + 1 else f"parts {last + 1} to {begun} were"
        notices.append(f"{parts} begun and never recorded: the power was cut, or the station was killed")
    return Found(database=database, begun=max(begun, last), notices=tuple(notices), was_running=bool(was_running))


def _last_known(folder: Path) -> int:
    """The last part's number where the database cannot say it."""
    beat = read_beat(folder)
    return max(largest_sequence(folder), beat.sequence if beat else 0)


def _set_aside(folder: Path, error: sqlite3.DatabaseError) -> str:
    """Rename a damaged database, with its log, so that nothing is lost that a person could still save."""
    number = 1 + len(list(folder.glob(f"{FILE_NAME}.damaged-*[0-9]")))
    for suffix in ("", "-wal", "-shm"):
        path = folder / f"{FILE_NAME}{suffix}"
        if path.exists():
            path.rename(folder / f"{FILE_NAME}.damaged-{number}{suffix}")
    return f"the database was damaged ({error}) and is now {FILE_NAME}.damaged-{number}; a new one was begun"


def lock_folder(folder: Path) -> IO[str]:
    """Hold a data folder as long as the file is open.

    Raises RecordError if another station holds it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK_FILE).open("a")
    except OSError as error:
        raise RecordError(f"{folder}: cannot be used for records: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise RecordError(
            f"{folder}: another station keeps its records here; each needs a folder of its own"
        ) from error
    return lock


def is_held(folder: Path) -> bool:
    """True while a station keeps its records in this folder. Touches nothing."""
    try:
        with (folder / LOCK_FILE).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # there is none, or it cannot be read, which other checks will say
    return False
