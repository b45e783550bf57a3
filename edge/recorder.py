"""Keeps every part: a bounded queue, one thread that writes, SQLite and pictures behind it.

The line's thread only appends to the queue. A record that cannot be written stays in the queue and is tried again;
until then `trouble` says why, and the station is not READY. After a power cut at most the parts in flight are missing,
and the gap is told at the next start: the number of a part goes to the disk while the part is still being judged. Of a
core that was ended before even that, the next start tells that it did not end in order.
"""

import logging
import sqlite3
import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.data_folder import LOCK_FILE, lock_folder, open_records
from edge.database import SUSPECT, is_damage
from edge.errors import EdgeError, RecordError
from edge.interfaces import Clock
from edge.picture_policy import Pictures, class_of
from edge.record import Record
from edge.record_writer import Note, RecordWriter

log = logging.getLogger(__name__)

QUEUE_LIMIT = 1000
RETRY_S = 1.0
LOOK_S = 1.0
CLOSE_TIMEOUT_S = 10.0
CLOCK_TOLERANCE_S = 5.0  # a time server may move a clock back by so much


class Recorder:
    """A RecordSink on a data folder."""

    def __init__(
        self, folder: Path, *, clock: Clock, pictures: Pictures | None = None, most_unwritten_parts: int = 1
    ) -> None:
        """pictures: which are kept and how many. most_unwritten_parts: beyond that many `wait_until_kept` waits.

        `notices` has what was found at the start and since, in plain sentences. Raises RecordError if the folder cannot
        be used.
        """
        self._folder, self._clock, self._most_unwritten = folder, clock, most_unwritten_parts
        self._policy = pictures or Pictures()
        self._queue: deque[Record] = deque()
        self._lost: list[int] = []
        self._trouble: str | None = None
        self._notes: list[Note] = []
        self._is_closing = False
        self._changed = threading.Condition()
        self._lock = lock_folder(folder)
        try:
            found = open_records(folder)
            self.notices = found.notices + found.last_instant
            self._begun = self._begun_on_disk = found.begun
            self._writer = RecordWriter(folder, found.database, clock=clock, policy=self._policy)
            try:
                self._newest_wall_ns = self._writer.newest_wall_ns
                _write_notices(found.database, self.notices, begun=found.begun, wall_ns=clock.wall_ns())
            except sqlite3.Error as error:
                self._writer.close()
                raise RecordError(f"{folder}: records cannot be kept here: {error}") from error
        except BaseException:
            self._lock.close()
            raise
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
        return self._trouble or self._clock_trouble()

    def accept_clock(self) -> None:
        """A person has looked: the clock is right, however early it is. Harmless if nothing was wrong with it."""
        if self._clock_trouble() is None:
            return
        with self._changed:
            detail = f"the clock, at {_words(self._clock.wall_ns())}, was accepted after {_words(self._newest_wall_ns)}"
            self._notes.append(Note(kind="clock", detail=detail))
            self._newest_wall_ns = self._clock.wall_ns()
            self._changed.notify_all()

    def note(self, kind: str, detail: str) -> None:
        """Something that happened to the station goes into the journal, soon."""
        with self._changed:
            self._notes.append(Note(kind=kind, detail=detail))
            self._changed.notify_all()

    def begin(self, sequence: int) -> None:
        """A part has arrived; its number goes to the disk while it is judged."""
        with self._changed:
            self._begun = max(self._begun, sequence)
            self._changed.notify_all()

    def put(self, record: Record) -> None:
        """Queue one part. With a full queue it is lost, which is said, and reported in the events."""
        if record.frame is not None and class_of(record.verdict, record.sequence, self._policy) is None:
            record = replace(record, frame=None)  # a whole picture takes megabytes of memory
        with self._changed:
            if len(self._queue) >= QUEUE_LIMIT:
                self._lost.append(record.sequence)
                self._trouble = f"{len(self._lost)} records are lost: {self._trouble or 'the disk is too slow'}"
                return
            self._queue.append(record)
            self._newest_wall_ns = max(self._newest_wall_ns, record.wall_ns)
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
            if not self._queue:
                self._writer.end_in_order()
            self._writer.close()
        self._lock.close()
        if self._queue:
            raise RecordError(f"{len(self._queue)} records are not kept: {self._trouble or 'the disk is too slow'}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _clock_trouble(self) -> str | None:
        """Times in the records must not run backwards unless a person has said that this is right."""
        now_ns = self._clock.wall_ns()
        if now_ns + CLOCK_TOLERANCE_S * 1e9 >= self._newest_wall_ns:
            return None
        return (
            f"the clock was set back: it says {_words(now_ns)}, and the last part came at "
            f"{_words(self._newest_wall_ns)}; set it right, or accept it with a reset"
        )

    # In the writer's thread.

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work, LOOK_S)
                batch, begun, lost, notes = list(self._queue), self._begun, len(self._lost), list(self._notes)
                if self._is_closing and not batch and begun == self._begun_on_disk and not lost and not notes:
                    return
            error = self._write(batch, begun, lost, notes)
            with self._changed:
                self._trouble = error
                if error is None:
                    for _ in batch:
                        self._queue.popleft()
                    del self._lost[:lost]
                    del self._notes[: len(notes)]
                    self._begun_on_disk = begun
                self._changed.notify_all()
                if error is not None:
                    if self._is_closing:
                        return
                    self._changed.wait_for(lambda: self._is_closing, RETRY_S)

    def _has_work(self) -> bool:
        is_new = bool(self._queue or self._lost or self._notes) or self._begun != self._begun_on_disk
        return is_new or self._trouble is not None or self._is_closing

    def _write(self, batch: list[Record], begun: int, lost: int, notes: list[Note]) -> str | None:
        """One commit for everything that waits, or a look whether all is well; what went wrong, if anything did."""
        if lost:
            numbers = self._lost[:lost]
            detail = f"parts {numbers[0]} to {numbers[-1]}: {lost} records were lost"
            notes = [*notes, Note(kind="lost", detail=detail)]
        if not self._writer.is_open:
            self._begin_anew()
        try:
            if batch or notes or begun != self._begun_on_disk:
                self._writer.write(batch, begun=begun, notes=notes, newest_wall_ns=self._newest_wall_ns)
            else:
                self._writer.look()
            self._lock_again()
        except (OSError, sqlite3.Error, EdgeError) as error:
            if is_damage(error):
                self._begin_anew()
            what = f"part {batch[0].sequence} cannot be recorded" if batch else "records cannot be kept"
            log.error("%s: %s", what, error)  # noqa: TRY400 - one plain line
            return f"{what}: {error}"
        try:
            self._writer.keep_quotas()
        except (OSError, sqlite3.Error) as error:
            return f"old pictures cannot be removed: {error}"
        return None

    def _begin_anew(self) -> None:
        """Set the damaged database aside, as at a start; what waits goes into a new one."""
        self._writer.close()
        try:
            (self._folder / SUSPECT).touch()  # read through, however large it is
            found = open_records(self._folder)
            self._writer = RecordWriter(self._folder, found.database, clock=self._clock, policy=self._policy)
            self.notices = (*self.notices, *found.notices)
            _write_notices(found.database, found.notices, begun=self._begun, wall_ns=self._clock.wall_ns())
        except (OSError, sqlite3.Error, EdgeError) as error:
            log.error("%s", error)  # noqa: TRY400 - one plain line; the next attempt to write tries again

    def _lock_again(self) -> None:
        """Whoever removed the folder has removed its lock as well, and another station could begin here."""
        if not (self._folder / LOCK_FILE).exists():
            self._lock.close()
            self._lock = lock_folder(self._folder)


def _write_notices(database: sqlite3.Connection, notices: tuple[str, ...], *, begun: int, wall_ns: int) -> None:
    """Write down, once, what was found. The gap stays visible in the numbers."""
    database.execute("BEGIN")
    for notice in notices:
        log.warning("%s", notice)
        database.execute("INSERT INTO events (wall_ns, kind, detail) VALUES (?, 'start', ?)", (wall_ns, notice))
    database.execute("UPDATE progress SET begun = ?, gap_told = ?, is_running = 1", (begun, begun))
    database.execute("COMMIT")


def _words(wall_ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(wall_ns // 10**9))
