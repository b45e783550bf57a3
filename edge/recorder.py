"""Keeps every part: a bounded queue, one thread that writes, SQLite and pictures behind it.

The line's thread only appends to the queue. A record that cannot be written stays in the queue and is tried again;
until then `trouble` says why, and the station is not READY. After a power cut at most the parts in flight are missing,
and the gap is told at the next start: the number of a part goes to the disk while the part is still being judged.
"""

import fcntl
import logging
import sqlite3
import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from edge.database import FILE_NAME, insert, open_database
from edge.errors import EdgeError, RecordError
from edge.heartbeat import boot_id, read_beat
from edge.interfaces import Clock
from edge.picture_store import largest_sequence, remove_picture, sweep, write_picture
from edge.record import Record

log = logging.getLogger(__name__)

LOCK_FILE = "station.lock"
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

        `notices` has what was found at the start, in plain sentences. Raises RecordError if the folder cannot be used.
        """
        self._folder, self._clock = folder, clock
        self._quota_bytes, self._most_unwritten = pictures_bytes, most_unwritten_parts
        self._boot_id = boot_id()
        self._queue: deque[Record] = deque()
        self._begun = self._begun_on_disk = 0
        self._lost: list[int] = []
        self._trouble: str | None = None
        self._is_closing = False
        self._changed = threading.Condition()
        self.notices: tuple[str, ...] = ()
        self._lock = lock_folder(folder)
        try:
            self._database = self._open()
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

    # At the start.

    def _open(self) -> sqlite3.Connection:
        notices = []
        try:
            try:
                database = open_database(self._folder)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                notices.append(self._set_aside(error))
                database = open_database(self._folder)
            begun, gap_told = database.execute("SELECT begun, gap_told FROM progress").fetchone()
            last = int(database.execute("SELECT coalesce(max(sequence), 0) FROM parts").fetchone()[0])
            if notices:
                last = begun = self._last_known()
            sweep(self._folder, last_sequence=last)
        except (OSError, sqlite3.Error) as error:
            raise RecordError(f"{self._folder}: records cannot be kept here: {error}") from error
        self._begun = self._begun_on_disk = max(begun, last)
        if begun > max(last, gap_told):
            parts = f"part {begun} was" if begun == last + 1 else f"parts {last + 1} to {begun} were"
            notices.append(f"{parts} begun and never recorded: the power was cut, or the station was killed")
        self.notices = tuple(notices)
        self._write_notices(database)
        return database

    def _last_known(self) -> int:
        """The last part's number where the database cannot say it."""
        beat = read_beat(self._folder)
        return max(largest_sequence(self._folder), beat.sequence if beat else 0)

    def _set_aside(self, error: sqlite3.DatabaseError) -> str:
        """Rename a damaged database, with its log, so that nothing is lost that a person could still save."""
        number = 1 + len(list(self._folder.glob(f"{FILE_NAME}.damaged-*[0-9]")))
        for suffix in ("", "-wal", "-shm"):
            path = self._folder / f"{FILE_NAME}{suffix}"
            if path.exists():
                path.rename(self._folder / f"{FILE_NAME}.damaged-{number}{suffix}")
        return f"the database was damaged ({error}) and is now {FILE_NAME}.damaged-{number}; a new one was begun"

    def _write_notices(self, database: sqlite3.Connection) -> None:
        """Write down, once, what was found. The gap stays visible in the numbers."""
        database.execute("BEGIN")
        for notice in self.notices:
            log.warning("%s", notice)
            self._note("start", notice, database)
        database.execute("UPDATE progress SET begun = ?, gap_told = ?", (self._begun, self._begun))
        database.execute("COMMIT")

    def _note(self, kind: str, detail: str, database: sqlite3.Connection | None = None) -> None:
        (database or self._database).execute(
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
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            what = f"part {batch[0].sequence} cannot be recorded" if batch else "records cannot be kept"
            log.error("%s: %s", what, error)  # noqa: TRY400 - one plain line
            return f"{what}: {error}"
        self._pictures_bytes += sum(size for _, size in written)
        return self._keep_quota()

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
