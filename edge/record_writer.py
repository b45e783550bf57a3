"""Writes records to the disk: pictures first, then everything else of a batch in one commit.

Nothing is acknowledged unless the database still lies under its name afterwards; if it does not, it is put back.
"""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.database import add_boot, add_picture, insert, open_database
from edge.database_place import DatabasePlace
from edge.errors import RecordError
from edge.heartbeat import boot_id
from edge.interfaces import Clock
from edge.picture_policy import PictureClass, Pictures, class_of
from edge.picture_store import WORKING_QUALITY, jpeg_of, write_picture
from edge.quotas import keep_quotas
from edge.record import Record
from edge.rollups import Rollup

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that happened to the station and belongs to the records."""

    kind: str
    detail: str


class RecordWriter:
    """One open database of a data folder. For one thread at a time."""

    def __init__(self, folder: Path, database: sqlite3.Connection, *, clock: Clock, policy: Pictures) -> None:
        self._folder, self._clock, self._policy = folder, clock, policy
        self._boot_id = boot_id()
        self._database: sqlite3.Connection | None = database
        self._place = DatabasePlace(folder)
        self._was_lost = ""

    @property
    def newest_wall_ns(self) -> int:
        """The latest time of any part, as far as the clock was believed."""
        return int(self._open.execute("SELECT newest_wall_ns FROM progress").fetchone()[0])

    def write(
        self, batch: Sequence[Record], *, begun: int, notes: Sequence[Note] = (), newest_wall_ns: int = 0
    ) -> None:
        """Keep all of it or nothing. Raises OSError, sqlite3.Error or EdgeError, after which it may be tried again."""
        self.look()
        database, rollup = self._open, Rollup()
        written = [self._write_picture(record) for record in batch]
        working = [self._working(record) for record in batch]
        database.execute("BEGIN IMMEDIATE")
        try:
            add_boot(database, self._boot_id)
            for record, jpeg, picture in zip(batch, working, written, strict=True):
                insert(database, record, boot_id=self._boot_id, working=jpeg, rollup=rollup)
                if picture is not None:
                    kind, path, size = picture
                    add_picture(database, record, kind=kind.value, path=path, size=size)
            rollup.write(database)
            self._write_progress(begun, notes, newest_wall_ns)
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        self._place.check()

    def look(self) -> None:
        """Raises RecordError if the database has lost its place; the next look then puts it back."""
        if self._was_lost:
            self._put_back()
        try:
            self._place.check()
        except RecordError as error:
            self._was_lost = str(error)
            self._folder.mkdir(parents=True, exist_ok=True)  # so that the sign of life can say it
            raise

    def keep_quotas(self) -> int:
        """Remove what is beyond the quotas of pictures; how many. Raises OSError or sqlite3.Error."""
        return keep_quotas(self._open, self._folder, self._policy, clock=self._clock)

    @property
    def is_open(self) -> bool:
        """False after `close`."""
        return self._database is not None

    def end_in_order(self) -> None:
        """Say, durably, that nothing is on its way any more. A disk that does not take it costs a notice later."""
        with suppress(sqlite3.Error):
            if self._database is not None:
                self._database.execute("UPDATE progress SET is_running = 0")

    def close(self) -> None:
        """Let the database go. May be called twice."""
        if self._database is not None:
            self._database.close()
            self._database = None

    @property
    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            raise RecordError(f"{self._folder}: the database is closed")
        return self._database

    def _put_back(self) -> None:
        if self._database is not None:
            try:
                self._place.check()
            except RecordError:
                self._place.mend(self._database)
                self._database = None
        if self._database is None:
            self._database = open_database(self._folder)
            self._place = DatabasePlace(self._folder)
            self._note(Note(kind="removed", detail=f"{self._was_lost}; it is in its place again with every record"))
            log.warning("%s; it is in its place again", self._was_lost)
        self._was_lost = ""

    def _write_progress(self, begun: int, notes: Sequence[Note], newest_wall_ns: int) -> None:
        self._open.execute("UPDATE progress SET begun = max(begun, ?), newest_wall_ns = ?", (begun, newest_wall_ns))
        for note in notes:
            self._note(note)

    def _note(self, note: Note) -> None:
        values = (self._clock.wall_ns(), note.kind, note.detail)
        self._open.execute("INSERT INTO events (wall_ns, kind, detail) VALUES (?, ?, ?)", values)

    def _write_picture(self, record: Record) -> tuple[PictureClass, str, int] | None:
        kind = class_of(record.verdict, record.sequence, self._policy)
        if kind is None or record.frame is None:
            return None
        return kind, *write_picture(self._folder, record.sequence, record.frame)

    def _working(self, record: Record) -> bytes | None:
        if record.working is None or self._policy.working.mb == 0:
            return None
        return jpeg_of(record.working, quality=WORKING_QUALITY)
