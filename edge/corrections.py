"""What people say of parts that were judged. It stands beside the verdicts and changes none of them."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge import audit
from edge.errors import RecordError
from edge.page_store import PageStore, Row

LONGEST_NOTE = 1000


class Judgement(StrEnum):
    """What a person says of a part. WITHDRAWN takes back whatever was said before."""

    GOOD = "good"
    BAD = "bad"
    UNCERTAIN = "uncertain"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartName:
    """Which part is meant, for certain: numbers begin anew when the data folder does.

    outcome: what the station said of it. model_sha256: "" where none judged.
    """

    sequence: int
    triggered_ns: int
    boot_id: str
    model_sha256: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One thing that somebody said of one part. wall_ns: when, since 1970, UTC."""

    number: int
    part: PartName
    what: Judgement
    who: str
    wall_ns: int
    note: str


def correct(store: PageStore, part: PartName, what: Judgement, *, who: str, wall_ns: int, note: str = "") -> Correction:
    """Keep what somebody says of a part; what was said before stays, and the last word counts.

    wall_ns: now. Raises RecordError if it cannot be kept, or the note is too long.
    """
    if len(note) > LONGEST_NOTE:
        raise RecordError(f"the note has {len(note)} characters, {LONGEST_NOTE} are the most")
    values = (part.sequence, part.triggered_ns, part.boot_id, part.model_sha256, part.outcome, what, who, wall_ns, note)

    def change(database: sqlite3.Connection) -> Correction:
        query = (
            "SELECT what FROM corrections WHERE sequence = ? AND triggered_ns = ? AND boot_id = ? ORDER BY number DESC"
        )
        row = database.execute(query, values[:3]).fetchone()
        added = database.execute("INSERT INTO corrections VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        subject = f"correction of part {part.sequence} ({part.outcome})"
        audit.append(database, wall_ns=wall_ns, who=who, what=subject, old=row[0] if row else "", new=what.value)
        number = int(added.lastrowid or 0)
        return Correction(number=number, part=part, what=what, who=who, wall_ns=wall_ns, note=note)

    return store.write(change)


def corrections_of(store: PageStore, part: PartName) -> list[Correction]:
    """What was said of one part, the newest first."""
    query = "SELECT * FROM corrections WHERE sequence = ? AND triggered_ns = ? AND boot_id = ? ORDER BY number DESC"
    return [_correction(row) for row in store.read(query, (part.sequence, part.triggered_ns, part.boot_id))]


def all_corrections(store: PageStore, *, most: int = 1000) -> list[Correction]:
    """What was said of any part, the newest first."""
    rows = store.read("SELECT * FROM corrections ORDER BY number DESC LIMIT ?", (most,))
    return [_correction(row) for row in rows]


def last_words(store: PageStore, sequences: Sequence[int]) -> dict[int, Correction]:
    """The last word on each of these parts that somebody corrected; those withdrawn are not there.

    Whether it was said of this very part, the caller sees by its `triggered_ns`.
    """
    marks = ",".join("?" * len(sequences))
    rows = store.read(f"SELECT * FROM corrections WHERE sequence IN ({marks}) ORDER BY number", sequences)
    found = {correction.part.sequence: correction for correction in map(_correction, rows)}
    return {sequence: last for sequence, last in found.items() if last.what is not Judgement.WITHDRAWN}


def _correction(row: Row) -> Correction:
    number, sequence, triggered_ns, boot_id, model_sha256, outcome, what, who, wall_ns, note = row
    part = PartName(
        sequence=int(str(sequence)),
        triggered_ns=int(str(triggered_ns)),
        boot_id=str(boot_id),
        model_sha256=str(model_sha256),
        outcome=str(outcome),
    )
    return Correction(
        number=int(str(number)),
        part=part,
        what=Judgement(str(what)),
        who=str(who),
        wall_ns=int(str(wall_ns)),
        note=str(note),
    )
