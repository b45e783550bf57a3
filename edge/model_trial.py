"""A new model on probation: counted part by part, beside the one before it, and sent back if it does badly."""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, replace
from pathlib import Path

from edge.armed import ANY, Armed, inspector_of
from edge.attempt import attempt
from edge.beside import Beside
from edge.database import reading
from edge.errors import EdgeError, RecordError
from edge.priority import go_last
from edge.probation import NOT_ITS_OWN, Tally, Usual
from edge.probation_counts import WhichTrial, read_tally, write_tally
from edge.record import ModelName, Record
from edge.shadow import Shadow
from edge.slots import Book, Slots, Version
from edge.verdict import Verdict
from edge.worker import Worker

log = logging.getLogger(__name__)

RETRY_S = 10.0
KEEP_S = 5.0  # as much of the count may be lost at a power cut
LOOKED_AT, LOOKED_BACK = 1000, 20_000  # parts of other models, among the last so many
MODELS = "SELECT number, product, serial, sha256 FROM models"
BEFORE = """
    SELECT reason, outcome = 'FAULT' AS is_fault, is_late FROM parts
    WHERE sequence > (SELECT coalesce(max(sequence), 0) FROM parts) - ?
        AND coalesce(model, 0) NOT IN (SELECT value FROM json_each(?))
    ORDER BY sequence DESC LIMIT ?
"""


class Trial:
    """One model's probation, from its first part to its last. `see` is quick; all else is done in other threads."""

    def __init__(
        self,
        slots: Slots,
        which: WhichTrial,
        *,
        tally: Tally,
        version: Version,
        parts: int,
        usual: Usual,
        may_pass_more: bool,
        before: Armed,
        kind: Callable[[], int],
        go_back: Callable[[Callable[[Book], Book]], object],
    ) -> None:
        """tally: what was counted before this start. before: the model to compare with and to return to.

        kind: the number of the kind that parts are restricted to now, 0 for none. go_back: changes the slots and the
        running model.
        """
        self._slots, self._version, self._wanted, self._usual = slots, version, parts, usual
        self._which, self._may_pass_more = which, may_pass_more
        self._go_back, self._tally, self._lock = go_back, tally, threading.Lock()
        self._writing = threading.Lock()
        self._keeping, self._kept_s = Future[None](), -KEEP_S
        self._keeping.set_result(None)
        self._worker: Worker[None] = Worker(name="probation", begin=go_last)
        self._shadow = Shadow(lambda: inspector_of(before, kind()), on_judged=self._compared)
        self._is_over, self._again_s = False, 0.0

    def see(self, record: Record) -> None:
        """A part was judged."""
        if self._is_over or record.model is None or not self._version.made(record.model):
            return
        with self._lock:
            if not self._tally.count(record.verdict):
                return
        self._shadow.offer(record)
        self._decide()

    def told(self) -> dict[str, object]:
        """The counts so far."""
        with self._lock:
            return {**asdict(self._tally), "wanted": self._wanted}

    def close(self) -> None:
        """Count no more. May be called twice."""
        was_over, self._is_over = self._is_over, True
        self._worker.close()
        self._shadow.close()
        if not was_over:
            attempt(self._keep)

    def _compared(self, record: Record, old: Verdict) -> None:
        with self._lock:
            self._tally.compare(record.verdict, old)
        self._decide()

    def _decide(self) -> None:
        with self._lock:
            if self._is_over or time.monotonic() < self._again_s:
                return
            why = self._tally.failure(self._usual, may_pass_more=self._may_pass_more)
            self._is_over = bool(why) or self._tally.parts >= self._wanted
        if self._is_over:
            self._worker.submit(lambda: self._return(why) if why else self._stay())
        elif self._keeping.done() and time.monotonic() - self._kept_s >= KEEP_S:
            self._kept_s = time.monotonic()
            self._keeping = self._worker.submit(self._keep)

    def _keep(self) -> None:
        """Its counts so far, on the disk. Raises RecordError; what is not counted then is only lost at a restart."""
        with self._writing:
            with self._lock:
                tally = replace(self._tally)
            write_tally(self._slots.folder, self._which, tally)

    def _return(self, why: str) -> None:
        log.error("model on probation goes back model=%s why=%r", self._version, why)
        error = attempt(lambda: self._try_return(why))
        if error is not None:  # a person is switching, or the disk is full: a later part asks again
            self._again_s, self._is_over = time.monotonic() + RETRY_S, False

    def _try_return(self, why: str) -> None:
        def step(book: Book) -> Book:
            if book.current != self._version or book.probation is None:
                return book  # a person was quicker
            return book.returned(wall_ns=time.time_ns(), why=why)

        self._go_back(step)

    def _stay(self) -> None:
        words = f"{self._tally.parts} parts: {self._tally.ng} NG, {self._tally.faults} FAULT"
        log.info("model has proved itself model=%s after=%r", self._version, words)

        def step(book: Book) -> Book:
            if book.current != self._version or book.probation is None:
                return book
            kept = book.model_copy(update={"probation": None})
            return kept.noted("has proved itself", self._version, wall_ns=time.time_ns(), why=words)

        attempt(lambda: _keep(self._slots, step))


def _keep(slots: Slots, step: Callable[[Book], Book]) -> None:
    slots.change(step)


def usual_before(data: Path, version: Version) -> Usual:
    """How parts fared with other models, lately."""
    try:
        with reading(data) as connection:
            models = [(row["number"], ModelName(**{key: row[key] for key in ("product", "serial", "sha256")}))
                      for row in connection.execute(MODELS)]  # fmt: skip
            own = json.dumps([number for number, model in models if version.made(model)])
            rows = connection.execute(BEFORE, (LOOKED_BACK, own, LOOKED_AT)).fetchall()
    except (RecordError, sqlite3.Error):
        return Usual()
    counted = [row for row in rows if row["reason"] not in {reason.value for reason in NOT_ITS_OWN}]
    if not counted:
        return Usual()
    faults, late = (sum(row[name] for row in counted) / len(counted) for name in ("is_fault", "is_late"))
    return Usual(faults=faults, late=late)


class TrialKeeper:
    """Begins a probation, or a shadow, where the slots speak of one: at the start and after each change."""

    def __init__(
        self, slots: Slots, data: Path, *, arm: Callable[[Version], Armed], kind: Callable[[], int] = lambda: ANY
    ) -> None:
        """kind: the number of the kind that a model of several is restricted to now, 0 for none."""
        self._slots, self._data, self._arm, self._kind = slots, data, arm, kind
        self._trial: Trial | None = None
        self._beside: Beside | None = None

    def begin(self, go_back: Callable[[Callable[[Book], Book]], object]) -> None:
        """Look at the slots again. Another model that cannot judge any more does not keep the station from judging."""
        self.close()
        book = self._slots.book
        if book.probation is None and book.is_shadowing and book.candidate is not None:
            armed = self._armed(book.candidate, "nothing judges beside")
            self._beside = Beside(self._slots, book.candidate, armed, kind=self._kind)
        if book.probation is None or book.current is None or book.previous is None:
            return
        before = self._armed(book.previous, "there is no way back from this model")
        usual = usual_before(self._data, book.current)
        which = WhichTrial(model=book.current.sha256, before=book.previous.sha256, began_ns=book.probation.began_ns)
        self._trial = Trial(
            self._slots,
            which,
            tally=self._tally_of(which, book.current),
            version=book.current,
            parts=book.probation.parts,
            usual=usual,
            may_pass_more=book.probation.may_pass_more,
            before=before,
            kind=self._kind,
            go_back=go_back,
        )

    def _tally_of(self, which: WhichTrial, version: Version) -> Tally:
        """What was counted before this start; nothing, and the slots say so, where nobody can know."""
        try:
            return read_tally(self._slots.folder, which)
        except RecordError as error:
            why = str(error)
        log.error("the probation begins anew model=%s why=%r", version, why)
        now_ns = time.time_ns()
        attempt(
            lambda: _keep(
                self._slots, lambda book: book.noted("begins its probation anew", version, wall_ns=now_ns, why=why)
            )
        )
        return Tally()

    def _armed(self, version: Version, otherwise: str) -> Armed:
        try:
            return self._arm(version)
        except EdgeError as error:
            log.error("%s: %s", otherwise, error)  # noqa: TRY400 - one plain line
            return Armed()

    def see(self, record: Record) -> None:
        """A part was judged."""
        if (trial := self._trial) is not None:
            trial.see(record)
        if (beside := self._beside) is not None:
            beside.see(record)

    def before(self, on_record: Callable[[Record], None] | None) -> Callable[[Record], None]:
        """`see`, and then what others do after each part."""

        def seen(record: Record) -> None:
            self.see(record)
            if on_record is not None:
                on_record(record)

        return seen

    def told(self) -> dict[str, object] | None:
        """The counts of a probation, None if there is none."""
        return self._trial.told() if self._trial is not None else None

    def close(self) -> None:
        """End. May be called twice."""
        if self._trial is not None:
            self._trial.close()
            self._trial = None
        if self._beside is not None:
            self._beside.close()
            self._beside = None
