"""The gate at the start of a shift: no part is taken before known test pieces were shown, and judged as they must be.

The pieces come in the order of the configuration, one after the other. Whatever is not judged as it must be, or not
judged at all, begins the round again. A round that was passed is in the journal, and holds until the next shift begins,
for the model that passed it and until its limit is moved.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.config import ShiftCheck
from edge.counters import shift_began_ns
from edge.database import reading
from edge.errors import RecordError
from edge.interfaces import Clock
from edge.record import ModelName
from edge.state import Check
from edge.verdict import Outcome, Reason, Verdict, fault

SHOWN, PASSED, WANTED = "shift check", "shift check passed", "shift check wanted"
LOOKED_AT = 100
CLOCK_TOLERANCE_NS = 5 * 10**9  # a round of a time to come is of a clock that was set back since
ROUNDS = "SELECT wall_ns, kind, detail FROM events WHERE kind IN (?, ?) ORDER BY number DESC LIMIT ?"
Journal = Callable[[str, str], None]
"""Is given the kind and the words of an entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One test piece. label: the defect that must be named, "" for any."""

    outcome: str
    label: str = ""

    def __str__(self) -> str:
        return f"{self.outcome} {self.label}".strip()


def pieces_of(text: str) -> tuple[Piece, ...]:
    """The pieces of a text such as "OK, NG, NG bent_52"."""
    found = (piece.strip().partition(" ") for piece in text.split(","))
    return tuple(Piece(outcome=outcome, label=label.strip()) for outcome, _, label in found)


class Gate:
    """Shut until a round was passed. For the line's thread alone."""

    def __init__(
        self, settings: ShiftCheck, *, clock: Clock, journal: Journal, passed: Mapping[str, int] | None = None
    ) -> None:
        """passed: when (wall clock, ns) a round was last passed before this start, by the model's digest."""
        self._settings, self._clock, self._journal = settings, clock, journal
        self._pieces = pieces_of(settings.pieces)
        self._passed = {} if settings.after_start else dict(passed or {})
        self._model = ""
        self._begin()

    @property
    def check(self) -> Check | None:
        """What is wanted next; None while parts may come."""
        if self._is_passed():
            return None
        piece = self._pieces[self._shown]
        return Check(
            piece=self._shown + 1,
            pieces=len(self._pieces),
            outcome=piece.outcome,
            label=piece.label,
            last=self._last,
            last_outcome=self._last_outcome,
            is_failed=self._is_failed,
        )

    @property
    def why(self) -> str:
        """Why no part may come and what to do, "" if one may."""
        check = self.check
        if check is None:
            return ""
        wanted = f"put test piece {check.piece} of {check.pieces} ({self._pieces[self._shown]}) into the fixture"
        before = f"{check.last}; " if check.last else ""
        return f"shift check: {before}{wanted}, then press 'Judge the piece' or say `edge tell piece`"

    def use(self, model: ModelName | None) -> None:
        """Another model judges from now on; a round that one model has begun no other goes on with."""
        digest = model.sha256 if model else ""
        if digest != self._model:
            self._model = digest
            self._begin()

    def shut(self, why: str = "a person wants it") -> None:
        """The check is wanted now, whatever was passed before, and also after a restart."""
        if self._passed or self._shown:
            self._journal(WANTED, why)
        self._passed.clear()
        self._begin()

    def limit_moves(self) -> None:
        """Whatever was passed, was passed with another limit; where another model needs no check, this does not."""
        if self._settings.after_model:
            self.shut("the limit was moved")

    def judged(self, verdict: Verdict, *, sequence: int) -> Verdict:
        """What the record says of a test piece: FAULT in any case, with what was found in its detail."""
        piece, number = self._pieces[self._shown], f"{self._shown + 1} of {len(self._pieces)}"
        what, trouble = _found(piece, verdict)
        shown, words = self._shown + 1, f"test piece {number} ({piece}) {what}"
        self._begin()
        self._last = f"{words}: {trouble}; the check begins again" if trouble else words
        self._last_outcome, self._is_failed = verdict.outcome.value, bool(trouble)
        self._journal(SHOWN, f"part {sequence}, model {self._model[:12]}: {self._last}")
        if not trouble:
            self._go_on(shown, sequence)
        is_judged = verdict.outcome is not Outcome.FAULT
        return fault(Reason.TEST_PIECE, self._last) if is_judged else verdict

    def _go_on(self, shown: int, sequence: int) -> None:
        """So many pieces were judged as they must be, one after the other."""
        if shown < len(self._pieces):
            self._shown = shown
            return
        self._passed[self._key] = self._clock.wall_ns()
        self._journal(PASSED, f"{self._key} {shown} test pieces were judged as they must be, the last: part {sequence}")

    def _begin(self) -> None:
        self._shown, self._last, self._last_outcome, self._is_failed = 0, "", "", False

    @property
    def _key(self) -> str:
        return self._model if self._settings.after_model else "any"

    def _is_passed(self) -> bool:
        passed_ns = self._passed.get(self._key)
        if passed_ns is None:
            return False
        if self._settings.shifts is None:
            return True
        now_ns = self._clock.wall_ns()
        return shift_began_ns(self._settings.shifts, now_ns=now_ns) <= passed_ns <= now_ns + CLOCK_TOLERANCE_NS


def _found(piece: Piece, verdict: Verdict) -> tuple[str, str]:
    """How a piece was judged, and what is wrong with that, "" if nothing is."""
    outcome = verdict.outcome.value
    if verdict.outcome is Outcome.FAULT:
        return f"could not be judged ({verdict.reason})", verdict.detail or "show it again"
    label = verdict.nearest_label if outcome == "NG" else None
    what = f"was judged {outcome}{f' ({label})' if label else ''} at {verdict.margin:.2f} of the limit"
    if outcome != piece.outcome:
        missed = "its defect is not seen: is it the right piece? Look at lens, light and model"
        rejected = "is it the right piece, clean and in its place?"
        return what, missed if piece.outcome == "NG" else rejected
    if piece.label and piece.label != label:
        return what, f"it must be named {piece.label}"
    return what, ""


def rounds_before(data: Path) -> dict[str, int]:
    """When a round was last passed, by the model's digest; nothing where the journal cannot be read."""
    try:
        with reading(data) as connection:
            rows = connection.execute(ROUNDS, (PASSED, WANTED, LOOKED_AT)).fetchall()
    except (RecordError, sqlite3.Error):
        return {}
    passed: dict[str, int] = {}
    for row in reversed(rows):
        if row["kind"] == WANTED:
            passed.clear()
        else:
            passed[row["detail"].partition(" ")[0]] = row["wall_ns"]
    return passed
