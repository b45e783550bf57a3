"""Keeps every part: a bounded queue, one thread that writes, SQLite and pictures behind it.

The line's thread only appends to the queue. A record that cannot be written stays in the queue and is tried again;
until then `trouble` says why, and the station is not READY. After a power cut at most the parts in flight are missing,
and the gap is told at the next start: the number of a part goes to the disk while the part is still being judged.
"""

import logging
import sqlite3
import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.data_folder import lock_folder, open_records
from edge.database import insert
from edge.errors import EdgeError, RecordError
from edge.heartbeat import boot_id
from edge.interfaces import Clock
from edge.picture_store import remove_picture, write_picture
from edge.record import Record

log = logging.getLogger(__name__)

QUEUE_LIMIT = 1000
RETRY_S = 1.0
CLOSE_TIMEOUT_S = 10.0
OLDEST_PICTURES = """
    SELECT sequence, picture, picture_bytes FROM parts WHERE picture IS NOT NULL ORDER BY sequence LIMIT 100
"""


class Recorder:
    """A RecordSink on a data folder."""

    def __init__(
        self, folder: Path, *, clock: Clock, pictures_bytes: int = 10**9, most_unwritten_parts: int = 1
    ) -> None:
        """pictures_bytes: quota of the pictures. most_unwritten_parts: beyond that many `wait_until_kept` waits.

        `notices` has what was found at the start and since, in plain sentences. Raises RecordError if the folder cannot
        be used.
        """
        self._folder, self._clock = folder, clock
        self._quota_bytes, self._most_unwritten = pictures_bytes, most_unwritten_parts
        self._boot_id = boot_id()
        self._queue: deque[Record] = deque()
        self._lost: list[int] = []
        self._trouble: str | None = None
        self._is_closing = False
        self._changed = threading.Condition()
        self._lock = lock_folder(folder)
        try:
            found = open_records(folder)
            self._database, self.notices = found.database, found.notices
            self._begun = self._begun_on_disk = found.begun
            try:
                self._write_notices(found.notices)
            except sqlite3.Error as error:
                self._database.close()
                raise RecordError(f"{folder}: records cannot be kept here: {error}") from error
        except BaseException:
            self._lock.close()
            raise
        self._pictures_bytes = int(self._database.execute("SELECT total(picture_bytes) FROM parts").fetchone()[0])
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def next_sequence(self) -> int:
        """The number of the next part; numbers go on over restarts and are never given twice."""
        return self._begun + 1

    @property
    def trouble(self) -> str | None:
        """Why records cannot be kept at the moment; None if they can."""
        if not (self._thread.is_alive() or self._is_closing):
            return "nobody writes the records any more; restart the station"
        return self._trouble

    def begin(self, sequence: int) -> None:
        """A part has arrived; its number goes to the disk while it is judged."""
        with self._changed:
            self._begun = max(self._begun, sequence)
            self._changed.notify_all()

    def put(self, record: Record) -> None:
        """Queue one part. With a full queue it is lost, which is said, and reported in the events."""
        with self._changed:
            if len(self._queue) >= QUEUE_LIMIT:
                self._lost.append(record.sequence)
                self._trouble = f"{len(self._lost)} records are lost: {self._trouble or 'the disk is too slow'}"
                return
            self._queue.append(record)
            self._changed.notify_all()

    def wait_until_kept(self, *, timeout_ms: float) -> bool:
        """True as soon as fewer than `most_unwritten_parts` wait for the disk and there is no trouble."""
        with self._changed:
            return self._changed.wait_for(
                lambda: len(self._queue) < self._most_unwritten and self._trouble is None, timeout_ms / 1000
            )

    def close(self) -> None:
        """Write what is queued, then close; may be called twice. Raises RecordError if records remain unwritten."""
        if self._lock.closed:
            return
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(CLOSE_TIMEOUT_S)
        if not self._thread.is_alive():
            self._database.close()
        self._lock.close()
        if self._queue:
            raise RecordError(f"{len(self._queue)} records are not kept: {self._trouble or 'the disk is too slow'}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_notices(self, notices: tuple[str, ...]) -> None:
        """Write down, once, what was found. The gap stays visible in the numbers."""
        self._database.execute("BEGIN")
        for notice in notices:
            log.warning("%s", notice)
            self._note("start", notice)
        self._database.execute("UPDATE progress SET begun = ?, gap_told = ?", (self._begun, self._begun))
        self._database.execute("COMMIT")

    def _note(self, kind: str, detail: str) -> None:
        self._database.execute(
            "INSERT INTO events (wall_ns, kind, detail) VALUES (?, ?, ?)", (self._clock.wall_ns(), kind, detail)
        )

    # In the writer's thread.

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work)
                batch, begun = list(self._queue), self._begun
                if self._is_closing and not batch and begun == self._begun_on_disk:
                    return
            error = self._write(batch, begun)
            with self._changed:
                self._trouble = error
                if error is None:
                    for _ in batch:
                        self._queue.popleft()
                    self._begun_on_disk = begun
                self._changed.notify_all()
                if error is not None:
                    if self._is_closing:
                        return
                    self._changed.wait_for(lambda: self._is_closing, RETRY_S)

    def _has_work(self) -> bool:
        return bool(self._queue or self._trouble) or self._is_closing or self._begun != self._begun_on_disk

    def _write(self, batch: list[Record], begun: int) -> str | None:
        """One commit for everything that waits; why not, if it failed."""
        try:
            written = [self._write_picture(record) for record in batch]
            self._database.execute("BEGIN IMMEDIATE")
            for record, (picture, size) in zip(batch, written, strict=True):
                insert(self._database, record, boot_id=self._boot_id, picture=picture, size=size)
            self._database.execute("UPDATE progress SET begun = max(begun, ?)", (begun,))
            self._report_lost()
            self._database.execute("COMMIT")
        except (OSError, sqlite3.Error, EdgeError) as error:
            if _is_damage(error):
                self._begin_anew()
            elif self._database.in_transaction:
                self._database.execute("ROLLBACK")
            what = f"part {batch[0].sequence} cannot be recorded" if batch else "records cannot be kept"
            log.error("%s: %s", what, error)  # noqa: TRY400 - one plain line
            return f"{what}: {error}"
        self._pictures_bytes += sum(size for _, size in written)
        return self._keep_quota()

    def _begin_anew(self) -> None:
        """Set the damaged database aside, as at a start; what waits goes into a new one."""
        self._database.close()
        try:
            found = open_records(self._folder)
            self._database, self.notices = found.database, (*self.notices, *found.notices)
            self._write_notices(found.notices)
        except (sqlite3.Error, EdgeError) as error:
            log.error("%s", error)  # noqa: TRY400 - one plain line; the next attempt to write tries again

    def _write_picture(self, record: Record) -> tuple[str | None, int]:
        if record.picture is None:
            return None, 0
        return write_picture(self._folder, record.sequence, record.picture)

    def _report_lost(self) -> None:
        if self._lost:
            self._note("lost", f"parts {self._lost[0]} to {self._lost[-1]}: {len(self._lost)} records were lost")
            self._lost.clear()

    def _keep_quota(self) -> str | None:
        """Remove the oldest pictures beyond the quota; rows stay."""
        if self._pictures_bytes <= self._quota_bytes:
            return None
        try:
            for sequence, picture, size in self._database.execute(OLDEST_PICTURES).fetchall():
                if self._pictures_bytes <= self._quota_bytes:
                    break
                remove_picture(self._folder, picture)
                self._database.execute(
                    "UPDATE parts SET picture = NULL, picture_bytes = 0 WHERE sequence = ?", (sequence,)
                )
                self._pictures_bytes -= size
        except (OSError, sqlite3.Error) as error:
            return f"old pictures cannot be removed: {error}"
        return None


def _is_damage(error: Exception) -> bool:
    """True for a file that is no sound database any more, or could not be opened after that."""
    passing = (sqlite3.OperationalError, sqlite3.IntegrityError, sqlite3.DataError)  # locked, full, not readable now
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, passing)
